"""Which adapter reads which kind of source, and the raw files it would read."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.config.models import DatasetConfig
from recsys_cli.errors import Command, DataError

if TYPE_CHECKING:
    from recsys_cli.datasets.tables import Adapter

KINDS = {
    "hm": "hm.HmAdapter",
    "retailrocket": "retailrocket.RetailRocketAdapter",
    "generic": "generic.GenericAdapter",
}
"""Where each kind's adapter is; what tells more of a folder comes before what tells less."""


def adapter_of(kind: str) -> Adapter:
    """The adapter of a kind, imported now."""
    module, _, name = KINDS[kind].partition(".")
    made: Adapter = getattr(import_module(f"recsys_cli.datasets.{module}"), name)()
    return made


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
    slots = adapter_of(config.kind).locate(folder, config)
    missing = [slot for slot in slots if slot.path is None and slot.required]
    if missing:
        tried = "; ".join(f"{slot.table}: {slot.looked_for}" for slot in missing)
        raise DataError(f"{folder} lacks raw files ({tried})", hint="put the files there")
    return [slot.path for slot in slots if slot.path is not None]
