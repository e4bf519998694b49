"""Which events a stage may see: everything "now", or only what came before a cut-off.

Models that learn to predict what comes next are trained on an earlier snapshot and the events
of the window after it; `earlier` names that snapshot and `events_between` gives the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from recsys_cli.columns import TIME, USER
from recsys_cli.moments import iso, moment_from, parsed_moment

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A view of the events.

    Attributes:
        as_of: only events before this moment (see `recsys_cli.moments`); None means all.
        leave_last: how many of each user's last events to hold out, for leave-last-out
            evaluation.
    """

    as_of: datetime | None = None
    leave_last: int = 0

    @property
    def folder(self) -> str:
        """Folder below artifacts/ that holds this snapshot; empty for "now"."""
        if self.leave_last:
            many = f"-{self.leave_last}" if self.leave_last > 1 else ""
            return f"leave-last{many}-out"
        # Windows allows no colon in a name.
        return f"asof={iso(self.as_of).replace(':', '-')}" if self.as_of else ""

    def __str__(self) -> str:
        return self.folder or "now"

    @classmethod
    def from_folder(cls, name: str) -> Snapshot | None:
        """The snapshot whose artifacts lie in a folder of that name; None where it is none's."""
        found = cls._named(name)
        return found if found and found.folder == name else None

    @classmethod
    def _named(cls, name: str) -> Snapshot | None:
        """The snapshot that a name seems to be of, which may be written otherwise."""
        kind, _, moment = name.partition("=")
        day, at, clock = moment.partition("T")
        parts = name.split("-")
        try:
            if kind == "asof":
                return cls(as_of=parsed_moment(day + at + clock.replace("-", ":")))
            if parts[:2] == ["leave", "last"] and parts[-1] == "out":
                return cls(leave_last=int("".join(parts[2:-1]) or "1"))
        except (ValueError, OverflowError):
            pass
        return None

    def earlier(self, windows: int, *, length: timedelta, end: datetime) -> Snapshot:
        """The snapshot that many test windows before this one.

        Args:
            windows: how many; of a leave-last-out snapshot, further events per user.
            length: of a window.
            end: where "now" ends, after the last event.
        """
        if self.leave_last:
            return Snapshot(leave_last=self.leave_last + windows)
        return Snapshot(as_of=(self.as_of or end) - windows * length)

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
    """The snapshot of the events before a moment; None means all events.

    Raises:
        UsageError: a text that is neither a date nor a time.
    """
    return NOW if as_of is None else Snapshot(as_of=moment_from(as_of, option="--as-of"))


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
