"""A raw file as a lazy table: finds the file's variant, sniffs its header, scans it as text.

In goes a path to CSV, TSV, RecBole, JSON lines (each also gzipped) or Parquet; out comes a
`RawFile` whose `scan` yields the named columns. Text formats are read as strings only, so that
ids keep their zeros; Parquet keeps its types and `as_text` turns ids into strings.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, cast

import polars as pl

from recsys_cli.datasets.findings import Finding, Findings

Format = Literal["text", "jsonl", "parquet"]

ROW = "__row"
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".inter", ".item", ".user")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
RECBOLE_SUFFIXES = (".inter", ".item", ".user")
_VARIANTS = (".csv", ".csv.gz", ".parquet")
_SEPARATORS = (",", "\t", ";", "|")
_HEADER_BYTES = 1 << 20
_JSON_SAMPLE = 1000
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class RawFile:
    """One readable raw file.

    Attributes:
        path: the file.
        table: what it is for (events, items, users, …); the first part of its checks' names.
        format: how it is read.
        names: its column names, stripped of spaces.
        source_names: the names under which polars reads them.
        separator: field separator of a text file.
        quoted: whether a double quote protects separators and line ends.
        clean: repaired copy that is read in place of `path`, or None.
    """

    path: Path
    table: str
    format: Format
    names: tuple[str, ...]
    source_names: tuple[str, ...]
    separator: str = ","
    quoted: bool = True
    clean: Path | None = None

    @property
    def label(self) -> str:
        """The file's name for messages."""
        return self.path.name

    @property
    def has_lines(self) -> bool:
        """Whether a record is a line of text."""
        return self.format != "parquet"

    def scan(self, columns: Sequence[str] | None = None, *, rows: bool = False) -> pl.LazyFrame:
        """The named columns (all by default), preceded by the row number `ROW` if asked for."""
        names = self.names if columns is None else columns
        source = dict(zip(self.names, self.source_names, strict=True))
        index = [ROW] if rows else []
        picked = [pl.col(source[name]).alias(name) for name in names]
        return self._scan(names, ROW if rows else None).select(*index, *picked)

    def scan_all(self) -> pl.LazyFrame:
        """Every column under the name that polars gives it, in file order."""
        return self._scan(self.names, None)

    def _scan(self, names: Sequence[str], row_index: str | None) -> pl.LazyFrame:
        path = self.clean or self.path
        if self.format == "parquet":
            return pl.scan_parquet(path, row_index_name=row_index, glob=False)
        if self.format == "jsonl":
            schema = dict.fromkeys(names, pl.String)
            return pl.scan_ndjson(path, schema=schema, row_index_name=row_index, glob=False)
        return pl.scan_csv(
            path,
            separator=self.separator,
            quote_char='"' if self.quoted else None,
            infer_schema=False,
            row_index_name=row_index,
            glob=False,
        )

    def dtypes(self) -> dict[str, pl.DataType]:
        """Type of every column as scanned."""
        return dict(self.scan().collect_schema())


def as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    """A column as strings: whole numbers in decimal, lists joined by spaces, "" as null."""
    expr = pl.col(column)
    if isinstance(dtype, pl.List | pl.Array):
        expr = expr.cast(pl.List(pl.String)).list.join(" ")
    elif dtype == pl.Binary:
        expr = expr.cast(pl.String, strict=False)
    elif dtype.is_nested():
        expr = pl.lit(None, pl.String).alias(column)
    elif dtype != pl.String:
        expr = expr.cast(pl.String)
    return expr.replace("", None) if dtype != pl.String else _empty_to_null(expr)


def _empty_to_null(expr: pl.Expr) -> pl.Expr:
    return pl.when(expr != "").then(expr)


def find_raw(folder: Path, stem: str) -> Path | None:
    """`stem` as .csv, .csv.gz or .parquet, whichever comes first in `folder`."""
    for suffix in _VARIANTS:
        path = folder / f"{stem}{suffix}"
        if path.is_file():
            return path
    return None


def looked_for(stem: str) -> str:
    """The names that `find_raw` tries, for messages."""
    return ", ".join(f"{stem}{suffix}" for suffix in _VARIANTS)


def format_of(path: Path) -> Format | None:
    """How a file would be read, by its suffix; None for files that are no table."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".parquet"):
        return "parquet"
    if name.endswith(JSON_SUFFIXES):
        return "jsonl"
    return "text" if name.endswith(TEXT_SUFFIXES) else None


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, decompressed where it is gzipped."""
    if path.name.lower().endswith(".gz"):
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def open_raw(
    path: Path, table: str, findings: Findings, *, separator: str | None = None
) -> RawFile | None:
    """Look at a file's first bytes and learn how to read it.

    Args:
        path: the file; must exist.
        table: what it is for, the first part of its checks' names.
        findings: receives what is wrong or worth knowing.
        separator: field separator; None to sniff it from the header.

    Returns:
        None where the file cannot be read at all, which `findings` then says.
    """

    def fail(check: str, message: str, hint: str, line: int | None = None) -> None:
        findings.add(
            Finding(f"{table}.{check}", "fail", message, path.name, line, count=1, hint=hint)
        )

    try:
        match format_of(path):
            case "parquet":
                return _open_parquet(path, table)
            case "jsonl":
                return _open_jsonl(path, table)
            case _:
                return _open_text(path, table, findings, separator)
    except EmptyFileError as error:
        fail("rows", str(error), "write the file again, or point to another one")
    except UnicodeDecodeError as error:
        bad = error.object[error.start : error.start + 1]
        fail("encoding", f"the header is not UTF-8 (byte {bad!r})", ENCODING_HINT, line=1)
    except (OSError, EOFError, pl.exceptions.PolarsError, NotTabularError) as error:
        message = f"cannot be read ({_first_line(error)})"
        fail("file", message, "the file is damaged, or is not what its suffix says")
    return None


ENCODING_HINT = "convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"


class EmptyFileError(ValueError):
    """The file has no bytes."""


class NotTabularError(ValueError):
    """The file's bytes are no text."""


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _open_parquet(path: Path, table: str) -> RawFile:
    if path.stat().st_size == 0:
        raise EmptyFileError("the file is empty (no bytes)")
    names = tuple(pl.read_parquet_schema(path))
    return RawFile(path, table, "parquet", names, names)


def _open_jsonl(path: Path, table: str) -> RawFile:
    keys: dict[str, None] = {}
    with open_bytes(path) as file:
        lines = list(islice(file, _JSON_SAMPLE))
    if not b"".join(lines).strip():
        raise EmptyFileError("the file is empty")
    for line in lines:
        try:
            record = json.loads(line.removeprefix(_BOM))
        except ValueError:
            continue
        if isinstance(record, dict):
            keys.update(dict.fromkeys(record))
    if not keys:
        raise NotTabularError("no line holds a JSON object")
    names = tuple(keys)
    return RawFile(path, table, "jsonl", names, names)


def _open_text(path: Path, table: str, findings: Findings, separator: str | None) -> RawFile:
    with open_bytes(path) as file:
        head = file.read(_HEADER_BYTES)
    if not head.strip():
        raise EmptyFileError("the file is empty (not even a header)")
    if head.startswith(_UTF16) or b"\0" in head:
        raise NotTabularError("not UTF-8 text; it may be UTF-16 or a binary file")
    first, newline, _ = head.partition(b"\n")
    if not newline and b"\r" in first:
        raise NotTabularError("its lines end in CR alone, as on old Macintosh systems")
    header = first.removeprefix(_BOM).rstrip(b"\r").decode()
    recbole = path.name.lower().removesuffix(".gz").endswith(RECBOLE_SUFFIXES)
    used = separator or sniff_separator(header)
    fields = next(csv.reader([header], delimiter=used)) if not recbole else header.split(used)
    names = tuple(field.strip() for field in fields)
    raw = RawFile(path, table, "text", names, (), used, quoted=not recbole)
    source_names = tuple(raw._scan(names, None).collect_schema().names())
    _note_text(path, table, findings, head, used, expected=separator)
    from dataclasses import replace

    return replace(raw, source_names=source_names)


def sniff_separator(header: str) -> str:
    """The most frequent candidate in the header; a comma where there is none."""
    return max(_SEPARATORS, key=header.count)


def _note_text(
    path: Path, table: str, findings: Findings, head: bytes, used: str, *, expected: str | None
) -> None:
    notes = []
    if head.startswith(_BOM):
        notes.append("a byte-order mark")
    if b"\r\n" in head:
        notes.append("Windows line ends")
    message = (
        f"starts with {' and has '.join(notes)}; both are harmless" if notes else "plain UTF-8"
    )
    if len(notes) == 1:
        message = f"has {notes[0]}, which is harmless"
    findings.ok(f"{table}.text", message, file=path.name, count=len(notes))
    comma_file = path.name.lower().removesuffix(".gz").endswith(".csv")
    if comma_file and expected is None and used != ",":
        findings.add(
            Finding(
                f"{table}.separator",
                "warn",
                f"fields are separated by {used!r} and not by a comma; read that way",
                path.name,
                1,
                count=1,
                hint=f"if that is wrong, set separator in recsys.toml; now {used!r}",
            )
        )
    else:
        findings.ok(f"{table}.separator", f"fields are separated by {used!r}", file=path.name)


def require_columns(raw: RawFile, needed: Iterable[str], findings: Findings) -> bool:
    """Check that the columns are there, once each; findings say which are not."""
    import difflib

    bad = False
    for name in needed:
        times = raw.names.count(name)
        if times == 1:
            continue
        bad = True
        near = difflib.get_close_matches(name, raw.names, 1, 0.7)
        seen = ", ".join(raw.names[:30])
        message = f"occurs {times} times" if times else f"is missing; the file has: {seen}"
        hint = f"rename {near[0]!r} to {name!r}" if near else f"the header must name {name!r}"
        line = 1 if raw.format == "text" else None
        finding = Finding(
            f"{raw.table}.columns", "fail", message, raw.label, line, None, name, 1, None, hint
        )
        findings.add(finding)
    if not bad:
        findings.ok(f"{raw.table}.columns", "every column needed is there", file=raw.label)
    return not bad
