"""Manifests: what made an artifact, from what, and what it should look like on disk."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from recsys_cli import __version__
from recsys_cli.store.files import read_json
from recsys_cli.store.layout import anything, by_name, nested, number, text, truth, whole

_LIBRARIES = (
    "numpy", "polars", "scipy", "joblib", "implicit", "numba", "scikit-learn", "faiss-cpu", "torch",
    "sentence-transformers", "open_clip_torch",
)  # fmt: skip


@dataclass(frozen=True)
class Output:
    """One file of an artifact as it was committed."""

    sha256: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a stage's result; equal recipes mean a fresh artifact.

    Attributes:
        version: the stage's code version.
        config: its config sections.
        inputs: SHA-256 of each input file, by name.
        snapshot: the cut-off it saw.
    """

    version: int
    config: dict[str, Any]
    inputs: dict[str, str]
    snapshot: str

    def key(self) -> str:
        """SHA-256 over the recipe."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def difference(self, older: Recipe) -> str:
        """What changed since `older`, in words."""
        if self.version != older.version:
            return "the code of this stage changed"
        for name in sorted(set(self.inputs) | set(older.inputs)):
            if name not in older.inputs:
                return f"{name} is new"
            if name not in self.inputs:
                return f"{name} is gone"
            if self.inputs[name] != older.inputs[name]:
                return f"{name} changed"
        changed = _changed_keys(older.config, self.config)
        if changed:
            return "config changed: " + ", ".join(changed)
        return "the recipe changed"


@dataclass(frozen=True)
class Manifest:
    """The record of one finished stage run.

    Attributes:
        size: the events that it saw, or items where events do not matter; 0 where unknown.
    """

    stage: str
    dataset: str
    recipe: Recipe
    outputs: dict[str, Output]
    facts: dict[str, Any] = field(default_factory=dict)
    imported: bool = False
    seconds: float = 0.0
    size: float = 0.0
    peak_memory_mb: float = 0.0
    finished: str = ""
    package: str = __version__
    python: str = ""
    platform: str = ""
    libraries: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values, with the recipe's key."""
        return asdict(self) | {"key": self.recipe.key()}

    @classmethod
    def load(cls, path: Path) -> Manifest | None:
        """Read a manifest; None where there is none or it cannot be understood."""
        return cls.from_json(read_json(path))

    @classmethod
    def from_json(cls, raw: Any) -> Manifest | None:
        """The inverse of `to_json`; None where `raw` is something else."""
        if not _MANIFEST.fits(raw):
            return None
        fields = {name: value for name, value in raw.items() if name != "key"}
        fields["recipe"] = Recipe(**raw["recipe"])
        fields["outputs"] = {name: Output(**output) for name, output in raw["outputs"].items()}
        return cls(**fields)


_MANIFEST = nested(
    {
        "stage": text(),
        "dataset": text(),
        "recipe": nested(
            {
                "version": whole(),
                "config": by_name(by_name(anything())),
                "inputs": by_name(text()),
                "snapshot": text(),
            }
        ),
        "outputs": by_name(nested({"sha256": text(), "bytes": whole(), "mtime_ns": whole()})),
        "facts": by_name(anything(), optional=True),
        "imported": truth(optional=True),
        "seconds": number(0, optional=True),
        "size": number(0, optional=True),
        "peak_memory_mb": number(0, optional=True),
        "finished": text(optional=True),
        "package": text(optional=True),
        "python": text(optional=True),
        "platform": text(optional=True),
        "libraries": by_name(text(), optional=True),
        "key": text(optional=True),
    }
)
"""What a manifest holds."""


@cache
def environment() -> dict[str, Any]:
    """Interpreter, platform and library versions, as `Manifest` fields."""
    from importlib.metadata import PackageNotFoundError, version

    libraries = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(terse=True),
        "libraries": libraries,
    }


def _changed_keys(old: Any, new: Any, prefix: str = "") -> list[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [f"{prefix} {old!r} → {new!r}"] if old != new else []
    changed: list[str] = []
    for key in sorted(set(old) | set(new)):
        path = f"{prefix}.{key}" if prefix else key
        changed += _changed_keys(old.get(key), new.get(key), path)
    return changed
