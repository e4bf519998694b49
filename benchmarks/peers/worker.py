"""What the workers of all libraries share; it runs in each library's environment.

    python with_LIBRARY.py STEP FOLDER

FOLDER holds the interactions that everybody gets (`users.npy`, `items.npy` and `weights.npy`, one
entry per pair, the first two as row numbers), what is held out (`test_users.npy`,
`test_items.npy`) and `settings.json`. A worker keeps its model and lists in FOLDER/LIBRARY, and
prints one JSON object: the seconds of the library's call alone, and a checksum.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np


class Work:
    """The interactions, and a folder of the library's own."""

    def __init__(self, folder: Path, library: str) -> None:
        self.folder = folder
        self.own = folder / library
        self.own.mkdir(exist_ok=True)
        self.settings = json.loads((folder / "settings.json").read_text())
        self.k = self.settings["k"]

    def load(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy")

    @property
    def known_users(self) -> np.ndarray:
        """Rows of the users with any interactions: those who get lists."""
        return np.unique(self.load("users"))

    def save_lists(self, lists: np.ndarray) -> None:
        """(known users, k) item rows, best first, -1 where a list is shorter."""
        np.save(self.own / "lists.npy", np.ascontiguousarray(lists, np.int32))

    def lists(self) -> np.ndarray:
        return np.load(self.own / "lists.npy")


def checksum(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:8]


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start


def main(library: str, package: str, steps: dict[str, Callable[[Work], dict]]) -> None:
    """Do the step that the command line names, and say what it took."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    found = steps[step](Work(folder, library))
    print(json.dumps({"version": version(package), **found}))
