"""What the score of a user and an item is, and how far a float32 product may lie from it.

A score is the sum, in index order and in float64, of the products of the float32 entries. Each
product is exact in float64, so any code that adds in that order gets the same bits. A float32
product of the same vectors, added in any order, errs by at most f · 2⁻²⁴ · Σ|uⱼvⱼ| to first
order (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1): whatever
lies further than twice that below the k-th best is not among the k best.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Length = TypeVar("Length", float, npt.NDArray[np.float64])

HUGE = 1e30
"""Scores beyond this could overflow float32 on the way."""
_UNIT_ROUNDOFF = 2.0**-24
_UNDERFLOW = 2.0**-125
"""At least what one float32 product can lose to underflow."""
_ROWS = 8192


def float32_slack(factors: int, user: Length, item: float) -> Length:
    """How far a float32 product of `factors` terms may lie from the score.

    `user` and `item` are lengths whose product is at least Σ|uⱼvⱼ|. Eight more roundings are
    allowed for: those of the entries, where they were rounded to float32 first, and those of a
    threshold that was moved by the slack and cast to float32.
    """
    relative = (factors + 8) * _UNIT_ROUNDOFF * 1.001
    return relative * item * user + factors * _UNDERFLOW * (1 + item + user)


def exact_scores(
    vectors: Vectors, ids: npt.NDArray[np.integer], user: Vectors
) -> npt.NDArray[np.float64]:
    """Scores (len(ids),) float64 of `user` (f,) with rows `ids` of `vectors` (n_items, f)."""
    scores = np.empty(len(ids))
    wide_user = user.astype(np.float64)
    for start in range(0, len(ids), _ROWS):
        products = vectors[ids[start : start + _ROWS]] * wide_user
        # cumsum adds in index order; sum does not.
        np.cumsum(products, axis=1, out=products)
        # Adding 0.0 turns -0.0 into 0.0, so that every path prints the same bits.
        scores[start : start + _ROWS] = products[:, -1] + 0.0
    return scores


def upper_norms(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Euclidean norms (n,) float64 of rows (n, f), never below the true ones."""
    norms = np.empty(len(vectors))
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS].astype(np.float64)
        norms[start : start + _ROWS] = np.sqrt(np.einsum("ij,ij->i", block, block))
    return norms * (1 + 1e-9)


def moved(vectors: Vectors, basis: npt.NDArray[np.float64]) -> Vectors:
    """Rows (n, f) times `basis` (f, f), computed in float64 and rounded to float32 once."""
    result = np.empty((len(vectors), basis.shape[1]), np.float32)
    for start in range(0, len(vectors), _ROWS):
        result[start : start + _ROWS] = vectors[start : start + _ROWS].astype(np.float64) @ basis
    return result
