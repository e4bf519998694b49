"""The datasets of a workspace whose recsys.toml names none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from recsys_cli.config.models import Config, DatasetConfig
from recsys_cli.config.sources import is_remote

_RAW = {"hm": ("hm", "data/hm_raw"), "rr": ("retailrocket", "data/rr_raw")}
_NAME_CHARACTERS = set("abcdefghijklmnopqrstuvwxyz0123456789_")
_LOADED = ("text", "image")
"""Sections that name a model to load."""


def is_dataset_name(name: str) -> bool:
    """Whether a name can be a dataset's, and so be part of a file name."""
    return bool(name) and not set(name) - _NAME_CHARACTERS and name != "all"


def dataset_model(model: type[BaseModel]) -> type[DatasetConfig]:
    """The model of a dataset within one of all sections."""
    field = model.model_fields.get("datasets")
    arguments = get_args(field.annotation) if field is not None else ()
    found: type[DatasetConfig] = arguments[1] if arguments else DatasetConfig
    return found


def overridable(model: type[Config]) -> list[str]:
    """Sections that a dataset may override for itself."""
    fields = dataset_model(model).model_fields.items()
    return [name for name, field in fields if field.default_factory is dict]


def found_datasets(model: type[Config], workspace: Path) -> dict[str, dict[str, Any]]:
    """Sections of the datasets that there are, by name.

    data/hm_raw and data/rr_raw are used where they exist. What was ingested is used as it was
    built, so that artifacts which came without the rest of their workspace can be recommended
    from.
    """
    raw = {
        name: {"kind": kind, "path": folder}
        for name, (kind, folder) in _RAW.items()
        if (workspace / folder).is_dir()
    }
    manifests = workspace / "artifacts" / "manifests"
    found = {}
    for ingest in sorted(manifests.glob("ingest_*.json")):
        name = ingest.stem.removeprefix("ingest_")
        section = raw.get(name) or _built(model, ingest, name)
        if section is not None:
            found[name] = section
    return found | raw


def _built(model: type[Config], ingest: Path, name: str) -> dict[str, Any] | None:
    """A dataset as it was built; None where its manifest does not tell."""
    section = _recipe(ingest).get("dataset")
    try:
        section = dataset_model(model).model_validate(section).model_dump(exclude_none=True)
    except ValidationError:
        return None
    if not is_dataset_name(name):
        return None
    section["path"] = _inside(section.get("path", "")) or f"data/{name}_raw"
    # What an artifact states is no reason to open a file elsewhere, a URL or a database.
    section["join"] = [join for join in section["join"] if _near(join["file"])]
    for table in ("events", "items", "users"):
        if not _near(section.get(table, "")):
            del section[table]
    return section | dict(_settings(model, ingest.parent, name))


def _settings(
    model: type[Config], manifests: Path, name: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the stages of a dataset were built with, by section."""
    recipes = [_recipe(path) for path in sorted(manifests.glob(f"*_{name}.json"))]
    for section in overridable(model):
        values: dict[str, Any] = {}
        for recipe in recipes:
            stated = recipe.get(section)
            values |= stated if isinstance(stated, dict) else {}
        of_section: Any = model.model_fields[section].annotation
        try:
            of_section.model_validate(values)
        except ValidationError:
            continue
        _, _, loaded = str(values.get("encoder") or "").partition(":")
        if section not in _LOADED or not loaded or _inside(loaded):
            yield section, values


def _recipe(manifest: Path) -> dict[str, Any]:
    """The settings in a manifest, unchecked; none where there are none."""
    try:
        config = json.loads(manifest.read_bytes())["recipe"]["config"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return {}
    return config if isinstance(config, dict) else {}


def _near(source: Any) -> bool:
    """Whether a table is named that lies in the dataset's folder."""
    here = isinstance(source, str) and not is_remote(source)
    return here and (source == "" or _inside(source) is not None)


def _inside(path: str) -> str | None:
    """A path that an artifact states, if it stays in the workspace."""
    parts = PurePosixPath(path).parts
    return path if parts and parts[0] != "/" and ".." not in parts else None
