"""What came after the events that artifacts hold, laid over them when somebody is asked for.

Events of a session that is going on, or of a log that is written to while answers are given, come
in, row by row; what each row's user had with them goes out, as `Interactions` of as many rows.
Whatever answers from what users had can then answer for these rows (`FromHistory`), without having
been built again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from recsys_cli.events.interactions import Interactions, Users

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Later:
    """Further events of n rows: row i's are `first[i]` to `last[i]` of the events.

    Rows may share events, as the steps of one session do.

    Attributes:
        first: (n,) int64.
        last: (n,) int64.
        items: (events,) int32 item rows.
        times: (events,) uint32 seconds since 1970; 0 without time.
        weights: (events,) float32 what each weighs, at least 0.
        values: (events,) float32 their values, such as prices; NaN for none.
        less_rows: (m,) int64 rows that have less of something than they had before.
        less_items: (m,) int32 what that is.
        less_left: (m,) float32 the part of it that is left, 0 for nothing.
    """

    first: I64
    last: I64
    items: npt.NDArray[np.int32]
    times: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.float32]
    values: npt.NDArray[np.float32]
    less_rows: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    less_items: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    less_left: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    @classmethod
    def nothing(cls, n: int) -> Later:
        """No further events of n rows."""
        none = np.zeros(n, np.int64)
        items, times = np.zeros(0, np.int32), np.zeros(0, np.uint32)
        return cls(none, none, items, times, np.zeros(0, np.float32), np.zeros(0, np.float32))

    @property
    def counts(self) -> I64:
        """(n,) how many events each row has."""
        return self.last - self.first

    @property
    def changed(self) -> npt.NDArray[np.bool_]:
        """(n,) rows that have something new, or something no more."""
        found: npt.NDArray[np.bool_] = self.counts > 0
        found[self.less_rows] = True
        return found

    @property
    def nnz(self) -> int:
        """Events of all rows together."""
        return int(self.counts.sum())

    def positions(self) -> tuple[I64, I64]:
        """The row and the position of each row's events, row after row."""
        counts = self.counts
        starts = np.cumsum(counts) - counts
        at = np.arange(counts.sum()) + np.repeat(self.first - starts, counts)
        return np.repeat(np.arange(len(counts)), counts), at

    def take(self, rows: npt.NDArray[np.integer]) -> Later:
        """The given rows, in that order."""
        taken = replace(self, first=self.first[rows], last=self.last[rows])
        if not len(self.less_rows):
            return taken
        at, less = np.nonzero(rows[:, None] == self.less_rows)
        return replace(
            taken,
            less_rows=at.astype(np.int64),
            less_items=self.less_items[less],
            less_left=self.less_left[less],
        )

    def over(
        self, history: Interactions, users: Users, *, most: float | None = None
    ) -> Interactions:
        """What `users` (n,) had, and the events of the rows besides: n rows.

        Weights are added, and ages count to the history's own moment: what came later has none.

        Args:
            history: what users had before.
            users: the user of each row; -1 had nothing before.
            most: cap on the weight of a pair, as in `interactions.max_weight`.
        """
        n, n_items = len(users), history.n_items
        had = self._less(history.take(users))
        row, at = self.positions()
        rows: I64 = np.concatenate((had.users, row)).astype(np.int64)
        pairs = rows * n_items + np.concatenate((had.indices, self.items[at]))
        unique, place = np.unique(pairs, return_inverse=True)
        weight = np.bincount(place, np.concatenate((had.weight, self.weights[at])), len(unique))
        if most is not None:
            np.minimum(weight, most, out=weight)
        count = np.bincount(place, np.concatenate((had.count, np.ones(len(at)))), len(unique))
        last = np.zeros(len(unique), np.uint32)
        np.maximum.at(last, place, np.concatenate((had.last, self.times[at])))
        return Interactions(
            indptr=np.searchsorted(unique, np.arange(n + 1) * np.int64(n_items)).astype(np.int64),
            indices=(unique % max(n_items, 1)).astype(np.int32),
            weight=weight.astype(np.float32),
            count=count.astype(np.uint32),
            last=last,
            reference=history.reference,
            n_users=n,
            n_items=n_items,
        )

    def _less(self, had: Interactions) -> Interactions:
        """What the rows had before, without what they no longer have of it."""
        if not len(self.less_rows):
            return had
        left = np.ones(len(had.indices), np.float32)
        pairs = had.users.astype(np.int64) * had.n_items + had.indices
        less = self.less_rows * had.n_items + self.less_items
        at = np.minimum(np.searchsorted(pairs, less), max(len(pairs) - 1, 0))
        there = np.flatnonzero(pairs[at] == less) if len(pairs) else at[:0]
        left[at[there]] = self.less_left[there]
        kept = left > 0
        counts = np.bincount(had.users[kept], minlength=had.n_users)
        return replace(
            had,
            indptr=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            indices=had.indices[kept],
            weight=(had.weight * left)[kept],
            count=np.ceil(had.count * left).astype(had.count.dtype)[kept],
            last=had.last[kept],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """What everybody did since the artifacts were made, until a moment.

    Attributes:
        weights: (n_items,) float32 sums of weights on the scale of the artifacts' popularity, which
            decays from their own moment: what came later weighs more.
        counts: (n_items,) uint32 events.
        days: from the artifacts' moment.
    """

    weights: npt.NDArray[np.float32]
    counts: npt.NDArray[np.uint32]
    days: float


@dataclass(frozen=True, slots=True)
class Visitors:
    """Users as they are when they ask: n rows.

    Attributes:
        users: (n,) int32 row of each in the artifacts; -1 for nobody they know.
        had: what each had, later events too.
        later: these events.
        trend: what everybody did since; None where that plays no role.
    """

    users: Users
    had: Interactions
    later: Later
    trend: Trend | None = None

    @classmethod
    def of(
        cls,
        history: Interactions,
        users: Users,
        later: Later,
        *,
        most: float | None = None,
        trend: Trend | None = None,
    ) -> Visitors:
        """`users` (n,) of a history with later events; see `Later.over`."""
        return cls(users, later.over(history, users, most=most), later, trend)

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: npt.NDArray[np.integer]) -> Visitors:
        """The given rows, in that order."""
        had = self.had.take(rows.astype(np.int32))
        return Visitors(self.users[rows], had, self.later.take(rows), self.trend)
