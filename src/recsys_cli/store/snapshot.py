"""Which events a stage may see: everything "now", or only what came before a cut-off.

Models that learn to predict what comes next are trained on an earlier snapshot and the events
of the window after it; `earlier` names that snapshot and `events_between` gives the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from recsys_cli.columns import TIME, USER
from recsys_cli.errors import UsageError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A view of the events.

    Attributes:
        as_of: only events before midnight UTC of this day; None means all.
        leave_last: how many of each user's last events to hold out, for leave-last-out
            evaluation.
    """

    as_of: date | None = None
    leave_last: int = 0

    @property
    def folder(self) -> str:
        """Folder below artifacts/ that holds this snapshot; empty for "now"."""
        if self.leave_last:
            many = f"-{self.leave_last}" if self.leave_last > 1 else ""
            return f"leave-last{many}-out"
        return f"asof={self.as_of.isoformat()}" if self.as_of else ""

    def __str__(self) -> str:
        return self.folder or "now"

    @classmethod
    def from_folder(cls, name: str) -> Snapshot | None:
        """The snapshot whose artifacts lie in a folder of that name; None where it is none's."""
        kind, equals, day = name.partition("=")
        if kind == "asof" and equals:
            try:
                return cls(as_of=date.fromisoformat(day))
            except ValueError:
                return None
        parts = name.split("-")
        if parts[:2] == ["leave", "last"] and parts[-1] == "out":
            many = "".join(parts[2:-1]) or "1"
            return cls(leave_last=int(many)) if many.isdigit() else None
        return None

    def earlier(self, windows: int, *, days: int, end: date) -> Snapshot:
        """The snapshot that many test windows before this one.

        Args:
            windows: how many; of a leave-last-out snapshot, further events per user.
            days: length of a window.
            end: the day after the last event, where "now" ends.
        """
        if self.leave_last:
            return Snapshot(leave_last=self.leave_last + windows)
        return Snapshot(as_of=(self.as_of or end) - timedelta(days=windows * days))

    def filter(self, events: pl.LazyFrame) -> pl.LazyFrame:
        """The events (canonical columns) that this snapshot may see, in their order."""
        import polars as pl

        if self.leave_last:
            return events.filter(~is_last_event(self.leave_last))
        if self.as_of:
            return events.filter(pl.col(TIME) < pl.lit(self.as_of).cast(pl.Datetime("ms")))
        return events


NOW = Snapshot()
_EARLIEST = -(2**63)


def snapshot_from(as_of: str | date | None) -> Snapshot:
    """The snapshot of the events before a day; None means all events.

    Raises:
        UsageError: a text that is not a date.
    """
    return NOW if as_of is None else Snapshot(as_of=day_from(as_of, option="--as-of"))


def day_from(day: str | date, *, option: str) -> date:
    """The day that an option names.

    Raises:
        UsageError: a text that is not a date.
    """
    if isinstance(day, date):
        return day.date() if isinstance(day, datetime) else day
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"{option} {day!r} is not a date", hint="write YYYY-MM-DD") from None


def start_of(day: date) -> int:
    """Midnight UTC at the start of `day`, in seconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def events_between(events: pl.LazyFrame, start: Snapshot, end: Snapshot) -> pl.LazyFrame:
    """The events (canonical columns) that `end` sees and `start` does not, in their order.

    Raises:
        ValueError: the two hold out events in different ways.
    """
    import polars as pl

    if end.as_of if start.leave_last else end.leave_last:
        raise ValueError(f"no window lies between {start} and {end}")
    if start.leave_last:
        # Both conditions look at all events, so neither may be applied before the other.
        return events.filter(is_last_event(start.leave_last) & ~is_last_event(end.leave_last))
    if start.as_of is None:
        raise ValueError("nothing comes after now")
    return end.filter(events).filter(pl.col(TIME) >= pl.lit(start.as_of).cast(pl.Datetime("ms")))


def is_last_event(many: int = 1) -> pl.Expr:
    """True on each user's last rows by time; of equal times the later row is the last.

    Args:
        many: how many rows of each user.
    """
    import polars as pl

    time = pl.col(TIME).to_physical().fill_null(_EARLIEST)
    return (time.rank("ordinal") + many > pl.len()).over(USER)
