"""Compiled inner loops of the early-exit search (`topk.search`), which explains the method.

Arrays of one block of users, C-contiguous: `values` (users, capacity) float32 and `places`
(users, capacity) int32 hold each user's best approximate scores, descending, and where those
items stand in the norm order; `lost` (users,) float32 is the largest approximate score that
fell out for want of room; `threshold` (users,) float32 is the k-th best minus twice the slack.
Everything runs without the GIL, and compiles once per machine (numba's cache).
"""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba import boolean, float32, float64, int32, int64, void

from recsys_cli.compiled import compiled
from recsys_cli.compiled import readonly as _in

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_GROUP = 32
_FINITE = {"nnan", "nsz"}


def _inner(function: Callable[..., Any]) -> Any:
    """Compile as part of whatever calls it."""
    return numba.njit(function)


@_inner
def _is_excluded(item: int, indices: I32, low: int, high: int) -> bool:
    while low < high:
        middle = (low + high) >> 1
        if indices[middle] < item:
            low = middle + 1
        elif indices[middle] > item:
            high = middle
        else:
            return True
    return False


@_inner
def _score(user: F32, vector: F32) -> float:
    total = 0.0
    for j in range(len(user)):
        total += float64(user[j]) * float64(vector[j])
    return total + 0.0


@_inner
def _four_scores(user: F32, vectors: F32, four: I32, scores: F64) -> None:
    """`_score` of four rows at once: each sum has its order, and none waits for the others'."""
    a, b, c, d = vectors[four[0]], vectors[four[1]], vectors[four[2]], vectors[four[3]]
    of_a = of_b = of_c = of_d = 0.0
    for j in range(len(user)):
        weight = float64(user[j])
        of_a += weight * float64(a[j])
        of_b += weight * float64(b[j])
        of_c += weight * float64(c[j])
        of_d += weight * float64(d[j])
    scores[0], scores[1], scores[2], scores[3] = of_a + 0.0, of_b + 0.0, of_c + 0.0, of_d + 0.0


@_inner
def _insert_ranked(scores: F64, items: I32, filled: int, score: float, item: int) -> int:
    """Insert into lists sorted by score descending, then item; the last falls out when full."""
    if filled == len(scores):
        if score < scores[-1] or (score == scores[-1] and item > items[-1]):
            return filled
    else:
        filled += 1
    at = filled - 1
    while at > 0 and (scores[at - 1] < score or (scores[at - 1] == score and items[at - 1] > item)):
        scores[at] = scores[at - 1]
        items[at] = items[at - 1]
        at -= 1
    scores[at] = score
    items[at] = item
    return filled


@numba.njit(fastmath=_FINITE)
def _insert_kept(values: F32, places: I32, user: int, score: float, place: int) -> None:
    """Insert into a user's places, sorted by score descending; the last falls out."""
    at = values.shape[1] - 1
    while at > 0 and values[user, at - 1] < score:
        values[user, at] = values[user, at - 1]
        places[user, at] = places[user, at - 1]
        at -= 1
    values[user, at] = score
    places[user, at] = place


@compiled(
    void(
        _in(float32, 2), _in(int32, 1), int64, _in(int32, 1), _in(int64, 1), _in(int32, 1),
        int64, int64, _in(float64, 1), float32[:, ::1], int32[:, ::1], float32[::1], float32[::1],
    ),
    fastmath=_FINITE,
)  # fmt: skip
def scan(
    scores: F32, active: I32, first: int, order: I32, indptr: I64, indices: I32,
    row: int, k: int, slack: F64, values: F32, places: I32, threshold: F32, lost: F32,
) -> None:  # fmt: skip
    """Take what passes the thresholds from approximate scores (active users, places).

    Column 0 of `scores` is place `first` of `order`; user `active[a]` of the block has row
    `row + active[a]` in the exclusion matrix (`indptr`, `indices`).
    """
    width, last = scores.shape[1], values.shape[1] - 1
    for a in range(scores.shape[0]):
        user = active[a]
        low, high = indptr[row + user], indptr[row + user + 1]
        bar = threshold[user]
        for start in range(0, width, _GROUP):
            stop = min(start + _GROUP, width)
            if stop - start == _GROUP:
                # Here and not in a function of its own, which took a third longer.
                best = scores[a, start]
                for j in range(1, _GROUP):
                    best = max(best, scores[a, start + j])
                if best < bar:
                    continue
            for j in range(start, stop):
                score = scores[a, j]
                if score < bar or _is_excluded(order[first + j], indices, low, high):
                    continue
                out = min(score, values[user, last])
                lost[user] = max(lost[user], out)
                if score > out:
                    _insert_kept(values, places, user, score, first + j)
                    bar = float32(values[user, k - 1] - 2.0 * slack[user])
        threshold[user] = bar


@compiled(
    int64(
        _in(int32, 1), int32[::1], float64, _in(float64, 1), _in(float64, 1), _in(float32, 2),
        int64,
    )
)  # fmt: skip
def keep_unfinished(
    active: I32, kept: I32, norm_left: float, norms: F64, slack: F64, values: F32, k: int
) -> int:
    """Copy to `kept` the users for whom an item of norm `norm_left` could matter; count them."""
    left = 0
    for user in active:
        if norms[user] * norm_left >= values[user, k - 1] - 2.0 * slack[user]:
            kept[left] = user
            left += 1
    return left


@compiled(
    void(
        _in(float32, 2), _in(float32, 2), _in(int32, 1), _in(float32, 2), _in(int32, 2),
        _in(float32, 1), _in(float32, 1), int64, int32[:, ::1], float32[:, ::1], boolean[::1],
    )
)  # fmt: skip
def rescore(
    users: F32, vectors: F32, order: I32, values: F32, places: I32, threshold: F32, lost: F32,
    row: int, items: I32, scores: F32, unsure: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    """Turn the block's kept places into exact lists in rows `row`… of `items` and `scores`.

    Marks in `unsure` (n,) who may have lost an item for want of room instead.
    """
    k = items.shape[1]
    best = np.empty(k, np.float64)
    ids = np.empty(k, np.int32)
    four, scored = np.empty(4, np.int32), np.empty(4, np.float64)
    for user in range(len(users)):
        if lost[user] > -np.inf and lost[user] >= threshold[user]:
            unsure[row + user] = True
            continue
        near = 0
        while near < values.shape[1] and values[user, near] >= threshold[user]:
            if values[user, near] == -np.inf:
                break
            near += 1
        filled = 0
        for first in range(0, near, 4):
            for c in range(4):
                four[c] = order[places[user, min(first + c, near - 1)]]
            _four_scores(users[user], vectors, four, scored)
            for c in range(min(4, near - first)):
                filled = _insert_ranked(best, ids, filled, scored[c], four[c])
        for c in range(filled):
            items[row + user, c] = ids[c]
            scores[row + user, c] = best[c]


@compiled(
    void(
        _in(float32, 2), _in(int32, 1), int64, _in(float32, 2), _in(float32, 2), _in(int32, 1),
        _in(int64, 1), _in(int32, 1), _in(float64, 1),
        float64[:, ::1], int32[:, ::1], int64[::1], float32[::1],
    ),
    fastmath=_FINITE,
)  # fmt: skip
def scan_exactly(
    scores: F32, active: I32, first: int, users: F32, vectors: F32, order: I32,
    indptr: I64, indices: I32, slack: F64, best: F64, ids: I32, filled: I64, threshold: F32,
) -> None:  # fmt: skip
    """Like `scan`, but scores whatever passes exactly at once, so that ties need no room.

    `best` (users, k) float64 and `ids` (users, k) int32 are the exact lists so far, `filled`
    (users,) their lengths; `threshold` never falls below what an earlier pass proved.
    """
    k = best.shape[1]
    for a in range(scores.shape[0]):
        user = active[a]
        low, high = indptr[user], indptr[user + 1]
        for j in range(scores.shape[1]):
            if scores[a, j] < threshold[user]:
                continue
            item = order[first + j]
            if _is_excluded(item, indices, low, high):
                continue
            score = _score(users[user], vectors[item])
            filled[user] = _insert_ranked(best[user], ids[user], filled[user], score, item)
            if filled[user] == k:
                bar = float32(best[user, k - 1] - 2.0 * slack[user])
                threshold[user] = max(threshold[user], bar)


@compiled(
    int64(
        _in(int32, 1), int32[::1], float64, _in(float64, 1), _in(float64, 1), _in(float64, 2),
        _in(int64, 1),
    )
)  # fmt: skip
def keep_exactly_unfinished(
    active: I32, kept: I32, norm_left: float, norms: F64, slack: F64, best: F64, filled: I64
) -> int:
    """`keep_unfinished` for exact lists."""
    k = best.shape[1]
    left = 0
    for user in active:
        if filled[user] < k or norms[user] * norm_left >= best[user, k - 1] - slack[user]:
            kept[left] = user
            left += 1
    return left


@compiled(void(_in(int64, 1), _in(int32, 1), _in(float32, 1), int32[:, ::1], float32[:, ::1]))
def rank_rows(indptr: I64, columns: I32, scores: F32, items: I32, values: F32) -> None:
    """The best of each row of a sparse matrix into padded lists (rows, k), which it fills."""
    k = items.shape[1]
    best = np.empty(k, np.float64)
    ids = np.empty(k, np.int32)
    for row in range(len(indptr) - 1):
        filled = 0
        for at in range(indptr[row], indptr[row + 1]):
            filled = _insert_ranked(best, ids, filled, float64(scores[at]), columns[at])
        for c in range(filled):
            items[row, c] = ids[c]
            values[row, c] = best[c]
