"""Events become one weighted row per user and item: what every collaborative model trains on.

Canonical events of a snapshot come in; a matrix goes out, users by items, with the summed
weight, the number and the last time of each pair's events. An event weighs

    weight of its kind × value (if the dataset says so) × 0.5 ^ (age in days / half-life)

and the sum over a pair may be capped. A pair whose events weigh nothing (a rating of 0) stays
with weight 0: it still counts as seen, and training leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import ITEM, USER, WEIGHT
from recsys_cli.csr import CSR
from recsys_cli.events.decay import DAY_SECONDS, decay, decay_in_order
from recsys_cli.events.pairs import CHUNK, Events, Ordered, by_pair, collect_events
from recsys_cli.events.weights import refuse_later_events
from recsys_cli.store.packs import Packed

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.config.models import InteractionsConfig
    from recsys_cli.datasets.spec import DatasetSpec

Mask = npt.NDArray[np.bool_]
Users = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Interactions(Packed):
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
    def matrix(self) -> CSR:
        """(n_users, n_items) with weights as data."""
        return CSR(self.indptr, self.indices, self.n_items, self.weight)

    @property
    def items(self) -> CSR:
        """(n_users, n_items) which items each user had, without weights."""
        return CSR(self.indptr, self.indices, self.n_items)

    def take(self, users: Users) -> Interactions:
        """What `users` (n,) had, as n rows; user -1 had nothing."""
        indptr, at = self.matrix.positions(users)
        return replace(
            self,
            indptr=indptr,
            indices=self.indices[at],
            weight=self.weight[at],
            count=self.count[at],
            last=self.last[at],
            n_users=len(users),
        )

    def have_weight(self, users: Users, *, among: Mask | None = None) -> Mask:
        """(n,) whether each of `users` (n,) had an item of some weight; user -1 did not.

        Args:
            users: user rows; -1 for unknown.
            among: (n_items,) mask of the items that count; None means all.
        """
        indptr, at = self.matrix.positions(users)
        useful = np.asarray(self.matrix.data)[at] > 0
        if among is not None:
            useful &= among[self.matrix.indices[at]]
        reached = np.concatenate(([0], np.cumsum(useful)))
        found: Mask = np.diff(reached[indptr]) > 0
        return found

    def decayed(
        self,
        users: Users,
        *,
        half_life_days: float,
        half_life_events: float | None = None,
        reference: int | None = None,
    ) -> CSR:
        """What `users` (n,) had, with decayed weights for data; user -1 had nothing.

        Args:
            users: user rows; -1 for unknown.
            half_life_days: age at which a weight counts half.
            half_life_events: items had since at which it counts half, in its turn; None where
                order does not matter.
            reference: moment that ages are counted from; by default that of the interactions.
        """
        indptr, at = self.matrix.positions(users)
        weight = np.asarray(self.matrix.data)[at].astype(np.float64)
        moment = self.reference if reference is None else reference
        weight *= decay(self.last[at], reference=moment, half_life_days=half_life_days)
        if half_life_events is not None:
            last = self.last[at]
            weight *= decay_in_order(last, indptr, half_life_events=half_life_events)
        return CSR(indptr, self.matrix.indices[at], self.n_items, weight.astype(np.float32))

    def in_order(self, users: Users, *, half_life_events: float) -> CSR:
        """What `users` (n,) had, with what its place in their order counts for data.

        Pairs of weight 0 count nothing, all others at most 1; user -1 had nothing.

        Args:
            users: user rows; -1 for unknown.
            half_life_events: items had since at which one counts half.
        """
        indptr, at = self.matrix.positions(users)
        weight = decay_in_order(self.last[at], indptr, half_life_events=half_life_events)
        weight *= np.asarray(self.matrix.data)[at] > 0
        return CSR(indptr, self.matrix.indices[at], self.n_items, weight.astype(np.float32))

    @property
    def users(self) -> npt.NDArray[np.int32]:
        """(pairs,) int32 user of each pair."""
        return np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(self.indptr))

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
    item_bits = max(n_items - 1, 0).bit_length()
    columns = collect_events(events, spec, n_users=n_users, n_items=n_items, item_bits=item_bits)
    last = int(columns.time.max(initial=0))
    if reference is None:
        reference = last + 1 if last else 0
    else:
        refuse_later_events(last, reference)
    if config.half_life_days is not None and last:
        _decay(columns, reference, config.half_life_days)
    ordered = by_pair(columns, max(n_users - 1, 0).bit_length() + item_bits)
    return _aggregate(
        ordered,
        columns,
        item_bits=item_bits,
        cap=config.max_weight,
        reference=reference,
        n_users=n_users,
        n_items=n_items,
    )


def _decay(columns: Events, reference: int, half_life_days: float) -> None:
    weight = np.require(columns.weight, requirements="W")
    for start in range(0, len(weight), CHUNK):
        time = columns.time[start : start + CHUNK].astype(np.float64)
        days = (reference - time) / DAY_SECONDS
        # An event without a time keeps its weight.
        weight[start : start + CHUNK] *= np.where(time > 0, 0.5 ** (days / half_life_days), 1)
    columns.weight = weight


def _aggregate(
    ordered: Ordered,
    columns: Events,
    *,
    item_bits: int,
    cap: float | None,
    reference: int,
    n_users: int,
    n_items: int,
) -> Interactions:
    """One row per pair; `cap` bounds the weights."""
    n = len(ordered.key)
    # Filled from the end, and what is never written to takes no room.
    indices, weight = np.empty(n, np.int32), np.empty(n, np.float32)
    count, latest = np.empty(n, np.uint32), np.empty(n, np.uint32)
    indptr = np.zeros(n_users + 1, np.int64)
    uniform = columns.weight[0] if n and columns.weight.min() == columns.weight.max() else None
    first = n
    for pair, position in ordered.pop_parts():
        starts = np.flatnonzero(np.concatenate(([True], pair[1:] != pair[:-1])))
        pairs = pair[starts]
        part = slice(first - len(starts), first)
        first = part.start
        indices[part] = pairs & np.uint64((1 << item_bits) - 1)
        count[part] = np.diff(starts, append=len(position))
        latest[part] = np.maximum.reduceat(columns.time[position], starts)
        if uniform is not None:
            weight[part] = count[part].astype(np.float32) * uniform
        else:
            weights = columns.weight[position].astype(np.float64)
            weight[part] = np.add.reduceat(weights, starts)
        users = (pairs >> np.uint64(item_bits)).astype(np.int64)
        indptr[users[0] + 1 : users[-1] + 2] += np.bincount(users - users[0])
    if cap is not None:
        np.minimum(weight[first:], np.float32(cap), out=weight[first:])
    return Interactions(
        indptr=np.cumsum(indptr),
        indices=indices[first:],
        weight=weight[first:],
        count=count[first:],
        last=latest[first:],
        reference=reference,
        n_users=n_users,
        n_items=n_items,
    )
