"""Test splits: the truth of a protocol, from the events.

Canonical events come in, a `Truth` goes out. Which events a model may have seen is not decided
here but by the snapshot that `Truth.cutoff` (or that of the protocol) names.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from recsys_cli.columns import ITEM, TIME, USER
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import Command, DataError
from recsys_cli.evaluation.truth import LEAVE_LAST_OUT, RANDOM_OUT, TEMPORAL, Truth
from recsys_cli.events.labels import counting_pairs
from recsys_cli.moments import DAY, after, is_midnight, said, whole_days
from recsys_cli.store.snapshot import FIRST_ROUND, NOW, Snapshot, events_between, is_last_event

if TYPE_CHECKING:
    import polars as pl

_MINUTE = timedelta(minutes=1)
LEAVE_LAST_OUT_WARNING = (
    "leave-last-out leaks time: models learn from events of other users that happened after a "
    "held-out one, so expect lower numbers in service; --protocol temporal does not"
)
RANDOM_OUT_WARNING = (
    "random pairs are held out, a tenth of each user's and at least one, drawn with a fixed seed: "
    "that tells how well what a user has is completed, not what they do next"
)


def window_starts(
    events: pl.LazyFrame,
    *,
    spec: DatasetSpec,
    windows: int = 1,
    cutoff: datetime | None = None,
    horizon: timedelta | None = None,
) -> list[datetime]:
    """Starts of consecutive test windows that do not overlap, the earliest first.

    The last one ends with the last event: with its day where the length is the dataset's own or
    all times are days, and is a number of days; else with its second.

    Args:
        events: all canonical events.
        spec: facts about the dataset.
        windows: how many.
        cutoff: start of the last window; by default so that it ends with the last event.
        horizon: length of a window; by default the dataset's.

    Raises:
        DataError: events carry no time, or none lie before the first window.
    """
    _need_times(spec)
    length, log = horizon or spec.horizon, _log_of(events)
    latest = cutoff or log.last_window(spec, horizon)
    starts = [latest - length * back for back in reversed(range(windows))]
    if windows > 1 and log.first >= starts[0]:
        fitting = sum(log.first < start for start in starts)
        raise DataError(
            f"no event lies before {said(starts[0])}, where the first of {windows} windows begins",
            hint=f"{log}; "
            + (f"--windows {fitting} fits" if fitting else "choose a shorter --horizon"),
        )
    return starts


def temporal_truth(
    events: pl.LazyFrame,
    *,
    spec: DatasetSpec,
    n_items: int,
    cutoff: datetime | None = None,
    horizon: timedelta | None = None,
) -> Truth:
    """What users did from the cut-off on, for as long as the horizon.

    Args:
        events: all canonical events.
        spec: facts about the dataset.
        n_items: size of the catalogue.
        cutoff: start of the window; by default that of `window_starts`.
        horizon: length of the window; by default the dataset's.

    Raises:
        DataError: events carry no time, or none lie before the cut-off or in the window.
    """
    _need_times(spec)
    length, log = horizon or spec.horizon, _log_of(events)
    start = cutoff or log.last_window(spec, horizon)
    end = start + length
    if log.first >= start:
        raise DataError(
            f"no event lies before the cut-off {said(start)}, so there is nothing to learn from",
            hint=f"{log}; choose a later --cutoff or a shorter --horizon, "
            f"or set horizon in [datasets.{spec.name}] of recsys.toml",
        )
    window = events_between(events, Snapshot(as_of=start), Snapshot(as_of=end))
    pairs = counting_pairs(window, spec)
    days = is_midnight(start) and whole_days(length)
    until = said(end - DAY if days else end)
    if pairs.is_empty():
        raise DataError(
            f"no {' or '.join(spec.truth_events)} event from {said(start)} to {until} "
            "to evaluate on",
            hint=f"{log}; choose another --cutoff or a longer --horizon",
        )
    beyond = f"the test window runs to {until}, but the last event is of {_to_minute(log.last)}"
    return replace(
        _truth(pairs, n_items, TEMPORAL),
        cutoff=start,
        horizon=length,
        warnings=(beyond,) if end - log.last > (DAY if days else _MINUTE) else (),
    )


def leave_last_out_truth(events: pl.LazyFrame, *, spec: DatasetSpec, n_items: int) -> Truth:
    """Each user's last event, where it is of a kind that counts.

    Args:
        events: all canonical events.
        spec: facts about the dataset.
        n_items: size of the catalogue.

    Raises:
        DataError: events carry no time, or no user's last event counts.
    """
    _need_times(spec)
    pairs = counting_pairs(events.filter(is_last_event()), spec)
    if pairs.is_empty():
        raise DataError(f"no user's last event is a {' or '.join(spec.truth_events)}")
    truth = _truth(pairs, n_items, LEAVE_LAST_OUT)
    return replace(truth, warnings=(LEAVE_LAST_OUT_WARNING,))


def random_out_truth(
    events: pl.LazyFrame,
    *,
    spec: DatasetSpec,
    n_items: int,
    start: Snapshot = FIRST_ROUND,
    end: Snapshot = NOW,
) -> Truth:
    """Random pairs of each user who has two or more, as far as their events count.

    Args:
        events: all canonical events.
        spec: facts about the dataset.
        n_items: size of the catalogue.
        start: what does not see the pairs.
        end: what does.

    Raises:
        DataError: no user has a pair to hold out.
    """
    pairs = counting_pairs(events_between(events, start, end), spec)
    if pairs.is_empty():
        raise DataError(
            f"no user has two items by {' or '.join(spec.truth_events)}, one of which could be "
            "held out",
            hint="give the test split yourself: --truth FILE",
        )
    return replace(_truth(pairs, n_items, RANDOM_OUT), warnings=(RANDOM_OUT_WARNING,))


def _truth(pairs: pl.DataFrame, n_items: int, protocol: str) -> Truth:
    users, items = pairs[USER].to_numpy(), pairs[ITEM].to_numpy()
    return Truth.from_pairs(users, items, n_columns=n_items, protocol=protocol)


def _need_times(spec: DatasetSpec) -> None:
    if not spec.has_time:
        raise DataError(
            f"the events of {spec.name} carry no time, so no test window can be cut off",
            hint="--protocol random-out holds random pairs out; or give the test split yourself: "
            "--truth FILE",
        )


class _Log(NamedTuple):
    """Times of the first and last event, and whether all times are midnights."""

    first: datetime
    last: datetime
    of_days: bool

    def __str__(self) -> str:
        return f"events run from {_to_minute(self.first)} to {_to_minute(self.last)}"

    def last_window(self, spec: DatasetSpec, horizon: timedelta | None) -> datetime:
        """Start of the window that ends with the last event; see `window_starts`."""
        length = horizon or spec.horizon
        days = whole_days(length) and (horizon is None or self.of_days)
        return after(self.last, days=days) - length


def _to_minute(moment: datetime) -> str:
    return said(moment.replace(second=0, microsecond=0))


def _log_of(events: pl.LazyFrame) -> _Log:
    import polars as pl

    time = pl.col(TIME)
    bounds = events.select(
        time.min().alias("first"), time.max().alias("last"), (time.dt.date() == time).all()
    ).collect(engine="streaming")
    log = _Log(*bounds.row(0))
    if log.last is None:
        raise DataError("there are no events", hint=Command("ingest"))
    return log
