"""Inner products of one user with chosen items, good enough to tell which items are near the best.

They are float32 products, added in any order, and so lie within `scoring.float32_slack` of the
scores. Whoever uses them scores what comes near in float64.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from recsys_cli.ranking.topk.lists import Items
from recsys_cli.ranking.topk.scoring import Vectors


def rough_scores(vectors: Vectors, items: Items, user: Vectors) -> npt.NDArray[np.float32]:
    """Products (m,) of `user` (f,) with the rows `items` (m,) of `vectors` (n_items, f)."""
    if not _is_compiled():
        copied: npt.NDArray[np.float32] = vectors[items] @ user
        return copied
    from recsys_cli.ranking.topk.single_kernels import products

    out = np.empty(len(items), np.float32)
    products(user, np.asarray(vectors), np.asarray(items), out)
    return out


def _is_compiled() -> bool:
    """Whether the compiled loop costs nothing to load."""
    return "numba" in sys.modules
