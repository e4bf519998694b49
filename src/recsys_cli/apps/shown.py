"""What became of the lists that were shown: who clicked, by strategy and by position.

A log of live events comes in, with the lists that answers were (`serve.log_lists`) and the events
that name the answer they came from. A list counts as clicked where an event names it with one of
its items, once however many do. Intervals are 95%, by drawing users with all their lists; lists
of guests are each a user of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.evaluation.bootstrap import Interval, bootstrap, resampled_means
from recsys_cli.live.contract import EventLog

POSITIONS = 20
"""Positions that are told apart."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What became of the lists of one strategy.

    Attributes:
        lists: how many were shown.
        users: to how many users.
        clicked: how many were clicked.
        rate: clicked ones among them.
        positions: by position from 1, the share of items shown there that were clicked.
        difference: of the rate from that of the strategy that was shown most, whose is None.
    """

    lists: int
    users: int
    clicked: int
    rate: Interval
    positions: Sequence[Interval]
    difference: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "lists": self.lists,
            "users": self.users,
            "clicked": self.clicked,
            "rate": self.rate.to_json(),
            "positions": [position.to_json() for position in self.positions],
            "difference": None if self.difference is None else self.difference.to_json(),
        }


def what_became_of_lists(
    log: EventLog,
    dataset: str,
    *,
    since: int | None = None,
    events: Sequence[str] = (),
    resamples: int = 1000,
    seed: int = 42,
) -> dict[str, Shown]:
    """Rates of clicks, by strategy, those shown most first.

    Args:
        log: of live events.
        dataset: whose lists.
        since: only lists from this moment on, in milliseconds since 1970; None means all.
        events: kinds of event that count as a click; none means any.
        resamples: behind the intervals.
        seed: equal seeds give equal bounds.
    """
    clicks: dict[str, set[str]] = {}
    for event in log.export(dataset):
        if event.request is not None and (not events or event.kind in events):
            clicks.setdefault(event.request, set()).add(event.item)
    rows: dict[str, list[npt.NDArray[np.float64]]] = {}
    users: dict[str, list[int]] = {}
    numbers: dict[str, int] = {}
    for shown in log.lists(dataset):
        if since is not None and shown.time < since:
            continue
        clicked = clicks.get(shown.request, set())
        row = np.full(1 + POSITIONS, np.nan)
        row[0] = any(item in clicked for item in shown.items)
        for place, item in enumerate(shown.items[:POSITIONS], 1):
            row[place] = item in clicked
        rows.setdefault(shown.strategy, []).append(row)
        # A guest may be anybody.
        who = f"u{shown.user}" if shown.user is not None else f"r{shown.request}"
        users.setdefault(shown.strategy, []).append(numbers.setdefault(who, len(numbers)))
    tables = {name: np.stack(found) for name, found in rows.items()}
    order = sorted(tables, key=lambda name: (-len(tables[name]), name))
    return {
        name: _shown(
            tables[name],
            np.array(users[name]),
            against=None if name == order[0] else (tables[order[0]], np.array(users[order[0]])),
            resamples=resamples,
            seed=seed,
        )
        for name in order
    }


def _shown(
    table: npt.NDArray[np.float64],
    users: npt.NDArray[np.int64],
    *,
    against: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]] | None,
    resamples: int,
    seed: int,
) -> Shown:
    drawn: Mapping[str, Any] = {"resamples": resamples, "seed": seed}
    rate, *positions = bootstrap({"": table}, units=users, **drawn).means[""]
    while positions and np.isnan(positions[-1].value):
        positions.pop()
    difference = None
    if against is not None:
        # Others were shown to other users, who are drawn by themselves.
        other, others = against
        own = resampled_means({"": table[:, :1]}, units=users, **drawn)[""]
        rest = resampled_means(
            {"": other[:, :1]}, units=others, resamples=resamples, seed=seed + 1
        )[""]
        low, high = np.nanpercentile(own - rest, [2.5, 97.5])
        value = float(table[:, 0].mean() - other[:, 0].mean())
        difference = Interval(value, float(low), float(high))
    return Shown(
        lists=len(table),
        users=len(np.unique(users)),
        clicked=int(table[:, 0].sum()),
        rate=rate,
        positions=positions,
        difference=difference,
    )
