"""Compiled loops over pairs of a user of a block and an item, for `features`.

Pairs come as `rows` (P,) int32 users of the block and `items` (P,) int32. Each pair is computed
on its own, so a pair's bits do not depend on what else is in the block.
"""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import float32, int32, int64, void

from recsys_cli.compiled import compiled, readonly
from recsys_cli.strategies.hybrid import uniting

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_ANY_ORDER = {"reassoc", "contract", "nsz", "arcp"}
"""Lets the sums of inner products be vectorised."""


unite = compiled(
    int64(
        int32[:, ::1], float32[:, ::1], int64[::1], int64[::1], int64[::1], int32[::1], int32[::1],
        float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[:, ::1],
    )
)(uniting.unite)  # fmt: skip


@compiled(
    void(
        readonly(int32, 1), readonly(int32, 1), readonly(int32, 1), readonly(float32, 2),
        readonly(float32, 2), float32[::1],
    ),
    fastmath=_ANY_ORDER,
)  # fmt: skip
def inner_products(
    rows: I32, items: I32, users: I32, of_users: F32, of_items: F32, out: F32
) -> None:
    """Inner product of each pair; user row `users[rows[p]]` of `of_users`."""
    for p in range(len(rows)):
        user, item = users[rows[p]], items[p]
        total = float32(0)
        for j in range(of_items.shape[1]):
            total += of_users[user, j] * of_items[item, j]
        out[p] = total


@compiled(
    void(
        readonly(int32, 1), readonly(int32, 1), readonly(int32, 2), readonly(float32, 2),
        float32[:, ::1],
    ),
    fastmath=_ANY_ORDER,
)  # fmt: skip
def similarities(rows: I32, items: I32, last: I32, of_items: F32, out: F32) -> None:
    """Largest and mean inner product of each pair's item with the user's `last` (B, L) items.

    Item -1 pads `last`; `out` (P, 2) stays as it is for users without any.
    """
    for p in range(len(rows)):
        item = items[p]
        count, best, whole = 0, float32(0), float32(0)
        for at in range(last.shape[1]):
            other = last[rows[p], at]
            if other < 0:
                break
            total = float32(0)
            for j in range(of_items.shape[1]):
                total += of_items[item, j] * of_items[other, j]
            best = total if count == 0 else max(best, total)
            whole += total
            count += 1
        if count:
            out[p, 0] = best
            out[p, 1] = whole / float32(count)


@compiled(
    void(
        readonly(int32, 1), readonly(int32, 1), readonly(int64, 1), readonly(int32, 1),
        readonly(float32, 1), readonly(float32, 1), readonly(float32, 1), readonly(int32, 2),
        float32[:, ::1],
    )
)  # fmt: skip
def own_history(
    rows: I32, items: I32, indptr: I64, had: I32, weight: F32, count: F32, days: F32,
    codes: I32, out: F32,
) -> None:  # fmt: skip
    """What the user's history says about each pair's item.

    User r of the block had `had[indptr[r]:indptr[r + 1]]`, with decayed weights, numbers of
    events and days since the last one. Column 0 of `out` becomes the number of events with the
    item, column 1 the days since the last of them (left alone where there is none), column 2 + c
    the share of the history's weight that is in the item's category of column c of `codes`
    (n_items, C).
    """
    n_codes = codes.shape[1]
    for p in range(len(rows)):
        item = items[p]
        out[p, 0] = 0
        for c in range(n_codes):
            out[p, 2 + c] = 0
        whole = float32(0)
        for at in range(indptr[rows[p]], indptr[rows[p] + 1]):
            other = had[at]
            whole += weight[at]
            if other == item:
                out[p, 0] = count[at]
                out[p, 1] = days[at]
            for c in range(n_codes):
                if codes[item, c] >= 0 and codes[item, c] == codes[other, c]:
                    out[p, 2 + c] += weight[at]
        if whole > 0:
            for c in range(n_codes):
                out[p, 2 + c] /= whole
