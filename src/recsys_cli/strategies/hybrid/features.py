"""Features of candidates: one float32 row per user and item, computed from arrays alone.

What the sources said comes first, then what is known of the item, of the user, and of the two
together. Unknown is NaN, which trees handle. Names are the same for every dataset, but for
`affinity_COLUMN`, `share_COLUMN` and `expected_COLUMN`, one for each category column of the
dataset's spec: how much the user takes from the item's category, how much of what the category
sells is the item, and the product of the two, which is how much of the item the user would take
if they chose a category by their own habit and an item of it like everybody else. No feature of
a pair depends on the other candidates, so the score of an item does not either.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Trend, Visitors
from recsys_cli.ranking.topk.warm import shared
from recsys_cli.ranking.vectors import Users
from recsys_cli.strategies.base import Space
from recsys_cli.strategies.hybrid.candidates import Candidates
from recsys_cli.strategies.hybrid.histories import block_of, days_before
from recsys_cli.strategies.hybrid.statistics import WINDOWS, Activity, Statistics
from recsys_cli.strategies.popular.train import EVERYONE, Popularity

Floats = npt.NDArray[np.float32]

_FUSION = 10.0
"""Rank at which a source's say in `rank_fusion` has halved (Cormack et al. 2009)."""
_TINY = 1e-20


class Features:
    """Computes the features of candidates.

    Args:
        sources: names of the candidates' sources, in their order.
        spaces: those of them that can score every pair.
        statistics: of items and users.
        popularity: by segment.
        history: what users had.
    """

    def __init__(
        self,
        *,
        sources: Sequence[str],
        spaces: Sequence[Space],
        statistics: Statistics,
        popularity: Popularity,
        history: Interactions,
    ) -> None:
        self._sources = tuple(sources)
        self._spaces = tuple(spaces)
        self._statistics = statistics
        self._history = history
        self._unit = [_unit(space) for space in spaces]
        self._items = shared(
            partial(_item_table, statistics),
            *(getattr(statistics.items, name) for name in Activity.__slots__),
            statistics.buyers,
            statistics.repeated,
            about=f"item table {statistics.reference}",
        )
        self._measure(popularity)
        self._now: tuple[Trend | None, Features | None] = None, None
        self.names = self._names()

    def _measure(self, popularity: Popularity) -> None:
        self._popularity = popularity
        top = popularity.scores.max(axis=1, initial=_TINY).astype(np.float32)
        self._top = np.maximum(top, _TINY)
        mass = popularity.scores.sum(axis=1, dtype=np.float64)
        self._mass = np.maximum(mass, _TINY)

    def _with(self, trend: Trend) -> Features:
        """The same at a trend, which many requests share."""
        known, made = self._now
        if known is not trend or made is None:
            made = copy(self)
            made._statistics = self._statistics.with_trend(trend)
            made._items = _item_table(made._statistics)
            made._measure(self._popularity.with_trend(trend))
            self._now = trend, made
        return made

    def _names(self) -> list[str]:
        names = [f"rank_{name}" for name in self._sources]
        names += [f"score_{name}" for name in self._sources]
        names += [f"relative_{name}" for name in self._sources]
        names += ["sources", "rank_fusion"]
        names += _ITEM_NAMES
        names += ["popular_everyone", "popular_segment", "segment_affinity"]
        names += _USER_NAMES
        names += ["value_ratio", "times_had", "idle_days"]
        for name in ("affinity", "share", "expected"):
            names += [f"{name}_{column}" for column in self._statistics.categories]
        for space in self._spaces:
            names += [f"similar_{space.name}_max", f"similar_{space.name}_mean"]
        return names

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The sources that can score every pair."""
        return self._spaces

    def over(self, visitors: Visitors, vectors: Sequence[Floats | None]) -> Features:
        """The same for visitors, who are users by their place among them.

        Args:
            visitors: n rows.
            vectors: (n, d) float32 of theirs in each space; None for those there were.
        """
        there = copy(self if visitors.trend is None else self._with(visitors.trend))
        there._spaces = tuple(
            space.over(visitors, made) for space, made in zip(self._spaces, vectors, strict=True)
        )
        there._statistics = there._statistics.over(visitors)
        segments = self._popularity.user_segment
        if len(segments):
            own = np.where(visitors.users >= 0, segments[visitors.users], np.int16(EVERYONE))
            there._popularity = replace(there._popularity, user_segment=own)
        there._history = visitors.had
        return there

    @property
    def buyers(self) -> npt.NDArray[np.uint32]:
        """(n_items,) how many users had each item."""
        return self._statistics.buyers

    def space_scores(self, candidates: Candidates) -> dict[str, Floats]:
        """By space, the score (P,) of every pair; NaN where user or item has no vector."""
        from recsys_cli.strategies.hybrid.kernels import inner_products

        scores = {}
        for space in self._spaces:
            out = np.empty(len(candidates.rows), np.float32)
            inner_products(
                candidates.rows, candidates.items, candidates.users, space.users, space.items, out
            )
            if space.bonus is not None:
                out += space.bonus[candidates.items]
            known = space.item_known[candidates.items]
            known &= space.user_known[candidates.users][candidates.rows]
            out[~known] = np.nan
            scores[space.name] = out
        return scores

    def of(self, candidates: Candidates) -> Floats:
        """The features (P, len(names)) float32, C-contiguous, of P candidates."""
        table = np.full((len(candidates.rows), len(self.names)), np.nan, np.float32)
        at = 0
        for part in (
            self._of_sources(candidates),
            self._items[candidates.items],
            self._of_popularity(candidates),
            self._of_users(candidates.users)[candidates.rows],
            self._of_pairs(candidates),
        ):
            table[:, at : at + part.shape[1]] = part
            at += part.shape[1]
        return table

    def _of_sources(self, candidates: Candidates) -> Floats:
        pairs, s = candidates.ranks.shape
        table = np.empty((pairs, 3 * s + 2), np.float32)
        table[:, :s] = candidates.ranks
        scores = table[:, s : 2 * s]
        scores[:] = candidates.scores
        for name, values in self.space_scores(candidates).items():
            scores[:, self._sources.index(name)] = values
        best = candidates.best[candidates.rows]
        table[:, 2 * s : 3 * s] = scores / np.where(best > 0, best, np.nan)
        ranked = ~np.isnan(candidates.ranks)
        table[:, 3 * s] = ranked.sum(axis=1)
        terms = np.where(ranked, 1 / (_FUSION + candidates.ranks), 0)
        table[:, 3 * s + 1] = terms.sum(axis=1)
        return table

    def _of_popularity(self, candidates: Candidates) -> Floats:
        scores, items = self._popularity.scores, candidates.items
        segment = self._segments(candidates.users)[candidates.rows]
        everyone, own = scores[EVERYONE, items], scores[segment, items]
        ratio = (own / self._mass[segment]) / np.maximum(everyone / self._mass[EVERYONE], _TINY)
        return np.stack(
            [everyone / self._top[EVERYONE], own / self._top[segment], ratio], axis=1
        ).astype(np.float32)

    def _segments(self, users: Users) -> npt.NDArray[np.int16]:
        segments = self._popularity.user_segment
        if not len(segments):
            return np.zeros(len(users), np.int16)
        found: npt.NDArray[np.int16] = segments[users]
        return found

    def _of_users(self, users: Users) -> Floats:
        activity, reference = self._statistics.users, self._statistics.reference
        had = self._history.matrix.counts(users)
        events = activity.events[users]
        columns = [
            events,
            had,
            events / np.maximum(had, 1),
            *activity.recent[users].T,
            days_before(activity.first[users], reference),
            days_before(activity.last[users], reference),
            activity.value[users],
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def _of_pairs(self, candidates: Candidates) -> Floats:
        from recsys_cli.strategies.hybrid.kernels import own_history, similarities

        codes = self._statistics.codes
        pairs, c = len(candidates.rows), codes.shape[1]
        table = np.full((pairs, 3 + 3 * c + 2 * len(self._spaces)), np.nan, np.float32)
        usual = self._statistics.users.value[candidates.users]
        value = self._statistics.items.recent_value[candidates.items]
        usual = np.where(usual != 0, usual, np.nan)[candidates.rows]
        table[:, 0] = value / usual
        indptr, had, weight, events, days, last = block_of(self._history, candidates.users)
        own = np.full((pairs, 2 + c), np.nan, np.float32)
        own_history(
            candidates.rows, candidates.items, indptr, had, weight, events, days, codes, own
        )
        table[:, 1 : 3 + c] = own
        shares = self._statistics.shares[candidates.items]
        table[:, 3 + c : 3 + 2 * c] = shares
        table[:, 3 + 2 * c : 3 + 3 * c] = own[:, 2:] * shares
        for place, (space, unit) in enumerate(zip(self._spaces, self._unit, strict=True)):
            known = space.item_known[candidates.items]
            similar = np.full((pairs, 2), np.nan, np.float32)
            similarities(candidates.rows, candidates.items, last, unit, similar)
            similar[~known] = np.nan
            start = 3 + 3 * c + 2 * place
            table[:, start : start + 2] = similar
        return table


_ITEM_NAMES = [
    "item_events",
    *(f"item_events_{days}d" for days in WINDOWS),
    "item_trend_1d",
    "item_trend_7d",
    "item_users",
    "item_repeated",
    "item_age_days",
    "item_idle_days",
    "item_value",
    "item_recent_value",
    "item_value_change",
]
_USER_NAMES = [
    "user_events",
    "user_items",
    "user_events_per_item",
    *(f"user_events_{days}d" for days in WINDOWS),
    "user_age_days",
    "user_idle_days",
    "user_value",
]


def _item_table(statistics: Statistics) -> Floats:
    """(n_items, len(_ITEM_NAMES)) what is known of every item."""
    items: Activity = statistics.items
    recent = items.recent.astype(np.float32)
    day, week, month = recent.T
    usual = np.where(items.value != 0, items.value, np.nan)
    columns = [
        items.events,
        day,
        week,
        month,
        # Against what the longer window would lead one to expect of the shorter one.
        (day + 0.1) / (week / 7 + 0.1),
        (week + 0.5) / (month * (7 / 30) + 0.5),
        statistics.buyers,
        statistics.repeated,
        days_before(items.first, statistics.reference),
        days_before(items.last, statistics.reference),
        items.value,
        items.recent_value,
        items.recent_value / usual,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _unit(space: Space) -> Floats:
    """The items' vectors at unit length; those that are may be a large map, and stay one."""
    if space.unit:
        return space.items
    return shared(partial(_at_unit_length, space.items), space.items, about="unit length")


def _at_unit_length(vectors: Floats) -> Floats:
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    unit: Floats = (vectors / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)
    return unit
