"""The ways in which a row of the events can be wrong."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recsys_cli.columns import EVENT, TIME, VALUE
from recsys_cli.datasets import events
from recsys_cli.datasets.diagnosis import Defect, defect

BLANK = "events.blank"


def unknown(column: str) -> str:
    """Name of the check for ids that the catalogue of `column` lacks."""
    return f"events.unknown_{column}s"


def known_defects(reader: events.EventReader, *, signed_weights: bool) -> list[Defect]:
    """Every defect that this file can have, as predicates on `EventReader.mapped(rows=True)`.

    Args:
        reader: the raw events.
        signed_weights: whether values multiply weights, so that none may be negative.
    """
    raw, ids = reader.raw, ((reader.users, events.RAW_USER), (reader.items, events.RAW_ITEM))
    no_time = pl.col(events.RAW_TIME).is_null() if raw.time else pl.lit(True)
    blank = pl.col(events.RAW_USER).is_null() & pl.col(events.RAW_ITEM).is_null() & no_time
    found = [defect(BLANK, blank)]
    for each, cell in ids:
        wrong = {f"events.empty_{each.column}": pl.col(cell).is_null() & ~blank}
        found += _of_cell(cell, reader.column_of(each.column), wrong)
    if reader.time is not None:
        parsed, written = pl.col(events.PARSED_TIME), pl.col(events.RAW_TIME)
        wrong = {
            "events.empty_time": written.is_null() & ~blank,
            "events.time": parsed.is_null() & written.is_not_null(),
            "events.time_range": parsed.is_not_null() & pl.col(TIME).is_null(),
        }
        found += _of_cell(events.RAW_TIME, raw.time, wrong, format=reader.time.name)
    if raw.event is not None:
        wrong = {"events.kinds": pl.col(EVENT).is_null() & ~blank}
        found += _of_cell(events.RAW_EVENT, raw.event, wrong, kinds=", ".join(reader.kinds))
    if raw.value is not None:
        wrong = {
            "events.value": pl.col(VALUE).is_null() & pl.col(events.RAW_VALUE).is_not_null(),
            "events.negative": pl.col(VALUE) < 0,
        }
        found += _of_cell(events.RAW_VALUE, raw.value, wrong)
    for each, cell in ids:
        if each.has_catalogue:
            wrong = {
                unknown(each.column): pl.col(each.column).is_null() & pl.col(cell).is_not_null()
            }
            found += _of_cell(cell, reader.column_of(each.column), wrong)
    return found if signed_weights else [replace(each, never=None) for each in found]


def _of_cell(
    cell: str, column: str | None, wrong: dict[str, pl.Expr], **words: str
) -> list[Defect]:
    """Defects of one cell of a row, by the names of their checks."""
    return [defect(check, rows, cell=cell, column=column, **words) for check, rows in wrong.items()]
