"""What is wrong with which rows of the events: counted in one pass, located in a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from recsys_cli.columns import EVENT, TIME, VALUE
from recsys_cli.datasets.catalogue import Ids
from recsys_cli.datasets.events import (
    PARSED_TIME,
    RAW_EVENT,
    RAW_ITEM,
    RAW_TIME,
    RAW_USER,
    RAW_VALUE,
    EventReader,
)
from recsys_cli.datasets.findings import Finding, Findings
from recsys_cli.datasets.rawfile import ROW
from recsys_cli.datasets.repair import lines_of


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of defect.

    Attributes:
        check: name of its check.
        cell: column of the mapped frame that holds the offending cell.
        column: raw column, None where the whole row is concerned.
        message: what is said after the count.
        clean: what is said where there is none.
        hint: the way out.
        count: rows concerned.
        row: first such row as scanned, or None.
        example: its cell.
    """

    check: str
    cell: str
    column: str | None
    message: str
    clean: str
    hint: str
    count: int = 0
    row: int | None = None
    example: str | None = None


def known_defects(reader: EventReader, users: Ids, items: Ids) -> dict[str, tuple[pl.Expr, Defect]]:
    """Every defect that this file can have, by name, with its predicate on mapped rows."""
    raw, col = reader.raw, pl.col
    no_user, no_item = col(RAW_USER).is_null(), col(RAW_ITEM).is_null()
    blank = no_user & no_item & (col(RAW_TIME).is_null() if raw.time else pl.lit(True))
    found = {
        "blank": (
            blank,
            Defect("events.blank", ROW, None, "blank lines", "no blank lines", "they are ignored"),
        )
    }
    for name, cell, column, missing in (
        ("no_user", RAW_USER, raw.user, no_user),
        ("no_item", RAW_ITEM, raw.item, no_item),
    ):
        found[name] = (
            missing & ~blank,
            Defect(
                f"events.empty_{name.removeprefix('no_')}", cell, column,
                "rows with an empty id", "no empty ids", "every event needs a user and an item",
            ),
        )  # fmt: skip
    if raw.time is not None and reader.time is not None:
        found |= _time_defects(reader, raw.time, blank)
    if raw.event is not None:
        found["event"] = (
            col(EVENT).is_null() & ~blank,
            Defect(
                "events.kinds", RAW_EVENT, raw.event, "rows of an unknown kind of event",
                "every kind of event is known", f"known kinds: {', '.join(reader.kinds)}",
            ),
        )  # fmt: skip
    if raw.value is not None:
        found["value"] = (
            col(VALUE).is_null() & col(RAW_VALUE).is_not_null(),
            Defect(
                "events.value", RAW_VALUE, raw.value, "cells that are not a finite number",
                "every value is a number", "they count as empty",
            ),
        )  # fmt: skip
        found["negative"] = (
            col(VALUE) < 0,
            Defect(
                "events.negative", RAW_VALUE, raw.value, "negative values, kept",
                "no negative values", "check whether they are returns or errors",
            ),
        )  # fmt: skip
    for ids, cell, column in ((users, RAW_USER, raw.user), (items, RAW_ITEM, raw.item)):
        if not ids.has_catalogue:
            continue
        what = ids.column
        found[f"unknown_{what}"] = (
            col(what).is_null() & col(cell).is_not_null(),
            Defect(
                f"events.unknown_{what}s",
                cell,
                column,
                f"events of {what}s that the catalogue lacks, kept and flagged",
                f"every {what} is in the catalogue",
                f"add the {what}s to the catalogue",
            ),
        )
    return found


def _time_defects(
    reader: EventReader, column: str, blank: pl.Expr
) -> dict[str, tuple[pl.Expr, Defect]]:
    parsed, raw = pl.col(PARSED_TIME), pl.col(RAW_TIME)
    expected = reader.time.name if reader.time else ""
    return {
        "no_time": (
            raw.is_null() & ~blank,
            Defect(
                "events.empty_time", RAW_TIME, column, "rows without a time",
                "every event has a time", "every event needs a time, or none may have one",
            ),
        ),
        "time": (
            parsed.is_null() & raw.is_not_null(),
            Defect(
                "events.time", RAW_TIME, column, f"times that do not parse as {expected}",
                f"every time parses as {expected}", "write all times in one format",
            ),
        ),
        "time_range": (
            parsed.is_not_null() & pl.col(TIME).is_null(),
            Defect(
                "events.time_range", RAW_TIME, column,
                f"times before 1970-01-02 or in the future, read as {expected}",
                "every time is possible",
                'correct them; or, if the column is no time, set columns = { time = "" }',
            ),
        ),
    }  # fmt: skip


def find_defects(reader: EventReader, users: Ids, items: Ids) -> dict[str, Defect]:
    """Count every kind of defect, and fetch the first row and cell of each."""
    known = known_defects(reader, users, items)
    frame = reader.mapped(users, items, rows=True)
    row = pl.col(ROW)
    aggregates = [
        expr
        for name, (wrong, _) in known.items()
        for expr in (
            wrong.sum().alias(f"{name}:count"),
            pl.when(wrong).then(row).min().alias(f"{name}:row"),
        )
    ]
    counted = frame.select(aggregates).collect(engine="streaming").row(0, named=True)
    firsts = {r for name in known if (r := counted[f"{name}:row"]) is not None}
    cells = sorted({defect.cell for _, defect in known.values()} - {ROW})
    examples = frame.filter(row.is_in(list(firsts))).select(ROW, *cells)
    by_row = {r[ROW]: r for r in examples.collect(engine="streaming").iter_rows(named=True)}
    found = {}
    for name, (_, defect) in known.items():
        first = counted[f"{name}:row"]
        example = by_row[first].get(defect.cell) if first is not None else None
        example = None if defect.cell == ROW else example
        count = int(counted[f"{name}:count"] or 0)
        found[name] = replace(defect, count=count, row=first, example=example)
    return found


_IN_ANY_NUMBER = ("blank", "value", "negative", "unknown_user", "unknown_item")


def report_defects(
    reader: EventReader,
    defects: Mapping[str, Defect],
    findings: Findings,
    *,
    signed_weights: bool,
) -> None:
    """Turn counted defects into findings, with lines.

    Args:
        reader: the raw events.
        defects: as `find_defects` returns them.
        findings: receives them.
        signed_weights: whether values multiply weights, so that none may be negative.
    """
    source = reader.raw.source
    file, rows = source.file, source.rows
    firsts = [d.row for d in defects.values() if d.row is not None]
    lines = lines_of(file, firsts) if file.has_lines else {}
    for name, defect in defects.items():
        if not defect.count:
            findings.ok(defect.check, defect.clean, file=file.label)
            continue
        finding = Finding(
            defect.check,
            "warn",
            f"{defect.count:,} {defect.message}",
            file.label,
            lines.get(defect.row) if defect.row is not None else None,
            None if file.has_lines else defect.row,
            defect.column,
            defect.count,
            defect.example,
            defect.hint,
        )
        if name not in _IN_ANY_NUMBER:
            findings.problem(finding, rows=rows)
        elif _is_fatal(name, defect, reader, signed_weights=signed_weights):
            findings.add(replace(finding, status="fail", hint=_FATAL_HINTS[name]))
        else:
            findings.add(finding)


_FATAL_HINTS = {
    "value": "no value of the column is a number; name another column for value",
    "negative": "with value_as_weight no value may be negative",
    "unknown_user": "no event's user is in the users file; are both from the same source?",
    "unknown_item": "no event's item is in the catalogue; are both from the same source, "
    "and were leading zeros lost?",
}


def _is_fatal(name: str, defect: Defect, reader: EventReader, *, signed_weights: bool) -> bool:
    source = reader.raw.source
    if name == "negative":
        return signed_weights
    filled = source.rows
    if defect.column is not None:
        filled -= source.nulls.get(defect.column, 0)
    return name != "blank" and defect.count >= filled


def report_clean(reader: EventReader, users: Ids, items: Ids, findings: Findings) -> None:
    """Record that none of the defects occurs."""
    for _, defect in known_defects(reader, users, items).values():
        findings.ok(defect.check, defect.clean, file=reader.raw.source.file.label)
