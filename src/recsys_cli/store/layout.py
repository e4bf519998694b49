"""What a pack of one kind must hold, as data, and the check of a pack against it.

A layout names every value of a pack with its type and its range. Sizes are named, not counted:
whatever two arrays share must agree, and the numbers of users and of items are those of the ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

USERS, ITEMS = "users", "items"
"""Sizes that are known before a pack is looked at."""
_ROWS_AT_ONCE = 1 << 16

Sizes = dict[str, int]


class Wrong(Exception):
    """What is wrong with a pack, as the end of a sentence."""


class Rule(Protocol):
    """What one value of a pack has to be."""

    @property
    def optional(self) -> bool:
        """Whether a pack may lack it."""
        ...

    def check(self, value: Any, pack: Mapping[str, Any], sizes: Sizes) -> None:
        """Raise `Wrong` where `value` is something else; what is listed before it is right."""
        ...


Layout = Mapping[str, Rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """An array of a pack.

    Attributes:
        dtype: its dtype.
        shape: names of its sizes; `n+1` is one more than the size `n`.
        least: smallest value.
        below: the size that all values stay below; `n+1` is one more than the size `n`.
        starts: the size that the values rise to from 0, as the starts of rows do.
        rising: the array of such starts within whose rows the values rise.
        nan: whether values may be missing; none may be infinite.
        optional: whether a pack may lack it.
    """

    dtype: str
    shape: tuple[str, ...]
    least: float | None = None
    below: str | None = None
    starts: str | None = None
    rising: str | None = None
    nan: bool = False
    optional: bool = False

    def check(self, value: Any, pack: Mapping[str, Any], sizes: Sizes) -> None:
        """Raise `Wrong` where `value` is another array."""
        if not isinstance(value, np.ndarray) or value.dtype != np.dtype(self.dtype):
            raise Wrong(f"is no array of {np.dtype(self.dtype)}")
        if value.ndim != len(self.shape) or not value.flags.c_contiguous:
            raise Wrong(f"is not laid out as {' × '.join(self.shape)}")
        for name, size in zip(self.shape, value.shape, strict=True):
            _agree(name.removesuffix("+1"), size - name.endswith("+1"), sizes)
        self._check_values(value, sizes)
        if self.starts is not None:
            _check_starts(value, self.starts, sizes)
        if self.rising is not None:
            _check_rising(value, pack[self.rising])

    def _check_values(self, value: npt.NDArray[Any], sizes: Sizes) -> None:
        if not value.size:
            return
        if value.dtype.kind == "f":
            _check_finite(value, nan=self.nan)
        if self.least is not None and np.nanmin(value) < self.least:
            raise Wrong(f"goes below {self.least:g}")
        if self.below is not None and value.max() >= _size(self.below, sizes):
            raise Wrong(f"goes beyond the {_size(self.below, sizes):,} {self.below} that there are")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A plain value of a pack.

    Attributes:
        what: what it has to be, in words.
        fits: whether a value is that.
        size: the size that it states, or that its length is.
        optional: whether a pack may lack it.
    """

    what: str
    fits: Callable[[Any], bool]
    size: str | None = None
    optional: bool = False

    def check(self, value: Any, _pack: Mapping[str, Any], sizes: Sizes) -> None:
        """Raise `Wrong` where `value` is something else."""
        if not self.fits(value):
            raise Wrong(f"is not {self.what}")
        if self.size is not None:
            _agree(self.size, value if isinstance(value, int) else len(value), sizes)


def grown(pack: Mapping[str, Any], layout: Layout, sizes: Mapping[str, int]) -> dict[str, Any]:
    """A pack of fewer users or items, with rows of nothing for those that have come since.

    Args:
        pack: as its layout says.
        layout: of its kind.
        sizes: how many `USERS` and `ITEMS` there are now.
    """
    made = dict(pack)
    for name, rule in layout.items():
        if name not in pack:
            continue
        if isinstance(rule, Array):
            made[name] = _padded(pack[name], rule, sizes)
        elif isinstance(rule, Plain) and rule.size is not None and rule.size in sizes:
            made[name] = sizes[rule.size]
    return made


def _padded(value: npt.NDArray[Any], rule: Array, sizes: Mapping[str, int]) -> npt.NDArray[Any]:
    shape = [
        sizes[name.removesuffix("+1")] + name.endswith("+1")
        if name.removesuffix("+1") in sizes
        else size
        for name, size in zip(rule.shape, value.shape, strict=True)
    ]
    if tuple(shape) == value.shape:
        return value
    # Starts of rows go on where the last row ends.
    made = np.full(shape, value[-1] if rule.starts is not None else 0, value.dtype)
    made[tuple(slice(size) for size in value.shape)] = value
    return made


def check(pack: Mapping[str, Any], layout: Layout, sizes: Mapping[str, int]) -> None:
    """Raise `Wrong` where a pack does not hold what its layout says.

    Args:
        pack: what was read, or is about to be written.
        layout: of its kind.
        sizes: those known beforehand, `USERS` and `ITEMS`; others follow from the pack.
    """
    known = dict(sizes)
    unknown = sorted(set(pack) - set(layout))
    if unknown:
        raise Wrong(f"is damaged: it holds {unknown[0]!r}, which is not of its kind")
    for name, rule in layout.items():
        if name not in pack:
            if rule.optional:
                continue
            raise Wrong(f"is damaged: it lacks {name!r}")
        try:
            rule.check(pack[name], pack, known)
        except Wrong as wrong:
            raise Wrong(f"is damaged: its {name!r} {wrong}") from None


def floats(*shape: str, least: float | None = None, nan: bool = False) -> Array:
    """Finite float32 numbers."""
    return Array(dtype="f4", shape=shape, least=least, nan=nan)


def flags(*shape: str, optional: bool = False) -> Array:
    """Booleans."""
    return Array(dtype="?", shape=shape, optional=optional)


def counts(*shape: str) -> Array:
    """Uint32 numbers."""
    return Array(dtype="u4", shape=shape)


def matrix(rows: str, columns: str, **data: Array) -> dict[str, Rule]:
    """A `CSR`: `indptr`, `indices`, and arrays with a value for each entry."""
    starts = Array(dtype="i8", shape=(f"{rows}+1",), starts="entries")
    indices = Array(dtype="i4", shape=("entries",), least=0, below=columns, rising="indptr")
    return {"indptr": starts, "indices": indices, **data}


def number(least: float = -np.inf, *, optional: bool = False) -> Plain:
    """A finite number."""

    def fits(value: Any) -> bool:
        return _is_number(value) and least <= value < np.inf

    what = "a finite number" if least == -np.inf else f"a number from {least:g} on"
    return Plain(what=what, fits=fits, optional=optional)


def above_zero() -> Plain:
    """A finite number above 0."""
    return Plain(what="a number above 0", fits=lambda v: _is_number(v) and 0 < v < np.inf)


def whole(*, size: str | None = None, optional: bool = False) -> Plain:
    """A whole number from 0 on that fits 63 bits."""

    def fits(value: Any) -> bool:
        return _is_number(value) and isinstance(value, int) and 0 <= value < 1 << 63

    return Plain(what="a whole number from 0 on", fits=fits, size=size, optional=optional)


def moment(*, optional: bool = False) -> Plain:
    """Whole seconds since 1970, before it too."""

    def fits(value: Any) -> bool:
        return _is_number(value) and isinstance(value, int) and abs(value) < 1 << 40

    return Plain(what="a moment", fits=fits, optional=optional)


def truth(*, optional: bool = False) -> Plain:
    """True or false."""
    return Plain(what="true or false", fits=lambda v: isinstance(v, bool), optional=optional)


def text(*only: str, optional: bool = False) -> Plain:
    """A text, or one of a few."""

    def fits(value: Any) -> bool:
        return isinstance(value, str) and (not only or value in only)

    return Plain(what=" or ".join(map(repr, only)) or "a text", fits=fits, optional=optional)


def texts(*, size: str | None = None) -> Plain:
    """A list of texts."""

    def fits(value: Any) -> bool:
        return isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)

    return Plain(what="a list of texts", fits=fits, size=size)


def lists(*, optional: bool = False) -> Plain:
    """A list of whatever plain values."""
    return Plain(what="a list", fits=lambda v: isinstance(v, list | tuple), optional=optional)


def anything() -> Plain:
    """Any value."""
    return Plain(what="anything", fits=lambda _: True)


def nested(layout: Layout) -> Plain:
    """A dict that has a layout of its own."""

    def fits(value: Any) -> bool:
        try:
            check(value if isinstance(value, dict) else {}, layout, {})
        except Wrong:
            return False
        return isinstance(value, dict)

    return Plain(what="a table of its kind", fits=fits)


def by_name(rule: Plain, *, optional: bool = False) -> Plain:
    """A dict from texts to values that a rule fits."""

    def fits(value: Any) -> bool:
        return isinstance(value, dict) and all(
            isinstance(name, str) and rule.fits(v) for name, v in value.items()
        )

    what = f"a table whose values are each {rule.what}"
    return Plain(what=what, fits=fits, optional=optional)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _size(name: str, sizes: Sizes) -> int:
    return sizes[name.removesuffix("+1")] + name.endswith("+1")


def _agree(name: str, size: int, sizes: Sizes) -> None:
    if size < 0 or size != sizes.setdefault(name, size):
        raise Wrong(f"is of {size:,} {name}, and there are {sizes[name]:,}")


def _check_finite(value: npt.NDArray[Any], *, nan: bool) -> None:
    for start in range(0, len(value), _ROWS_AT_ONCE):
        part = value[start : start + _ROWS_AT_ONCE]
        # The sum of finite float32 numbers in float64 is finite, and quicker than looking at each.
        if np.isinf(part).any() if nan else not np.isfinite(part.sum(dtype=np.float64)):
            raise Wrong("has numbers that are not finite")


def _check_starts(value: npt.NDArray[Any], size: str, sizes: Sizes) -> None:
    if not len(value) or value[0] != 0 or (value[1:] < value[:-1]).any():
        raise Wrong("does not rise from 0")
    _agree(size, int(value[-1]), sizes)


def _check_rising(value: npt.NDArray[Any], starts: npt.NDArray[Any]) -> None:
    falls = np.flatnonzero(value[1:] <= value[:-1]) + 1
    if not np.isin(falls, starts, assume_unique=False).all():
        raise Wrong("does not rise within its rows")
