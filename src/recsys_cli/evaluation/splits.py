"""Test splits: the truth of a protocol, from the events.

Canonical events come in, a `Truth` goes out. Which events a model may have seen is not decided
here but by the snapshot that `Truth.cutoff` (or the leave-last-out snapshot) names.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from recsys_cli.columns import ITEM, TIME, USER
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import Command, DataError
from recsys_cli.evaluation.truth import LEAVE_LAST_OUT, TEMPORAL, Truth
from recsys_cli.events.labels import counting_pairs
from recsys_cli.store.snapshot import is_last_event

if TYPE_CHECKING:
    import polars as pl

LEAVE_LAST_OUT_WARNING = (
    "leave-last-out leaks time: models learn from events of other users that happened after a "
    "held-out one, so expect lower numbers in service; --protocol temporal does not"
)


def window_starts(
    events: pl.LazyFrame,
    *,
    spec: DatasetSpec,
    windows: int = 1,
    cutoff: date | None = None,
    horizon_days: int | None = None,
) -> list[date]:
    """First days of consecutive test windows that do not overlap, the earliest first.

    Args:
        events: all canonical events.
        spec: facts about the dataset.
        windows: how many.
        cutoff: first day of the last window; by default so that it ends with the last event.
        horizon_days: length of a window; by default the dataset's.

    Raises:
        DataError: events carry no time, or none lie before the first window.
    """
    _need_times(spec)
    days = timedelta(days=horizon_days or spec.horizon_days)
    first, last = _first_and_last(events)
    latest = cutoff or last.date() + timedelta(days=1) - days
    starts = [latest - days * back for back in reversed(range(windows))]
    if windows > 1 and first.date() >= starts[0]:
        fitting = sum(first.date() < start for start in starts)
        raise DataError(
            f"no event lies before {starts[0]}, where the first of {windows} windows begins",
            hint=f"events run from {first.date()} to {last.date()}; "
            + (f"--windows {fitting} fits" if fitting else "choose a shorter --horizon"),
        )
    return starts


def temporal_truth(
    events: pl.LazyFrame,
    *,
    spec: DatasetSpec,
    n_items: int,
    cutoff: date | None = None,
    horizon_days: int | None = None,
) -> Truth:
    """What users did from the cut-off on, for as many days as the horizon.

    Args:
        events: all canonical events.
        spec: facts about the dataset.
        n_items: size of the catalogue.
        cutoff: first day of the window; by default so that the window ends with the last event.
        horizon_days: length of the window; by default the dataset's.

    Raises:
        DataError: events carry no time, or none lie before the cut-off or in the window.
    """
    import polars as pl

    _need_times(spec)
    days = horizon_days or spec.horizon_days
    first, last = _first_and_last(events)
    after_last = last.date() + timedelta(days=1)
    start = cutoff or after_last - timedelta(days=days)
    end = start + timedelta(days=days)
    if first.date() >= start:
        raise DataError(
            f"no event lies before the cut-off {start}, so there is nothing to learn from",
            hint=f"events run from {first.date()} to {last.date()}; "
            "choose a later --cutoff or a shorter --horizon",
        )
    start_of, end_of = (pl.lit(day).cast(pl.Datetime("ms")) for day in (start, end))
    window = events.filter(pl.col(TIME) >= start_of, pl.col(TIME) < end_of)
    pairs = counting_pairs(window, spec)
    if pairs.is_empty():
        raise DataError(
            f"no {' or '.join(spec.truth_events)} event from {start} to "
            f"{end - timedelta(days=1)} to evaluate on",
            hint=f"events run from {first.date()} to {last.date()}; "
            "choose another --cutoff or a longer --horizon",
        )
    beyond = (
        f"the test window runs to {end - timedelta(days=1)}, but the last event is of {last.date()}"
    )
    return replace(
        _truth(pairs, n_items, TEMPORAL),
        cutoff=start,
        horizon_days=days,
        warnings=(beyond,) if end > after_last else (),
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


def _truth(pairs: pl.DataFrame, n_items: int, protocol: str) -> Truth:
    users, items = pairs[USER].to_numpy(), pairs[ITEM].to_numpy()
    return Truth.from_pairs(users, items, n_columns=n_items, protocol=protocol)


def _need_times(spec: DatasetSpec) -> None:
    if not spec.has_time:
        raise DataError(
            f"the events of {spec.name} carry no time, so no test window can be cut off",
            hint="give the test split yourself: --truth FILE",
        )


def _first_and_last(events: pl.LazyFrame) -> tuple[datetime, datetime]:
    import polars as pl

    bounds = events.select(
        pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last")
    ).collect(engine="streaming")
    first, last = bounds.row(0)
    if last is None:
        raise DataError("there are no events", hint=Command("ingest"))
    return first, last
