"""The k best of links and low-pass filter for many users, as `serve` finds them for one.

All items are scored in float32, by a product of matrices, which costs less than to look up those
that links lead to. The near ones are scored again in float64, in index order, as
`ranking.topk.scoring` has it.
"""

# ruff: noqa: PLR0917  (compiled functions take arguments by position, and loop plainly)

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
from numba import boolean, float32, float64, int32, int64, void

from recsys_cli.compiled import compiled, readonly
from recsys_cli.ranking.topk.kernels import _inner, _insert_ranked, _score

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


_GROUP = 32
"""Items of which none is looked at where the best is not near."""


@numba.njit(fastmath={"nnan", "nsz"})
def _near(scores: F32, may: Mask, k: int, margin: float, values: F32, places: I32) -> int:
    """Fill `places` with all that may be listed and lie at most `margin` below the k-th best."""
    count, room, bar = 0, 2 * k, -np.inf
    for start in range(0, len(scores), _GROUP):
        stop = min(start + _GROUP, len(scores))
        best = scores[start]
        for j in range(start + 1, stop):
            best = max(best, scores[j])
        if best < bar:
            continue
        for j in range(start, stop):
            if scores[j] < bar or not may[j]:
                continue
            values[count], places[count] = scores[j], j
            count += 1
            if count == room:
                count, bar = _kept(values, places, count, k, margin)
                room = max(2 * k, 2 * count)
    if count > k:
        count, bar = _kept(values, places, count, k, margin)
    return count


@_inner
def _kept(values: F32, places: I32, count: int, k: int, margin: float) -> tuple[int, float]:
    """Move what is near the k-th best to the front; how much that is, and what counts as near."""
    bar = float64(np.partition(values[:count], count - k)[count - k]) - margin
    kept = 0
    for at in range(count):
        if values[at] >= bar:
            values[kept], places[kept] = values[at], places[at]
            kept += 1
    return kept, bar


@compiled(
    void(
        int64, float32[:, ::1], readonly(int64, 1), readonly(int32, 1), readonly(float32, 1),
        readonly(float32, 2), readonly(float64, 1), readonly(boolean, 1), readonly(float32, 2),
        readonly(int64, 1), readonly(int32, 1), readonly(boolean, 1),
        int32[:, ::1], float64[:, ::1],
    )
)  # fmt: skip
def best_rows(
    first: int, rough: F32, indptr: I64, linked: I32, weight: F32, users: F32, slack: F64,
    known: Mask, side: F32, barred_starts: I64, barred: I32, allow: Mask, items: I32, scores: F64,
) -> None:  # fmt: skip
    """Fill the lists of some rows.

    Args:
        first: the first of them.
        rough: (rows, n_items) products of their vectors and those of items; spoilt.
        indptr: (n + 1,) where the links of each row begin.
        linked: (links,) item rows.
        weight: (links,) what they weigh.
        users: (n, d) low-pass vectors.
        slack: (n,) how far a product with a link added may lie from the score.
        known: (n_items,) items that may be listed without a link.
        side: (n_items, d) items' vectors.
        barred_starts: (n + 1,) where the items begin that each row must not get.
        barred: (barred,) those items.
        allow: (n_items,) items that may be listed; (0,) for all.
        items: (n, k) of -1, to write the best into.
        scores: (n, k) to write their scores into.
    """
    n_items, k = len(side), min(items.shape[1], len(side))
    of_item = np.zeros(n_items)
    values, places = np.empty(n_items + 1, np.float32), np.empty(n_items + 1, np.int32)
    usual = known & allow if len(allow) else known
    may = usual.copy()
    for row in range(first, first + len(rough)):
        product, low, high = rough[row - first], indptr[row], indptr[row + 1]
        for at in range(low, high):
            item = linked[at]
            of_item[item] = weight[at]
            product[item] += weight[at]
            may[item] = not len(allow) or allow[item]
        for at in range(barred_starts[row], barred_starts[row + 1]):
            may[barred[at]] = False
        near, count = _near(product, may, k, 2 * slack[row], values, places), 0
        for at in range(near):
            item = places[at]
            score = _score(users[row], side[item]) + of_item[item]
            count = _insert_ranked(scores[row], items[row], count, score, item)
        for at in range(low, high):
            item = linked[at]
            of_item[item] = 0.0
            may[item] = usual[item]
        for at in range(barred_starts[row], barred_starts[row + 1]):
            may[barred[at]] = usual[barred[at]]
