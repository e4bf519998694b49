"""The truth of next-in-session: what each further event of a session is predicted from.

Events of a test window come in, a `Truth` of steps goes out. A session is a user's events that name
the same one, and of those that name none, or where a gap is given of all, those without a pause
longer than that. What shares a moment has no order, and is one step for each item of it. A step is
predicted from what its user had before the window and in it, up to the moment before, in whichever
session, so the first moment of a session is only ever shown (Hidasi et al. 2016; Ludewig and
Jannach 2018).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import EVENT, ITEM, SESSION, TIME, USER, VALUE, WEIGHT
from recsys_cli.counted import counted
from recsys_cli.csr import CSR
from recsys_cli.errors import DataError
from recsys_cli.evaluation.truth import NEXT_EVENT, NEXT_IN_SESSION, Steps, Truth
from recsys_cli.events.later import Later
from recsys_cli.events.sessions import NUMBERS, session_key
from recsys_cli.events.weights import event_seconds, event_weight

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec

I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

USUAL_GAP = timedelta(minutes=30)
"""Longest pause within a session that nothing names, where no gap is given."""
MOST_STEPS = 50_000
"""Steps beyond which sessions are drawn."""
_COUNTS = "counts"


@dataclass(frozen=True, slots=True)
class _Events:
    """Events by user, time and item, and where each one's user, session and moment begin.

    Sessions of one user may overlap; moments hold what all of them had.
    """

    users: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    times: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.float32]
    values: npt.NDArray[np.float32]
    counts: Mask
    of_user: I64
    of_session: I64
    of_moment: I64


def next_in_session(
    temporal: Truth,
    window: pl.LazyFrame,
    *,
    spec: DatasetSpec,
    gap: timedelta | None = None,
    most: int = MOST_STEPS,
    seed: int = 42,
) -> Truth:
    """The steps of the sessions in a window.

    Args:
        temporal: the truth of the window as a whole.
        window: its events, canonical columns.
        spec: facts about the dataset.
        gap: longest pause within a session; None means `USUAL_GAP`, and any pause within a session
            that events name.
        most: steps beyond which whole sessions are drawn, so many that no more come of them.
        seed: equal seeds draw the same sessions.

    Raises:
        DataError: no session goes on.
    """
    found = _in_order(window, spec, gap)
    steps = _steps(found)
    if not len(steps):
        raise DataError(
            "no session of the test window goes on to a moment that counts, "
            "so there is nothing to predict from what came before it",
            hint="choose another --cutoff or a longer --horizon; where times are days, "
            "--protocol temporal",
        )
    sessions = found.of_session[steps]
    kept = _drawn(sessions, most=most, seed=seed)
    steps = steps[kept]
    many, drawn = len(np.unique(sessions)), len(np.unique(sessions[kept]))
    told = (
        f"{drawn:,} of {counted(many, 'sessions were')} drawn (seed {seed}), since all of them "
        f"have more than {counted(most, 'steps')}"
    )
    return replace(
        _predicted(temporal, found, steps, found.of_moment[steps]),
        protocol=NEXT_IN_SESSION,
        counts={"pairs": len(steps), "sessions": drawn},
        warnings=(*temporal.warnings, *([told] if drawn < many else [])),
    )


def next_event(
    temporal: Truth,
    window: pl.LazyFrame,
    *,
    spec: DatasetSpec,
    lag: timedelta,
    most: int = MOST_STEPS,
    seed: int = 42,
) -> Truth:
    """What each user has next, at every moment of a window, and what is known of it by then.

    Args:
        temporal: the truth of the window as a whole.
        window: its events, canonical columns.
        spec: facts about the dataset.
        lag: how long it takes until an event is known; 0 is at once.
        most: steps beyond which users are drawn, so many that no more come of them.
        seed: equal seeds draw the same users.
    """
    found = _in_order(window, spec, None)
    steps = _once(found, np.flatnonzero(found.counts))
    users = found.of_user[steps]
    kept = _drawn(users, most=most, seed=seed)
    many, drawn = len(np.unique(users)), len(np.unique(users[kept]))
    steps, users = steps[kept], users[kept]
    # Users and their times ascend, so one search finds what was known by each moment.
    moments = found.users.astype(np.int64) << 33 | found.times
    known = np.searchsorted(moments, moments[steps] - int(lag.total_seconds()), side="right")
    known = np.clip(known, users, found.of_moment[steps])
    told = (
        f"{drawn:,} of {counted(many, 'users')} {'was' if drawn == 1 else 'were'} drawn "
        f"(seed {seed}), since all of them have more than {counted(most, 'steps')}"
    )
    return replace(
        _predicted(temporal, found, steps, known, lag=int(lag.total_seconds())),
        protocol=NEXT_EVENT,
        counts={"pairs": len(steps)},
        warnings=(*temporal.warnings, *([told] if drawn < many else [])),
    )


def _predicted(temporal: Truth, found: _Events, steps: I64, known: I64, *, lag: int = 0) -> Truth:
    """A row for each step, to be predicted from its user's events up to the one at `known`."""
    n_items = temporal.items.n_columns
    later = Later(
        first=found.of_user[steps],
        last=known,
        items=found.items,
        times=found.times,
        weights=found.weights,
        values=found.values,
    )
    return replace(
        temporal,
        users=found.users[steps],
        items=CSR(np.arange(len(steps) + 1), found.items[steps], n_items),
        steps=Steps(later, _had_again(found, n_items)[steps], found.times[steps], lag),
    )


def _in_order(window: pl.LazyFrame, spec: DatasetSpec, gap: timedelta | None) -> _Events:
    import polars as pl

    kinds = [spec.events.index(kind) for kind in spec.truth_events]
    table = (
        window.select(
            USER,
            ITEM,
            event_seconds().alias(TIME),
            event_weight(spec).cast(pl.Float32).alias(WEIGHT),
            pl.col(VALUE).cast(pl.Float32).fill_null(np.nan),
            pl.col(EVENT).is_in(kinds).alias(_COUNTS),
            session_key(window).alias(SESSION),
        )
        .sort(USER, TIME, ITEM, SESSION)
        .collect()
    )
    arrays: dict[str, Any] = {name: table[name].to_numpy() for name in table.columns}
    users, times = arrays[USER], arrays[TIME]
    pauses = np.diff(times.astype(np.int64), prepend=0)
    of_user = np.diff(users, prepend=-1) != 0
    return _Events(
        users=users,
        items=arrays[ITEM],
        times=times,
        weights=arrays[WEIGHT],
        values=arrays[VALUE],
        counts=arrays[_COUNTS],
        of_user=_starts(of_user),
        of_session=_sessions(arrays[SESSION], times, gap),
        of_moment=_starts(of_user | (pauses > 0)),
    )


def _sessions(keys: I64, times: npt.NDArray[np.uint32], gap: timedelta | None) -> I64:
    """(n,) the first event of each one's session, by their keys and times in order of users."""
    # Sessions of one user may overlap.
    order = np.argsort(keys, kind="stable")
    keys, pauses = keys[order], np.diff(times[order].astype(np.float64), prepend=0)
    cut = pauses > (gap or USUAL_GAP).total_seconds()
    if gap is None:
        cut &= keys % NUMBERS == 0
    starts = np.empty(len(keys), np.int64)
    starts[order] = order[_starts(cut | (np.diff(keys, prepend=-1) != 0))]
    return starts


def _starts(first: Mask) -> I64:
    """(n,) where the run of each begins, by whether each is the first of one."""
    starts: I64 = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    return starts


def _steps(found: _Events) -> I64:
    """The events that count and that something of their session comes before, each item once."""
    return _once(found, np.flatnonzero(found.counts & (found.of_moment > found.of_session)))


def _once(found: _Events, at: I64) -> I64:
    """Of an item twice in one moment the first row, in whose order the rest follow."""
    keys = np.stack((found.of_moment[at], found.items[at].astype(np.int64)))
    again = np.zeros(len(at), np.bool_)
    again[1:] = (keys[:, 1:] == keys[:, :-1]).all(axis=0)
    return at[~again]


def _had_again(found: _Events, n_items: int) -> Mask:
    """(events,) whether the user had the item before that moment, in the window."""
    pairs = found.users.astype(np.int64) * n_items + found.items
    _, first, place = np.unique(pairs, return_index=True, return_inverse=True)
    again: Mask = first[place] < found.of_moment
    return again


def _drawn(sessions: I64, *, most: int, seed: int) -> Mask:
    """(steps,) which steps to keep, by the session of each: those of whole sessions."""
    if len(sessions) <= most:
        return np.ones(len(sessions), np.bool_)
    _, place, sizes = np.unique(sessions, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    fits = np.zeros(len(sizes), np.bool_)
    fits[order[np.cumsum(sizes[order]) <= most]] = True
    kept: Mask = fits[place]
    return kept
