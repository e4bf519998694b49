"""Events become one weighted row per user and item: what every collaborative model trains on.

Canonical events of a snapshot come in; a matrix goes out, users by items, with the summed
weight, the number and the last time of each pair's events. An event weighs

    weight of its kind × value (if the dataset says so) × 0.5 ^ (age in days / half-life)

and the sum over a pair may be capped. A pair whose events weigh nothing (a rating of 0) stays
with weight 0: it still counts as seen, and training leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import ITEM, TIME, USER, WEIGHT
from recsys_cli.config.models import InteractionsConfig
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import ArtifactError
from recsys_cli.models.events import event_seconds, event_weight, refuse_later_events

if TYPE_CHECKING:
    import polars as pl

_SECONDS_PER_DAY = 86_400
_KEY_BITS = 64
_CHUNK = 1 << 21
"""Events or pairs worked on at a time, which bounds the temporaries to tens of MB."""


@dataclass(frozen=True, slots=True)
class Interactions:
    """One row per user and item that met, sorted by user, then item.

    Attributes:
        indptr: (n_users + 1,) int64, user u's pairs are `indptr[u]:indptr[u + 1]`.
        indices: (pairs,) int32 items, ascending within a user.
        weight: (pairs,) float32 summed event weight, at least 0.
        count: (pairs,) uint32 number of events.
        last: (pairs,) uint32 time of the last event in seconds since 1970; 0 without time.
        reference: moment that ages are counted from, in seconds since 1970; 0 without time.
        n_users: rows, with or without pairs.
        n_items: columns, with or without pairs.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    count: npt.NDArray[np.uint32]
    last: npt.NDArray[np.uint32]
    reference: int
    n_users: int
    n_items: int

    @property
    def users(self) -> npt.NDArray[np.int32]:
        """(pairs,) int32 user of each pair."""
        return np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(self.indptr))

    def to_pack(self, *, users_fingerprint: str, items_fingerprint: str) -> dict[str, Any]:
        """The arrays as a pack, with the fingerprints of the ids that its rows stand for."""
        return {
            "indptr": self.indptr,
            "indices": self.indices,
            "weight": self.weight,
            "count": self.count,
            "last": self.last,
            "reference": self.reference,
            "n_users": self.n_users,
            "n_items": self.n_items,
            "users_fingerprint": users_fingerprint,
            "items_fingerprint": items_fingerprint,
        }

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any]) -> Interactions:
        """The inverse of `to_pack`."""
        return cls(
            indptr=pack["indptr"],
            indices=pack["indices"],
            weight=pack["weight"],
            count=pack["count"],
            last=pack["last"],
            reference=int(pack["reference"]),
            n_users=int(pack["n_users"]),
            n_items=int(pack["n_items"]),
        )

    def to_frame(self) -> pl.DataFrame:
        """User, item (Int32) and weight (Float32, above 0) of each pair, for trainers elsewhere.

        Ordered by user, then item; pairs of weight 0, which say nothing, are left out.
        """
        import polars as pl

        table = pl.DataFrame({USER: self.users, ITEM: self.indices, WEIGHT: self.weight})
        return table.filter(pl.col(WEIGHT) > 0)

    def seen(self) -> pl.DataFrame:
        """User and item (Int32) of every pair, whatever its weight, by user, then item."""
        import polars as pl

        return pl.DataFrame({USER: self.users, ITEM: self.indices})


@dataclass(slots=True)
class _Events:
    """Columns of all events in their order: rows, weight before decay, seconds since 1970."""

    user: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    time: npt.NDArray[np.uint32]


def build_interactions(
    events: pl.LazyFrame,
    *,
    n_users: int,
    n_items: int,
    spec: DatasetSpec,
    config: InteractionsConfig,
    reference: int | None = None,
) -> Interactions:
    """Aggregate events into one row per user and item.

    Sums run over a pair's events in the order of the events, whatever the threads do, so equal
    input gives equal bytes.

    Args:
        events: canonical columns, already cut to the snapshot.
        n_users: rows of the matrix.
        n_items: columns of the matrix.
        spec: the dataset's event weights.
        config: decay and cap.
        reference: moment that ages are counted from, in seconds since 1970; by default a second
            after the last event.

    Raises:
        ArtifactError: an event refers to a row that the user or item table does not have.
        ValueError: an event lies at or after `reference`.
    """
    columns = _collect(events, spec)
    _check_rows(columns.user, n_users, "user")
    _check_rows(columns.item, n_items, "item")
    last = int(columns.time.max(initial=0))
    if reference is None:
        reference = last + 1 if last else 0
    else:
        refuse_later_events(last, reference)
    if config.half_life_days is not None and last:
        _decay(columns, reference, config.half_life_days)
    pairs = _group(columns, n_users, n_items)
    indptr = np.zeros(n_users + 1, np.int64)
    np.cumsum(np.bincount(pairs.user, minlength=n_users), out=indptr[1:])
    count = np.diff(pairs.starts, append=len(pairs.events)).astype(np.uint32)
    return Interactions(
        indptr=indptr,
        indices=pairs.item,
        weight=_sum_weights(pairs, columns.weight, count, config.max_weight),
        count=count,
        last=pairs.reduce(np.maximum, columns.time, np.uint32),
        reference=reference,
        n_users=n_users,
        n_items=n_items,
    )


def _collect(events: pl.LazyFrame, spec: DatasetSpec) -> _Events:
    import polars as pl

    weight = event_weight(spec).cast(pl.Float32)
    table = events.select(
        pl.col(USER), pl.col(ITEM), weight.alias(WEIGHT), event_seconds().alias(TIME)
    ).collect(engine="streaming")
    return _Events(*(table[name].to_numpy() for name in (USER, ITEM, WEIGHT, TIME)))


def _check_rows(rows: npt.NDArray[np.int32], n: int, what: str) -> None:
    if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= n):
        wrong = rows[(rows < 0) | (rows >= n)]
        raise ArtifactError(
            f"{len(wrong)} events refer to {what}s beyond the {n} known (such as row {wrong[0]})",
            hint="recsys ingest",
        )


def _decay(columns: _Events, reference: int, half_life_days: float) -> None:
    weight = columns.weight.astype(np.float32)
    for start in range(0, len(weight), _CHUNK):
        time = columns.time[start : start + _CHUNK].astype(np.float64)
        days = (reference - time) / _SECONDS_PER_DAY
        # An event without a time keeps its weight.
        weight[start : start + _CHUNK] *= np.where(time > 0, 0.5 ** (days / half_life_days), 1)
    columns.weight = weight


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Events in the order of their pairs.

    Attributes:
        events: (events,) uint64 whose low bits, those in `mask`, are positions of events.
        mask: see above.
        starts: (pairs,) int64 where each pair's events begin in `events`.
        user: (pairs,) int32.
        item: (pairs,) int32.
    """

    events: npt.NDArray[np.uint64]
    mask: np.uint64
    starts: npt.NDArray[np.int64]
    user: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]

    def reduce(
        self, operation: np.ufunc, values: npt.NDArray[Any], dtype: type[np.generic]
    ) -> npt.NDArray[Any]:
        """Combine the `values` (events,) of each pair; float32 is added up in float64."""
        reduced = np.empty(len(self.starts), dtype)
        for first in range(0, len(self.starts), _CHUNK):
            starts = self.starts[first : first + _CHUNK]
            end = first + len(starts)
            stop = self.starts[end] if end < len(self.starts) else len(self.events)
            positions = (self.events[starts[0] : stop] & self.mask).astype(np.int64)
            part = values[positions]
            if part.dtype == np.float32:
                part = part.astype(np.float64)
            reduced[first:end] = operation.reduceat(part, starts - starts[0])
        return reduced


def _sum_weights(
    pairs: _Pairs,
    weight: npt.NDArray[np.float32],
    count: npt.NDArray[np.uint32],
    cap: float | None,
) -> npt.NDArray[np.float32]:
    summed: npt.NDArray[np.float32]
    if len(weight) and weight.min() == weight.max():
        summed = count.astype(np.float32) * weight[0]
    else:
        summed = pairs.reduce(np.add, weight, np.float32)
    if cap is not None:
        np.minimum(summed, np.float32(cap), out=summed)
    return summed


def _group(columns: _Events, n_users: int, n_items: int) -> _Pairs:
    """Sort the events by user, item and position.

    The three are packed into one integer where they fit, because sorting integers is several
    times faster than sorting positions by a key.
    """
    n = len(columns.user)
    item_bits, position_bits = max(n_items - 1, 0).bit_length(), max(n - 1, 0).bit_length()
    key = columns.user.astype(np.uint64)
    key <<= np.uint64(item_bits)
    key |= columns.item.astype(np.uint64)
    if max(n_users - 1, 0).bit_length() + item_bits + position_bits <= _KEY_BITS:
        key <<= np.uint64(position_bits)
        for first in range(0, n, _CHUNK):
            key[first : first + _CHUNK] |= np.arange(first, min(first + _CHUNK, n), dtype=np.uint64)
        key.sort()
        events, mask = key, np.uint64((1 << position_bits) - 1)
        key = key >> np.uint64(position_bits)
    else:
        events, mask = np.argsort(key, kind="stable").astype(np.uint64), ~np.uint64(0)
        key = key[events]
    starts = np.flatnonzero(np.concatenate((np.ones(min(n, 1), np.bool_), key[1:] != key[:-1])))
    key = key[starts]
    item = (key & np.uint64((1 << item_bits) - 1)).astype(np.int32)
    key >>= np.uint64(item_bits)
    return _Pairs(events, mask, starts, key.astype(np.int32), item)
