"""What a list is measured against: test users and the items each of them went on to have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from recsys_cli.counted import counted
from recsys_cli.csr import CSR
from recsys_cli.errors import DataError
from recsys_cli.events.decay import DAY_SECONDS
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later, Trend, Visitors
from recsys_cli.moments import iso, seconds_at
from recsys_cli.store.idtable import IdTable

TEMPORAL = "temporal"
LEAVE_LAST_OUT = "leave-last-out"
NEXT_IN_SESSION = "next-in-session"
NEXT_EVENT = "next-event"
RANDOM_OUT = "random-out"
TRUTH_FILE = "truth-file"
LIVE = "+live"
"""Behind the name of a strategy that knows what came since the artifacts were made."""
UNDER = " + "
"""Between the name of a strategy and the rule that it is measured with."""
OF_STEPS = (NEXT_IN_SESSION, NEXT_EVENT)
"""Protocols whose rows are steps."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What each test row is predicted from besides what its user had before the test.

    Attributes:
        later: the events of the window before the row's moment.
        again: (n,) whether the row's item is among them.
        times: (n,) uint32 moment of each row, in seconds since 1970.
        lag: seconds until an event is known.
    """

    later: Later
    again: npt.NDArray[np.bool_]
    times: npt.NDArray[np.uint32]
    lag: int = 0

    def take(self, rows: npt.NDArray[np.integer]) -> Steps:
        """The given rows, in that order."""
        return Steps(self.later.take(rows), self.again[rows], self.times[rows], self.lag)

    def trend_at(self, hour: int, *, reference: int, n_items: int, half_life_days: float) -> Trend:
        """What everybody did in the window until an hour since 1970, as far as it is known then."""
        until = 3600 * hour - self.lag
        known = (self.later.times < until) & (self.later.weights > 0)
        items = self.later.items[known]
        days = (self.later.times[known].astype(np.float64) - reference) / DAY_SECONDS
        weights = self.later.weights[known] * np.exp2(days / half_life_days)
        return Trend(
            np.bincount(items, weights, minlength=n_items).astype(np.float32),
            np.bincount(items, minlength=n_items).astype(np.uint32),
            max(until - reference, 0) / DAY_SECONDS,
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """Test users and their relevant items; or steps of their sessions, and the item of each.

    Attributes:
        users: (n,) int32 user rows; -1 for users that the dataset does not know. Those of steps
            come more than once.
        items: n rows of relevant items, each with at least one. Columns from the catalogue's
            size up stand for items that the catalogue lacks: they count as misses.
        protocol: temporal, leave-last-out, next-in-session, next-event, random-out or truth-file.
        cutoff: where the test window starts, and before which all training events lie.
        horizon: length of the window.
        counts: what was found, dropped or unknown, for the report.
        warnings: sentences that the reader of the numbers must know.
        steps: of next-in-session and next-event, what came before each row.
    """

    users: npt.NDArray[np.int32]
    items: CSR
    protocol: str
    cutoff: datetime | None = None
    horizon: timedelta | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    steps: Steps | None = None

    @classmethod
    def from_pairs(
        cls,
        users: npt.NDArray[np.integer],
        items: npt.NDArray[np.integer],
        *,
        n_columns: int,
        protocol: str,
    ) -> Truth:
        """Group (user, item) pairs, each (n,) rows in any order, by user; drops duplicates."""
        rows, at = np.unique(users, return_inverse=True)
        relevant = CSR.from_pairs(at, items, n_rows=len(rows), n_columns=n_columns)
        return cls(rows.astype(np.int32), relevant, protocol, counts={"pairs": relevant.nnz})

    def given(
        self,
        rows: npt.NDArray[np.integer],
        had: Interactions | None,
        *,
        trend: Trend | None = None,
    ) -> Visitors | None:
        """What some rows (n,) are to be predicted from: of steps, all that was had by then.

        None means what the artifacts say of the users, who had that in `had`.
        """
        if self.steps is None or had is None:
            return None
        return Visitors.of(had, self.users[rows], self.steps.later.take(rows), trend=trend)

    @property
    def cutoff_seconds(self) -> int | None:
        """The cut-off as seconds since the epoch."""
        return None if self.cutoff is None else seconds_at(self.cutoff)


def seen_pairs(truth: Truth, history: CSR) -> npt.NDArray[np.bool_]:
    """(nnz,) which entries of `truth.items` their user has already, in `history` or since."""
    rows, columns = truth.items.entries()
    had = history.contains(truth.users[rows], columns)
    return had if truth.steps is None else had | truth.steps.again[rows]


def without_seen(truth: Truth, history: CSR) -> Truth:
    """`truth` less what users already have, for lists that never hold such items.

    Users who are left without any relevant item are dropped; both are counted.

    Raises:
        DataError: nothing is left.
    """
    seen = seen_pairs(truth, history)
    if not seen.any():
        return truth
    rows, columns = truth.items.entries()
    rows, columns = rows[~seen], columns[~seen]
    kept, new_rows = np.unique(rows, return_inverse=True)
    if not len(kept):
        raise DataError(
            "users already had every item of the test events, and such items are left out of lists",
            hint="--include-seen, if an item may be recommended again",
        )
    dropped = {
        "pairs_dropped_as_seen": int(seen.sum()),
        "users_dropped_as_seen": len(truth.users) - len(kept),
    }
    items = CSR.from_pairs(new_rows, columns, n_rows=len(kept), n_columns=truth.items.n_columns)
    return replace(
        truth,
        users=truth.users[kept],
        items=items,
        counts={**truth.counts, **dropped},
        steps=None if truth.steps is None else truth.steps.take(kept),
    )


def fingerprint(truths: Sequence[Truth], *, users: IdTable, items: IdTable) -> str:
    """Hex SHA-256 of the test pairs, window by window: equal only where the test is the same.

    It is made of external ids, so that ingesting more data leaves it as it is as long as the
    test pairs stay.
    """
    digest = hashlib.sha256()
    for truth in truths:
        start = iso(truth.cutoff) if truth.cutoff else None
        digest.update(f"{truth.protocol} {start}\n".encode())
        rows, columns = truth.items.entries()
        n_items = len(items)
        pairs = [
            f"{users[user] if user >= 0 else '?'}\t{items[item] if item < n_items else '?'}\n"
            for user, item in zip(truth.users[rows].tolist(), columns.tolist(), strict=True)
        ]
        digest.update("".join(sorted(pairs)).encode())
    return digest.hexdigest()


def refuse_overlap(truth: Truth, history: CSR, *, users: IdTable, items: IdTable) -> None:
    """Refuse a given test split that shares pairs with the history.

    Where an item is not recommended again, a test pair in the history is either a split gone
    wrong or a hit that no list can have (as in google-research/ials).

    Raises:
        DataError: there are such pairs; says how many, and names one.
    """
    seen = seen_pairs(truth, history)
    if not seen.any():
        return
    rows, columns = truth.items.entries()
    at = int(np.flatnonzero(seen)[0])
    user, item = users[int(truth.users[rows[at]])], items[int(columns[at])]
    raise DataError(
        f"{int(seen.sum()):,} of {counted(len(seen), 'pairs')} of the truth file "
        f"{'is' if seen.sum() == 1 else 'are'} also in the history, "
        f"such as user {user!r} and item {item!r}",
        hint="take the test events out of the events file, or the known pairs out of the truth "
        "file; --include-seen (or repurchase = true) if having an item again counts as a hit",
    )
