"""Every user's events in the order of time, which is what states before an event are made from.

The parts of a train_pairs artifact come in, flat arrays go out: one run of rows per user, so
that what a user had before any of their events is a prefix of that run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import ITEM, TIME, USER, WEIGHT
from recsys_cli.csr import CSR

TRAIN, VALIDATION = "train", "validation"
SPLIT = "split"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class OrderedEvents:
    """Events by user, then time.

    Attributes:
        indptr: (n_users + 1,) int64, user u's events are `indptr[u]:indptr[u + 1]`.
        item: (events,) int32 item rows.
        time: (events,) int64 seconds since 1970.
        weight: (events,) float32, at least 0.
        validation: (events,) whether the event is one to validate on.
        n_items: size of the catalogue.
    """

    indptr: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]
    validation: Mask
    n_items: int

    @property
    def n_users(self) -> int:
        """Rows of the user table."""
        return len(self.indptr) - 1

    @property
    def users(self) -> npt.NDArray[np.int32]:
        """(events,) int32 user of each event."""
        return np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(self.indptr))

    def only(self, keep: Mask) -> OrderedEvents:
        """The events that `keep` (events,) says, in their order."""
        before = np.concatenate(([0], np.cumsum(keep)))
        return OrderedEvents(
            before[self.indptr],
            self.item[keep],
            self.time[keep],
            self.weight[keep],
            self.validation[keep],
            self.n_items,
        )

    def of_users(self, low: int, high: int) -> OrderedEvents:
        """The events of users low to high, who become users 0 to high - low."""
        start, stop = int(self.indptr[low]), int(self.indptr[high])
        return OrderedEvents(
            self.indptr[low : high + 1] - start,
            self.item[start:stop],
            self.time[start:stop],
            self.weight[start:stop],
            self.validation[start:stop],
            self.n_items,
        )

    def pairs(self) -> CSR:
        """(n_users, n_items) distinct pairs, without weights."""
        return CSR.from_pairs(self.users, self.item, n_rows=self.n_users, n_columns=self.n_items)


def read_history(parts: Sequence[Path], *, n_users: int, n_items: int) -> OrderedEvents:
    """Read the files of a train_pairs artifact.

    Args:
        parts: the files, each by user, then time; of a user, those of a later file come later.
        n_users: rows of the user table.
        n_items: rows of the item table.
    """
    import polars as pl

    table = pl.concat(
        pl.read_parquet(part, columns=[USER, ITEM, TIME, WEIGHT, SPLIT]).select(
            pl.col(USER, ITEM, WEIGHT),
            pl.col(TIME).dt.epoch("s"),
            (pl.col(SPLIT) == VALIDATION).alias(SPLIT),
        )
        for part in parts
    )
    users = table[USER].to_numpy()
    order = np.argsort(users, kind="stable")
    indptr = np.zeros(n_users + 1, np.int64)
    np.cumsum(np.bincount(users, minlength=n_users), out=indptr[1:])
    return OrderedEvents(
        indptr,
        table[ITEM].to_numpy()[order],
        table[TIME].to_numpy()[order],
        table[WEIGHT].to_numpy()[order],
        table[SPLIT].to_numpy()[order],
        n_items,
    )


@dataclass(frozen=True, slots=True)
class Steps:
    """What each event adds to the normal equations of its user's factors.

    Attributes:
        weight: (events,) float32 what it adds to the weight of its pair, after the cap.
        first: (events,) whether it is the first of its pair to weigh anything.
    """

    weight: npt.NDArray[np.float32]
    first: Mask


def steps(
    history: OrderedEvents,
    *,
    max_weight: float | None = None,
    half_life_days: float | None = None,
    reference: int = 0,
) -> Steps:
    """Take the summed weights of pairs apart into what each event contributed.

    Args:
        history: the events.
        max_weight: cap on the summed weight of a pair.
        half_life_days: age at which an event counts half, as in the interactions.
        reference: moment that ages are counted from, in seconds since 1970.
    """
    weight = history.weight.astype(np.float64)
    if half_life_days is not None:
        days = np.maximum(reference - history.time, 0) / 86_400
        weight *= np.exp2(-days / half_life_days)
    key = history.users.astype(np.int64) * history.n_items + history.item
    # Within a user, rows are in the order of time already, and stable sorting keeps that.
    order = np.argsort(key, kind="stable")
    key, sorted_weight = key[order], weight[order]
    start = np.concatenate(([True], key[1:] != key[:-1])) if len(key) else np.zeros(0, np.bool_)
    total = np.cumsum(sorted_weight)
    group = np.cumsum(start) - 1
    before = (total - sorted_weight)[start][group] if len(key) else total
    after = total - before
    previous = np.maximum(after - sorted_weight, 0)
    if max_weight is not None:
        after, previous = np.minimum(after, max_weight), np.minimum(previous, max_weight)
    added, first = np.empty(len(key), np.float32), np.empty(len(key), np.bool_)
    added[order] = np.maximum(after - previous, 0)
    positive = sorted_weight > 0
    seen: npt.NDArray[np.int64] = np.cumsum(positive) - positive
    first[order] = positive & (seen == (seen[start][group] if len(key) else seen))
    return Steps(added, first)
