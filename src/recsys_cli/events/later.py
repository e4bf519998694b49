"""What came after the events that artifacts hold, laid over them when somebody is asked for.

Events of a session that is going on come in, row by row; what each row's user had with them goes
out, as `Interactions` of as many rows. Whatever answers from what users had can then answer for
these rows, without having been built again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    """

    first: I64
    last: I64
    items: npt.NDArray[np.int32]
    times: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.float32]

    def take(self, rows: npt.NDArray[np.integer]) -> Later:
        """The given rows, in that order."""
        return replace(self, first=self.first[rows], last=self.last[rows])

    def over(self, history: Interactions, users: Users) -> Interactions:
        """What `users` (n,) had, and the events of the rows besides: n rows.

        Weights are added, and ages count to the history's own moment: what came later has none.

        Args:
            history: what users had before.
            users: the user of each row; -1 had nothing before.
        """
        n, n_items = len(users), history.n_items
        had, further = history.take(users), self.last - self.first
        starts = np.cumsum(further) - further
        at = np.arange(further.sum()) + np.repeat(self.first - starts, further)
        rows: I64 = np.concatenate((had.users, np.repeat(np.arange(n), further))).astype(np.int64)
        pairs = rows * n_items + np.concatenate((had.indices, self.items[at]))
        unique, place = np.unique(pairs, return_inverse=True)
        weight = np.bincount(place, np.concatenate((had.weight, self.weights[at])), len(unique))
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
