"""Scores of chosen users and items, one pair at a time, with the bits that searches give them."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from recsys_cli.models.topk.lists import Items
from recsys_cli.models.topk.scoring import Vectors, exact_scores

_FEW_PAIRS = 1 << 14
"""Pairs up to which numpy is as fast as loading the compiled loop."""


def score_pairs(
    user_vectors: Vectors, item_vectors: Vectors, rows: npt.NDArray[np.int64], items: Items
) -> npt.NDArray[np.float64]:
    """Inner products of pairs, added in index order in float64 (see `scoring`).

    Args:
        user_vectors: (n, f) float32.
        item_vectors: (n_items, f) float32.
        rows: (pairs,) row of `user_vectors` of each pair, ascending.
        items: (pairs,) row of `item_vectors` of each pair.
    """
    scores = np.empty(len(rows))
    if _compiled_pays(len(rows)):
        from recsys_cli.models.pair_kernels import pair_scores

        # Plain arrays, since numba is slow to recognise memory maps.
        users, vectors = (np.ascontiguousarray(a) for a in (user_vectors, item_vectors))
        pair_scores(np.asarray(users), np.asarray(vectors), rows, items, scores)
        return scores
    bounds = np.searchsorted(rows, np.arange(len(user_vectors) + 1))
    for row in np.unique(rows):
        span = slice(bounds[row], bounds[row + 1])
        scores[span] = exact_scores(item_vectors, items[span], user_vectors[row])
    return scores


def _compiled_pays(pairs: int) -> bool:
    """Whether the compiled loop is faster, with what it takes to load it."""
    return pairs > _FEW_PAIRS or "numba" in sys.modules
