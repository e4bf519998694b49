"""Compiled loops over the pairs of users and items behind `graph` and `itemknn`.

Users' rows come as CSR, items' columns as the CSR of the transpose. Each loop writes a part of
its result that no other call writes, and adds in the order of the pairs, so bits do not depend on
how the work is shared among threads. Everything runs without the GIL.
"""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

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

LANES = 64
"""Columns of `gram_times`; their number is part of the code so that they are added together."""
_GROUP = 32
_FINITE = {"nnan", "nsz"}


@compiled(void(_in(int64, 1), _in(int32, 1), _in(float32, 1), _in(float32, 2), float32[:, ::1]))
def gram_times(indptr: I64, indices: I32, of_users: F32, vectors: F32, product: F32) -> None:
    """Add PᵀSP times `vectors` to `product`, both (n_items, LANES).

    P is the 0/1 matrix (n_users, n_items) of the CSR, and S has `of_users` on its diagonal. A
    user's items are summed and the sum added to each of them, so PV is never in memory.
    """
    row = np.empty(LANES, np.float32)
    for user in range(len(indptr) - 1):
        low, high = indptr[user], indptr[user + 1]
        row[:] = 0
        for at in range(low, high):
            item = indices[at]
            for lane in range(LANES):
                row[lane] += vectors[item, lane]
        row *= of_users[user]
        for at in range(low, high):
            item = indices[at]
            for lane in range(LANES):
                product[item, lane] += row[lane]


def inner(function: Any) -> Any:
    """Compile as part of whatever calls it."""
    return numba.njit(function)


@inner
def _is_worse(value: float, item: int, than: float, than_item: int) -> bool:
    return value < than or (value == than and item > than_item)


@inner
def offer(values: F64, items: I32, filled: int, value: float, item: int) -> int:
    """Keep the best in a heap whose root is the worst kept; ties go to the lower item."""
    if filled < len(values):
        at = filled
        filled += 1
        while at > 0:
            above = (at - 1) >> 1
            if not _is_worse(value, item, values[above], items[above]):
                break
            values[at], items[at] = values[above], items[above]
            at = above
        values[at], items[at] = value, item
        return filled
    if not _is_worse(values[0], items[0], value, item):
        return filled
    at = 0
    while 2 * at + 1 < filled:
        below = 2 * at + 1
        if below + 1 < filled and _is_worse(
            values[below + 1], items[below + 1], values[below], items[below]
        ):
            below += 1
        if not _is_worse(values[below], items[below], value, item):
            break
        values[at], items[at] = values[below], items[below]
        at = below
    values[at], items[at] = value, item
    return filled


@inner
def _offer_all(sums: F64, values: F64, items: I32) -> int:
    """Offer all entries above 0, a group at a time, since few of them beat the worst kept."""
    filled = 0
    for start in range(0, len(sums), _GROUP):
        stop = min(start + _GROUP, len(sums))
        bar = values[0] if filled == len(values) else 0.0
        if stop - start == _GROUP:
            best = sums[start]
            for item in range(start + 1, start + _GROUP):
                best = max(best, sums[item])
            if best <= bar:
                continue
        for item in range(start, stop):
            if sums[item] > 0:
                filled = offer(values, items, filled, sums[item], item)
    return filled


@inner
def offer_reached(sums: F64, reached: I32, n: int, values: F64, items: I32) -> int:
    """Offer the n entries reached, and set all back to 0."""
    filled = 0
    for at in range(n):
        item = reached[at]
        # A second time, should it be there twice, it is 0.
        if sums[item] > 0:
            filled = offer(values, items, filled, sums[item], item)
        sums[item] = 0
    return filled


@inner
def _add_noting(
    sums: F64, both: F32, items: I32, data: F64, weight: float, reached: I32, n: int
) -> int:
    """Add a user's row, and note the items that it is the first to reach."""
    for at in range(len(items)):
        item = items[at]
        if both[item] == 0:
            reached[n] = item
            n += 1
        sums[item] += weight * data[at]
        both[item] += 1
    return n


@inner
def _add(sums: F64, both: F32, items: I32, data: F64, weight: float) -> None:
    """Add a user's row."""
    for at in range(len(items)):
        sums[items[at]] += weight * data[at]
        both[items[at]] += 1


@inner
def _shrunk(total: float, users: float, shrinkage: float) -> float:
    """What is left of a sum over so many users."""
    return total * (users / max(users + shrinkage, 1e-9))


@compiled(
    void(
        int64, int64, boolean, float64, _in(int64, 1), _in(int32, 1), _in(float64, 1),
        _in(int64, 1), _in(int32, 1), _in(float64, 1), int32[:, ::1], float32[:, ::1],
        int64[::1],
    ),
    fastmath=_FINITE,
)  # fmt: skip
def strongest_rows(
    first: int, last: int, own: bool, shrinkage: float, by_item: I64, users: I32,
    user_weight: F64, by_user: I64, items: I32, item_weight: F64, columns: I32, data: F32,
    counts: I64,
) -> None:  # fmt: skip
    """The largest entries above 0 of rows `first` to `last` of XᵀY, in the order of the columns.

    Args:
        first: first row.
        last: the row after the last.
        own: whether the diagonal counts.
        shrinkage: an entry of n users is multiplied by n / (n + shrinkage).
        by_item: (n_items + 1,) where each item's users start.
        users: (nnz,) the users of each item.
        user_weight: (nnz,) X in that order.
        by_user: (n_users + 1,) where each user's items start.
        items: (nnz,) the items of each user.
        item_weight: (nnz,) Y in that order.
        columns: (n_items, k) to write the columns into.
        data: (n_items, k) to write the entries into.
        counts: (n_items,) to write the number of entries into.
    """
    n_items = len(by_item) - 1
    sums, both = np.zeros(n_items), np.zeros(n_items, np.float32)
    reached = np.empty(n_items >> 2, np.int32)
    values = np.empty(columns.shape[1])
    kept = np.empty(columns.shape[1], np.int32)
    for row in range(first, last):
        terms = 0
        for of in range(by_item[row], by_item[row + 1]):
            terms += by_user[users[of] + 1] - by_user[users[of]]
        # Looking through all items costs too much where few can be reached.
        few = terms <= len(reached)
        n = 0
        for of in range(by_item[row], by_item[row + 1]):
            low, high = by_user[users[of]], by_user[users[of] + 1]
            theirs, data_of = items[low:high], item_weight[low:high]
            if few:
                n = _add_noting(sums, both, theirs, data_of, user_weight[of], reached, n)
            else:
                _add(sums, both, theirs, data_of, user_weight[of])
        if not own:
            sums[row] = 0
        if few:
            for at in range(n):
                item = reached[at]
                sums[item] = _shrunk(sums[item], both[item], shrinkage)
                both[item] = 0
            filled = offer_reached(sums, reached, n, values, kept)
        else:
            for item in range(n_items):
                sums[item] = _shrunk(sums[item], both[item], shrinkage)
            filled = _offer_all(sums, values, kept)
            sums[:], both[:] = 0, 0
        order = np.argsort(kept[:filled])
        columns[row, :filled] = kept[order]
        data[row, :filled] = values[order]
        counts[row] = filled
