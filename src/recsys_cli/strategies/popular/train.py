"""What sells now, for everyone and for each segment of users.

Canonical events come in, one row of item scores per segment goes out. With D the sum over recent
events of weight · 0.5^(age / half-life), and the same sum D_s over the users of segment s:

    everyone    score_i = D_i
    segment s   score_i = D_s,i + prior · D_i / sum(D)

so a segment's list starts as everyone's and follows its own events as they outnumber the prior
(the posterior mean of a Dirichlet prior, up to scale). An item without recent events scores
below all that have some, by its events of all time; one never seen scores 0. Hence the lists
hold the whole catalogue and can always be refilled. Without times every event counts as recent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import EVENT, ITEM, TIME, USER, WEIGHT
from recsys_cli.events.weights import event_seconds, event_weight, refuse_later_events
from recsys_cli.store.packs import Packed

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.events.later import Trend
    from recsys_cli.strategies.popular import PopularConfig

EVERYONE = 0
MAX_SEGMENTS = 64
"""A column with more groups keeps the largest ones, so that the table of scores stays small."""

_DAY_MS = 86_400_000
_ROWS_AT_ONCE = 4_000_000
_SMALLEST = 1e-20

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Popularity(Packed):
    """Item scores by segment.

    Attributes:
        scores: (1 + segments, n_items) float32, at least 0; row 0 is everyone.
        user_segment: (n_users,) int16 row of `scores`; 0 for users without a segment.
        segments: names of rows 1 and up.
        reference: seconds since the epoch up to which events were seen.
    """

    scores: npt.NDArray[np.float32]
    user_segment: npt.NDArray[np.int16]
    segments: list[str]
    reference: int

    def with_trend(self, trend: Trend) -> Popularity:
        """With what everybody did since, of which each segment has its part of all events."""
        mass = self.scores.sum(axis=1, dtype=np.float64)
        parts = mass / max(float(mass[EVERYONE]), _SMALLEST)
        added = (parts[:, None] * trend.weights).astype(np.float32)
        return replace(self, scores=self.scores + added)


def build_popularity(
    events: pl.LazyFrame,
    *,
    n_items: int,
    n_users: int,
    users: pl.DataFrame | None,
    spec: DatasetSpec,
    config: PopularConfig,
    reference: int,
) -> Popularity:
    """Score every item for every segment.

    Args:
        events: canonical columns, already cut to the snapshot.
        n_items: size of the catalogue.
        n_users: number of users.
        users: table in row order with the first of `spec.segment_columns`; None for no segments.
        spec: facts about the dataset.
        config: window, half-life and prior.
        reference: seconds since the epoch from which age is counted.

    Raises:
        ValueError: an event lies at or after `reference`.
    """
    refuse_later_events(_last_second(events), reference)
    segments, user_segment = _segments(users, n_users=n_users, spec=spec)
    recent = _recent_events(events, spec=spec, config=config, reference=reference)
    own = _sums(recent, user_segment, rows=len(segments) + 1, n_items=n_items)
    everyone = own.sum(axis=0)
    total = everyone.sum()
    heads = own + config.segment_prior * everyone / total if total else own
    heads[EVERYONE] = everyone
    ever = _all_time(events, spec=spec, n_items=n_items)
    scores = np.stack([_with_tail(head, ever) for head in heads])
    return Popularity(scores, user_segment, segments, int(reference))


def _last_second(events: pl.LazyFrame) -> int:
    last = events.select(event_seconds().max()).collect(engine="streaming").item()
    return int(last or 0)


def _segments(
    users: pl.DataFrame | None, *, n_users: int, spec: DatasetSpec
) -> tuple[list[str], npt.NDArray[np.int16]]:
    """Names of the segments in order, and each user's row in the scores."""
    import polars as pl

    nobody = np.zeros(n_users, np.int16)
    column = spec.segment_columns[0] if spec.segment_columns else None
    if users is None or column is None or column not in users.columns:
        return [], nobody
    values = users[column].cast(pl.String)
    counts = (
        values.drop_nulls().value_counts(name="n").sort(["n", column], descending=[True, False])
    )
    names = sorted(counts[column].head(MAX_SEGMENTS).to_list())
    codes = values.replace_strict(
        pl.Series(names, dtype=pl.String),
        pl.Series(np.arange(1, len(names) + 1, dtype=np.int16)),
        default=EVERYONE,
        return_dtype=pl.Int16,
    )
    return names, codes.fill_null(EVERYONE).to_numpy().astype(np.int16)


def _recent_events(
    events: pl.LazyFrame, *, spec: DatasetSpec, config: PopularConfig, reference: int
) -> pl.DataFrame:
    """User, item and decayed weight of each event in the window, in file order."""
    import polars as pl

    weight = event_weight(spec)
    if spec.has_time:
        now, window = reference * 1000, config.window_days * _DAY_MS
        events = events.filter(pl.col(TIME) >= pl.lit(now - window).cast(pl.Datetime("ms")))
        age = (now - pl.col(TIME).dt.epoch("ms")) / _DAY_MS
        weight = weight * (-np.log(2) / config.half_life_days * age).exp()
    return events.select(USER, ITEM, weight.cast(pl.Float32).alias(WEIGHT)).collect(
        engine="streaming"
    )


def _sums(
    recent: pl.DataFrame, user_segment: npt.NDArray[np.int16], *, rows: int, n_items: int
) -> Floats:
    """(rows, n_items) decayed weight by segment; row 0 those of users without one.

    Added in file order, since floating-point sums depend on the order and artifacts must not.
    """
    sums = np.zeros(rows * n_items)
    for part in recent.iter_slices(_ROWS_AT_ONCE):
        segment = user_segment[part[USER].to_numpy()].astype(np.int64)
        keys = segment * n_items + part[ITEM].to_numpy()
        sums += np.bincount(keys, weights=part[WEIGHT].to_numpy(), minlength=len(sums))
    return sums.reshape(rows, n_items)


def _all_time(events: pl.LazyFrame, *, spec: DatasetSpec, n_items: int) -> Floats:
    """(n_items,) summed weight of each item's events, however old.

    Added in an order that is always the same, for the reason given in `_sums`.
    """
    import polars as pl

    weight = event_weight(spec)
    if not spec.value_as_weight:
        # Events of a kind weigh the same, so counting them leaves few rows to add.
        events = events.group_by(ITEM, EVENT).agg(pl.len().alias("n")).sort(ITEM, EVENT)
        weight = weight * pl.col("n")
    table = events.select(ITEM, weight.alias(WEIGHT)).collect(engine="streaming")
    ever = np.zeros(n_items)
    for part in table.iter_slices(_ROWS_AT_ONCE):
        ever += np.bincount(part[ITEM].to_numpy(), part[WEIGHT].to_numpy(), minlength=n_items)
    return ever


def _with_tail(head: Floats, ever: Floats) -> npt.NDArray[np.float32]:
    """One row of scores: `head` where it is above 0, below that the order of `ever`."""
    recent = head > 0
    if not recent.any():
        return ever.astype(np.float32)
    ceiling = max(float(head[recent].min()), _SMALLEST) / 2
    tail = ceiling * ever / max(float(ever.max()), 1.0)
    return np.where(recent, head, tail).astype(np.float32)
