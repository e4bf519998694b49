"""The datasets of a workspace whose recsys.toml names none."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from recsys_cli.config.models import DatasetConfig

_RAW = {"hm": ("hm", "data/hm_raw"), "rr": ("retailrocket", "data/rr_raw")}
_NAME_CHARACTERS = set("abcdefghijklmnopqrstuvwxyz0123456789_")


def is_dataset_name(name: str) -> bool:
    """Whether a name can be a dataset's, and so be part of a file name."""
    return bool(name) and not set(name) - _NAME_CHARACTERS and name != "all"


def found_datasets(workspace: Path) -> dict[str, dict[str, Any]]:
    """Sections of the datasets that there are, by name.

    data/hm_raw and data/rr_raw are used where they exist, and so is whatever was ingested:
    artifacts that came without their raw files can be recommended from.
    """
    found = _ingested(workspace)
    for name, (kind, folder) in _RAW.items():
        if (workspace / folder).is_dir():
            found[name] = {"kind": kind, "path": folder}
    return found


def _ingested(workspace: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for manifest in sorted((workspace / "artifacts" / "manifests").glob("ingest_*.json")):
        name = manifest.stem.removeprefix("ingest_")
        try:
            section = json.loads(manifest.read_bytes())["recipe"]["config"]["dataset"]
            section = DatasetConfig.model_validate(section).model_dump(exclude_none=True)
        except (OSError, ValueError, RecursionError, LookupError, TypeError, ValidationError):
            continue
        if is_dataset_name(name):
            found[name] = section | {"path": _inside(section["path"]) or f"data/{name}_raw"}
    return found


def _inside(path: str) -> str | None:
    """A path that an artifact states, if it stays in the workspace."""
    parts = PurePosixPath(path).parts
    return path if parts and parts[0] != "/" and ".." not in parts else None
