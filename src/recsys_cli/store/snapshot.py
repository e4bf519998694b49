"""Which events a stage may see: everything "now", or only what came before a cut-off.

Models that learn to predict what comes next are trained on an earlier snapshot and the events
of the window after it; `earlier` names that snapshot and `events_between` gives the window.
Where events carry no time, random pairs of each user stand for what comes next. A user's pairs
are parted by chance into rounds of a tenth of them, of one at least, and an earlier snapshot holds
out what its own does and a further round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from recsys_cli.columns import ITEM, TIME, USER
from recsys_cli.moments import iso, moment_from, on_grid, parsed_moment

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A view of the events.

    Attributes:
        as_of: only events before this moment (see `recsys_cli.moments`); None means all.
        leave_last: how many of each user's last events to hold out, for leave-last-out
            evaluation.
        leave_random: rounds of random pairs to hold out, ascending; see `in_random_rounds`.
    """

    as_of: datetime | None = None
    leave_last: int = 0
    leave_random: tuple[int, ...] = ()

    @property
    def folder(self) -> str:
        """Folder below artifacts/ that holds this snapshot; empty for "now"."""
        if self.leave_last:
            many = f"-{self.leave_last}" if self.leave_last > 1 else ""
            return f"leave-last{many}-out"
        if self.leave_random:
            return f"leave-random-{'-'.join(map(str, self.leave_random))}-out"
        # Windows allows no colon in a name.
        return f"asof={iso(self.as_of).replace(':', '-')}" if self.as_of else ""

    @property
    def age(self) -> tuple[datetime, int]:
        """Sorts the snapshots of a dataset from the oldest to now."""
        held_out = self.leave_last or max(self.leave_random, default=0)
        return datetime.min if held_out else self.as_of or datetime.max, -held_out

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
            if parts[:2] == ["leave", "random"] and parts[-1] == "out":
                return cls(leave_random=tuple(sorted({int(part) for part in parts[2:-1]} - {0})))
        except (ValueError, OverflowError):
            pass
        return None

    def earlier(self, windows: int, *, length: timedelta, end: datetime | None) -> Snapshot:
        """The snapshot that many windows before this one.

        Windows lie on a grid that does not move with the last event (see `on_grid`), so that the
        snapshots before tomorrow's are those before today's. The first is over by the moment of
        this one, which need not be where it ends.

        Args:
            windows: how many; of a leave-last-out snapshot, further events per user; of random
                pairs, which of the further rounds is held out too.
            length: of a window.
            end: where "now" ends, after the last event; None where events carry no time.
        """
        if self.leave_last:
            return Snapshot(leave_last=self.leave_last + windows)
        if self.leave_random or end is None:
            another = max(self.leave_random, default=0) + windows
            return Snapshot(leave_random=(*self.leave_random, another))
        return Snapshot(
            as_of=on_grid((self.as_of or end) - length, length) - (windows - 1) * length
        )

    def filter(self, events: pl.LazyFrame) -> pl.LazyFrame:
        """The events (canonical columns) that this snapshot may see, in their order."""
        import polars as pl

        if self.leave_last:
            return events.filter(~is_last_event(self.leave_last))
        if self.leave_random:
            return events.filter(~in_random_rounds(self.leave_random))
        if self.as_of:
            return events.filter(pl.col(TIME) < pl.lit(self.as_of).cast(pl.Datetime("ms")))
        return events


NOW = Snapshot()
FIRST_ROUND = Snapshot(leave_random=(1,))
"""What random pairs are tested on: all but the first round of them."""
_EARLIEST = -(2**63)
_PARTS = 10
"""Rounds that a user's pairs are parted into, where there are as many."""
_SEED = 42


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

    ways = {
        (bool(each.as_of), bool(each.leave_last), bool(each.leave_random))
        for each in (start, end)
        if each != NOW
    }
    if len(ways) > 1:
        raise ValueError(f"no window lies between {start} and {end}")
    if start.leave_last:
        # Both conditions look at all events, so neither may be applied before the other.
        return events.filter(is_last_event(start.leave_last) & ~is_last_event(end.leave_last))
    if start.leave_random:
        held_out, still = in_random_rounds(start.leave_random), in_random_rounds(end.leave_random)
        return events.filter(held_out & ~still)
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


def in_random_rounds(rounds: Sequence[int]) -> pl.Expr:
    """True on the rows of pairs that these rounds hold out.

    Pairs of a user are put in an order by a hash of user, item and a seed, so that neither their
    order in the table nor how often they are in it matters. Users keep at least half of their
    pairs: from those with few, only the first of `rounds` hold any out.

    Args:
        rounds: from 1.
    """
    import polars as pl

    pair = pl.col(USER).cast(pl.UInt64) * 2**32 + pl.col(ITEM).cast(pl.UInt64)
    place = _mixed(pair + _SEED).rank("dense").over(USER)
    pairs = pair.n_unique().over(USER)
    size = pl.max_horizontal(pairs // _PARTS, 1)
    own = (place - 1) // size + 1
    out = [(own == each) & (size * many <= pairs // 2) for many, each in enumerate(rounds, 1)]
    return pl.any_horizontal(pl.lit(value=False), *out)


def _mixed(number: pl.Expr) -> pl.Expr:
    """A random order of UInt64 numbers, none of which collide (SplitMix64: Steele et al. 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        number = (number ^ (number // 2**shift)) * factor
    return number ^ (number // 2**31)
