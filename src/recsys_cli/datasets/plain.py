"""Plain copies of raw files that the parser cannot read as they are.

Several files as one, other encodings than UTF-8, separators of several characters, line ends of
CR alone, quotes after backslashes, JSON arrays, and JSON objects in objects. A copy has a line for
each line of the original, so that a line named in a message is the original's; only where an
object lists several items, or a line names what those below it are about, it has as many as there
are events.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

import polars as pl

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.guess import has_header
from recsys_cli.datasets.jsonlines import array_lines, flattened
from recsys_cli.datasets.rawfile import BOM, Part, format_of, open_bytes
from recsys_cli.errors import ConfigError

HEAD = 1 << 20
"""Bytes that are looked at to tell how a file is read."""
_UNIT = "\x1f"
"""Stands for a separator of several characters: ASCII's own, which no text holds."""
_SEPARATORS = (",", "\t", ";", "|")
_LONG_SEPARATORS = ("::", "||", "~|~", "|~|")
_SAMPLE_LINES = 100
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_OLD_LINES, _NESTED = "lines that end in CR", "objects in objects"
_BLOCKS = "blocks of lines below what they are about"
_TOLD = re.compile(r"sep=(.+)", re.IGNORECASE)
_ABOUT = re.compile(r"(\S+):\s*")
_ESCAPED = re.compile(rb'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Reading:
    """How text files are read; None is what they look like.

    Attributes:
        separator: between fields.
        header: whether they begin with names of columns.
        encoding: of their text.
    """

    separator: str | None = None
    header: bool | None = None
    encoding: str | None = None

    @classmethod
    def of(cls, config: DatasetConfig) -> Reading:
        """As recsys.toml says.

        Raises:
            ConfigError: there is no such encoding.
        """
        try:
            codecs.lookup(config.encoding or "utf-8")
        except LookupError:
            raise ConfigError(
                f"there is no encoding {config.encoding!r}",
                hint='one of many is encoding = "latin-1", "cp1252" or "utf-16"',
            ) from None
        return cls(config.separator or None, config.header, config.encoding)


@dataclass(frozen=True, slots=True)
class Plain:
    """A file that can be read as it is.

    Attributes:
        path: where it is.
        separator: between its fields; None for what the header looks like.
        shown: that separator as the original has it.
        parts: the files that it was made of, where these are several.
        notes: what was odd about the original.
    """

    path: Path
    separator: str | None = None
    shown: str | None = None
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()


def plain(paths: Sequence[Path], reading: Reading, into: Path, *, most: int | None = None) -> Plain:
    """The file itself, or a copy of the files in the folder `into`.

    Args:
        paths: at least one.
        reading: how they are read.
        into: folder for the copy.
        most: bytes after which a copy may end; None for all of it.

    Raises:
        OSError: a file cannot be read.
        ValueError: files of several formats, or bytes that are not of their encoding.
    """
    first = paths[0]
    target = into / f"{len(list(into.iterdir()))}-{first.name.removesuffix('.gz')}"
    kinds = {format_of(path) for path in paths}
    if len(kinds) > 1:
        raise ValueError("the files are of several formats")
    if kinds == {"parquet"}:
        if len(paths) == 1 and not _partition(first):
            return Plain(first)
        frames = [
            pl.scan_parquet(path, glob=False, hive_partitioning=False).with_columns(
                pl.lit(value).alias(column) for column, value in _partition(path).items()
            )
            for path in paths
        ]
        pl.concat(frames, how="diagonal_relaxed").sink_parquet(target)
        return Plain(target, parts=tuple(Part(path.name, 1) for path in paths))
    look = _Look.of(first, reading)
    if len(paths) == 1 and not look.notes:
        return Plain(first, look.separator, look.separator)
    heads = {next(look.lines(path), b"").strip() for path in paths}
    named = reading.header if reading.header is not None else look.has_header(first)
    if named and len(heads) > 1:
        return _by_name(paths, reading, look, target)
    parts, line = [], 1
    with target.open("wb") as out:
        for path in paths:
            lines = look.lines(path)
            if named and path != first:
                next(lines, None)
            parts.append(Part(path.name, line))
            for data in lines:
                out.write(data)
                line += 1
                if most and out.tell() > most:
                    break
    used = _UNIT if look.long else look.separator
    if look.preamble and len(parts) == 1:
        parts = [Part(first.name, 1 - look.preamble)]
    several = tuple(parts) if len(parts) > 1 or look.preamble else ()
    return Plain(target, used, look.separator, several, look.notes)


def _partition(path: Path) -> dict[str, str]:
    """Columns that the folders straight above a part are called after, as day=3."""
    named = takewhile(lambda folder: "=" in folder.name, path.parents)
    pairs = [folder.name.partition("=") for folder in named]
    return {unquote(column): unquote(value) for column, _, value in reversed(pairs)}


def _by_name(paths: Sequence[Path], reading: Reading, look: _Look, target: Path) -> Plain:
    """The files as one where their columns differ in order, or some lack some."""
    frames = []
    for number, path in enumerate(paths):
        own = target.parent / f"part-{number}"
        own.mkdir()
        copy = plain([path], reading, own)
        separator = copy.separator or look.separator or ","
        frames.append(pl.scan_csv(copy.path, separator=separator, infer_schema=False, glob=False))
    pl.concat(frames, how="diagonal").sink_csv(target)
    return Plain(target, ",", ",", notes=(*look.notes, "columns in several orders"))


@dataclass(frozen=True, slots=True)
class _Look:
    """What the head of a text file tells about how to read it.

    Attributes:
        encoding: its encoding; None for UTF-8.
        separator: between its fields; None for JSON.
        escaped: whether backslashes protect quotes.
        array: whether it is a JSON array.
        notes: what is odd about it.
        preamble: lines before the table: empty ones, comments, and Excel's `sep=;`.
    """

    encoding: str | None
    separator: str | None
    escaped: bool
    array: bool
    notes: tuple[str, ...]
    preamble: int = 0

    @classmethod
    def of(cls, path: Path, reading: Reading) -> _Look:
        """Read the first bytes."""
        with open_bytes(path) as file:
            head = file.read(HEAD)
        encoding = reading.encoding or ("utf-16" if head.startswith(_UTF16) else None)
        if encoding is not None and codecs.lookup(encoding).name == "utf-8":
            encoding = None
        text = head.decode(encoding, "ignore") if encoding else head.decode("utf-8", "ignore")
        text = text.removeprefix("\ufeff")
        old_mac = "\r" in text and "\n" not in text
        notes = [f"{encoding} text"] if encoding else []
        notes += [_OLD_LINES] if old_mac else []
        if format_of(path) == "jsonl":
            array = re.match(r"\s*(\[|\{\s*\n)", text) is not None
            notes += ["JSON over several lines"] if array else []
            notes += [_NESTED] if re.search(r"[:\[]\s*\{", text) else []
            return cls(encoding, None, escaped=False, array=array, notes=tuple(notes))
        sample = text.splitlines()[:_SAMPLE_LINES]
        preamble, told = _preamble(sample)
        notes += ["lines before the table"] if preamble else []
        sample = sample[preamble:]
        rows = [line for line in sample if not _ABOUT.fullmatch(line)] or sample
        separator = reading.separator or told or sniff_separator(rows)
        escaped = _quotes_are_escaped(sample, separator)
        notes += [f"fields separated by {separator!r}"] if len(separator) > 1 else []
        notes += ["quotes after backslashes"] if escaped else []
        notes += [_BLOCKS] if _in_blocks(sample) else []
        return cls(
            encoding, separator, escaped=escaped, array=False, notes=tuple(notes), preamble=preamble
        )

    @property
    def long(self) -> bool:
        """Whether several characters separate fields."""
        return len(self.separator or "") > 1

    def has_header(self, path: Path) -> bool:
        """Whether the first line names the columns."""
        if self.separator is None:
            return False
        some = [line.decode("utf-8", "replace") for line in islice(self.lines(path), _SAMPLE_LINES)]
        rows = list(csv.reader(some, delimiter=_UNIT if self.long else self.separator or ","))
        return bool(rows) and has_header(rows[0], rows[1:])

    def lines(self, path: Path) -> Iterator[bytes]:
        """The lines of a plain copy, each with its end."""
        with open_bytes(path) as file:
            lines = array_lines(file, self.encoding) if self.array else self._decoded(file)
            separator, about = (self.separator or "").encode(), ""
            for number, line in enumerate(lines):
                if number < self.preamble:
                    continue
                data = line.removeprefix(BOM) if not number else line
                if self.long:
                    data = data.replace(separator, _UNIT.encode())
                if _BLOCKS in self.notes:
                    match = _ABOUT.fullmatch(data.decode("utf-8", "replace"))
                    about = match[1] if match else about
                    if match:
                        continue
                    data = data.rstrip(b"\r\n") + f"{self.separator}{about}".encode()
                if _NESTED in self.notes:
                    yield from flattened(data)
                    continue
                if self.escaped:
                    data = _ESCAPED.sub(lambda m: b'""' if m[1] == b'"' else m[1], data)
                yield data if data.endswith(b"\n") else data + b"\n"

    def _decoded(self, file: BinaryIO) -> Iterator[bytes]:
        if self.encoding is None and _OLD_LINES not in self.notes:
            yield from file
            return
        with io.TextIOWrapper(file, encoding=self.encoding or "utf-8", newline=None) as text:
            for line in text:
                yield line.encode()


def mostly_utf8(path: Path) -> bool:
    """Whether most of the first lines that are not ASCII are UTF-8, or UTF-16 by its mark."""
    if format_of(path) == "parquet":
        return True
    with open_bytes(path) as file:
        head = file.read(HEAD)
    lines = [line for line in head.splitlines()[:-1] if not line.isascii()]
    wrong = sum(line.decode("utf-8", "ignore").encode() != line for line in lines)
    return head.startswith(_UTF16) or wrong <= len(lines) // 2


def sniff_separator(sample: Sequence[str]) -> str:
    """What separates the fields of these lines: the most frequent of the usual ones.

    Several characters do where every line has equally many, and spaces where nothing else does.
    """
    header = sample[0] if sample else ""
    lines = [line for line in sample if line.strip()]
    for candidate in _LONG_SEPARATORS:
        counts = {line.count(candidate) for line in lines}
        if len(counts) == 1 and 0 not in counts:
            return candidate
    if any(separator in header for separator in _SEPARATORS):
        return max(_SEPARATORS, key=header.count)
    spaces = {line.strip().count(" ") for line in lines}
    return " " if len(spaces) == 1 and 0 not in spaces and len(lines) > 1 else ","


def _preamble(sample: Sequence[str]) -> tuple[int, str | None]:
    """How many lines stand before the table, and the separator that one of them tells."""
    told = None
    for number, line in enumerate(sample):
        match = _TOLD.fullmatch(line)
        told = match[1] if match else told
        rows = (other for other in sample[number + 1 :] if other.strip() and other[0] != "#")
        below = next(rows, "")
        marks = [line.count(mark) == below.count(mark) for mark in _SEPARATORS if mark in below]
        comment = line.startswith("#") and not all(marks)
        if line.strip() and not match and not comment and not line.startswith("##"):
            return number, told
    return 0, told


def _in_blocks(sample: Sequence[str]) -> bool:
    """Whether lines such as `17:` stand above the rows that are about that, as in Netflix's."""
    heads = sum(_ABOUT.fullmatch(line) is not None for line in sample)
    return bool(sample) and _ABOUT.fullmatch(sample[0]) is not None and heads < len(sample)


def _quotes_are_escaped(sample: Sequence[str], separator: str) -> bool:
    """Whether more of the lines have as many fields as the first if backslashes protect quotes."""
    if len(separator) > 1 or not any('\\"' in line for line in sample):
        return False
    width = len(next(csv.reader(sample[:1], delimiter=separator), []))

    def whole(**rules: object) -> int:
        rows = csv.reader(sample, delimiter=separator, **rules)  # type: ignore[arg-type]
        return sum(len(row) == width for row in rows)

    return whole(doublequote=False, escapechar="\\") > whole()
