"""Takes returned pieces from what users bought, and keeps what was known before they came back.

A table of events with negative values comes in. Two go out: the events as they are in the end,
without returns and what was returned whole; and the states that events were in before, each with
the moments `SINCE` and `UNTIL` which it was so, and the place `ROW` of its event in the first table
as far as something is left of it. `as_known` puts both together for a moment, so that a snapshot of
the past does not know what will be returned.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from recsys_cli.columns import EVENT, ITEM, SINCE, TIME, UNTIL, USER, VALUE
from recsys_cli.datasets.catalogue import COMPRESSION, COMPRESSION_LEVEL
from recsys_cli.datasets.times import MILLISECONDS

ROW = "row"
_ROW_GROUP = 1 << 18
_WRITTEN: dict[str, Any] = {
    "compression": COMPRESSION,
    "compression_level": COMPRESSION_LEVEL,
    "row_group_size": _ROW_GROUP,
    "maintain_order": True,
}
_STATES = {ROW: pl.UInt32(), VALUE: pl.Float32(), SINCE: pl.Int64(), UNTIL: pl.Int64()}


class _State(NamedTuple):
    """A row of an event as it was from a moment to another; None for no bound, or no value."""

    row: int
    value: float | None
    since: int | None
    until: int | None


@dataclass(slots=True)
class _Had:
    """An event, and how many pieces of it are left."""

    row: int
    kind: int
    value: float | None
    left: float
    time: int | None
    since: int | None = None


class Subtracted(NamedTuple):
    """How many rows went, and the kinds of event (codes) that all were returns."""

    rows: int
    kinds: frozenset[int]


def subtract_returns(path: Path, former: Path, *, wanted: bool) -> Subtracted:
    """Take the negative values of an events table from the same user's earlier events of the item.

    The latest pieces are taken first, of events of the return's own kind; where all events of a
    kind are returns, of any kind that has values. What nobody had yet when it was returned is
    taken from what they had later, so that in the end all have what they bought less what they
    returned. The order of what is left stays. Without times there are no former states.

    Args:
        path: the table, which is written again.
        former: the table of former states to write; empty where there are none.
        wanted: whether negative values are returns.
    """
    frame = pl.scan_parquet(path).with_row_index(ROW)
    schema = frame.collect_schema() | {SINCE: MILLISECONDS, UNTIL: MILLISECONDS}
    back = frame.filter(pl.col(VALUE) < 0) if wanted else frame.clear()
    pairs = back.select(USER, ITEM).unique().collect(engine="streaming")
    if pairs.is_empty():
        pl.LazyFrame(schema=schema).sink_parquet(former, **_WRITTEN)
        return Subtracted(0, frozenset())
    touched = (
        frame.join(pairs.lazy(), on=[USER, ITEM], how="semi")
        .select(ROW, USER, ITEM, pl.col(TIME).to_physical(), EVENT, VALUE)
        # At one time, what was bought comes before what was returned.
        .sort(USER, ITEM, TIME, pl.col(VALUE) < 0, ROW)
        .collect(engine="streaming")
    )
    kinds = _only_returned(frame)
    states = pl.DataFrame(list(_states(touched, kinds)), schema=_STATES, orient="row").with_columns(
        pl.col(SINCE, UNTIL).cast(MILLISECONDS)
    )
    before = frame.select(pl.len()).collect().item()
    _write(frame, states, path, former)
    now = pl.scan_parquet(path).select(pl.len()).collect().item()
    return Subtracted(int(before - now), kinds)


def _write(frame: pl.LazyFrame, states: pl.DataFrame, path: Path, former: Path) -> None:
    """Write both tables: events that are left, and the former states with their places in these.

    Args:
        frame: the events, numbered, returns among them.
        states: of all events of pairs that have returns.
        path: of the events; may be where `frame` is read from.
        former: of the former states.
    """
    columns = frame.collect_schema().names()
    pairs = frame.filter(pl.col(VALUE) < 0).select(USER, ITEM).unique()
    others = frame.join(pairs, on=[USER, ITEM], how="anti")
    rows = frame.drop(VALUE).join(states.lazy(), on=ROW)
    ended = rows.filter(pl.col(UNTIL).is_null()).select(columns)
    numbered, kept = path.with_suffix(".numbered"), path.with_suffix(".kept")
    pl.concat([others, ended]).sort(ROW).sink_parquet(numbered, **_WRITTEN)
    left = pl.scan_parquet(numbered)
    places = left.select(pl.col(ROW), place=pl.int_range(pl.len(), dtype=pl.UInt32))
    was = rows.filter(pl.col(UNTIL).is_not_null()).join(places, on=ROW, how="left")
    was.sort(ROW, UNTIL).with_columns(pl.col("place").alias(ROW)).select(
        *columns, SINCE, UNTIL
    ).sink_parquet(former, **_WRITTEN)
    left.drop(ROW).sink_parquet(kept, **_WRITTEN)
    numbered.unlink()
    kept.replace(path)


def as_known(events: pl.LazyFrame, former: pl.LazyFrame, at: datetime) -> pl.LazyFrame:
    """The events as they were known just before a moment (UTC).

    Args:
        events: as they are in the end, canonical columns.
        former: the states that they were in before.
        at: the moment.
    """
    moment = pl.lit(at).cast(MILLISECONDS)
    begun = (pl.col(SINCE) < moment).fill_null(value=True)
    was = former.filter(begun & (pl.col(UNTIL) >= moment)).collect(engine="streaming")
    if was.is_empty():
        return events
    there = events.with_row_index(ROW).join(was.lazy().select(ROW).drop_nulls(), on=ROW, how="anti")
    return pl.concat([there, was.lazy().drop(SINCE, UNTIL)]).drop(ROW)


def _only_returned(frame: pl.LazyFrame) -> frozenset[int]:
    """The kinds of event that all are returns."""
    kinds = frame.group_by(EVENT).agg((pl.col(VALUE) < 0).fill_null(value=False).all())
    rows = kinds.collect(engine="streaming").iter_rows()
    return frozenset(kind for kind, returns in rows if returns)


def _states(touched: pl.DataFrame, only_returned: frozenset[int]) -> Iterator[_State]:
    """The states of the events of all pairs that have returns."""
    for _, pair in groupby(touched.iter_rows(), key=lambda event: event[1:3]):
        had: list[_Had] = []
        early: list[tuple[float, int | None]] = []
        for row, _, _, time, kind, value in pair:
            if value is None or value >= 0:
                had.append(_Had(row, kind, value, 1.0 if value is None else value, time))
                continue
            of_kind = None if kind in only_returned else kind
            left = yield from _taken(had, -value, of_kind, time)
            early.append((left, of_kind))
        for left, of_kind in early:
            yield from _taken(had, left, of_kind, None)
        yield from (_State(event.row, event.value, event.since, None) for event in had)


def _taken(
    had: list[_Had], back: float, kind: int | None, time: int | None
) -> Generator[_State, None, float]:
    """Take pieces from what was had, the latest first, and tell what was known until then.

    Without a `time` it was never known otherwise. What is left to take is returned.
    """
    valued = any(event.value is not None for event in had)
    for event in [one for one in reversed(had) if one.left > 0]:
        if (valued and event.value is None) if kind is None else event.kind != kind:
            continue
        if back <= 0:
            break
        if time is not None:
            if time != (event.time if event.since is None else event.since):
                yield _State(event.row, event.value, event.since, time)
            event.since = time
        pieces = min(event.left, back)
        event.left, back = event.left - pieces, back - pieces
        event.value = event.left
        if not event.left:
            had.remove(event)
    return back
