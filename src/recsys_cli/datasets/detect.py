"""Tells from file names which datasets lie in a workspace's data/ folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from recsys_cli.config.template import FoundDataset
from recsys_cli.datasets.adapters import KINDS, adapter_of

_PICTURE = re.compile(r"\.(jpe?g|png|webp)$", re.IGNORECASE)


def find_datasets(workspace: Path) -> list[FoundDataset]:
    """Folders in data/ that hold raw files, by name.

    A folder's dataset is named after it, less a trailing `_raw`; the first H&M and the first
    RetailRocket folder are named hm and rr.
    """
    found: list[FoundDataset] = []
    taken: set[str] = set()
    root = workspace / "data"
    for folder in sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []:
        kind = _kind(folder)
        if kind is None:
            continue
        name = adapter_of(kind).usual_name
        if not name or name in taken:
            name = re.sub(r"[^a-z0-9_]+", "_", folder.name.lower()).removesuffix("_raw")
        if name in taken or name in ("", "all"):
            name = f"{name or 'dataset'}_{len(found) + 1}"
        taken.add(name)
        found.append(FoundDataset(name, kind, f"data/{folder.name}", _has_pictures(folder)))
    return found


def _kind(folder: Path) -> str | None:
    files = [p.name for p in folder.iterdir() if p.is_file()]
    signs = ((kind, adapter_of(kind).sign) for kind in KINDS)
    return next((kind for kind, sign in signs if any(map(sign.search, files))), None)


def _has_pictures(folder: Path) -> bool:
    """Whether there is a picture in a folder below; looks no further than the first."""
    return any(
        _PICTURE.search(name) for _, _, files in os.walk(folder, followlinks=True) for name in files
    )
