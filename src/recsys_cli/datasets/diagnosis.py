"""What is wrong with which rows of the events: counted in one pass, located in a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from recsys_cli.counted import counted
from recsys_cli.datasets.catalogue import Ids
from recsys_cli.datasets.defects import BLANK, NEGATIVE, Defect, known_defects
from recsys_cli.datasets.events import EventReader
from recsys_cli.datasets.findings import Finding, Findings
from recsys_cli.datasets.rawfile import ROW
from recsys_cli.datasets.repair import lines_of


@dataclass(frozen=True, slots=True)
class Found:
    """How often a defect occurs, and where first.

    Attributes:
        defect: the kind of defect.
        count: rows concerned.
        row: first such row as scanned, or None.
        example: its cell.
    """

    defect: Defect
    count: int
    row: int | None
    example: str | None


def find_defects(reader: EventReader, users: Ids, items: Ids) -> list[Found]:
    """Count every kind of defect, and fetch the first row and cell of each."""
    known = known_defects(reader, users, items)
    frame, row = reader.mapped(users, items, rows=True), pl.col(ROW)
    counts = [d.wrong.sum().alias(f"{i}:count") for i, d in enumerate(known)]
    firsts = [pl.when(d.wrong).then(row).min().alias(f"{i}:row") for i, d in enumerate(known)]
    totals = frame.select(*counts, *firsts).collect(engine="streaming").row(0, named=True)
    wanted = {totals[f"{i}:row"] for i in range(len(known))} - {None}
    cells = sorted({d.cell for d in known if d.cell is not None})
    examples = frame.filter(row.is_in(list(wanted))).select(ROW, *cells)
    by_row = {r[ROW]: r for r in examples.collect(engine="streaming").iter_rows(named=True)}
    found = []
    for i, defect in enumerate(known):
        first = totals[f"{i}:row"]
        example = by_row[first][defect.cell] if first is not None and defect.cell else None
        found.append(Found(defect, int(totals[f"{i}:count"] or 0), first, example))
    return found


def report_defects(
    reader: EventReader, found: Sequence[Found], findings: Findings, *, signed_weights: bool
) -> None:
    """Turn counted defects into findings, with lines.

    Args:
        reader: the raw events.
        found: as `find_defects` returns them.
        findings: receives them.
        signed_weights: whether values multiply weights, so that none may be negative.
    """
    source = reader.raw.source
    rows = [f.row for f in found if f.row is not None]
    lines = lines_of(source.file, rows) if source.file.has_lines else {}
    for each in found:
        defect = each.defect
        if each.row is None:
            findings.ok(defect.check, defect.clean, file=source.file.label, column=defect.column)
            continue
        finding = Finding(
            defect.check,
            "warn",
            counted(each.count, defect.message),
            file=source.file.label,
            line=lines.get(each.row),
            row=None if source.file.has_lines else each.row,
            column=defect.column,
            count=each.count,
            example=each.example,
            hint=defect.hint,
        )
        filled = source.rows - source.nulls.get(defect.column or "", 0)
        if defect.skips:
            findings.problem(finding, rows=source.rows)
        elif defect.everywhere is not None and each.count >= filled:
            findings.add(replace(finding, status="fail", hint=defect.everywhere))
        elif defect.check == NEGATIVE and signed_weights:
            hint = "with value_as_weight no value may be negative"
            findings.add(replace(finding, status="fail", hint=hint))
        else:
            findings.add(finding)


def report_clean(reader: EventReader, users: Ids, items: Ids, findings: Findings) -> None:
    """Record that none of the defects occurs."""
    for defect in known_defects(reader, users, items):
        findings.ok(
            defect.check, defect.clean, file=reader.raw.source.file.label, column=defect.column
        )


def count_of(found: Sequence[Found], check: str) -> int:
    """How often the defect of a check occurs."""
    return sum(each.count for each in found if each.defect.check == check)


def blank_lines(found: Sequence[Found]) -> int:
    """Rows that are no rows at all."""
    return count_of(found, BLANK)
