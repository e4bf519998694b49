"""Events of a snapshot as arrays, sorted by user and item, in little more than their own memory.

Canonical events come in batch by batch and go out in parts, each with all events of its pairs of
user and item. At full size memory is what takes time here, so nothing is kept twice: arrays grow
in place, sorting is in place, and what was handed out is given back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import ITEM, TIME, USER, WEIGHT
from recsys_cli.counted import counted
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import ArtifactError, Command
from recsys_cli.events.weights import constant_weight, event_seconds, event_weight

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec

_KEY_BITS = 64
CHUNK = 1 << 18
"""Events worked on at a time, so that temporaries stay in cache."""
_SPARE = 1 << 22
"""Events that arrays grow by at a time."""


@dataclass(slots=True)
class Events:
    """All events in their order.

    Attributes:
        pair: (events,) uint64 user and item as one number, the item in the low bits.
        weight: (events,) float32 before decay.
        time: (events,) uint32 seconds since 1970.
    """

    pair: npt.NDArray[np.uint64]
    weight: npt.NDArray[np.float32]
    time: npt.NDArray[np.uint32]


def collect_events(
    events: pl.LazyFrame, spec: DatasetSpec, *, n_users: int, n_items: int, item_bits: int
) -> Events:
    """Read the events batch by batch: as a table they would be in memory twice.

    Args:
        events: canonical columns.
        spec: the dataset's event weights.
        n_users: rows that the user table has.
        n_items: rows that the item table has.
        item_bits: low bits of a pair that hold the item.

    Raises:
        ArtifactError: an event refers to a row that the user or item table does not have.
    """
    import polars as pl

    constant = constant_weight(spec)
    weights = [event_weight(spec).cast(pl.Float32).alias(WEIGHT)] if constant is None else []
    frame = events.select(USER, ITEM, event_seconds().alias(TIME), *weights)
    pair, time, weight = _Growing(np.uint64), _Growing(np.uint32), _Growing(np.float32)
    for batch in frame.collect_batches(chunk_size=CHUNK, engine="streaming"):
        user, item = batch[USER].to_numpy(), batch[ITEM].to_numpy()
        if not (_within(user, n_users) and _within(item, n_items)):
            raise _beyond(events, n_users, n_items)
        pair.append((user.astype(np.uint64) << np.uint64(item_bits)) | item.astype(np.uint64))
        time.append(batch[TIME].to_numpy())
        if constant is None:
            weight.append(batch[WEIGHT].to_numpy())
    times = time.finished()
    weighed = weight.finished()
    if constant is not None:
        weighed = np.broadcast_to(np.float32(constant), times.shape)
    return Events(pair.finished(), weighed, times)


class _Growing:
    """An array that grows in place: large ones are moved by the page, not copied."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self._n = 0
        self._values = np.empty(0, dtype)

    def append(self, values: npt.NDArray[Any]) -> None:
        """Put `values` (m,) at the end."""
        end = self._n + len(values)
        if end > len(self._values):
            self._values.resize(end + _SPARE, refcheck=False)
        self._values[self._n : end] = values
        self._n = end

    def finished(self) -> npt.NDArray[Any]:
        """What was appended, as an array that owns its memory."""
        self._values.resize(self._n, refcheck=False)
        return self._values


def _within(rows: npt.NDArray[np.int32], n: int) -> bool:
    return not len(rows) or (int(rows.min()) >= 0 and int(rows.max()) < n)


def _beyond(events: pl.LazyFrame, n_users: int, n_items: int) -> ArtifactError:
    """The error for events that refer to rows which their tables do not have."""
    import polars as pl

    for column, n in ((USER, n_users), (ITEM, n_items)):
        outside = ~pl.col(column).is_between(0, n - 1)
        wrong = events.filter(outside).select(column).collect(engine="streaming").to_series()
        if len(wrong):
            break
    return ArtifactError(
        f"{counted(len(wrong), f'events are of {column}s')} beyond the {n:,} known "
        f"(such as row {wrong[0]})",
        hint=Command("ingest"),
    )


@dataclass(frozen=True, slots=True)
class Ordered:
    """Events by pair, those of a pair in their order.

    Attributes:
        key: (events,) uint64 ascending: the pair, and in the `bits` low bits the position.
        bits: 0 where pair and position do not fit into one number.
        position: (events,) int64 place of each among the events, where `bits` is 0.
    """

    key: npt.NDArray[np.uint64]
    bits: int
    position: npt.NDArray[np.int64] | None = None

    def pop_parts(self) -> Iterator[tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]]:
        """Pair and position of some events at a time, from the last to the first.

        A pair's events are never split. What was handed out is forgotten, so that its memory
        goes to what is made of it.
        """
        mask = np.uint64((1 << self.bits) - 1)
        while end := len(self.key):
            first = self.key[max(end - CHUNK, 0)] & ~mask
            start = int(np.searchsorted(self.key, first))
            key = self.key[start:]
            pair = key >> np.uint64(self.bits)
            if self.position is None:
                position = (key & mask).astype(np.int64)
            else:
                position = self.position[start:].copy()
                self.position.resize(start, refcheck=False)
            del key
            self.key.resize(start, refcheck=False)
            yield pair, position


def by_pair(columns: Events, pair_bits: int) -> Ordered:
    """Sort the events by pair and position, and let go of the pairs in `columns`.

    Both are packed into one integer where they fit, because sorting integers is several times
    faster than sorting positions by a key.

    Args:
        columns: events whose pairs are not yet given away.
        pair_bits: bits that a pair takes.
    """
    key = columns.pair
    columns.pair = np.empty(0, np.uint64)
    n = len(key)
    bits = max(n - 1, 0).bit_length()
    if pair_bits + bits > _KEY_BITS:
        order = np.argsort(key, kind="stable")
        return Ordered(key[order], 0, order)
    for start in range(0, n, CHUNK):
        part = key[start : start + CHUNK]
        part <<= np.uint64(bits)
        part |= np.arange(start, start + len(part), dtype=np.uint64)
    key.sort()
    return Ordered(key, bits)
