"""Compiled loops that put events in the order of their users and times.

A *key* is an event's time in the high 32 bits and its item in the low ones, so that sorting keys
sorts by time, then item.
"""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import float32, int64, types, uint32, uint64, void

from recsys_cli.compiled import compiled
from recsys_cli.compiled import readonly as _in

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

_WEIGHT = types.Array(float32, 1, "A", readonly=True)
"""Where all events weigh the same, one number is repeated without taking memory."""


@compiled(void(_in(uint64, 1), _WEIGHT, int64, int64[::1]))
def count_users(pair: U64, weight: F32, item_bits: int, counts: I64) -> None:
    """Add the events of user u that weigh something to `counts[u + 1]`."""
    for at in range(len(pair)):
        if weight[at] > 0:
            counts[np.int64(pair[at] >> np.uint64(item_bits)) + 1] += 1


@compiled(void(_in(uint64, 1), _in(uint32, 1), _WEIGHT, int64, int64[::1], uint64[::1]))
def scatter_by_user(
    pair: U64, time: U32, weight: F32, item_bits: int, filled: I64, keys: U64
) -> None:
    """Write each event's key to its user's next place, `filled[u]`, which moves on."""
    mask = (np.uint64(1) << np.uint64(item_bits)) - np.uint64(1)
    for at in range(len(pair)):
        if weight[at] > 0:
            user = np.int64(pair[at] >> np.uint64(item_bits))
            keys[filled[user]] = (np.uint64(time[at]) << np.uint64(32)) | (pair[at] & mask)
            filled[user] += 1


@compiled(void(_in(int64, 1), uint64[::1]))
def order_within_users(indptr: I64, keys: U64) -> None:
    """Sort the keys of each of the users whose events begin at `indptr`."""
    for user in range(len(indptr) - 1):
        low, high = indptr[user], indptr[user + 1]
        if high - low > 1:
            keys[low:high].sort()


@compiled(int64(int64[::1], uint64[::1], int64))
def without_imports(indptr: I64, keys: U64, largest: int) -> int:
    """Move what is left of the keys together, without baskets of more than `largest` events.

    Returns:
        How many keys are left; `indptr` says of whom.
    """
    kept = 0
    low = indptr[0]
    for user in range(len(indptr) - 1):
        high = indptr[user + 1]
        start = low
        while start < high:
            stop = start + 1
            while stop < high and keys[stop] >> np.uint64(32) == keys[start] >> np.uint64(32):
                stop += 1
            if stop - start <= largest:
                for at in range(start, stop):
                    keys[kept] = keys[at]
                    kept += 1
            start = stop
        low = high
        indptr[user + 1] = kept
    return kept
