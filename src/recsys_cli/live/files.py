"""Live events in files: JSON lines, and tables of any format that raw events may have."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.errors import DataError
from recsys_cli.live.contract import Event
from recsys_cli.moments import at_milliseconds, utc

STDIN = Path("-")


def records_of(file: Path) -> Iterator[tuple[str, Any]]:
    """What a file holds of each event, see `incoming.IncomingEvent`, and where it stands.

    Args:
        file: JSON lines, or a table with those columns; `STDIN` has JSON lines.

    Raises:
        DataError: it cannot be read.
    """
    from recsys_cli.datasets.opening import GZIP_ERRORS
    from recsys_cli.datasets.rawfile import format_of, open_bytes

    try:
        if file == STDIN:
            yield from _json_lines(sys.stdin.buffer)
        elif file.stat() and format_of(file) in ("text", "parquet"):
            yield from _rows(file)
        else:
            with open_bytes(file) as lines:
                yield from _json_lines(lines)
    except (OSError, *GZIP_ERRORS) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {file}: {why}") from error


def _json_lines(lines: BinaryIO) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError):
            raise DataError(
                f"line {number} is no JSON",
                hint='write an event a line: {"user": "…", "item": "…"}',
            ) from None


def _rows(file: Path) -> Iterator[tuple[str, Any]]:
    """The rows of a table, without its empty cells."""
    from recsys_cli.datasets.findings import Findings
    from recsys_cli.datasets.opening import open_raw

    findings = Findings("events")
    with TemporaryDirectory(prefix="recsys-events-") as scratch:
        raw = open_raw(file, "events", findings, scratch=Path(scratch))
        if raw is None:
            raise DataError(f"cannot read {file}: {findings.failed[0].message}")
        frame = raw.scan_text().collect()
    for number, row in enumerate(frame.iter_rows(named=True), 1):
        record: dict[str, Any] = {name: cell for name, cell in row.items() if cell}
        with suppress(KeyError, ValueError):
            record[VALUE] = float(record[VALUE])
        yield f"row {number}", record


def record_of(event: Event) -> dict[str, Any]:
    """An event as a JSON object that `records_of` reads."""
    record = {
        "dataset": event.dataset,
        USER: event.user,
        ITEM: event.item,
        EVENT: event.kind,
        TIME: utc(at_milliseconds(event.time)),
        VALUE: event.value,
        "id": event.id,
        "request": event.request,
    }
    return {name: value for name, value in record.items() if value is not None}
