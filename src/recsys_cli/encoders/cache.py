"""Vectors by content, kept between runs: what a catalogue update or a kill cannot undo.

One folder per encoder holds chunks, each a pack of keys (SHA-256 of a text or of a picture's
bytes) and vectors, written as a whole and never changed. Before anything is encoded, the missing
keys are put in order, cut into chunks and written down as the plan. The vectors of a
transformer depend in their last bits on what shares a batch with them; since a resumed run goes
on with the plan of the killed one, and a chunk is either there or not, it ends in the same bytes
as an undisturbed run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_cli.encoders.contract import Vectors
from recsys_cli.encoders.filehashes import FileHashes
from recsys_cli.errors import RecsysError
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.files import atomic_path
from recsys_cli.store.layout import Array, Layout, Wrong, check, floats, texts
from recsys_cli.store.packs import load_pack, save_pack

Key = bytes
KEY_BYTES = hashlib.sha256().digest_size
_SIZES = {"bytes of a key": KEY_BYTES}
_PLAN = "plan.joblib"
_FILES = "files.json"
_PLANNED: Layout = {
    "keys": Array(dtype="u1", shape=("keys", "bytes of a key")),
    "bounds": Array(dtype="i8", shape=("chunks+1",), starts="keys"),
}
_CHUNK: Layout = {
    "keys": Array(dtype="u1", shape=("keys", "bytes of a key")),
    "vectors": floats("keys", "dimensions"),
    "failed_keys": Array(dtype="u1", shape=("failed keys", "bytes of a key")),
    "reasons": texts(size="failed keys"),
}
"""What a plan and a chunk hold."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a plan, encoded and stored as a whole."""

    name: str
    keys: tuple[Key, ...]


class EmbeddingCache:
    """The vectors of any number of encoders below one folder.

    Its users must not write to one folder at the same time (the workspace's lock sees to that).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def store(self, fingerprint: str, *, progress: Progress | None = None) -> VectorStore:
        """The vectors of one encoder."""
        return VectorStore(self.folder / fingerprint[:24], progress=progress)

    def files(self) -> FileHashes:
        """Remembered hashes of picture files."""
        return FileHashes(self.folder / _FILES)

    def read_with(self, fingerprint: str) -> list[Path]:
        """What there may be of use to one encoder."""
        return [self.folder / fingerprint[:24], self.folder / _FILES]


class VectorStore:
    """The vectors of one encoder by key, and the keys known to give none."""

    def __init__(self, folder: Path, *, progress: Progress | None = None) -> None:
        self._folder = folder
        self._progress: Progress = progress or Silent()
        self._blocks: list[Vectors] = []
        self._place: dict[Key, tuple[int, int]] = {}
        self._failed: dict[Key, str] = {}
        self._done: set[str] = set()
        for path in sorted(folder.glob("chunk-*.joblib")):
            self._read(path)

    @property
    def dim(self) -> int | None:
        """Columns of the vectors, None while there are none."""
        return self._blocks[0].shape[1] if self._blocks else None

    def __contains__(self, key: Key) -> bool:
        return key in self._place or key in self._failed

    def failure(self, key: Key) -> str | None:
        """Why a key has no vector, None if it has one or was never tried."""
        return self._failed.get(key)

    def plan(self, missing: Sequence[Key], *, size: int) -> list[Chunk]:
        """Chunks of at most `size` keys that cover `missing`, which must not be empty.

        Goes on with the plan on disk where what is left of it are exactly the missing keys;
        otherwise writes a new one. Chunks come in a shuffled order, so that texts sorted by
        length make for an even rate of progress.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._folder.glob(".*.joblib"):
            leftover.unlink()
        chunks = [chunk for chunk in self._planned() if chunk.name not in self._done]
        if {key for chunk in chunks for key in chunk.keys} == set(missing):
            return chunks
        parts = [missing[start : start + size] for start in range(0, len(missing), size)]
        order = np.random.default_rng(0).permutation(len(parts))
        keys = _to_array([key for part in order for key in parts[part]])
        bounds = np.cumsum([0, *(len(parts[part]) for part in order)])
        with atomic_path(self._folder / _PLAN) as path:
            save_pack(path, {"keys": keys, "bounds": bounds})
        return list(self._planned())

    def add(
        self, chunk: Chunk, vectors: Vectors, *, failed: Mapping[Key, str] | None = None
    ) -> None:
        """Store a chunk for good.

        Args:
            chunk: part of the plan.
            vectors: (m, dim) float32 of the chunk's keys in order, without the failed ones.
            failed: keys that give no vector, and why.
        """
        failed = failed or {}
        good = [key for key in chunk.keys if key not in failed]
        if len(good) != len(vectors):
            raise ValueError(f"{len(vectors)} vectors for {len(good)} keys")
        path = self._folder / f"{chunk.name}.joblib"
        with atomic_path(path) as temporary:
            save_pack(
                temporary,
                {
                    "keys": _to_array(good),
                    "vectors": vectors,
                    "failed_keys": _to_array(list(failed)),
                    "reasons": list(failed.values()),
                },
            )
        self._read(path)

    def finish(self) -> None:
        """Drop the plan once all of it is done."""
        (self._folder / _PLAN).unlink(missing_ok=True)

    def gather(
        self, keys: Sequence[Key | None], *, dim: int
    ) -> tuple[Vectors, npt.NDArray[np.bool_]]:
        """Vectors (n, dim) float32 by row, zero where the key is None or gives none; and which."""
        places = [self._place.get(key) if key is not None else None for key in keys]
        rows = np.array([row for row, place in enumerate(places) if place], np.int64)
        found = np.array([place for place in places if place], np.int64).reshape(-1, 2)
        vectors = np.zeros((len(keys), dim), np.float32)
        order = np.argsort(found[:, 0], kind="stable")
        rows, found = rows[order], found[order]
        bounds = np.searchsorted(found[:, 0], np.arange(len(self._blocks) + 1))
        for number, block in enumerate(self._blocks):
            part = slice(bounds[number], bounds[number + 1])
            vectors[rows[part]] = block[found[part, 1]]
        has = np.zeros(len(keys), bool)
        has[rows] = True
        return vectors, has

    def _planned(self) -> Iterator[Chunk]:
        """All chunks of the plan on disk; none where there is no readable one."""
        try:
            pack = load_pack(self._folder / _PLAN, mmap=False)
            check(pack, _PLANNED, _SIZES)
        except (RecsysError, Wrong):
            return
        blob = pack["keys"].tobytes()
        name = hashlib.sha256(blob + pack["bounds"].tobytes()).hexdigest()[:16]
        keys = _from_bytes(blob)
        bounds = pack["bounds"].tolist()
        for number in range(len(bounds) - 1):
            part = keys[bounds[number] : bounds[number + 1]]
            yield Chunk(f"chunk-{name}-{number:06d}", tuple(part))

    def _read(self, path: Path) -> None:
        try:
            pack = load_pack(path)
            check(pack, _CHUNK, _SIZES | ({"dimensions": self.dim} if self.dim else {}))
        except (RecsysError, Wrong) as error:
            # Encoded again under the same name if its plan is still on disk, else another.
            self._progress.warn(f"{path.name} cannot be used ({error}); its vectors are made again")
            return
        block = len(self._blocks)
        if len(pack["vectors"]):
            self._blocks.append(pack["vectors"])
        for row, key in enumerate(_from_bytes(pack["keys"].tobytes())):
            self._place[key] = (block, row)
        failed = _from_bytes(pack["failed_keys"].tobytes())
        self._failed.update(zip(failed, pack["reasons"], strict=True))
        self._done.add(path.stem)


def content_key(content: bytes) -> Key:
    """What a text or a picture is known by: the SHA-256 of its bytes."""
    return hashlib.sha256(content).digest()


def _to_array(keys: Iterable[Key]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES)


def _from_bytes(blob: bytes) -> list[Key]:
    return [blob[at : at + KEY_BYTES] for at in range(0, len(blob), KEY_BYTES)]
