"""Runs the mapping of events and accounts for every row and id that does not fit.

The nulls of the written table say whether anything is wrong; only then is the raw file read again
to count each kind of defect and find its first example, and the table is written once more
without the rows that cannot be understood and with rows for the ids that no catalogue lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.counted import counted
from recsys_cli.datasets.counting import Totals, count_events, first_repeat, null_counts
from recsys_cli.datasets.defects import BLANK, known_defects, unknown
from recsys_cli.datasets.diagnosis import (
    Occurrence,
    Place,
    count_of,
    located,
    occurrences,
    report,
)
from recsys_cli.datasets.events import EventReader, sink_events, unlisted_ids, wider_time
from recsys_cli.datasets.findings import Findings
from recsys_cli.datasets.rawfile import ROW
from recsys_cli.datasets.roles import better_user
from recsys_cli.datasets.spelling import report_twins
from recsys_cli.datasets.tables import unchanged
from recsys_cli.datasets.times import SAMPLE_ROWS

_MANY = 50


def build_events(
    reader: EventReader, path: Path, findings: Findings, *, signed_weights: bool
) -> Totals:
    """Write the events table, giving ids that no catalogue lists rows of their own.

    Args:
        reader: the raw events.
        path: the Parquet file to write.
        findings: receives every check's finding.
        signed_weights: whether values multiply weights, so that none may be negative.

    Raises:
        DataError: a finding is fatal.
    """
    nulls = _write(reader, path)
    wider = wider_time(reader) if reader.time and nulls[TIME] else None
    if wider is not None:
        reader = wider
        nulls = _write(reader, path)
    if reader.time is not None:
        file = reader.raw.source.file.label
        read_as = f"read as {reader.time.name}"
        findings.ok("events.time_format", read_as, file=file, column=reader.raw.time)
    needed = [USER, ITEM, EVENT] + ([TIME] if reader.time else [])
    incomplete = any(nulls[column] for column in needed)
    suspicious = incomplete or (
        reader.raw.value is not None and (nulls[VALUE] or nulls["negative"])
    )
    source = reader.raw.source
    signed_weights = signed_weights and reader.raw.returns != "subtract"
    known = known_defects(reader, signed_weights=signed_weights)
    found = [Occurrence(defect) for defect in known]
    if suspicious:
        found = occurrences(reader.mapped(rows=True), known)
    place = Place(source.file.label, source.file, reader.raw.rows, source.nulls)
    report(found, place, findings)
    findings.raise_if_failed()
    _add_unknown(reader, found)
    if incomplete:
        sink_events(reader, path, drop=True)
    blank = count_of(found, BLANK)
    read = reader.raw.rows - blank + source.left_out
    totals = count_events(path, rows_read=read, n_items=len(reader.items))
    if not totals.events:
        message = "no row of the events can be used"
        findings.fatal("events.rows", message, file=source.file.label, count=0)
    _report_ids(reader, findings)
    _report_single_events(reader, totals, findings)
    _report_repeats(reader, path, totals, findings)
    for ids, seen in ((reader.users, totals.users), (reader.items, totals.items)):
        what, unseen = f"{ids.column}s", len(ids) - seen
        findings.ok(f"{what}.unseen", counted(unseen, f"{what} have no events"), count=unseen)
    return totals


def _write(reader: EventReader, path: Path) -> dict[str, int]:
    """Write every row, giving ids rows where there is no catalogue; counts the nulls."""
    for ids in (reader.users, reader.items):
        if not ids.has_catalogue:
            ids.extra = ids.extra.clear()
            ids.extra = unlisted_ids(reader, ids.column)
    sink_events(reader, path, drop=False)
    return null_counts(path)


def _add_unknown(reader: EventReader, found: Sequence[Occurrence]) -> None:
    for ids in (reader.users, reader.items):
        if ids.has_catalogue and count_of(found, unknown(ids.column)):
            ids.extra = unlisted_ids(reader, ids.column)


def _report_ids(reader: EventReader, findings: Findings) -> None:
    label = reader.raw.source.file.label
    for ids in (reader.users, reader.items):
        cleaned = reader.raw.prepare is not unchanged
        report_twins(ids.all(), ids.column, label, findings, settable=cleaned)
        check = f"events.id_spaces_{ids.column}"
        spaced = ids.extra.filter(ids.extra.str.strip_chars() != ids.extra)
        if not len(spaced):
            clean = f"no {ids.column} id has spaces around it"
            findings.ok(check, clean, file=label, column=reader.column_of(ids.column))
            continue
        findings.warn(
            check,
            counted(len(spaced), f"{ids.column} ids with spaces around them, kept exactly"),
            file=label,
            column=reader.column_of(ids.column),
            count=len(spaced),
            example=spaced[0],
            hint="remove the spaces",
        )


def _report_single_events(reader: EventReader, totals: Totals, findings: Findings) -> None:
    """Ask whether what is there once each is the id of a user."""
    if totals.events < _MANY or totals.users < totals.events:
        return
    file, column = reader.raw.source.file, reader.raw.user
    better = better_user(file.sample(SAMPLE_ROWS), column, reader.raw.item)
    hint = "name the column of the users in recsys.toml"
    if better is not None:
        hint = f'{better} is there more than once: columns = {{ user = "{better}" }} in recsys.toml'
    findings.warn(
        "events.single",
        "every user has one event, of which nothing can be learned: is this an order's id?",
        file=file.label,
        column=column,
        count=totals.users,
        hint=hint,
    )


def _report_repeats(reader: EventReader, path: Path, totals: Totals, findings: Findings) -> None:
    file, count = reader.raw.source.file, totals.repeats
    if not count:
        findings.ok("events.repeats", "no row repeats another", file=file.label)
    elif reader.raw.repeats_are_quantity:
        message = counted(count, "rows repeat another: several pieces bought at once, all kept")
        findings.ok("events.repeats", message, file=file.label, count=count)
    else:
        kept = first_repeat(path, totals.events)
        frame = reader.mapped(rows=True).filter(reader.complete())
        row = frame.select(ROW).slice(kept or 0, 1).collect(engine="streaming").item()
        findings.warn(
            "events.repeats",
            counted(count, "rows repeat another one, all kept"),
            count=count,
            hint="remove them if they were logged twice",
            **{"file": file.label} | located(file, [row])[row],
        )
