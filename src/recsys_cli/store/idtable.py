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

from recsys_cli.store.layout import Array, Rule, Sizes, Wrong

FINGERPRINTS = ("users_fingerprint", "items_fingerprint")
"""Where a pack says which users and items its rows stand for."""

_PREFIX, _DIGITS = 8, 10
_SPACE, _ZERO = ord(" "), ord("0")
_LOWER = np.frombuffer(bytes(range(256)).lower(), np.uint8)
_HIGH_BITS, _GOES_ON = 0xC0, 0x80
"""What tells the bytes within a character of UTF-8 from its first."""


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

    def alike(self, external: str) -> str | None:
        """An id that differs from `external` in case, leading zeros and spaces alone."""
        typed = external.strip()
        return self._alike(_bare(typed)) or self._alike(_bare("".join(typed.split())))

    def _alike(self, bare: str) -> str | None:
        wanted, data = bare.encode(), self.data
        starts, ends = self.offsets[:-1], self.offsets[1:].copy()
        ends -= (ends > starts) & (data[ends - 1] == _SPACE) if len(data) else 0
        rows = np.flatnonzero(ends - starts >= len(wanted)) if wanted else np.zeros(0, np.int64)
        # From the end on: what is before all that is wanted may only be zeros and spaces.
        for back in range(1, int(np.diff(self.offsets).max(initial=0)) + 1):
            at = ends[rows] - back
            inside = at >= starts[rows]
            byte = _LOWER[data[np.maximum(at, 0)]]
            if back > len(wanted):
                fits = (byte == _ZERO) | (byte == _SPACE)
            else:
                fits = (byte == wanted[-back]) | (byte >= _GOES_ON)
            rows = rows[fits | ~inside]
            if not len(rows):
                return None
        return next(
            (each for each in map(self.__getitem__, rows.tolist()) if _bare(each) == bare), None
        )

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

    def fingerprint(self, rows: int | None = None) -> str:
        """Of all or the first rows: equal exactly when ids and rows are equal.

        Returns:
            The number of rows and the SHA-256 over their strings in order.
        """
        rows = len(self) if rows is None else rows
        digest = hashlib.sha256(np.ascontiguousarray(self.offsets[: rows + 1], "<i8").tobytes())
        digest.update(np.ascontiguousarray(self.data[: self.offsets[rows]]).tobytes())
        return f"{rows}-{digest.hexdigest()}"

    def begins_with(self, fingerprint: object) -> int | None:
        """How many of the first rows a fingerprint is of; None where it is of other ones."""
        rows = str(fingerprint).partition("-")[0]
        known = rows.isdecimal() and len(rows) <= _DIGITS and int(rows) <= len(self)
        if not known or self.fingerprint(int(rows)) != fingerprint:
            return None
        return int(rows)

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


def _bare(text: str) -> str:
    """An id without what is easily lost of it: case, spaces around it, and zeros before it."""
    text = text.strip().lower()
    return text.lstrip("0") or text[-1:]


def strings(name: str, rows: str, *, search: bool = True) -> dict[str, Rule]:
    """The layout of a table's values in a pack, see `IdTable.to_pack`, with that many rows."""
    size = f"bytes of {name}s"
    layout: dict[str, Rule] = {
        f"{name}_data": Array(dtype="u1", shape=(size,)),
        f"{name}_offsets": _Offsets(rows, size, f"{name}_data"),
    }
    if search:
        layout[f"{name}_order"] = _Order(rows, name)
    return layout


def fingerprint(name: str) -> Rule:
    """The rule that a value is the fingerprint of a table of the same pack."""
    return _Fingerprint(name)


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """The fingerprint of the table of that name."""

    name: str
    optional = False

    def check(self, value: Any, pack: Mapping[str, Any], sizes: Sizes) -> None:
        if value != IdTable.from_pack(pack, self.name).fingerprint():
            raise Wrong(f"is not that of the {self.name}s")


@dataclass(frozen=True, slots=True)
class _Offsets:
    """Where each of `rows` strings begins in `data`."""

    rows: str
    size: str
    data: str
    optional = False

    def check(self, value: Any, pack: Mapping[str, Any], sizes: Sizes) -> None:
        starts = Array(dtype="i8", shape=(f"{self.rows}+1",), starts=self.size)
        starts.check(value, pack, sizes)
        data = pack[self.data]
        try:
            data.tobytes().decode()
        except UnicodeDecodeError:
            raise Wrong("points into what is no text") from None
        inside = value[value < len(data)]
        if ((data[inside] & _HIGH_BITS) == _GOES_ON).any():
            raise Wrong("splits a character")


@dataclass(frozen=True, slots=True)
class _Order:
    """The rows of a table in the byte order of its strings, each of which stands there once."""

    rows: str
    name: str
    optional = False

    def check(self, value: Any, pack: Mapping[str, Any], sizes: Sizes) -> None:
        Array(dtype="i4", shape=(self.rows,), least=0, below=self.rows).check(value, pack, sizes)
        offsets, data = pack[f"{self.name}_offsets"], pack[f"{self.name}_data"]
        ranked = byte_prefixes(offsets, data)[value]
        if (ranked[1:] < ranked[:-1]).any():
            raise Wrong("is not in the order of the ids")
        # Strings that share their first bytes are compared in full.
        for at in np.flatnonzero(ranked[1:] == ranked[:-1]).tolist():
            first, second = (
                data[offsets[row] : offsets[row + 1]].tobytes() for row in value[at : at + 2]
            )
            if first >= second:
                raise Wrong("has an id twice, or is not in the order of the ids")


def byte_prefixes(
    offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint64]:
    """The first bytes of every string as a big-endian number, short ones padded with zeros."""
    padded = np.append(data, np.zeros(_PREFIX, np.uint8))
    number = np.zeros(len(offsets) - 1, np.uint64)
    lengths = np.diff(offsets)
    for i in range(_PREFIX):
        byte = padded[offsets[:-1] + i]
        byte[lengths <= i] = 0
        number = (number << np.uint64(8)) | byte
    return number
