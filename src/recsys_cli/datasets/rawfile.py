"""A raw file as a lazy table: CSV, TSV, RecBole, JSON lines (each also gzipped) or Parquet.

`RawFile.scan` yields the named columns. Text formats are read as strings only, so that ids keep
their zeros; Parquet keeps its types, and `as_text` turns ids into strings. `opening` makes one.
"""

from __future__ import annotations

import glob
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast

import polars as pl

Format = Literal["text", "jsonl", "parquet"]

ROW = "__row"
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".data", ".inter", ".item", ".user")
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
RECBOLE_SUFFIXES = (".inter", ".item", ".user")
BOM = b"\xef\xbb\xbf"


class Part(NamedTuple):
    """One of the files that a copy is made of, and the first of its lines in the copy, from 1."""

    name: str
    start: int


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
        header: whether a text file begins with the names of its columns.
        label: what messages call it; by default its name.
        parts: the files that it is a copy of; () for the one that it is.
    """

    path: Path
    table: str
    format: Format
    names: tuple[str, ...]
    source_names: tuple[str, ...]
    separator: str = ","
    quoted: bool = True
    clean: Path | None = None
    header: bool = True
    label: str = ""
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.path.name)

    @property
    def usable(self) -> tuple[str, ...]:
        """Names that are there once; what has none, or shares its own, can be used by nobody."""
        return tuple(name for name in self.names if name and self.names.count(name) == 1)

    @property
    def has_lines(self) -> bool:
        """Whether a record is a line of text."""
        return self.format != "parquet"

    def scan(self, columns: Sequence[str] | None = None, *, rows: bool = False) -> pl.LazyFrame:
        """The named columns (by default all usable), after the row number `ROW` if asked for."""
        names = self.usable if columns is None else columns
        source = dict(zip(self.names, self.source_names, strict=True))
        index = [ROW] if rows else []
        picked = [pl.col(source[name]).alias(name) for name in names]
        return self._scan(names, ROW if rows else None).select(*index, *picked)

    def scan_text(self, columns: Sequence[str] | None = None) -> pl.LazyFrame:
        """The named columns (by default all usable) as strings; see `as_text`."""
        frame = self.scan(columns)
        return frame.select(as_text(name, dtype) for name, dtype in frame.collect_schema().items())

    def sample(self, rows: int) -> pl.DataFrame:
        """The usable columns of the first rows, as strings."""
        return self.scan_text().head(rows).collect(engine="streaming")

    def scan_all(self) -> pl.LazyFrame:
        """Every column under the name that polars gives it, in file order."""
        return self._scan(self.names, None)

    def _scan(self, names: Sequence[str], row_index: str | None) -> pl.LazyFrame:
        path = self.clean or self.path
        if self.format == "parquet":
            return pl.scan_parquet(path, row_index_name=row_index, glob=False)
        if self.format == "jsonl":
            schema = dict.fromkeys(names, pl.String)
            return pl.scan_ndjson(glob.escape(str(path)), schema=schema, row_index_name=row_index)
        return pl.scan_csv(
            path,
            separator=self.separator,
            has_header=self.header,
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
