"""One loop that unites the lists of several sources: compiled for many users, plain for one.

A single request of a process that has just started is answered before numba would be loaded.
"""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


def unite(
    lists: I32, told: F32, starts: I64, bring: I64, place: I64, rows: I32, items: I32,
    ranks: F32, scores: F32, best: F32, worst: F32,
) -> int:  # fmt: skip
    """Unite the lists that several sources have for each user of a block.

    Args:
        lists: (B, K) item rows, the lists of the S sources side by side, -1 behind the last.
        told: (B, K) their scores.
        starts: (S + 1,) where each source's list begins.
        bring: (S,) how many of a list are candidates; the others are looked up only.
        place: (n_items,) of -1, to work in.
        rows: (P,) to write each pair's user into; P is at least the candidates that there may be.
        items: (P,) its item, ascending within a user.
        ranks: (P, S) its rank from 1 in each list, NaN where it is not in it.
        scores: (P, S) its score likewise.
        best: (B, S) score of the first of each list; stays as it is for an empty one.
        worst: (B, S) score of the last candidate of it.

    Returns:
        How many pairs there are.
    """
    n = 0
    for user in range(len(lists)):
        first = n
        for s in range(len(bring)):
            stop = min(starts[s] + bring[s], starts[s + 1])
            for at in range(starts[s], stop):
                item = lists[user, at]
                if item < 0:
                    break
                if at == starts[s]:
                    best[user, s] = told[user, at]
                worst[user, s] = told[user, at]
                if place[item] < 0:
                    place[item] = n
                    items[n] = item
                    n += 1
        items[first:n].sort()
        for at in range(first, n):
            place[items[at]] = at
            rows[at] = user
            ranks[at] = np.nan
            scores[at] = np.nan
        for s in range(len(bring)):
            for at in range(starts[s], starts[s + 1]):
                item = lists[user, at]
                if item < 0:
                    break
                pair = place[item]
                if pair >= 0:
                    ranks[pair, s] = at - starts[s] + 1
                    scores[pair, s] = told[user, at]
        for at in range(first, n):
            place[items[at]] = -1
    return n
