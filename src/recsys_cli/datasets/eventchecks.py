"""Runs the mapping of events and accounts for every row and id that does not fit.

The nulls of the written table say whether anything is wrong; only then is the raw file read again
to count each kind of defect and find its first example, and the table is written once more
without the rows that cannot be understood and with rows for the ids that no catalogue lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.datasets.catalogue import Ids
from recsys_cli.datasets.counting import Totals, count_events, first_repeat, null_counts
from recsys_cli.datasets.defects import Defect, find_defects, report_clean, report_defects
from recsys_cli.datasets.events import EventReader, sink_events, unlisted_ids
from recsys_cli.datasets.findings import Finding, Findings
from recsys_cli.datasets.rawfile import ROW
from recsys_cli.datasets.repair import lines_of


def build_events(
    reader: EventReader,
    users: Ids,
    items: Ids,
    path: Path,
    findings: Findings,
    *,
    signed_weights: bool,
) -> Totals | None:
    """Write the events table, giving ids that no catalogue lists rows of their own.

    Args:
        reader: the raw events.
        users: user ids; `extra` is filled in.
        items: item ids; `extra` is filled in.
        path: the Parquet file to write.
        findings: receives every check's finding.
        signed_weights: whether values multiply weights, so that none may be negative.

    Returns:
        None where a finding is fatal.
    """
    for ids in (users, items):
        if not ids.has_catalogue:
            ids.extra = unlisted_ids(reader, users, items, column=ids.column)
    sink_events(reader, users, items, path, drop=False)
    nulls = null_counts(path)
    needed = [USER, ITEM, EVENT] + ([TIME] if reader.time else [])
    incomplete = any(nulls[column] for column in needed)
    blank = 0
    if incomplete or (reader.raw.value is not None and (nulls[VALUE] or nulls["negative"])):
        defects = find_defects(reader, users, items)
        report_defects(reader, defects, findings, signed_weights=signed_weights)
        blank = defects["blank"].count
        if findings.failed:
            return None
        _add_unknown(reader, users, items, defects, findings)
        if incomplete:
            sink_events(reader, users, items, path, drop=True)
    else:
        report_clean(reader, findings)
    source = reader.raw.source
    totals = count_events(path, rows_read=source.rows - blank + source.left_out)
    if not totals.events:
        message = "no row of the events can be used"
        findings.add(Finding("events.rows", "fail", message, source.file.label))
        return None
    _report_repeats(reader, users, items, totals, path, findings)
    for ids, seen in ((users, totals.users), (items, totals.items)):
        unseen = len(ids) - seen
        findings.ok(
            f"{ids.column}s.unseen", f"{unseen:,} {ids.column}s have no events", count=unseen
        )
    return totals


def _add_unknown(
    reader: EventReader,
    users: Ids,
    items: Ids,
    defects: Mapping[str, Defect],
    findings: Findings,
) -> None:
    file = reader.raw.source.file
    columns = {USER: reader.raw.user, ITEM: reader.raw.item}
    for ids in (users, items):
        if ids.has_catalogue and defects[f"unknown_{ids.column}"].count:
            ids.extra = unlisted_ids(reader, users, items, column=ids.column)
            _report_lost_zeros(ids, columns[ids.column], file.label, findings)
        spaced = ids.extra.filter(ids.extra.str.strip_chars() != ids.extra)
        if len(spaced):
            message = f"{len(spaced):,} {ids.column} ids with spaces around them, kept exactly"
            findings.add(
                Finding(
                    "events.id_spaces",
                    "warn",
                    message,
                    file.label,
                    column=columns[ids.column],
                    count=len(spaced),
                    example=spaced[0],
                    hint="remove the spaces",
                )  # fmt: skip
            )


def _report_lost_zeros(ids: Ids, column: str, label: str, findings: Findings) -> None:
    def bare(series: pl.Series) -> pl.DataFrame:
        return pl.DataFrame({"id": series, "bare": series.str.strip_chars_start("0")})

    alike = bare(ids.extra).join(bare(ids.listed), on="bare", how="inner")
    if len(alike):
        lost, listed = alike.row(0)[0], alike.row(0)[2]
        message = f"{len(alike):,} {column}s differ from the catalogue's only in leading zeros"
        findings.add(
            Finding(
                "events.leading_zeros",
                "warn",
                message,
                label,
                None,
                None,
                column,
                len(alike),
                f"{lost} for {listed}",
                "keep ids as text wherever the file passes through",
            )  # fmt: skip
        )


def _report_repeats(
    reader: EventReader, users: Ids, items: Ids, totals: Totals, path: Path, findings: Findings
) -> None:
    file, count = reader.raw.source.file, totals.repeats
    if not count:
        findings.ok("events.repeats", "no row repeats another", file=file.label)
    elif reader.raw.repeats_are_quantity:
        message = f"{count:,} rows repeat another: several pieces bought at once, all kept"
        findings.ok("events.repeats", message, file=file.label, count=count)
    else:
        kept = first_repeat(path, totals.events)
        frame = reader.mapped(users, items, rows=True).filter(reader.complete())
        row = frame.select(ROW).slice(kept or 0, 1).collect(engine="streaming").item()
        line = lines_of(file, [row])[row] if file.has_lines else None
        findings.add(
            Finding(
                "events.repeats",
                "warn",
                f"{count:,} rows repeat another one, all kept",
                file.label,
                line,
                None if line else row,
                None,
                count,
                hint="remove them if they were logged twice",
            )  # fmt: skip
        )
