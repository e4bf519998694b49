"""The slow way through a broken file: record by record, in Python, with exact line numbers.

Only used when the fast parser refused a file or its totals do not add up. `repair` writes a copy
without the records that cannot be understood; `lines_of` finds the lines of rows.
"""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from recsys_cli.counted import counted
from recsys_cli.datasets.findings import Finding, Findings
from recsys_cli.datasets.opening import ENCODING_HINT
from recsys_cli.datasets.rawfile import BOM, RawFile, open_bytes

Line = tuple[int, bytes]
"""Its number, from 1, and its bytes."""
Problem = Literal["few", "many", "encoding", "quote", "json", "blank"]

# A quoted field over more lines than this is an unclosed quote, not a text.
_MAX_QUOTED_LINES = 100
_BLOCK = 1 << 24
_CHECKS: dict[Problem, tuple[str, str, str]] = {
    "few": ("fields", "rows with too few fields", "a line may be cut off"),
    "many": ("fields", "rows with too many fields", "a field may hold an unquoted separator"),
    "encoding": ("encoding", "rows that are not UTF-8", ENCODING_HINT),
    "quote": ("quotes", "rows with a quote that never closes", 'write " inside a field as ""'),
    "json": ("json", "lines that are not a JSON object", "each line must be one {…} object"),
    "blank": ("blank", "blank lines", "they are ignored"),
}


class Record(NamedTuple):
    """One record of a text file: its first line, its bytes, and what is wrong with it."""

    line: int
    data: bytes
    problem: Problem | None


def repair(raw: RawFile, findings: Findings, scratch: Path) -> tuple[RawFile, int]:
    """Copy a file without its unreadable records, and report those by kind.

    Args:
        raw: the broken file.
        findings: gets one finding per kind of problem, with the count and the first line.
        scratch: folder for the copy.

    Returns:
        The file reading from its copy, and the number of records left out.
    """
    target = scratch / f"{raw.table}-{raw.path.name.removesuffix('.gz')}"
    counts: dict[Problem, int] = {}
    first: dict[Problem, Record] = {}
    rows = 0
    with target.open("wb") as out:
        everything = records(raw, header=True)
        if raw.format == "text" and raw.header:
            out.write(next(everything).data)
        for record in everything:
            if record.problem is None:
                out.write(record.data)
            else:
                counts[record.problem] = counts.get(record.problem, 0) + 1
                first.setdefault(record.problem, record)
            rows += record.problem != "blank"
    for problem, count in counts.items():
        finding = _finding(raw, problem, first[problem], count)
        if problem == "blank":
            findings.add(finding)
        else:
            findings.problem(finding, rows=rows)
    left_out = sum(n for problem, n in counts.items() if problem != "blank")
    return replace(raw, clean=target), left_out


def _finding(raw: RawFile, problem: Problem, record: Record, count: int) -> Finding:
    check, message, hint = _CHECKS[problem]
    example = record.data.rstrip(b"\r\n")[:120].decode(errors="backslashreplace")
    return Finding(
        f"{raw.table}.{check}",
        "warn",
        counted(count, message),
        file=raw.label,
        line=record.line,
        column=_undecodable_column(raw, record.data) if problem == "encoding" else None,
        count=count,
        example=example or None,
        hint=hint,
    )


def _undecodable_column(raw: RawFile, data: bytes) -> str | None:
    for name, cell in zip(raw.names, data.split(raw.separator.encode()), strict=False):
        try:
            cell.decode()
        except UnicodeDecodeError:
            return name
    return None


def lines_of(raw: RawFile, rows: Collection[int]) -> dict[int, int]:
    """Lines in the original file of the given rows (from 0) as `raw.scan` numbers them."""
    if raw.format == "text" and raw.clean is None and not _has_quotes(raw):
        return {row: row + 1 + raw.header for row in rows}
    found: dict[int, int] = {}
    wanted, last = set(rows), max(rows, default=-1)
    kept = (record for record in records(raw) if _is_row(raw, record))
    for row, record in enumerate(islice(kept, last + 1)):
        if row in wanted:
            found[row] = record.line
    return found


def _has_quotes(raw: RawFile) -> bool:
    """Whether a record may go over several lines."""
    if not raw.quoted:
        return False
    with open_bytes(raw.path) as file:
        return any(b'"' in block for block in iter(lambda: file.read(_BLOCK), b""))


def _is_row(raw: RawFile, record: Record) -> bool:
    if raw.clean is not None:
        return record.problem is None
    return raw.format == "text" or record.problem != "blank"


def records(raw: RawFile, *, header: bool = False) -> Iterator[Record]:
    """Every record of a text file in order, without the header unless asked for."""
    with open_bytes(raw.path) as file:
        numbered = enumerate(file, 1)
        if raw.format == "jsonl":
            yield from _json_records(numbered)
            return
        if raw.header:
            line, data = next(numbered)
            if header:
                yield Record(line, data.removeprefix(BOM).rstrip(b"\r\n") + b"\n", None)
        yield from _text_records(raw, numbered)


def _json_records(numbered: Iterator[Line]) -> Iterator[Record]:
    for line, raw_line in numbered:
        data = raw_line.removeprefix(BOM) if line == 1 else raw_line
        problem: Problem | None = None
        if not data.strip():
            problem = "blank"
        else:
            try:
                if not isinstance(json.loads(data), dict):
                    problem = "json"
            except UnicodeDecodeError:
                problem = "encoding"
            except ValueError:
                problem = "json"
        yield Record(line, data.rstrip(b"\r\n") + b"\n", problem)


def _text_records(raw: RawFile, numbered: Iterator[Line]) -> Iterator[Record]:
    separator, wanted = raw.separator.encode(), len(raw.names) - 1
    returned: deque[Line] = deque()

    def draw() -> Line | None:
        """The next line: one that was handed back, else a new one; None at the end."""
        return returned.popleft() if returned else next(numbered, None)

    while (drawn := draw()) is not None:
        line, data = drawn
        if raw.quoted and b'"' in data:
            record, unused = _quoted_record(raw, line, data, draw)
            returned.extendleft(reversed(unused))
            yield record
        else:
            yield Record(line, data, _problem(data, data.count(separator) - wanted))


def _problem(data: bytes, surplus: int) -> Problem | None:
    if surplus:
        if not data.strip():
            return "blank"
        return "many" if surplus > 0 else "few"
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            return "encoding"
    return None if data.strip() else "blank"


def _quoted_record(
    raw: RawFile, line: int, data: bytes, draw: Callable[[], Line | None]
) -> tuple[Record, list[Line]]:
    """The record that starts at `data`; and, where its quote never closes, the lines read."""
    taken: list[Line] = []
    whole = data
    while whole.count(b'"') % 2 and len(taken) < _MAX_QUOTED_LINES:
        following = draw()
        if following is None:
            break
        taken.append(following)
        whole += following[1]
    if whole.count(b'"') % 2:
        return Record(line, data, "quote"), taken
    try:
        text = whole.decode()
    except UnicodeDecodeError:
        return Record(line, whole, "encoding"), []
    rows = _parse(raw, text, strict=bool(taken))
    surplus = sum(len(row) for row in rows) - len(raw.names)
    if surplus or len(rows) != 1:
        if taken:
            # Two rows with an open quote each look like one row with a quoted field.
            return Record(line, data, "quote"), taken
        return Record(line, whole, "many" if surplus > 0 else "few"), []
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=raw.separator, lineterminator="\n").writerow(rows[0])
    return Record(line, buffer.getvalue().encode(), None), []


def _parse(raw: RawFile, text: str, *, strict: bool) -> list[list[str]]:
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=raw.separator, strict=strict)
    try:
        return list(reader)
    except csv.Error:
        return []
