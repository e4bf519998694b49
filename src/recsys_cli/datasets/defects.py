"""The ways in which a row of the events can be wrong."""

from __future__ import annotations

from functools import partial

import polars as pl

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.datasets.diagnosis import Defect
from recsys_cli.datasets.events import (
    PARSED_TIME,
    RAW_EVENT,
    RAW_ITEM,
    RAW_TIME,
    RAW_USER,
    RAW_VALUE,
    EventReader,
)

BLANK = "events.blank"


def unknown(column: str) -> str:
    """Name of the check for ids that the catalogue of `column` lacks."""
    return f"events.unknown_{column}s"


def known_defects(reader: EventReader, *, signed_weights: bool) -> list[Defect]:
    """Every defect that this file can have, as predicates on `EventReader.mapped(rows=True)`.

    Args:
        reader: the raw events.
        signed_weights: whether values multiply weights, so that none may be negative.
    """
    raw = reader.raw
    no_time = pl.col(RAW_TIME).is_null() if raw.time else pl.lit(True)
    blank = pl.col(RAW_USER).is_null() & pl.col(RAW_ITEM).is_null() & no_time
    found = [Defect(BLANK, blank, "blank lines", "no blank lines", "they are ignored")]
    for what, cell, column in ((USER, RAW_USER, raw.user), (ITEM, RAW_ITEM, raw.item)):
        empty = Defect(
            check=f"events.empty_{what}",
            wrong=pl.col(cell).is_null() & ~blank,
            message=f"rows without a {what} id".replace("a item", "an item"),
            clean=f"every row has its {what} id",
            hint="every event needs a user and an item",
            cell=cell,
            column=column,
            skips=True,
        )
        found.append(empty)
    found += _time_defects(reader, blank)
    found += _event_defects(reader, blank)
    found += _value_defects(reader, signed_weights=signed_weights)
    return found + _unknown_ids(reader)


def _time_defects(reader: EventReader, blank: pl.Expr) -> list[Defect]:
    if reader.time is None:
        return []
    parsed, raw, name = pl.col(PARSED_TIME), pl.col(RAW_TIME), reader.time.name
    defect = partial(Defect, cell=RAW_TIME, column=reader.raw.time, skips=True)
    return [
        defect(
            "events.empty_time",
            raw.is_null() & ~blank,
            "rows without a time",
            "every event has a time",
            "every event needs a time, or none may have one",
        ),
        defect(
            "events.time",
            parsed.is_null() & raw.is_not_null(),
            f"rows whose time does not parse as {name}",
            f"every time parses as {name}",
            "write all times in one format",
        ),
        defect(
            "events.time_range",
            parsed.is_not_null() & pl.col(TIME).is_null(),
            f"rows whose time, read as {name}, is before 1970-01-02 or in the future",
            "every time is possible",
            'correct them; or, if the column is no time, set columns = { time = "" }',
        ),
    ]


def _event_defects(reader: EventReader, blank: pl.Expr) -> list[Defect]:
    if reader.raw.event is None:
        return []
    return [
        Defect(
            check="events.kinds",
            wrong=pl.col(EVENT).is_null() & ~blank,
            message="rows of an unknown kind of event",
            clean="every kind of event is known",
            hint=f"known kinds: {', '.join(reader.kinds)}",
            cell=RAW_EVENT,
            column=reader.raw.event,
            skips=True,
        )
    ]


def _value_defects(reader: EventReader, *, signed_weights: bool) -> list[Defect]:
    if reader.raw.value is None:
        return []
    defect = partial(Defect, cell=RAW_VALUE, column=reader.raw.value)
    return [
        defect(
            "events.value",
            pl.col(VALUE).is_null() & pl.col(RAW_VALUE).is_not_null(),
            "cells that are not a finite number",
            "every value is a number",
            "they count as empty",
            everywhere="no value of the column is a number; name another column for value",
        ),
        defect(
            "events.negative",
            pl.col(VALUE) < 0,
            "negative values, kept",
            "no negative values",
            "check whether they are returns or errors",
            never="with value_as_weight no value may be negative" if signed_weights else None,
        ),
    ]


def _unknown_ids(reader: EventReader) -> list[Defect]:
    return [
        Defect(
            check=unknown(ids.column),
            wrong=pl.col(ids.column).is_null() & pl.col(cell).is_not_null(),
            message=f"events of {ids.column}s that the catalogue lacks, kept and flagged",
            clean=f"every {ids.column} is in the catalogue",
            hint=f"add the {ids.column}s to the catalogue",
            cell=cell,
            column=reader.column_of(ids.column),
            everywhere=f"no event's {ids.column} is in the catalogue; are both from the same "
            "source, and were leading zeros lost?",
        )
        for ids, cell in ((reader.users, RAW_USER), (reader.items, RAW_ITEM))
        if ids.has_catalogue
    ]
