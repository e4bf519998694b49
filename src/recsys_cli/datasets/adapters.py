"""Which adapter reads which kind of source, and the raw files it would read."""

from __future__ import annotations

from pathlib import Path

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.generic import GenericAdapter
from recsys_cli.datasets.hm import HmAdapter
from recsys_cli.datasets.retailrocket import RetailRocketAdapter
from recsys_cli.datasets.tables import Adapter
from recsys_cli.errors import Command, ConfigError, DataError

_ALL: tuple[Adapter, ...] = (HmAdapter(), RetailRocketAdapter(), GenericAdapter())
"""What tells more of a folder comes before what tells less."""
ADAPTERS: dict[str, Adapter] = {adapter.kind: adapter for adapter in _ALL}


def adapter_for(config: DatasetConfig) -> Adapter:
    """The adapter of a dataset's kind.

    Raises:
        ConfigError: there is no such kind.
    """
    if config.kind not in ADAPTERS:
        raise ConfigError(
            f"there is no kind of dataset {config.kind!r}", hint=f"one of: {', '.join(ADAPTERS)}"
        )
    return ADAPTERS[config.kind]


def raw_files(config: DatasetConfig, workspace: Path) -> list[Path]:
    """The raw files that an ingest reads.

    Raises:
        DataError: the folder or a required file is missing; says what was looked for.
        ConfigError: a generic dataset's files cannot be guessed.
    """
    folder = workspace / config.path
    if not folder.is_dir():
        raise DataError(
            f"the raw folder {folder} does not exist",
            hint=(
                "put the raw files there, correct path in recsys.toml, or run: ",
                Command("demo"),
            ),
        )
    slots = adapter_for(config).locate(folder, config)
    missing = [slot for slot in slots if slot.path is None and slot.required]
    if missing:
        tried = "; ".join(f"{slot.table}: {slot.looked_for}" for slot in missing)
        raise DataError(f"{folder} lacks raw files ({tried})", hint="put the files there")
    return [slot.path for slot in slots if slot.path is not None]
