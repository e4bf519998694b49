"""Ways in which a row can be wrong: counted in one pass, located in a second, then reported.

Catalogues and events say which defects they can have; finding and reporting is the same for both.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template
from typing import Any

import polars as pl

from recsys_cli.counted import counted
from recsys_cli.datasets.findings import MAX_SKIPPED, Finding, Findings
from recsys_cli.datasets.rawfile import ROW, RawFile
from recsys_cli.datasets.repair import lines_of

_SAID: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("checks.toml").read_text("utf-8")
)


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of defect.

    Attributes:
        check: name of its check.
        wrong: predicate on rows.
        cell: column of the frame with the offending cell; None for a whole row.
        column: its raw name.
        message: what is said after the count.
        clean: what is said where there is none.
        hint: the way out.
        skips: whether such rows are left out, and too many of them are fatal.
        everywhere: hint for when every filled cell is like this, which then is fatal.
        never: hint where a single one is fatal.
        few: whether too many of them are fatal, though no row is left out.
    """

    check: str
    wrong: pl.Expr
    cell: str | None
    column: str | None
    message: str
    clean: str
    hint: str
    skips: bool = False
    everywhere: str | None = None
    never: str | None = None
    few: bool = False


def defect(
    check: str,
    wrong: pl.Expr,
    *,
    said: str | None = None,
    cell: str | None = None,
    column: str | None = None,
    **words: str,
) -> Defect:
    """A kind of defect with what checks.toml says of it.

    Args:
        check: as in `Defect`.
        wrong: as in `Defect`.
        said: its name in checks.toml, by default that of its check.
        cell: as in `Defect`.
        column: as in `Defect`.
        words: what is filled in.
    """
    told: dict[str, Any] = {
        part: Template(text).substitute(words) if isinstance(text, str) else text
        for part, text in _SAID[said or check].items()
    }
    return Defect(check, wrong, cell, column, **told)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """How often a defect occurs, in which row first as scanned, and that row's cell."""

    defect: Defect
    count: int = 0
    row: int | None = None
    example: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What the rows that were looked at are from.

    Attributes:
        label: file name for messages.
        file: the raw file, to find the line of a row; None where several make a table.
        rows: how many.
        nulls: empty cells by raw column.
    """

    label: str
    file: RawFile | None
    rows: int
    nulls: Mapping[str, int] = field(default_factory=dict)


def occurrences(frame: pl.LazyFrame, known: Sequence[Defect]) -> list[Occurrence]:
    """Count every kind of defect in a frame with `ROW`, and fetch the first cell of each."""
    row = pl.col(ROW)
    counts = [d.wrong.sum().alias(f"{i}:count") for i, d in enumerate(known)]
    firsts = [pl.when(d.wrong).then(row).min().alias(f"{i}:row") for i, d in enumerate(known)]
    totals = frame.select(*counts, *firsts).collect(engine="streaming").row(0, named=True)
    wanted = {totals[f"{i}:row"] for i in range(len(known))} - {None}
    cells = sorted({d.cell for d in known if d.cell is not None})
    examples = frame.filter(row.is_in(list(wanted))).select(ROW, *cells)
    by_row = {r[ROW]: r for r in examples.collect(engine="streaming").iter_rows(named=True)}
    found = []
    for i, one in enumerate(known):
        first = totals[f"{i}:row"]
        example = by_row[first][one.cell] if first is not None and one.cell else None
        found.append(Occurrence(one, int(totals[f"{i}:count"] or 0), first, example))
    return found


def report(found: Sequence[Occurrence], place: Place, findings: Findings) -> None:
    """Turn counted defects into findings, with lines."""
    where = located(place.file, [each.row for each in found if each.row is not None])
    for each in found:
        kind = each.defect
        if each.row is None:
            findings.ok(kind.check, kind.clean, file=place.label, column=kind.column)
            continue
        finding = Finding(
            kind.check,
            "warn",
            counted(each.count, kind.message),
            column=kind.column,
            count=each.count,
            example=each.example,
            hint=kind.hint,
            **{"file": place.label} | where[each.row],
        )
        filled = place.rows - place.nulls.get(kind.column or "", 0)
        fatal = kind.never or (kind.everywhere if each.count >= filled else None)
        if kind.few and not fatal and each.count > MAX_SKIPPED * filled:
            fatal = (
                f"more than {MAX_SKIPPED:.0%} of the cells: correct them, or name another column"
            )
        if kind.skips:
            findings.problem(finding, rows=place.rows)
        elif fatal:
            findings.add(replace(finding, status="fail", hint=fatal))
        else:
            findings.add(finding)


def located(file: RawFile | None, rows: Collection[int]) -> dict[int, dict[str, Any]]:
    """For each row as scanned, its `line` or, in Parquet, its `row`, as fields of a finding.

    Of a table of several files the file is another field.
    """
    if file is None:
        return {row: {} for row in rows}
    if not file.has_lines:
        return {row: {"row": row} for row in rows}
    return {row: _place(file, line) for row, line in lines_of(file, rows).items()}


def _place(file: RawFile, line: int) -> dict[str, Any]:
    parts = [part for part in file.parts if part.start <= line]
    if not parts:
        return {"line": line}
    name, start = parts[-1]
    # The header of every file but the first was left out.
    header = file.header and start > 1
    return {"file": name, "line": line - start + 1 + header}


def count_of(found: Sequence[Occurrence], check: str) -> int:
    """How often the defect of a check occurs."""
    return sum(each.count for each in found if each.defect.check == check)
