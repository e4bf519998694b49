"""The user's tower by numpy alone: vectors of visitors from what they had, when they ask.

What a stage keeps beside the vectors comes in: the tower's weights, the items' factors in the
basis that it was trained in, their content, and users' columns as codes. The state that it takes is
that of `prefix`, with two differences: factors are folded in also where ALS has trained some,
since those know nothing of what came since; and events before the build are known by pair, each
at its last time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.events.decay import DAY_SECONDS
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.gram import gram_matrix
from recsys_cli.store.packs import Packed
from recsys_cli.strategies.collab.foldin import fold_in

if TYPE_CHECKING:
    from recsys_cli.strategies.collab.als import AlsFactors
    from recsys_cli.strategies.twotower import TwoTowerConfig
    from recsys_cli.strategies.twotower.fit import Fitted
    from recsys_cli.strategies.twotower.inputs import Facts
    from recsys_cli.strategies.twotower.view import View

Vectors = npt.NDArray[np.float32]

_ERF = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True, slots=True)
class UserSide(Packed):
    """What makes vectors of users, D wide.

    Attributes:
        factors: (n_items, f) float32 ALS item factors, in the basis of the towers.
        content: (n_items, c) float32 content vectors, zero rows for none.
        codes: (n_users, columns) int32 columns of users as codes; 0 is unknown.
        segment: (n_users,) int16 group of users with sales of its own; 0 is none.
        starts: (columns,) int32 where each column's rows begin in `code_table`.
        code_table: (codes, hidden) float32 rows of all columns' tables.
        guess_table: (codes, f) float32 likewise, to factors.
        guess_weight: (c, f) float32.
        guess_bias: (f,) float32.
        dense_weight: (hidden, inputs) float32.
        dense_bias: (hidden,) float32.
        head_weight: (3 + f + extra, hidden) float32 gates, residual and extra dimensions.
        head_bias: (3 + f + extra,) float32.
        last_weight: (f, f) float32.
        content_scale: (c,) float32.
        segment_gain: (segments,) float32.
        factor_scale: what brings factors to ordinary size.
        regularization: λ of the ALS.
        alpha: α of the ALS.
        scale_by_count: see `AlsFactors`.
        half_life_days: of the taste.
        last_items: events that the mean of the last items is of.
        new_users: whether who had nothing is better served by the towers than by what sells.
    """

    factors: Vectors
    content: Vectors
    codes: npt.NDArray[np.int32]
    segment: npt.NDArray[np.int16]
    starts: npt.NDArray[np.int32]
    code_table: Vectors
    guess_table: Vectors
    guess_weight: Vectors
    guess_bias: Vectors
    dense_weight: Vectors
    dense_bias: Vectors
    head_weight: Vectors
    head_bias: Vectors
    last_weight: Vectors
    content_scale: Vectors
    segment_gain: Vectors
    factor_scale: float
    regularization: float
    alpha: float
    scale_by_count: bool
    half_life_days: float
    last_items: int
    new_users: bool


def user_side(
    fitted: Fitted, view: View, facts: Facts, als: AlsFactors, tower: TwoTowerConfig
) -> UserSide:
    """What to keep of trained towers and of what is known at a moment."""
    model: Any = fitted.model

    def numbers(tensor: Any) -> Vectors:
        made: Vectors = np.ascontiguousarray(tensor.detach().cpu().numpy(), np.float32)
        return made

    def stacked(tables: Any, width: int) -> Vectors:
        made = [numbers(table.weight) for table in tables]
        return np.concatenate([np.zeros((0, width), np.float32), *made])

    side, shape = model.user, model.shape
    heads = (model.gates, model.user_residual, model.user_extra)
    starts = np.concatenate(([0], np.cumsum(shape.user_codes)))[: len(shape.user_codes)]
    return UserSide(
        factors=np.ascontiguousarray(view.items.factors, np.float32),
        content=np.ascontiguousarray(facts.content, np.float32),
        codes=facts.users.codes,
        segment=facts.segment,
        starts=starts.astype(np.int32),
        code_table=stacked(side.code_tables, shape.hidden),
        guess_table=stacked(side.guess_tables, shape.factors),
        guess_weight=numbers(side.guess_weight),
        guess_bias=numbers(side.guess_bias),
        dense_weight=numbers(side.dense.weight),
        dense_bias=numbers(side.dense.bias),
        head_weight=np.concatenate([numbers(head.weight) for head in heads]),
        head_bias=np.concatenate([numbers(head.bias) for head in heads]),
        last_weight=numbers(model.last.weight),
        content_scale=numbers(model.content_scale),
        segment_gain=numbers(model.segment_gain),
        factor_scale=float(model.factor_scale),
        regularization=als.regularization,
        alpha=als.alpha,
        scale_by_count=als.scale_by_count,
        half_life_days=tower.half_life_days,
        last_items=tower.last_items,
        new_users=fitted.new_users,
    )


class UserTower:
    """Makes vectors of visitors."""

    def __init__(self, side: UserSide) -> None:
        """Keep views of the arrays."""
        self._side = side

    @cached_property
    def _gram(self) -> npt.NDArray[np.float64]:
        return gram_matrix(self._side.factors)

    def vectors_of(self, visitors: Visitors) -> Vectors:
        """(n, D) float32 vectors; zeros of who had nothing, where popular items serve them better.

        The formula is that of `model.TwoTower.users`.
        """
        side, n = self._side, len(visitors)
        folded = fold_in(
            side.factors, visitors.had.matrix, regularization=side.regularization,
            alpha=side.alpha, gram=self._gram, scale_by_count=side.scale_by_count,
        )  # fmt: skip
        recent, taste, numbers = self._states(visitors)
        known = numbers[:, -1] > 0
        codes = np.zeros((n, len(side.starts)), np.int32)
        segment = np.zeros(n, np.int16)
        there = visitors.users >= 0
        codes[there] = side.codes[visitors.users[there]]
        segment[there] = side.segment[visitors.users[there]]
        rows = codes + side.starts  # (n, columns)
        guess = taste @ side.guess_weight + side.guess_bias + side.guess_table[rows].sum(axis=1)
        own = np.where(known[:, None], folded, guess)
        scale = np.float32(side.factor_scale)
        inputs = [own * scale, recent * scale, taste, numbers, known[:, None]]
        hidden = np.concatenate(inputs, axis=1).astype(np.float32) @ side.dense_weight.T
        hidden = _gelu(hidden + side.dense_bias + side.code_table[rows].sum(axis=1))
        heads = hidden @ side.head_weight.T + side.head_bias
        f = own.shape[1]
        gates, residual, extra = heads[:, :3], heads[:, 3 : 3 + f], heads[:, 3 + f :]
        factors = (1 + gates[:, :1]) * own + recent @ side.last_weight.T + residual
        content = (side.content_scale + gates[:, 1:2]) * taste
        groups = np.arange(1, len(side.segment_gain) + 1)
        in_segment = (segment[:, None] == groups) * side.segment_gain
        one = np.ones((n, 1), np.float32)
        made = np.concatenate([factors, content, extra, in_segment, one], axis=1)
        served = known | (side.new_users & (codes > 0).any(axis=1))
        made[~served] = 0
        return made.astype(np.float32)

    def _states(self, visitors: Visitors) -> tuple[Vectors, Vectors, Vectors]:
        """Mean factors of the last items (n, f), taste (n, c), and numbers (n, 4)."""
        side, n = self._side, len(visitors)
        recent = np.zeros((n, side.factors.shape[1]), np.float32)
        taste = np.zeros((n, side.content.shape[1]), np.float32)
        numbers = np.zeros((n, 4), np.float32)
        had = visitors.had
        seen = np.add.reduceat(np.append(had.count, 0), had.indptr[:-1]) * (np.diff(had.indptr) > 0)
        for row in np.flatnonzero(seen):
            items, times, weights = _in_order(had, visitors, int(row))
            recent[row] = side.factors[items[-side.last_items :]].mean(axis=0)
            aged = (times[-1] - times.astype(np.float64)) / (side.half_life_days * DAY_SECONDS)
            liked = (weights * np.exp2(-aged)) @ side.content[items].astype(np.float64)
            length = float(np.sqrt(liked @ liked))
            taste[row] = liked / (length or 1.0)
            days = max(had.reference - int(times[-1]), 0) / DAY_SECONDS
            many = float(seen[row])
            numbers[row] = [math.log1p(many) / 3, 1 / (1 + many), math.log1p(days) / 4, 1]
        numbers[seen == 0, 1] = 1
        return recent, taste, numbers


def _in_order(
    had: Interactions, visitors: Visitors, row: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], Vectors]:
    """Items, seconds and weights of what a visitor had, in order of time, then item."""
    span = slice(int(had.indptr[row]), int(had.indptr[row + 1]))
    came = slice(int(visitors.later.first[row]), int(visitors.later.last[row]))
    later = visitors.later.items[came]
    # Of a pair that came again, what came again tells more.
    before = ~np.isin(had.indices[span], later)
    items = np.concatenate([had.indices[span][before], later])
    times = np.concatenate([had.last[span][before], visitors.later.times[came]]).astype(np.int64)
    weights = np.concatenate([had.weight[span][before], visitors.later.weights[came]])
    place = np.concatenate([had.indices[span][before], len(items) + np.arange(len(later))])
    order = np.lexsort((place, times))
    return items[order], times[order], weights[order].astype(np.float32)


def _gelu(values: Vectors) -> Vectors:
    """X Φ(x) (Hendrycks and Gimpel 2016)."""
    made: Vectors = (values * 0.5 * (1 + _ERF(values / math.sqrt(2)))).astype(np.float32)
    return made
