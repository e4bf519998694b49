"""The first pass over a raw file: its rows, its empty cells, and whether every row is whole.

One streaming aggregate over all columns makes the parser look at every field, so that surplus
fields and bytes that are not UTF-8 raise here. Rows with too few fields parse as nulls; when the
last column has nulls, counting separators tells empty cells from missing ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from recsys_cli.counted import counted
from recsys_cli.datasets.findings import Findings
from recsys_cli.datasets.opening import GZIP_ERRORS, report_unreadable
from recsys_cli.datasets.rawfile import RawFile, open_bytes
from recsys_cli.datasets.repair import repair

_BLOCK = 1 << 24
_QUOTE = ord('"')


@dataclass(frozen=True, slots=True)
class Structure:
    """A raw file that can be scanned to its end.

    Attributes:
        file: the file, reading from a repaired copy where it had to be.
        rows: rows that `file.scan` yields.
        nulls: empty cells by column.
        left_out: records that the repaired copy lacks.
    """

    file: RawFile
    rows: int
    nulls: dict[str, int]
    left_out: int = 0


def check_structure(raw: RawFile, findings: Findings, scratch: Path) -> Structure | None:
    """Read a file once, repairing it where records are broken.

    Args:
        raw: an opened file.
        findings: gets broken records by kind, with counts and lines.
        scratch: folder for a repaired copy.

    Returns:
        None where the file has no usable rows, which `findings` then says.
    """
    try:
        found = _whole(raw)
    except (OSError, pl.exceptions.PolarsError, *GZIP_ERRORS) as error:
        report_unreadable(raw.label, raw.table, error, findings)
        return None
    if found is None:
        try:
            repaired, left_out = repair(raw, findings, scratch)
            found = replace(_totals(repaired), left_out=left_out)
        except (pl.exceptions.PolarsError, *GZIP_ERRORS) as error:
            report_unreadable(raw.label, raw.table, error, findings)
            return None
    if not found.left_out:
        findings.ok(f"{raw.table}.fields", "every row is whole", file=raw.label)
    if not found.rows:
        findings.fail(
            f"{raw.table}.rows",
            "has a header but no rows",
            file=raw.label,
            hint="write the file again, or point to another one",
        )
        return None
    findings.ok(f"{raw.table}.rows", counted(found.rows, "rows"), file=raw.label, count=found.rows)
    return found


def rewritten(
    source: Structure, rows: pl.LazyFrame, findings: Findings, scratch: Path
) -> Structure:
    """Rows made from a file, in its place; messages name them, since they are no lines of it."""
    path = scratch / f"{source.file.table}-{len(list(scratch.iterdir()))}.parquet"
    rows.sink_parquet(path)
    names = tuple(rows.collect_schema().names())
    made = RawFile(path, source.file.table, "parquet", names, names, label=source.file.label)
    return check_structure(made, findings, scratch) or source


def _whole(raw: RawFile) -> Structure | None:
    """The file as it is; None where records are broken."""
    try:
        found = _totals(raw)
    except pl.exceptions.PolarsError:
        if raw.has_lines:
            return None
        raise
    return None if _has_short_rows(raw, found) else found


def _totals(raw: RawFile) -> Structure:
    # Columns are counted under their position: a header may repeat a name.
    frame = raw.scan_all()
    width = len(raw.source_names)
    counts = frame.select(
        pl.len().alias("rows"), *[pl.nth(i).null_count().alias(str(i)) for i in range(width)]
    )
    row = counts.collect(engine="streaming").row(0)
    return Structure(raw, row[0], dict(zip(raw.names, row[1:], strict=True)))


def _has_short_rows(raw: RawFile, found: Structure) -> bool:
    if raw.format != "text" or len(raw.names) == 1 or not found.nulls[raw.names[-1]]:
        return False
    whole = (found.rows + raw.header) * (len(raw.names) - 1)
    return _count_separators(raw) != whole


def _count_separators(raw: RawFile) -> int:
    """Separators outside of quotes in the whole file."""
    separator, total, inside = raw.separator.encode(), 0, 0
    with open_bytes(raw.path) as file:
        while block := file.read(_BLOCK):
            if not raw.quoted or (not inside and b'"' not in block):
                total += block.count(separator)
                continue
            data = np.frombuffer(block, np.uint8)
            # 1 from an opening quote up to its closing one: a running parity of quotes.
            within = np.bitwise_xor.accumulate((data == _QUOTE).view(np.uint8)) ^ inside
            total += int(np.count_nonzero((data == separator[0]) & (within == 0)))
            inside = int(within[-1])
    return total
