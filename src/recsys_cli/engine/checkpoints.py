"""Blocks of a batch that are finished, kept beside its file until that is written.

A batch that was killed goes on with them: lists come back as they were computed, and are written
like the others, so the file is the one of a run that nobody disturbed. Blocks belong to the
artifacts and arguments that made them; those of others are dropped.
"""

from __future__ import annotations

import glob
import hashlib
import json
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli import __version__
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.errors import RecsysError
from recsys_cli.ranking.contract import NO_SOURCE, Recommendations
from recsys_cli.ranking.fallback import Answer
from recsys_cli.store.kinds import ARTIFACTS
from recsys_cli.store.layout import ITEMS, Array, Layout, Wrong, check, floats, lists, texts
from recsys_cli.store.packs import load_pack, save_pack

_BLOCK: Layout = {
    "items": Array(dtype="i4", shape=("users", "k"), least=-1, below=ITEMS),
    "scores": floats("users", "k", nan=True),
    "sources": texts(size="sources"),
    "source": Array(dtype="u1", shape=("users", "k")),
    "strategies": texts(size="strategies"),
    "used": Array(dtype="u1", shape=("users",)),
    "reasons": lists(),
    "reason": Array(dtype="u1", shape=("users",)),
}
"""What a block holds."""


class Checkpoints:
    """Finished blocks of one batch, by their first user."""

    def __init__(self, out: Path, fingerprint: str, *, n_items: int) -> None:
        """Keep blocks of other batches into the same file no longer.

        Args:
            out: the batch's file.
            fingerprint: of all that its lists depend on.
            n_items: size of the catalogue.
        """
        self._out = out
        self._n_items = n_items
        self._parent = out.with_name(f".{out.name}.parts")
        self._folder = self._parent / fingerprint
        if self._parent.is_dir():
            for other in self._parent.iterdir():
                if other != self._folder:
                    shutil.rmtree(other, ignore_errors=True)

    def load(self, start: int) -> Answer | None:
        """The block that begins with user `start`; None where it has not been finished."""
        path = self._path(start)
        if not path.exists():
            return None
        try:
            pack = load_pack(path, mmap=False)
            # A machine that lost power may have left a part of the file.
            if pack.pop("checksum") != _checksum(pack):
                return None
            check(pack, _BLOCK, {ITEMS: self._n_items})
            for codes, names in (("source", "sources"), ("used", "strategies")):
                _refuse_unnamed(pack[codes], len(pack[names]))
            _refuse_unnamed(pack["reason"], len(pack["reasons"]))
            lists = Recommendations(
                pack["items"], pack["scores"], pack["source"], tuple(pack["sources"])
            )
            return Answer(
                lists,
                pack["used"],
                tuple(pack["strategies"]),
                pack["reason"],
                tuple(pack["reasons"]),
                np.zeros(len(pack["used"]), np.bool_),
            )
        except (RecsysError, KeyError, Wrong):
            return None

    def save(self, start: int, answer: Answer) -> None:
        """Keep a finished block, unless a strategy failed in it, which the next run may not."""
        if answer.failed.any():
            return
        lists = answer.recommendations
        pack = {
            "items": lists.items,
            "scores": lists.scores,
            "source": lists.source,
            "sources": list(lists.sources),
            "used": answer.used,
            "strategies": list(answer.strategies),
            "reason": answer.reason,
            "reasons": list(answer.reasons),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._path(start).with_suffix(".part")
        save_pack(temporary, pack | {"checksum": _checksum(pack)})
        temporary.replace(self._path(start))

    def clear(self) -> None:
        """Drop all blocks, once the file is there, and the files that killed runs began."""
        if self._parent.is_dir():
            shutil.rmtree(self._parent, ignore_errors=True)
            for begun in self._out.parent.glob(f".{glob.escape(self._out.name)}-*"):
                begun.unlink(missing_ok=True)

    def _path(self, start: int) -> Path:
        return self._folder / f"{start}.joblib"


def _refuse_unnamed(codes: npt.NDArray[np.uint8], names: int) -> None:
    if (codes[codes != NO_SOURCE] >= names).any():
        raise Wrong("names what is not there")


def batch_fingerprint(artifacts: Artifacts, arguments: Mapping[str, Any]) -> str:
    """Digest of arguments and of the artifacts there are: another one means other lists."""
    found = {}
    for kind in ARTIFACTS:
        path = artifacts.workspace.path(kind, artifacts.dataset, artifacts.snapshot)
        if path.exists():
            stat = path.stat()
            found[kind] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
    text = json.dumps([__version__, found, dict(arguments)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _checksum(pack: Mapping[str, Any]) -> int:
    crc = 0
    for key in sorted(pack):
        value = pack[key]
        data = value if isinstance(value, np.ndarray) else np.frombuffer(repr(value).encode(), "u1")
        crc = zlib.crc32(np.ascontiguousarray(data).view(np.uint8).reshape(-1).data, crc)
    return crc
