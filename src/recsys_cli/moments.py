"""Moments and lengths of time: how they are read, written, and counted back from the last event.

A moment is a naive `datetime` in UTC, whole in milliseconds, as the times of events are. A length
is a `timedelta`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from time import time_ns

from recsys_cli.errors import UsageError

DAY = timedelta(days=1)
EPOCHS = (("s", 1e11, 1000.0), ("ms", 1e14, 1.0), ("µs", 1e17, 1e-3), ("ns", float("inf"), 1e-6))
"""Units of epochs, up to which number each is meant, and its milliseconds; see `epoch_ms`."""
_EPOCH = datetime(1970, 1, 1)
_MONDAY = datetime(1970, 1, 5)
_MILLISECOND = timedelta(milliseconds=1)
_HOUR, _MINUTE, _SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
_UNITS = {"w": 7 * DAY, "d": DAY, "": DAY, "h": _HOUR, "m": _MINUTE}
_LONGEST = 36_500 * DAY
"""A century, so that every length can be counted back from every event."""


def moment_from(given: str | date, *, option: str) -> datetime:
    """The moment that an option names: a date (its midnight), or a date and time.

    Times are in UTC, those with an offset are converted; parts of a millisecond are dropped.

    Raises:
        UsageError: a text that is neither.
    """
    try:
        return parsed_moment(given)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {given!r} is not a date or time",
            hint="write YYYY-MM-DD or YYYY-MM-DDTHH:MM, which are UTC",
        ) from None


def parsed_moment(given: str | date) -> datetime:
    """The same.

    Raises:
        ValueError: a text that is neither.
        OverflowError: its year in UTC is before 1 or after 9999.
    """
    if isinstance(given, str):
        given = datetime.fromisoformat(given.strip())
    if not isinstance(given, datetime):
        return datetime.combine(given, time())
    if given.tzinfo is not None:
        given = given.astimezone(UTC).replace(tzinfo=None)
    return given.replace(microsecond=given.microsecond // 1000 * 1000)


def epoch_ms(number: float) -> int:
    """Milliseconds since 1970 of an epoch in s, ms, µs or ns, which its size tells apart.

    Those of the years 1973 to 5138 differ by a factor of 1,000 between units.

    Raises:
        ValueError: it is not a number.
        OverflowError: it is not finite.
    """
    return math.floor(number * next((ms for _, high, ms in EPOCHS if abs(number) < high), 1e-6))


def milliseconds(moment: datetime) -> int:
    """A moment in milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def at_milliseconds(ms: int) -> datetime:
    """The inverse of `milliseconds`."""
    return _EPOCH + ms * _MILLISECOND


def now_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time_ns() // 1_000_000


def length_from(given: str | int, *, option: str) -> timedelta:
    """The length that an option names: 90m, 6h, 7d, 2w; a number alone is days.

    Raises:
        UsageError: a text that is none, or longer than a century.
    """
    try:
        return parsed_length(str(given))
    except ValueError as error:
        raise UsageError(f"{option} {error}", hint="write 90m, 6h, 7d or 2w") from None


def lag_from(given: str | int | None, *, option: str) -> timedelta | None:
    """The same, or no time at all for 0; None stays None.

    Raises:
        UsageError: as `length_from`.
    """
    if given is None:
        return None
    return length_from(given, option=option) if str(given).strip(" 0") else timedelta()


def parsed_length(text: str) -> timedelta:
    """The same.

    Raises:
        ValueError: says what is wrong.
    """
    match = re.fullmatch(r"([0-9]{1,9})\s*([mhdw]?)", text.strip())
    length = int(match[1]) * _UNITS[match[2]] if match else timedelta()
    if not timedelta() < length <= _LONGEST:
        raise ValueError(f"{text!r} is not a number of minutes, hours, days or weeks")
    return length


def days_in(length: timedelta) -> int | float:
    """A length as a number of days, a fraction only where it has to be one."""
    return length // DAY if whole_days(length) else length / DAY


def whole_days(length: timedelta) -> bool:
    """Whether a length is a number of days."""
    return not length % DAY


def is_midnight(moment: datetime) -> bool:
    """Whether a day begins at a moment."""
    return moment.time() == time()


def iso(moment: datetime) -> str:
    """A moment for machines and options: 2020-09-16 for midnight, else 2020-09-16T14:00:00."""
    if is_midnight(moment):
        return moment.date().isoformat()
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def utc(moment: datetime) -> str:
    """A moment in full, with its zone: 2020-09-16T14:00:00.000Z."""
    return moment.isoformat(timespec="milliseconds") + "Z"


def said(moment: datetime) -> str:
    """A moment for people: 2020-09-16 for midnight, else 2020-09-16 14:00."""
    return iso(moment).replace("T", " ").removesuffix(":00")


def spoken(length: timedelta) -> str:
    """A length for people: 7 days, 6 hours, 90 minutes."""
    for unit, name in ((DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if not length % unit:
            many = length // unit
            return f"{many:,} {name}" + ("" if many == 1 else "s")
    return f"{length / _SECOND:,.0f} seconds"


def seconds_at(moment: datetime) -> int:
    """A moment in whole seconds since 1970, rounded up: times before it, rounded down, are less."""
    return -((_EPOCH - moment) // _SECOND)


def after(last: datetime, *, days: bool) -> datetime:
    """Where what ends with the event at `last` ends: with its day, or with its second."""
    step = DAY if days else _SECOND
    return last - (last - _EPOCH) % step + step


def on_grid(moment: datetime, length: timedelta) -> datetime:
    """The last point up to a moment of those that lie a length apart, counted from a Monday.

    So weeks begin on Mondays, and days at midnight, whichever event is the last.
    """
    return moment - (moment - _MONDAY) % length
