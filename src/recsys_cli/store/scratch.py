"""Packs that can be made again: several processes share what one of them computed.

Whoever asks first makes it, under a lock; everybody gets memory maps of the same file, so that
the pages are in memory once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.store.packs import Pack, load_pack, save_pack


class Scratch:
    """A folder of packs by key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pack(self, key: str, make: Callable[[], Mapping[str, Any]]) -> Pack:
        """The pack of that key, memory-mapped; `make` is called where there is none yet."""
        path = self.folder / f"{key}.joblib"
        self.file(path, lambda target: save_pack(target, make()))
        return load_pack(path)

    def file(self, path: Path, write: Callable[[Path], object]) -> None:
        """Have a file in the folder written, whole, unless it is there."""
        if path.exists():
            return
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                temporary = path.with_suffix(".part")
                write(temporary)
                temporary.replace(path)


def array_key(*arrays: npt.NDArray[Any] | None, about: str = "") -> str:
    """Hex digest of arrays (dtype, shape and contents) and of a text."""
    digest = hashlib.sha256(about.encode())
    for array in arrays:
        digest.update(b"-" if array is None else f"{array.dtype.str}{array.shape}".encode())
        if array is not None and array.size:
            digest.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data)
    return digest.hexdigest()[:32]
