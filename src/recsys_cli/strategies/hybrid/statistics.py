"""What there is to know of items and users without any model: counts, trend, recency, value.

Canonical events of a snapshot, the interactions made of them and the items table come in; arrays
by row go out, in one pack that maps into memory, so that serving needs no polars. "Value" is the
number that events carry: a price in a shop, a rating elsewhere. It is added up in fixed point,
because sums of floats depend on the order in which threads happen to add them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import ITEM, TIME, USER, VALUE
from recsys_cli.events.weights import event_seconds, refuse_later_events
from recsys_cli.store.packs import PREFIX, Packed

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.events.later import Later, Trend, Visitors

WINDOWS = (1, 7, 30)
"""Days before the snapshot in which events are counted."""
NO_CATEGORY = -1

_DAY_MS = 86_400_000
_RECENT = 30
_FIXED = 1_000_000
"""Parts of a unit of value that are added up exactly."""
_PAIRS = 1 << 22
_TINY = 1e-20

Counts = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Activity(Packed):
    """Events of each item, or of each user.

    Attributes:
        events: (n,) uint32 number of events.
        recent: (n, len(WINDOWS)) uint32 number of events in the last 1, 7 and 30 days.
        first: (n,) uint32 time of the first event in seconds since 1970; 0 for none.
        last: (n,) uint32 time of the last one.
        value: (n,) float32 mean value of the events; NaN where none has one.
        recent_value: (n,) float32 the same over the last 30 days; where there is none, `value`.
    """

    events: Counts
    recent: Counts
    first: Counts
    last: Counts
    value: Floats
    recent_value: Floats

    def take(self, rows: npt.NDArray[np.integer]) -> Activity:
        """That of some rows (n,); row -1 has none."""
        known = rows >= 0
        made = {}
        for name in self.__slots__:
            values = getattr(self, name)
            none = np.nan if values.dtype.kind == "f" else 0
            made[name] = np.full((len(rows), *values.shape[1:]), none, values.dtype)
            made[name][known] = values[rows[known]]
        return Activity(**made)

    def with_later(self, later: Later) -> Activity:
        """That of n rows with events that came later, all of them within the last day."""
        row, at = later.positions()
        n, times = later.counts, later.times[at]
        events, last = (self.events + n).astype(np.uint32), self.last.copy()
        np.maximum.at(last, row, times)
        began = np.full(len(n), np.iinfo(np.uint32).max)
        np.minimum.at(began, row[times > 0], times[times > 0])
        first = np.where((self.first == 0) & (last > 0), np.minimum(began, last), self.first)
        valued = ~np.isnan(later.values[at])
        added = np.bincount(row[valued], later.values[at][valued], minlength=len(n))
        many = np.bincount(row[valued], minlength=len(n))

        def mean(value: Floats, of: Counts) -> Floats:
            before = np.where(np.isnan(value), 0, of)
            total = np.nan_to_num(value).astype(np.float64) * before + added
            made: Floats = value.copy()
            np.divide(total, before + many, out=made, where=many > 0, casting="same_kind")
            return made

        recent = self.recent + n[:, None].astype(np.uint32)
        return Activity(
            events=events,
            recent=recent.astype(np.uint32),
            first=first.astype(np.uint32),
            last=last,
            value=mean(self.value, self.events),
            recent_value=mean(self.recent_value, self.recent[:, -1]),
        )


@dataclass(frozen=True, slots=True)
class Statistics(Packed):
    """All of it.

    Attributes:
        buyers: (n_items,) uint32 distinct users.
        repeated: (n_items,) float32 share of them who had the item more than once; 0 for none.
        categories: names of the columns of `codes`.
        codes: (n_items, len(categories)) int32 category of each item, -1 for none.
        shares: (n_items, len(categories)) float32 share that the item has in what its category
            sells a day, by the mean of the last 7 and of the last 30 days; NaN without category.
        variant: (n_items,) int32 product that the item is a variant of; -1 for none.
        repurchase: whether an item that a user already has may be recommended again.
        reference: seconds since the epoch before which all events lie that were seen.
        items: activity by item.
        users: activity by user.
    """

    buyers: Counts
    repeated: Floats
    categories: Sequence[str]
    codes: Codes
    shares: Floats
    variant: Codes
    repurchase: bool
    reference: int
    items: Activity = field(metadata={PREFIX: f"{ITEM}_"})
    users: Activity = field(metadata={PREFIX: f"{USER}_"})

    def over(self, visitors: Visitors) -> Statistics:
        """The same with the activity of visitors, n rows, for that of users."""
        return replace(self, users=self.users.take(visitors.users).with_later(visitors.later))

    def with_trend(self, trend: Trend) -> Statistics:
        """The same with what everybody did since counted into the items' activity.

        Of what was recent at the artifacts' moment the part stays that still is, as if it had been
        spread evenly.
        """
        stays = np.maximum(1 - trend.days / np.array(WINDOWS), 0)
        recent = (self.items.recent * stays + trend.counts[:, None]).round().astype(np.uint32)
        now = np.uint32(max(self.reference, 0))
        items = replace(
            self.items,
            events=self.items.events + trend.counts,
            recent=recent,
            first=np.where((self.items.first == 0) & (trend.counts > 0), now, self.items.first),
            last=np.where(trend.counts > 0, now, self.items.last),
        )
        return replace(self, items=items, shares=_shares(self.codes, recent))


def build_statistics(
    events: pl.LazyFrame, items: pl.DataFrame, *, interactions: Interactions, spec: DatasetSpec
) -> Statistics:
    """Count.

    Args:
        events: canonical columns, already cut to the snapshot.
        items: table in row order with the spec's category and variant columns.
        interactions: of the same snapshot.
        spec: facts about the dataset.

    Raises:
        ValueError: an event lies at or after the interactions' reference.
    """
    of_items = _activity(events, ITEM, n=interactions.n_items, reference=interactions.reference)
    of_users = _activity(events, USER, n=interactions.n_users, reference=interactions.reference)
    refuse_later_events(int(of_items.last.max(initial=0)), interactions.reference)
    buyers, repeated = _buyers(interactions)
    columns = [column for column in spec.category_columns if column != spec.variant_column]
    codes = np.empty((interactions.n_items, len(columns)), np.int32)
    for place, column in enumerate(columns):
        codes[:, place] = _codes(items[column])
    variant = np.full(interactions.n_items, NO_CATEGORY, np.int32)
    if spec.variant_column is not None:
        variant = _codes(items[spec.variant_column])
    return Statistics(
        items=of_items,
        users=of_users,
        buyers=buyers,
        repeated=repeated,
        categories=columns,
        codes=codes,
        shares=_shares(codes, of_items.recent),
        variant=variant,
        repurchase=spec.repurchase,
        reference=interactions.reference,
    )


def _activity(events: pl.LazyFrame, key: str, *, n: int, reference: int) -> Activity:
    """Aggregates by user or item; all sums are of integers, whose order does not matter."""
    import polars as pl

    def within(days: int) -> pl.Expr:
        start = reference * 1000 - days * _DAY_MS
        return (pl.col(TIME) >= pl.lit(start).cast(pl.Datetime("ms"))).fill_null(value=False)

    seconds = event_seconds()
    value = pl.col(VALUE).cast(pl.Float64).fill_nan(None)
    fixed = (value * _FIXED).round().cast(pl.Int64, strict=False)
    old, new = fixed.is_not_null(), fixed.is_not_null() & within(_RECENT)
    table = (
        events.group_by(key)
        .agg(
            pl.len().alias("events"),
            *(within(days).sum().alias(f"recent_{days}") for days in WINDOWS),
            seconds.filter(seconds > 0).min().alias("first"),
            seconds.max().alias("last"),
            fixed.sum().alias("sum"),
            old.sum().alias("n"),
            fixed.filter(within(_RECENT)).sum().alias("recent_sum"),
            new.sum().alias("recent_n"),
        )
        .collect(engine="streaming")
    )
    rows = table[key].to_numpy()

    def column(name: str, dtype: Any) -> Any:
        filled = np.zeros(n, dtype)
        filled[rows] = table[name].fill_null(0).to_numpy()
        return filled

    value_mean = _mean(column("sum", np.int64), column("n", np.int64))
    recent_mean = _mean(column("recent_sum", np.int64), column("recent_n", np.int64))
    return Activity(
        events=column("events", np.uint32),
        recent=np.stack([column(f"recent_{days}", np.uint32) for days in WINDOWS], axis=1),
        first=column("first", np.uint32),
        last=column("last", np.uint32),
        value=value_mean,
        recent_value=np.where(np.isnan(recent_mean), value_mean, recent_mean),
    )


def _mean(total: npt.NDArray[np.int64], n: npt.NDArray[np.int64]) -> Floats:
    mean = np.full(len(n), np.nan)
    np.divide(total / _FIXED, n, out=mean, where=n > 0)
    return mean.astype(np.float32)


def _buyers(interactions: Interactions) -> tuple[Counts, Floats]:
    """Distinct users of each item, and the share of them who had it more than once."""
    n = interactions.n_items
    buyers, repeats = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for start in range(0, len(interactions.indices), _PAIRS):
        items = interactions.indices[start : start + _PAIRS]
        again = interactions.count[start : start + _PAIRS] > 1
        buyers += np.bincount(items, minlength=n)
        repeats += np.bincount(items[again], minlength=n)
    share = repeats / np.maximum(buyers, 1)
    return buyers.astype(np.uint32), share.astype(np.float32)


def _shares(codes: Codes, recent: Counts) -> Floats:
    """(n, C) each item's part of its categories' recent events; see `Statistics.shares`."""
    _, week, month = recent.T.astype(np.float64)
    daily = week / WINDOWS[1] + month / WINDOWS[2]
    shares = np.full(codes.shape, np.nan, np.float32)
    for place, code in enumerate(codes.T):
        there = code >= 0
        totals = np.bincount(code[there], daily[there])
        shares[there, place] = daily[there] / np.maximum(totals[code[there]], _TINY)
    return shares


def _codes(column: pl.Series) -> Codes:
    """(n,) int32 from 0 in the order of the values as text; -1 for null."""
    import polars as pl

    ranks = column.cast(pl.String).rank("dense").cast(pl.Int32) - 1
    codes: Codes = ranks.fill_null(NO_CATEGORY).to_numpy().astype(np.int32)
    return codes
