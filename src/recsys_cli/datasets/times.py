"""Which way a column tells the time, from a sample of it, and the expression that reads it.

ISO dates and date-times (with or without a zone), compact dates such as 20180920, and epochs in
s, ms, µs or ns, told apart by size: the median of the sample decides for the whole column.
Everything becomes `Datetime("ms")`, UTC, without a zone.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

MILLISECONDS = pl.Datetime("ms")
_DAY_MS = 86_400_000
_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f UTC",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S%.f",
)
# Epochs of the years 1973 to 5138 differ by a factor of 1,000 between units.
_UNITS = (("s", 1e11, 1000.0), ("ms", 1e14, 1.0), ("µs", 1e17, 1e-3), ("ns", float("inf"), 1e-6))
_COMPACT, _COMPACT_DIGITS, _YEARS = "%Y%m%d", 8, (1900, 2200)
# Share of the sample that a format must read to be taken for the column's.
_AGREE = 0.5


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How to read one time column.

    Attributes:
        name: for messages, such as `%Y-%m-%d` or `epoch in ms`.
        expr: raw cell to Datetime("ms"), null where it doesn't parse.
        patterns: the formats tried in order, where it is a text that could be in others too.
    """

    name: str
    expr: pl.Expr
    patterns: tuple[str, ...] = ()


def detect_time(sample: pl.Series) -> TimeFormat | None:
    """The format of a time column, or None where no known one reads half of the sample.

    Args:
        sample: some cells of the column, nulls allowed, named as the column.
    """
    column, dtype = pl.col(sample.name), sample.dtype
    cells = sample.drop_nulls()
    if dtype == pl.Date:
        return TimeFormat("dates", column.cast(MILLISECONDS))
    if isinstance(dtype, pl.Datetime):
        naive = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return TimeFormat("date-times", (naive if dtype.time_zone else column).cast(MILLISECONDS))
    if dtype.is_numeric():
        return _epoch(column, cells.cast(pl.Float64))
    return _text(column, cells) if dtype == pl.String and len(cells) else None


def _text(column: pl.Expr, cells: pl.Series) -> TimeFormat | None:
    numbers = cells.str.strip_chars().cast(pl.Float64, strict=False).drop_nulls()
    if len(numbers) < _AGREE * len(cells):
        return _iso(column, cells)
    years = cells.str.to_date(_COMPACT, strict=False).dt.year()
    compact = (years.is_between(*_YEARS) & (cells.str.len_bytes() == _COMPACT_DIGITS)).sum()
    if compact >= _AGREE * len(cells):
        return TimeFormat(_COMPACT, _parsed(column, _COMPACT))
    return _epoch(column.str.strip_chars().cast(pl.Float64, strict=False), numbers)


def _iso(column: pl.Expr, cells: pl.Series) -> TimeFormat | None:
    patterns, unread = _reading(column, cells)
    return _of_patterns(column, patterns) if len(unread) <= _AGREE * len(cells) else None


def widened(time: TimeFormat, unread: pl.Series) -> TimeFormat | None:
    """The format with further patterns that read cells which it does not; None without any.

    No two of the patterns read the same text, so what was read before stays as it is.

    Args:
        time: how the column is read.
        unread: cells of it that are not, named as the column.
    """
    more, _ = _reading(pl.col(unread.name), unread) if time.patterns else ((), unread)
    return _of_patterns(pl.col(unread.name), time.patterns + more) if more else None


def _reading(column: pl.Expr, cells: pl.Series) -> tuple[tuple[str, ...], pl.Series]:
    """The patterns that read any of the cells, most used first, and the cells that none reads."""
    patterns: list[str] = []
    while len(cells):
        frame = cells.to_frame()
        reads = [frame.select(_parsed(column, f).is_not_null().sum()).item() for f in _FORMATS]
        best = max(range(len(_FORMATS)), key=reads.__getitem__)
        if not reads[best]:
            break
        patterns.append(_FORMATS[best])
        cells = frame.filter(_parsed(column, _FORMATS[best]).is_null()).to_series()
    return tuple(patterns), cells


def _of_patterns(column: pl.Expr, patterns: tuple[str, ...]) -> TimeFormat:
    name, parsed = " or ".join(patterns), [_parsed(column, p) for p in patterns]
    return TimeFormat(name, parsed[0] if len(parsed) == 1 else pl.coalesce(parsed), patterns)


def _parsed(column: pl.Expr, pattern: str) -> pl.Expr:
    if "%H" not in pattern:
        return column.str.to_date(pattern, strict=False).cast(MILLISECONDS)
    time = column.str.to_datetime(pattern, time_unit="ms", strict=False)
    return time.dt.replace_time_zone(None) if "%#z" in pattern else time


def _epoch(number: pl.Expr, sample: pl.Series) -> TimeFormat:
    median = abs(float(sample.drop_nans().median() or 0))  # type: ignore[arg-type]
    unit, _, to_ms = next(u for u in _UNITS if median < u[1])
    ms = (number.cast(pl.Float64) * to_ms).floor()
    return TimeFormat(f"epoch in {unit}", ms.cast(pl.Int64, strict=False).cast(MILLISECONDS))


def plausible(time: pl.Expr, *, latest_ms: int) -> pl.Expr:
    """Whether a time is after the first day of 1970 (where zeros end up) and not in the future."""
    return time.dt.timestamp("ms").is_between(_DAY_MS, latest_ms)
