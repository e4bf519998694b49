"""Raw events to canonical ones: ids become rows, times and values become numbers.

One streaming pass reads, looks the ids up and writes Parquet in file order. What it cannot
understand becomes null; `mapped(rows=True)` is the same stream with all that diagnosis needs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from recsys_cli.columns import EVENT, ITEM, SESSION, TIME, USER, VALUE
from recsys_cli.counted import counted
from recsys_cli.datasets.catalogue import COMPRESSION, COMPRESSION_LEVEL, Ids
from recsys_cli.datasets.findings import Findings
from recsys_cli.datasets.lookup import RowLookup
from recsys_cli.datasets.rawfile import ROW, as_text
from recsys_cli.datasets.tables import RawEvents
from recsys_cli.datasets.times import (
    MILLISECONDS,
    SAMPLE_ROWS,
    TimeFormat,
    detect_time,
    given_time,
    plausible,
    widened,
)

RAW_USER, RAW_ITEM, RAW_VALUE = "__user", "__item", "__value"
RAW_TIME, RAW_EVENT, PARSED_TIME = "__time", "__event", "__parsed"

_MAX_KINDS = 255
_TWO_DAYS_MS = 172_800_000
ROW_GROUP = 1 << 18


@dataclass(frozen=True, slots=True)
class EventReader:
    """A raw events file with everything settled about how to read it.

    Attributes:
        raw: the file and its columns.
        users: user ids; those that only the events have are filled in as they are found.
        items: item ids, likewise.
        kinds: kinds of event in the order of their codes.
        time: how the time column reads; None without one.
        latest_ms: times after this are impossible.
        sessions: numbers of the sessions that events name; None where they name none.
        padded_values: whether numbers stand between spaces.
    """

    raw: RawEvents
    users: Ids
    items: Ids
    kinds: tuple[str, ...]
    time: TimeFormat | None
    latest_ms: int
    sessions: RowLookup | None = None
    padded_values: bool = False

    def parsed(self, *, rows: bool = False) -> pl.LazyFrame:
        """Canonical time, event and value beside the ids as text.

        Args:
            rows: keep what diagnosis needs: the row number `ROW`, the raw cells, and "" ids as
                null.
        """
        raw, dtypes = self.raw, self.raw.source.file.dtypes()
        frame = raw.scan(rows=rows)
        columns = [
            self._id(raw.user, dtypes, exact=rows).alias(USER),
            self._id(raw.item, dtypes, exact=rows).alias(ITEM),
            self._time().alias(TIME),
            self._event(dtypes).alias(EVENT),
            self._value(dtypes).alias(VALUE),
        ]
        if not rows:
            return frame.select(*columns, *self._session(dtypes))
        cells = ((RAW_TIME, raw.time), (RAW_EVENT, raw.event), (RAW_VALUE, raw.value))
        kept = [as_text(c, dtypes[c]).alias(name) for name, c in cells if c is not None]
        if self.time is not None:
            kept.append(self.time.expr.alias(PARSED_TIME))
        return frame.select(ROW, *columns, *kept)

    def mapped(self, *, rows: bool = False) -> pl.LazyFrame:
        """The canonical table in file order; ids without a row are null."""
        frame = self.parsed(rows=rows)
        found = [
            RowLookup(ids.all()).expr(pl.col(ids.column)).alias(ids.column)
            for ids in (self.users, self.items)
        ]
        if not rows:
            return frame.with_columns(found)
        spare = [pl.col(USER).alias(RAW_USER), pl.col(ITEM).alias(RAW_ITEM)]
        return frame.with_columns(*found, *spare)

    def complete(self, *, raw_ids: bool = False) -> pl.Expr:
        """Whether a mapped row is whole; with `raw_ids`, even if its ids have no row yet."""
        ids = [RAW_USER, RAW_ITEM] if raw_ids else [USER, ITEM]
        needed = [*ids, EVENT] + ([TIME] if self.time else [])
        return pl.all_horizontal(pl.col(c).is_not_null() for c in needed)

    def column_of(self, canonical: str) -> str:
        """Raw name of the user or the item column."""
        return self.raw.user if canonical == USER else self.raw.item

    def _id(self, column: str, dtypes: dict[str, pl.DataType], *, exact: bool) -> pl.Expr:
        # "" is an id that no table has, so only diagnosis needs to tell it from others.
        if dtypes[column] == pl.String and not exact:
            return pl.col(column)
        return as_text(column, dtypes[column])

    def _time(self) -> pl.Expr:
        if self.time is None:
            return pl.lit(None, MILLISECONDS)
        parsed = self.time.expr
        return pl.when(plausible(parsed, latest_ms=self.latest_ms)).then(parsed)

    def _event(self, dtypes: dict[str, pl.DataType]) -> pl.Expr:
        if self.raw.event is None:
            return pl.lit(0, pl.UInt8)
        text = as_text(self.raw.event, dtypes[self.raw.event])
        return text.cast(pl.Enum(self.kinds), strict=False).to_physical().cast(pl.UInt8)

    def _session(self, dtypes: dict[str, pl.DataType]) -> list[pl.Expr]:
        column = self.raw.session
        if column is None or self.sessions is None:
            return []
        return [self.sessions.expr(as_text(column, dtypes[column])).alias(SESSION)]

    def _value(self, dtypes: dict[str, pl.DataType]) -> pl.Expr:
        column = self.raw.value
        if column is None:
            return pl.lit(None, pl.Float32)
        number = pl.col(column)
        if self.padded_values:
            number = number.str.strip_chars()
        number = number.cast(pl.Float32, strict=False)
        return pl.when(number.is_finite()).then(number)


def make_reader(raw: RawEvents, users: Ids, items: Ids, findings: Findings) -> EventReader:
    """Settle the time format and the kinds of event.

    Raises:
        DataError: no time can be read, or there are too many kinds of event.
    """
    time_format = None
    if raw.time is not None:
        time_format = _time_format(raw, raw.time, findings)
    kinds = raw.kinds or _kinds(raw, findings)
    latest = time.time_ns() // 1_000_000 + _TWO_DAYS_MS
    sessions = _sessions(raw, findings)
    padded = _values_are_padded(raw)
    return EventReader(raw, users, items, kinds, time_format, latest, sessions, padded)


def _sessions(raw: RawEvents, findings: Findings) -> RowLookup | None:
    """Numbers of the sessions that events name, in the order of their ids."""
    if raw.session is None:
        return None
    file = raw.source.file
    ids = as_text(raw.session, file.dtypes()[raw.session])
    found = raw.scan().select(ids.unique()).collect(engine="streaming").to_series()
    known = found.drop_nulls().sort()
    place: dict[str, Any] = {"file": file.label, "column": raw.session, "count": len(known)}
    if 1 < len(known) == raw.rows:
        message = "every row is a session of its own, in which nothing goes with anything"
        hint = "name the column of visits in recsys.toml, or none"
        findings.warn("events.sessions", message, hint=hint, **place)
    else:
        message = f"{counted(len(known), 'values')} tell the sessions of a user apart"
        findings.ok("events.sessions", message, **place)
    return RowLookup(known)


def _time_format(raw: RawEvents, column: str, findings: Findings) -> TimeFormat:
    """How the time column reads; raises where it does not."""
    if raw.time_format:
        return given_time(column, raw.time_format)
    file = raw.source.file
    sample = raw.scan().select(column).head(SAMPLE_ROWS).collect(engine="streaming").to_series()
    found = detect_time(sample)
    if found is None:
        cells = sample.drop_nulls()
        findings.fatal(
            "events.time",
            "no known time format reads the column",
            file=file.label,
            column=column,
            count=raw.rows,
            example=str(cells[0]) if len(cells) else "",
            hint='name it in recsys.toml, such as time_format = "%d/%m/%Y %H:%M"; or write ISO '
            "dates (2020-09-16 or 2020-09-16 13:45:00) or epochs",
        )
    other = found.other_way(column)
    return found if other is None else _in_order(raw, column, found, other, findings)


def _in_order(
    raw: RawEvents, column: str, one: TimeFormat, other: TimeFormat, findings: Findings
) -> TimeFormat:
    """The one of two orders of day and month that reads more of the whole column.

    Where both read all of it, and differently, nobody can tell, and it raises.
    """
    differ = one.expr.is_not_null() & (one.expr != other.expr)
    counts = raw.scan().select(
        one.expr.count().alias("one"),
        other.expr.count().alias("other"),
        differ.sum().alias("differ"),
        pl.col(column).filter(differ).first().alias("cell"),
    )
    read = counts.collect(engine="streaming").row(0, named=True)
    if read["one"] != read["other"]:
        return one if read["one"] > read["other"] else other
    if not read["differ"]:
        return one
    cell = pl.DataFrame({column: [read["cell"]]})
    days = [f"{cell.select(each.expr).item():%Y-%m-%d} as {each.name}" for each in (one, other)]
    findings.fatal(
        "events.time",
        f"day and month cannot be told apart: {read['cell']!r} is {' or '.join(days)}",
        file=raw.source.file.label,
        column=column,
        count=read["differ"],
        example=read["cell"],
        hint=f'say which in recsys.toml: time_format = "{one.patterns[0]}" or '
        f'time_format = "{other.patterns[0]}"',
    )


def wider_time(reader: EventReader) -> EventReader | None:
    """The reader with time formats that read cells which it does not; None without any."""
    column = reader.raw.time
    if reader.time is None or column is None or not reader.time.patterns:
        return None
    unread = pl.col(column).is_not_null() & reader.time.expr.is_null()
    frame = reader.raw.scan().select(column).filter(unread).head(SAMPLE_ROWS)
    time = widened(reader.time, frame.collect(engine="streaming").to_series())
    return replace(reader, time=time) if time is not None else None


def _values_are_padded(raw: RawEvents) -> bool:
    if raw.value is None or raw.source.file.dtypes()[raw.value] != pl.String:
        return False
    cells = raw.scan().select(raw.value).head(SAMPLE_ROWS).collect(engine="streaming").to_series()
    return bool((cells.str.strip_chars() != cells).any())


def _kinds(raw: RawEvents, findings: Findings) -> tuple[str, ...]:
    if raw.event is None:
        raise ValueError("an events file without an event column needs a kind")
    file = raw.source.file
    text = as_text(raw.event, file.dtypes()[raw.event])
    frame = raw.scan().select(text.unique()).collect(engine="streaming")
    kinds = frame.to_series().drop_nulls().sort().to_list()
    if not kinds or len(kinds) > _MAX_KINDS:
        findings.fatal(
            "events.kinds",
            f"holds {len(kinds):,} different kinds of event; at most {_MAX_KINDS} make sense",
            file=file.label,
            column=raw.event,
            count=len(kinds),
            example=kinds[0] if kinds else None,
            hint='name another column in recsys.toml, or none: columns = { event = "" }',
        )
    return tuple(kinds)


def sink_events(reader: EventReader, path: Path, *, drop: bool) -> None:
    """Write the canonical events in file order; with `drop`, without incomplete rows."""
    frame = reader.mapped()
    if drop:
        frame = frame.filter(reader.complete())
    frame.sink_parquet(
        path,
        compression=COMPRESSION,
        compression_level=COMPRESSION_LEVEL,
        row_group_size=ROW_GROUP,
        maintain_order=True,
    )


def unlisted_ids(reader: EventReader, column: str) -> pl.Series:
    """Ids in `column` of understood rows that have no row yet, ascending."""
    frame = reader.mapped(rows=True).filter(reader.complete(raw_ids=True))
    missing = frame.filter(pl.col(column).is_null()).select(pl.col(f"__{column}").alias(column))
    return missing.unique().collect(engine="streaming").to_series().sort()
