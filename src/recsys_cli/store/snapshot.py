"""Which events a stage may see: everything "now", or only what came before a cut-off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from recsys_cli.columns import TIME, USER

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A view of the events.

    Attributes:
        as_of: only events before midnight UTC of this day; None means all.
        leave_last: hold out each user's last event, for leave-last-out evaluation.
    """

    as_of: date | None = None
    leave_last: bool = False

    @property
    def folder(self) -> str:
        """Folder below artifacts/ that holds this snapshot; empty for "now"."""
        if self.leave_last:
            return "leave-last-out"
        return f"asof={self.as_of.isoformat()}" if self.as_of else ""

    def __str__(self) -> str:
        return self.folder or "now"

    def filter(self, events: pl.LazyFrame) -> pl.LazyFrame:
        """The events (canonical columns) that this snapshot may see, in their order."""
        import polars as pl

        if self.leave_last:
            return events.filter(~is_last_event())
        if self.as_of:
            return events.filter(pl.col(TIME) < pl.lit(self.as_of).cast(pl.Datetime("ms")))
        return events


NOW = Snapshot()


def start_of(day: date) -> int:
    """Midnight UTC at the start of `day`, in seconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def is_last_event() -> pl.Expr:
    """True on each user's last row by time; of equal times the later row is the last."""
    import polars as pl

    row = pl.int_range(pl.len(), dtype=pl.Int64)  # within the user, because of `over`
    return (row == row.sort_by(TIME, row).last()).over(USER)
