"""Which adapter reads which kind of source, the raw files it would read, and folders of them."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.config.models import DatasetConfig
from recsys_cli.config.sources import SqlConfig
from recsys_cli.errors import Command, DataError

if TYPE_CHECKING:
    from recsys_cli.config.template import FoundDataset
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
    """The raw files that an ingest reads, databases that are files among them.

    Raises:
        DataError: the folder or a required file is missing; says what was looked for.
        ConfigError: a generic dataset's files cannot be guessed.
    """
    folder = workspace / (config.path or "")
    if not folder.is_dir():
        raise DataError(
            f"the raw folder {folder} does not exist",
            hint=(
                "put the raw files there, correct path in recsys.toml, or run: ",
                Command("demo"),
            ),
        )
    slots = adapter_of(config.kind).locate(folder, config)
    missing = [slot for slot in slots if not slot.paths and slot.required]
    if missing:
        tried = "; ".join(f"{slot.table}: {slot.looked_for}" for slot in missing)
        raise DataError(f"{folder} lacks raw files ({tried})", hint="put the files there")
    databases = [
        workspace / source.file
        for source in config.sources.values()
        if isinstance(source, SqlConfig) and source.file and not source.version
    ]
    return [path for slot in slots for path in slot.paths] + [
        path for path in dict.fromkeys(databases) if path.is_file()
    ]


def find_datasets(workspace: Path) -> list[FoundDataset]:
    """Folders in data/ that hold raw files, by name; data/ itself where files lie straight in it.

    A folder's dataset is named after it, less a trailing `_raw`; the first H&M and the first
    RetailRocket folder are named hm and rr, and data/ itself is shop.
    """
    from recsys_cli.config.template import FoundDataset

    found: list[FoundDataset] = []
    taken: set[str] = set()
    root = workspace / "data"
    folders = sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    for folder in [*folders, *([root] if root.is_dir() else [])]:
        kind = _kind(folder) or (_kind_of_parts(folder) if folder != root else None)
        if kind is None:
            continue
        name = adapter_of(kind).usual_name
        if not name or name in taken:
            own = folder.name.lower() if folder != root else "shop"
            name = re.sub(r"[^a-z0-9_]+", "_", own).removesuffix("_raw")
        if name in taken or name in ("", "all"):
            name = f"{name or 'dataset'}_{len(found) + 1}"
        taken.add(name)
        path = folder.relative_to(workspace).as_posix()
        found.append(FoundDataset(name, kind, path, _has_pictures(folder)))
    return found


def _kind(folder: Path) -> str | None:
    files = [p.name for p in folder.iterdir() if p.is_file()]
    signs = ((kind, adapter_of(kind).sign) for kind in KINDS)
    return next((kind for kind, sign in signs if any(map(sign.search, files))), None)


def _kind_of_parts(folder: Path) -> str | None:
    """The kind of a folder whose tables are folders of parts."""
    below = sorted(p for p in folder.iterdir() if p.is_dir())
    return "generic" if any(_kind(parts) == "generic" for parts in below) else None


def _has_pictures(folder: Path) -> bool:
    """Whether there is a picture in a folder below; looks no further than the first."""
    from recsys_cli.datasets.itempictures import PICTURE

    return any(
        PICTURE.search(name) for _, _, files in os.walk(folder, followlinks=True) for name in files
    )
