"""Opening a raw file: what its first bytes say about how to read it, and what is wrong there."""

from __future__ import annotations

import csv
import difflib
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

import polars as pl

from recsys_cli.datasets.findings import Findings
from recsys_cli.datasets.guess import has_header
from recsys_cli.datasets.plain import HEAD, Plain, Reading, plain, sniff_separator
from recsys_cli.datasets.rawfile import BOM, RECBOLE_SUFFIXES, RawFile, format_of, open_bytes

DAMAGED_HINT = "the file is damaged, or is not what its suffix says"
ENCODING_HINT = 'say which it is in recsys.toml, such as encoding = "cp1252" or "latin-1"'

GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading a damaged gzip file raises."""

AS_IT_LOOKS = Reading()
_JSON_SAMPLE = 1000
_SAMPLE_LINES = 200
_MAX_LISTED = 30


class UnreadableError(ValueError):
    """A file cannot be read at all: which check says so, where, and the way out."""

    def __init__(
        self, message: str, *, hint: str, check: str = "file", line: int | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.hint, self.check, self.line = message, hint, check, line


def open_raw(
    paths: Path | Sequence[Path],
    table: str,
    findings: Findings,
    *,
    scratch: Path,
    reading: Reading = AS_IT_LOOKS,
    label: str | None = None,
    most: int | None = None,
) -> RawFile | None:
    """Look at a file's first bytes and learn how to read it.

    Args:
        paths: the file, or several that are one table; they must exist.
        table: what it is for, the first part of its checks' names.
        findings: receives what is wrong or worth knowing.
        scratch: folder for a plain copy, where one is needed.
        reading: what recsys.toml says of text files.
        label: what messages call it; by default its name.
        most: bytes after which a plain copy may end, where only its beginning matters.

    Returns:
        None where the file cannot be read at all, which `findings` then says.
    """
    paths = [paths] if isinstance(paths, Path) else paths
    path, label = paths[0], label or paths[0].name
    try:
        if path.stat().st_size == 0:
            raise _empty("the file is empty (no bytes)")
        copy = plain(paths, reading, scratch, most=most)
        match format_of(path):
            case "parquet":
                raw = _open_parquet(copy.path, table)
            case "jsonl":
                raw = _open_jsonl(copy.path, table)
            case _:
                raw = _open_text(
                    copy, path.name, table, findings=findings, reading=reading, label=label
                )
        return replace(raw, label=label, parts=copy.parts)
    except (OSError, ValueError, csv.Error, pl.exceptions.PolarsError, *GZIP_ERRORS) as error:
        report_unreadable(label, table, error, findings)
        return None


def report_unreadable(label: str, table: str, error: Exception, findings: Findings) -> None:
    """Say why a file cannot be read: an error of ours, of a parser, of gzip or of the system."""
    why = error if isinstance(error, UnreadableError) else _explained(error)
    check = f"{table}.{why.check}"
    findings.fail(check, why.message, file=label, line=why.line, hint=why.hint)


def _explained(error: Exception) -> UnreadableError:
    if isinstance(error, UnicodeDecodeError):
        bad = error.object[error.start : error.start + 1]
        message = f"the header is not UTF-8 (byte {bad!r})"
        return UnreadableError(message, hint=ENCODING_HINT, check="encoding", line=1)
    if isinstance(error, gzip.BadGzipFile) and "Not a gzipped file" in str(error):
        return UnreadableError("cannot be read (it is not gzipped)", hint="name it without .gz")
    if isinstance(error, EOFError) or "unexpected end of file" in str(error):
        message = "cannot be read (it ends before its gzip stream does)"
        return UnreadableError(message, hint="it is cut off: copy or download it again")
    first_line = str(error).strip().partition("\n")[0] or type(error).__name__
    return UnreadableError(f"cannot be read ({first_line})", hint=DAMAGED_HINT)


def _empty(message: str) -> UnreadableError:
    hint = "write the file again, or point to another one"
    return UnreadableError(message, hint=hint, check="rows")


def _open_parquet(path: Path, table: str) -> RawFile:
    names = tuple(pl.read_parquet_schema(path))
    return RawFile(path, table, "parquet", names, names)


def _open_jsonl(path: Path, table: str) -> RawFile:
    keys: dict[str, None] = {}
    with open_bytes(path) as file:
        lines = list(islice(file, _JSON_SAMPLE))
    if not b"".join(lines).strip():
        raise _empty("the file is empty")
    for line in lines:
        try:
            record = json.loads(line.removeprefix(BOM))
        except ValueError:
            continue
        if isinstance(record, dict):
            keys.update(dict.fromkeys(record))
    if not keys:
        message = "cannot be read (no line holds a JSON object)"
        raise UnreadableError(message, hint="write one {…} object per line")
    names = tuple(keys)
    return RawFile(path, table, "jsonl", names, names)


def _open_text(
    copy: Plain, name: str, table: str, *, findings: Findings, reading: Reading, label: str
) -> RawFile:
    with open_bytes(copy.path) as file:
        head = file.read(HEAD)
    if not head.strip():
        raise _empty("the file is empty (not even a header)")
    if b"\0" in head:
        message = "cannot be read (not UTF-8 text; it may be a binary file)"
        raise UnreadableError(message, hint=DAMAGED_HINT)
    first, *others = head.removeprefix(BOM).splitlines()[:_SAMPLE_LINES]
    header = first.decode()
    lines = [header, *(line.decode("utf-8", "replace") for line in others)]
    sniffed, used = sniff_separator(lines), copy.separator or ","
    if reading.separator and used not in header and sniffed in header:
        message = f"the header has no {reading.separator!r}, the separator set in recsys.toml"
        hint = f"remove separator from recsys.toml; the header looks separated by {sniffed!r}"
        raise UnreadableError(message, hint=hint, check="separator", line=1)
    typed = name.lower().removesuffix(".gz").endswith(RECBOLE_SUFFIXES) and ":" in header
    quoted = not typed and len(copy.shown or "") == 1
    rules: Literal[0, 3] = 0 if quoted else 3  # csv.QUOTE_MINIMAL, csv.QUOTE_NONE
    rows = list(csv.reader(lines, delimiter=used, quoting=rules))
    names = tuple(field.strip() for field in rows[0])
    headed = reading.header
    if headed is None:
        headed = typed or has_header(rows[0], rows[1:])
    if not headed:
        names = tuple(f"column_{place}" for place in range(1, len(names) + 1))
    raw = RawFile(copy.path, table, "text", names, (), used, quoted=quoted, header=headed)
    source_names = tuple(raw._scan(names, None).collect_schema().names())
    _note_text(
        copy, name, table, findings=findings, head=head, label=label, expected=reading.separator
    )
    if not headed and reading.header is None:
        findings.warn(
            f"{table}.header",
            "the file has no header, so columns are called column_1, column_2, …",
            file=label,
            line=1,
            example=header.replace(used, copy.shown or used),
            hint="if its first line names the columns: header = true in recsys.toml",
        )
    return replace(raw, source_names=source_names)


def _note_text(
    copy: Plain,
    name: str,
    table: str,
    *,
    findings: Findings,
    head: bytes,
    label: str,
    expected: str | None,
) -> None:
    notes = ["a byte-order mark"] if head.startswith(BOM) else []
    notes += ["Windows line ends"] if b"\r\n" in head else []
    message = f"has {' and '.join(notes)}, which is harmless" if notes else "plain UTF-8"
    if copy.notes:
        message = f"has {', '.join(copy.notes)}: read through a plain copy"
    findings.ok(f"{table}.text", message, file=label, count=len(notes))
    check, message = f"{table}.separator", f"fields are separated by {copy.shown!r}"
    is_csv = name.lower().removesuffix(".gz").endswith(".csv")
    if is_csv and expected is None and copy.shown != ",":
        findings.warn(
            check,
            f"{message} and not by a comma; read that way",
            file=label,
            line=1,
            example=copy.shown,
            hint="if that is wrong, set separator in recsys.toml",
        )
    else:
        findings.ok(check, message, file=label)


def require_columns(
    raw: RawFile,
    needed: Iterable[str],
    findings: Findings,
    *,
    settings: Mapping[str, str] | None = None,
) -> bool:
    """Check that the columns are there, once each; findings say which are not.

    Args:
        raw: the file.
        needed: names of columns.
        findings: receives what is missing.
        settings: for names that come from recsys.toml, the line that sets them, with `COLUMN` in
            place of the name.
    """
    bad = False
    for name in needed:
        times = raw.names.count(name)
        if times == 1:
            continue
        bad = True
        near = difflib.get_close_matches(name, raw.names, 1)
        seen = ", ".join(raw.names[:_MAX_LISTED])
        hint = f"rename {near[0]!r} to {name!r}" if near else f"the header must name {name!r}"
        if settings and name in settings:
            line = settings[name].replace("COLUMN", near[0] if near else "COLUMN")
            hint = f"correct recsys.toml: {line}"
        findings.fail(
            f"{raw.table}.columns",
            f"occurs {times} times" if times else f"is missing; the file has: {seen}",
            file=raw.label,
            line=1 if raw.format == "text" else None,
            column=name,
            hint=hint if not times else f"give the columns called {name!r} different names",
        )
    if not bad:
        findings.ok(f"{raw.table}.columns", "every column needed is there", file=raw.label)
    return not bad


def exact_ids(raw: RawFile, columns: Iterable[str], findings: Findings) -> bool:
    """Check that no id column is stored in a way that has lost digits."""
    dtypes = raw.dtypes()
    inexact = [c for c in columns if dtypes[c].is_float() or dtypes[c].is_nested()]
    for column in inexact:
        findings.fail(
            f"{raw.table}.id_type",
            f"ids are stored as {dtypes[column]}",
            file=raw.label,
            column=column,
            hint="store ids as text or whole numbers",
        )
    return not inexact
