"""Compiled loop of the search for a single user (`topk.single`, which explains the method).

Everything runs without the GIL, and compiles once per machine (numba's cache).
"""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import boolean, float32, float64, int32, int64, void

from recsys_cli.compiled import compiled
from recsys_cli.compiled import readonly as _in
from recsys_cli.ranking.topk.kernels import (
    _inner,
    _insert_ranked,
    _is_excluded,
    _score,
)

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

_GROUP = 32
# Sums may be reordered, for their error is allowed for; that lets them be vectorised.
_REORDERED = {"nnan", "ninf", "nsz", "reassoc", "contract"}


@_inner
def _product(left: F32, right: F32) -> np.float32:
    total = np.float32(0)
    for j in range(len(left)):
        total += left[j] * right[j]
    return total


@compiled(
    int64(
        _in(float32, 1), _in(float32, 1), _in(float32, 1), _in(float32, 2), _in(float32, 2),
        _in(float32, 1), _in(float32, 1), _in(int32, 1), _in(float32, 2),
        float64, float64, float64, _in(int32, 1), _in(boolean, 1),
        float64[::1], int32[::1], int64[::1],
    ),
    fastmath=_REORDERED,
)  # fmt: skip
def scan_for_one(
    user: F32, user_head: F32, user_tail: F32, heads: F32, tails: F32,
    norms: F32, tail_norms: F32, order: I32, originals: F32,
    user_norm: float, user_tail_norm: float, slack: float, excluded: I32,
    allow: npt.NDArray[np.bool_], best: F64, ids: I32, looked_at: npt.NDArray[np.int64],
) -> int:  # fmt: skip
    """Fill `best` (k,) and `ids` (k,) with the user's exact list; return its length.

    `excluded` is ascending; `allow` (n_items,) may have no entries, which allows all. How many
    heads and tails were multiplied is left in `looked_at` (2,).
    """
    k = len(best)
    filled = 0
    bar = -np.inf
    m = len(order)
    for start in range(0, m, _GROUP):
        if filled == k and user_norm * float64(norms[start]) < bar:
            break
        stop = min(start + _GROUP, m)
        looked_at[0] += stop - start
        for i in range(start, stop):
            product = float64(_product(user_head, heads[i]))
            if filled == k and product + user_tail_norm * float64(tail_norms[i]) < bar:
                continue
            looked_at[1] += 1
            product += float64(_product(user_tail, tails[i]))
            if filled == k and product < bar:
                continue
            item = order[i]
            if len(allow) and not allow[item]:
                continue
            if _is_excluded(item, excluded, 0, len(excluded)):
                continue
            score = _score(user, originals[item])
            filled = _insert_ranked(best, ids, filled, score, item)
            if filled == k:
                bar = best[k - 1] - 2.0 * slack
    return filled


@compiled(
    void(_in(float32, 1), _in(float32, 2), _in(int32, 1), float32[::1]),
    fastmath=_REORDERED,
)
def products(user: F32, vectors: F32, items: I32, out: F32) -> None:
    """Write the inner product of `user` (f,) with each of the rows `items` to `out`."""
    for place in range(len(items)):
        out[place] = _product(user, vectors[items[place]])
