"""Packs that can be made again: several processes share what one of them computed.

Whoever asks first makes it, under a lock; everybody gets memory maps of the same file, so that
the pages are in memory once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.store.files import fsync
from recsys_cli.store.packs import Pack, load_pack, save_pack

_SUFFIXES = {".joblib", ".parquet", ".part"}


class Scratch:
    """A folder of packs by key, and which of them were asked for here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[str] = set()

    def pack(self, key: str, make: Callable[[], Mapping[str, Any]]) -> Pack:
        """The pack of that key, memory-mapped; `make` is called where there is none yet."""
        return load_pack(self.file(f"{key}.joblib", lambda target: save_pack(target, make())))

    def file(self, name: str, write: Callable[[Path], object]) -> Path:
        """A file of the folder; `write` makes it where there is none yet."""
        path = self.folder / name
        self._used.add(name)
        if path.exists():
            return path
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                temporary = path.with_suffix(".part")
                write(temporary)
                fsync(temporary)
                temporary.replace(path)
        return path

    def prune(self, *, older_than_seconds: float) -> None:
        """Remove files that were not asked for here and are that old.

        Who has one of them mapped keeps it; the others make it again.
        """
        before = time.time() - older_than_seconds
        for path in self.folder.glob("*"):
            kept = path.name in self._used or path.suffix not in _SUFFIXES
            with suppress(OSError):
                if not kept and path.stat().st_mtime < before:
                    path.unlink()


def array_key(*arrays: npt.NDArray[Any] | None, about: str = "") -> str:
    """Hex digest of arrays (dtype, shape and contents) and of a text."""
    digest = hashlib.sha256(about.encode())
    for array in arrays:
        digest.update(b"-" if array is None else f"{array.dtype.str}{array.shape}".encode())
        if array is not None and array.size:
            digest.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data)
    return digest.hexdigest()[:32]
