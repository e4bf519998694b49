"""The k best of links and low-pass filter for many users, as `serve` finds them for one.

Items are scored in float64, in index order, as `ranking.topk.scoring` has it; an item whose float32
product shows that it is none of the k best is not.
"""

# ruff: noqa: PLR0912, PLR0917  (compiled functions take arguments by position, and loop plainly)

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import boolean, float32, float64, int32, int64, void

from recsys_cli.compiled import compiled, readonly
from recsys_cli.ranking.topk.kernels import _insert_ranked, _score
from recsys_cli.ranking.topk.single_kernels import _product

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@compiled(
    void(
        int64, int64, readonly(int64, 1), readonly(int32, 1), readonly(float32, 1),
        readonly(float32, 2), readonly(float64, 1), readonly(int32, 2), readonly(float32, 2),
        readonly(int64, 1), readonly(int32, 1), readonly(boolean, 1),
        int32[:, ::1], float64[:, ::1],
    )
)  # fmt: skip
def best_rows(
    first: int, last: int, indptr: I64, linked: I32, weight: F32, users: F32, slack: F64,
    leading: I32, side: F32, barred_starts: I64, barred: I32, allow: Mask, items: I32, scores: F64,
) -> None:  # fmt: skip
    """Fill the lists of the rows from `first` up to `last`.

    Args:
        first: row to begin with.
        last: row to end before.
        indptr: (n + 1,) where the links of each row begin.
        linked: (links,) item rows.
        weight: (links,) what they weigh.
        users: (n, d) low-pass vectors.
        slack: (n,) how far a float32 product may lie from the score.
        leading: (n, m) the best items by that vector alone, -1 behind the last.
        side: (n_items, d) items' vectors.
        barred_starts: (n + 1,) where the items begin that each row must not get.
        barred: (barred,) those items.
        allow: (n_items,) items that may be listed; (0,) for all.
        items: (n, k) of -1, to write the best into.
        scores: (n, k) to write their scores into.
    """
    of_item = np.zeros(len(side))
    done = np.zeros(len(side), np.bool_)
    k = items.shape[1]
    for row in range(first, last):
        user, count = users[row], 0
        low, high = indptr[row], indptr[row + 1]
        for at in range(barred_starts[row], barred_starts[row + 1]):
            done[barred[at]] = True
        for at in range(low, high):
            of_item[linked[at]] = weight[at]
        for at in range(leading.shape[1]):
            item = leading[row, at]
            if item < 0:
                break
            if done[item] or (len(allow) and not allow[item]):
                continue
            done[item] = True
            score = _score(user, side[item]) + of_item[item]
            count = _insert_ranked(scores[row], items[row], count, score, item)
        for at in range(low, high):
            item = linked[at]
            if done[item] or (len(allow) and not allow[item]):
                continue
            near = float64(_product(user, side[item])) + of_item[item]
            if count == k and near < scores[row, k - 1] - slack[row]:
                continue
            score = _score(user, side[item]) + of_item[item]
            count = _insert_ranked(scores[row], items[row], count, score, item)
        for at in range(low, high):
            of_item[linked[at]] = 0.0
            done[linked[at]] = False
        for at in range(leading.shape[1]):
            if leading[row, at] >= 0:
                done[leading[row, at]] = False
        for at in range(barred_starts[row], barred_starts[row + 1]):
            done[barred[at]] = False
