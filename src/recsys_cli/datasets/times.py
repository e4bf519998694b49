"""Which way a column tells the time, from a sample of it, and the expression that reads it.

ISO dates and date-times (with or without a zone), dates with the day or the month first, with
12 or 24 hours and with names of months, compact dates such as 20180920, and epochs in s, ms, µs
or ns, told apart by size, cell by cell. Everything becomes `Datetime("ms")`, UTC, without a zone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import polars as pl

from recsys_cli.moments import EPOCHS

SAMPLE_ROWS = 2_000
"""Cells that tell how a column is read."""
MILLISECONDS = pl.Datetime("ms")
_DAY_MS = 86_400_000
_ISO = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f %#z",
    "%Y-%m-%d %H:%M:%S%.f UTC",
)
_CLOCKS = ("", *(
    gap + clock
    for gap, clock in product((" ", ", "), ("%H:%M", "%H:%M:%S%.f", "%I:%M %p", "%I:%M:%S %p"))
))  # fmt: skip
_YEAR_FIRST = tuple(
    date + clock for date, clock in product(("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"), _CLOCKS)
)
_MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%B %Y", "%B-%Y", "%B-%y")
_DAY_FIRST = tuple(
    f"%d{mark}%m{mark}{year}{clock}"
    for year, mark, clock in product(("%Y", "%y"), ("/", ".", "-"), _CLOCKS)
)
_NAMED = (
    *(
        date + clock
        for date, clock in product(
            ("%d-%B-%Y", "%d %B %Y", "%d/%B/%Y", "%B %d, %Y", "%B %d %Y", "%d-%B-%y"), _CLOCKS
        )
    ),
    "%m %d, %Y",
    "%a %b %d %H:%M:%S %Y",
    "%a %b %d %H:%M:%S %#z %Y",
    "%a, %d %b %Y %H:%M:%S %#z",
    "%d/%b/%Y:%H:%M:%S %#z",
    "[%d/%b/%Y:%H:%M:%S",
)  # fmt: skip


def swapped(pattern: str) -> str:
    """A pattern with the places of day and month exchanged."""
    return pattern.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")


_MONTH_FIRST = tuple(map(swapped, _DAY_FIRST))
_TWO_WAYS = frozenset((*_DAY_FIRST, *_MONTH_FIRST))
_FORMATS = (*_YEAR_FIRST, *_ISO, *_DAY_FIRST, *_MONTH_FIRST, *_NAMED, *_MONTHS)
_COMPACT = {"%Y%m%d": 8, "%Y%m%d%H%M%S": 14, "%Y%m%d%H%M": 12, "%Y%m": 6, "%m.%Y": 7}
_YEARS = (1900, 2200)
_CLOCK = (
    r"^(?:(?:1899-12-3[01]|1900-01-0[01])[ T])?"
    r"((?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?)(?: ?Uhr| ?h)?$"
)
"""A time of day; spreadsheets write the day before the first one with it."""
_DIGITS, _BOTH = r"^\d{1,6}$", 2
_OF_CLOCKS = re.compile("time|hour|clock|hora|heure|ora|uhr|zeit", re.IGNORECASE)
_MOST = 0.95
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

    def other_way(self, column: str) -> TimeFormat | None:
        """The format with day and month exchanged; None where none of its patterns has both."""
        turned = [swapped(p) if p in _TWO_WAYS else p for p in self.patterns]
        if tuple(turned) == self.patterns:
            return None
        return _of_patterns(pl.col(column), tuple(turned))


def given_time(column: str, pattern: str) -> TimeFormat:
    """The format that recsys.toml names, in the notation of strftime."""
    return TimeFormat(pattern, _parsed(pl.col(column), pattern))


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
        patterns, unread = _reading(column, cells, _FORMATS)
        return _of_patterns(column, patterns) if len(unread) <= _AGREE * len(cells) else None
    for pattern, digits in _COMPACT.items():
        read = cells.to_frame().select(_parsed(column, pattern)).to_series().dt.year()
        compact = (read.is_between(*_YEARS) & (cells.str.len_bytes() == digits)).sum()
        if compact >= _AGREE * len(cells):
            return TimeFormat(_shown(pattern), _parsed(column, pattern))
    return _epoch(column.str.strip_chars().cast(pl.Float64, strict=False), numbers)


def widened(time: TimeFormat, unread: pl.Series) -> TimeFormat | None:
    """The format with further patterns that read cells which it does not; None without any.

    What was read before stays as it is, and day and month keep their order.

    Args:
        time: how the column is read.
        unread: cells of it that are not, named as the column.
    """
    if not time.patterns:
        return None
    more, _ = _reading(pl.col(unread.name), unread, _going_with(time.patterns, _FORMATS))
    return _of_patterns(pl.col(unread.name), time.patterns + more) if more else None


def _reading(
    column: pl.Expr, cells: pl.Series, known: Sequence[str]
) -> tuple[tuple[str, ...], pl.Series]:
    """The patterns that read any of the cells, most used first, and the cells that none reads."""
    patterns: list[str] = []
    while len(cells):
        frame = cells.to_frame()
        read = frame.select(
            _parsed(column, pattern).is_not_null().sum().alias(pattern) for pattern in known
        ).row(0, named=True)
        best = max(known, key=read.__getitem__)
        if not read[best]:
            break
        patterns.append(best)
        known = _going_with(patterns, known)
        cells = frame.filter(_parsed(column, best).is_null()).to_series()
    return tuple(patterns), cells


def _going_with(patterns: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The known patterns that may stand beside `patterns` in a column.

    Day and month are in the order of the others; a column that has no such order gets none, since
    a few cells do not tell it.
    """
    ordered = _TWO_WAYS.intersection(patterns)
    mine = _DAY_FIRST if ordered <= frozenset(_DAY_FIRST) else _MONTH_FIRST
    allowed = frozenset(mine) if ordered else frozenset()
    return tuple(pattern for pattern in known if pattern not in _TWO_WAYS or pattern in allowed)


def _of_patterns(column: pl.Expr, patterns: tuple[str, ...]) -> TimeFormat:
    name, parsed = " or ".join(map(_shown, patterns)), [_parsed(column, p) for p in patterns]
    return TimeFormat(name, parsed[0] if len(parsed) == 1 else pl.coalesce(parsed), patterns)


def _shown(pattern: str) -> str:
    """A pattern for messages."""
    return pattern if "%d" in pattern else f"{pattern} (the first of each month)"


def _parsed(column: pl.Expr, pattern: str) -> pl.Expr:
    text = column.cast(pl.String)
    if not any(clock in pattern for clock in ("%H", "%I", "%T", "%R", "%s")):
        time = text.str.to_date(pattern, strict=False).cast(MILLISECONDS)
    else:
        time = text.str.to_datetime(pattern, time_unit="ms", strict=False)
    if "%#z" in pattern or "%z" in pattern or "%:z" in pattern:
        time = time.dt.replace_time_zone(None)
    # A year of two digits must not be read as one of the first century.
    return pl.when(time.dt.year() >= _YEARS[0]).then(time) if "%Y" in pattern else time


def _epoch(number: pl.Expr, sample: pl.Series) -> TimeFormat:
    cells = sample.drop_nans().abs()
    units, low = [], 0.0
    for unit, high, _ in EPOCHS:
        units += [(int(cells.is_between(low, high, closed="left").sum()), unit)]
        low = high
    used = [unit for count, unit in sorted(units, key=lambda each: -each[0]) if count]
    number = number.cast(pl.Float64)
    ms = number * EPOCHS[-1][2]
    for _, high, to_ms in reversed(EPOCHS[:-1]):
        ms = pl.when(number.abs() < high).then(number * to_ms).otherwise(ms)
    expr = ms.floor().cast(pl.Int64, strict=False).cast(MILLISECONDS)
    return TimeFormat(f"epoch in {' and '.join(used or ['s'])}", expr)


def tells_clock(cells: pl.Series) -> bool:
    """Whether nearly all cells read as times of day: with colons, or called so and of digits."""
    cells = cells.drop_nulls().str.strip_chars()
    digits = cells.str.contains(_DIGITS)
    if digits.any() and not (_OF_CLOCKS.search(cells.name) and digits.all()):
        return False
    # Hours alone, or hours and minutes: cells of both kinds would be read in two ways.
    widths = set((cells.filter(digits).str.len_bytes() > len("14")).unique())
    told = cells.to_frame().select(_clock(pl.col(cells.name)).is_not_null().sum()).item()
    return len(widths) < _BOTH and cells.n_unique() > 1 and bool(told >= _MOST * len(cells))


def days_alone(cells: pl.Series) -> bool:
    """Whether a column of times has days and no times of day."""
    time = detect_time(cells)
    read = cells.to_frame().select(time.expr).to_series().drop_nulls() if time else cells.clear()
    return bool(len(read)) and bool((read.dt.timestamp("ms") % _DAY_MS == 0).all())


def with_clock(day: pl.Expr, clock: pl.Expr) -> pl.Expr:
    """The texts of a day and a time of day as one; the day alone where there is no time."""
    day = day.str.strip_chars().str.replace(r"[ T]00:00(:00(\.0+)?)?$", "")
    clock = clock.str.strip_chars()
    return pl.concat_str(day, pl.coalesce(_clock(clock), clock), separator=" ", ignore_nulls=True)


def _clock(cell: pl.Expr) -> pl.Expr:
    """A time of day with colons; null where it is none."""
    colons = (
        cell.str.replace(r"^(\d{1,2})$", "$1:00")
        .str.replace(r"^(\d{1,2})(\d\d)$", "$1:$2")
        .str.replace(r"^(\d{1,2})(\d\d)(\d\d)$", "$1:$2:$3")
    )
    return colons.str.extract(_CLOCK, 1).str.replace(r" ?([AaPp])\.?([Mm])\.?$", " $1$2")


def plausible(time: pl.Expr, *, latest_ms: int) -> pl.Expr:
    """Whether a time is after the first day of 1970 (where zeros end up) and not in the future."""
    return time.dt.timestamp("ms").is_between(_DAY_MS, latest_ms)
