"""Which windows a search looks at, and which it never sees.

The log comes in, states before the test window go out. The test window of `recsys eval` and
everything after it stay out of it: the first window ends where the test window begins, and the
others lie before it. The latest of them are held out of the search, and tell whether what it
found holds; where there are no two, the users are divided instead. Random pairs that are held
out stand for windows where events carry no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from recsys_cli.apps.tuning.trial import Window
from recsys_cli.build.freshness import Freshness
from recsys_cli.build.stage import Stage
from recsys_cli.counted import counted
from recsys_cli.evaluation.truth import LEAVE_LAST_OUT, RANDOM_OUT
from recsys_cli.store.snapshot import NOW, Snapshot

SEARCHED = 3
"""Windows that trials are judged on: see docs/tuning.md for what fewer cost."""
HELD_OUT = 2
"""Windows that the best trial is compared on. They cost two builds, not one for each trial."""
_HALVES = 20_091

States = tuple[Snapshot, Snapshot]
"""A state, and the one a window later."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What trials are judged on, and what the best of them is compared on.

    Attributes:
        searched: the latest first.
        held_out: later ones, or the same ones with other users.
        told: the same in words, and why it is not what was asked for or is usual.
    """

    searched: Sequence[Window]
    held_out: Sequence[Window]
    told: str


def divided(windows: Sequence[Window], *, asked: int | None, protocol: str) -> Grounds:
    """Windows, the latest first, as those of the search and those that are held out of it."""
    wanted = asked or SEARCHED
    if protocol != LEAVE_LAST_OUT and len(windows) > 1:
        held_out = max(min(HELD_OUT, len(windows) // 2), len(windows) - wanted)
        searched = windows[held_out:]
        rounds = protocol == RANDOM_OUT
        seen, later = ("rounds", "other rounds") if rounds else ("windows", "later windows")
        told = (
            f"trials are judged on {counted(len(searched), seen)}, the best of them on "
            f"{counted(held_out, later)}{' of random pairs held out' if rounds else ''}"
        )
        if len(searched) < wanted:
            told += "; the log holds no more"
        return Grounds(searched, windows[:held_out], told)
    why = "leave-last-out" if protocol == LEAVE_LAST_OUT else "the log"
    told = (
        "trials are judged on one half of the users, the best of them on the other: "
        f"{why} has no two windows"
    )
    first, second = zip(*map(_halves, windows), strict=True)
    return Grounds(first, second, told)


def _halves(window: Window) -> tuple[Window, Window]:
    """The window with one half of the users, and with the other; a user's is always the same."""
    truth = window.truth
    coins = np.random.default_rng(_HALVES).random(int(truth.users.max(initial=0)) + 1) < 1 / 2
    parts = [np.flatnonzero(coins[truth.users] == side) for side in (True, False)]
    one, other = (
        replace(window, truth=replace(truth, users=truth.users[rows], items=truth.items.take(rows)))
        for rows in parts
    )
    return one, other


def before_the_test(
    freshness: Freshness, stages: Sequence[Stage], dataset: str, test: Snapshot
) -> Iterator[States]:
    """States of the windows before the test window that tell something, the latest first.

    One does where its stages can be made, and where the log goes back as far before it as the
    test window lies after it: models of the first days are not like those that serve. The first
    always comes, so that who builds it says what is wrong.

    Args:
        freshness: of the workspace.
        stages: what is to be made at each state.
        dataset: the dataset's name.
        test: where the test window starts; now means that it is the last window.
    """
    timeline = freshness.timeline
    if test == NOW:
        test = timeline.earlier(dataset, test, 1)
    after = test
    extent = timeline.known(dataset)
    for ago in count(1):
        state = extent.earlier(test, ago)
        reaches = extent.obstacle(state, extent.earlier(state, ago)) is None
        made = not any(freshness.obstacle(stage, dataset, state) for stage in stages)
        if ago > 1 and not (reaches and made):
            return
        yield state, after
        after = state


def of_last_events(windows: int) -> list[States]:
    """States of leave-last-out: all but the last events of each user."""
    return [(Snapshot(leave_last=2 + n), Snapshot(leave_last=1 + n)) for n in range(windows)]
