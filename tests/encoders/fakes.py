"""Encoders whose vectors depend on what shares their batch, far more than a transformer's do."""

import hashlib
import time
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from recsys_cli.encoders.contract import unit_rows
from recsys_cli.encoders.histogram import Histograms

DIM = 8


def _vector(content: bytes) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "little")
    return np.random.default_rng(seed).normal(size=DIM)


class FakeText:
    """Counts what it encodes, and mixes a little of the whole batch into every vector."""

    name = "fake@0"
    fingerprint = "0" * 64
    dim = DIM
    facts: ClassVar[dict] = {}
    cacheable = True

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.batches: list[list[str]] = []
        self._seconds = seconds

    @property
    def encoded(self) -> int:
        return sum(map(len, self.batches))

    def fit(self, texts):
        return self

    def encode(self, batch: Sequence[str]) -> np.ndarray:
        self.batches.append(list(batch))
        time.sleep(self._seconds)
        mixture = _vector("|".join(batch).encode())
        return unit_rows(np.array([_vector(text.encode()) + 0.1 * mixture for text in batch]))

    encode_queries = encode

    def to_pack(self) -> dict:
        return {}


class FakeImage:
    """The same for pictures, on top of the histograms' preparation."""

    name = "fakeimage@0"
    fingerprint = "1" * 64
    dim = DIM
    facts: ClassVar[dict] = {}
    prepare = Histograms()

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, batch) -> np.ndarray:
        self.encoded += len(batch)
        parts = [np.ascontiguousarray(picture).tobytes() for picture in batch]
        mixture = _vector(b"|".join(parts))
        return unit_rows(np.array([_vector(part) + 0.1 * mixture for part in parts]))
