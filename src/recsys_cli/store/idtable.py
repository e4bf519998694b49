"""External ids by row, and rows by external id, from three memory-mapped arrays.

A shop's million customer ids are searched in microseconds without loading them: the ids lie
end to end as UTF-8 in `data`, row r between `offsets[r]` and `offsets[r + 1]`, and `order`
lists the rows in byte order for the binary search.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

FINGERPRINTS = ("users_fingerprint", "items_fingerprint")
"""Where a pack says which users and items its rows stand for."""


def fingerprints_of(pack: Mapping[str, Any]) -> dict[str, str]:
    """What ties a pack to its users and items, for whatever is made from it."""
    return {key: pack[key] for key in FINGERPRINTS}


@dataclass(frozen=True, slots=True)
class IdTable:
    """Strings by row.

    Attributes:
        offsets: (n + 1,) int64 byte positions.
        data: (bytes,) uint8, the UTF-8 of all strings end to end.
        order: (n,) int32 rows in ascending byte order, or None for a table never searched
            (names). Duplicate ids are the caller's error.
    """

    offsets: npt.NDArray[np.int64]
    data: npt.NDArray[np.uint8]
    order: npt.NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> str:
        return self._bytes(row).decode()

    def _bytes(self, row: int) -> bytes:
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def find(self, external: str) -> int:
        """Row of an external id, or -1."""
        if self.order is None:
            raise ValueError("this table was saved without a search order")
        order, key = self.order, external.encode()
        at = bisect_left(range(len(order)), key, key=lambda i: self._bytes(int(order[i])))
        if at < len(order) and self._bytes(int(order[at])) == key:
            return int(order[at])
        return -1

    def starting_with(self, prefix: str, limit: int) -> list[int]:
        """Rows of the first `limit` strings in byte order that begin with `prefix`."""
        if self.order is None:
            raise ValueError("this table was saved without a search order")
        order, key = self.order, prefix.encode()
        at = bisect_left(range(len(order)), key, key=lambda i: self._bytes(int(order[i])))
        found = []
        for row in order[at : at + limit].tolist():
            if not self._bytes(row).startswith(key):
                break
            found.append(row)
        return found

    def to_list(self, start: int = 0, stop: int | None = None) -> list[str]:
        """The strings of rows `start` to before `stop`, by default of all, in row order."""
        offsets = self.offsets[start : None if stop is None else stop + 1].tolist()
        low = offsets[0] if offsets else 0
        blob = self.data[low : offsets[-1] if offsets else 0].tobytes()
        return [blob[a - low : b - low].decode() for a, b in pairwise(offsets)]

    def fingerprint(self) -> str:
        """SHA-256 over the strings in row order: equal exactly when ids and rows are equal."""
        digest = hashlib.sha256(np.ascontiguousarray(self.offsets, "<i8").tobytes())
        digest.update(np.ascontiguousarray(self.data).tobytes())
        return digest.hexdigest()

    @classmethod
    def from_strings(cls, strings: Iterable[str], *, search: bool = True) -> IdTable:
        """Build from strings in row order."""
        encoded = [s.encode() for s in strings]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(b) for b in encoded], out=offsets[1:])
        data = np.frombuffer(b"".join(encoded), np.uint8)
        order = None
        if search:
            order = np.array(sorted(range(len(encoded)), key=encoded.__getitem__), np.int32)
        return cls(offsets, data, order)

    def to_pack(self, prefix: str) -> dict[str, Any]:
        """The arrays under `<prefix>_offsets`, `<prefix>_data` and `<prefix>_order`."""
        pack: dict[str, Any] = {f"{prefix}_offsets": self.offsets, f"{prefix}_data": self.data}
        if self.order is not None:
            pack[f"{prefix}_order"] = self.order
        return pack

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any], prefix: str) -> IdTable:
        """The inverse of `to_pack`."""
        return cls(pack[f"{prefix}_offsets"], pack[f"{prefix}_data"], pack.get(f"{prefix}_order"))
