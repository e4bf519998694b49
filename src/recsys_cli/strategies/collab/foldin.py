"""Factors of a new user from the items they met, with the item factors held fixed.

The normal equations of Hu, Koren and Volinsky (ICDM 2008, equation 4): the user's factors are

    x = (YᵀY + Yᵀ(C - I)Y + λI)⁻¹ Yᵀ C p,   c_i = 1 + α w_i

where C differs from I at the user's items only. It needs item factors, λ and α, but no model
object, so it serves factors trained by `implicit` and by Spark alike. Spark's ALS multiplies λ
by the number of the user's items (ALS-WR: Zhou, Wilkinson, Schreiber and Pan, AAIM 2008), which
`scale_by_count` does. Only numpy is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.ranking.gram import gram_matrix

Factors = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

_ENTRIES = 1 << 22
"""float64 entries worked on at a time, which bounds the temporaries to tens of MB."""


def fold_in(
    item_factors: Factors,
    items: CSR,
    *,
    regularization: float,
    alpha: float,
    gram: Matrix | None = None,
    scale_by_count: bool = False,
) -> Factors:
    """Factors of users who were not there when the item factors were trained.

    Args:
        item_factors: (n_items, f) float32, rows not normalised.
        items: matrix of n users by n_items; `data` holds the weights w, and is 1 where missing.
            Pairs of weight 0 are taken out first, so they do not count; an item with zero
            factors counts and changes nothing else.
        regularization: λ.
        alpha: α.
        gram: `gram_matrix(item_factors)`, where the caller has it already.
        scale_by_count: multiply λ by the number of the user's items of weight above 0, as Spark
            does.

    Returns:
        (n, f) float32; zeros for a user without items.

    Raises:
        ValueError: shapes that do not fit, negative weights, or λ = 0 with items that leave the
            equations without a single solution.
    """
    if items.n_columns != len(item_factors):
        raise ValueError(f"items have {items.n_columns} columns, not {len(item_factors)}")
    weights = np.ones(items.nnz, np.float32) if items.data is None else items.data
    if not bool((weights >= 0).all()):
        raise ValueError("weights must be at least 0")
    items = _without_zeros(items, weights)
    if gram is None:
        gram = gram_matrix(item_factors)
    counts = np.diff(items.indptr)
    penalty = regularization * (counts if scale_by_count else np.ones(items.n_rows))
    users = np.zeros((items.n_rows, item_factors.shape[1]), np.float32)
    for start, stop in _blocks(items, item_factors.shape[1]):
        rows = start + np.flatnonzero(counts[start:stop])
        left, right = _equations(item_factors, items.take(rows), gram, alpha)
        diagonal = np.arange(len(gram))
        left[:, diagonal, diagonal] += penalty[rows, None]
        try:
            users[rows] = np.linalg.solve(left, right)[:, :, 0]
        except np.linalg.LinAlgError:
            raise ValueError("regularization must be above 0 for these item factors") from None
    return users


def parts_of(
    item_factors: Factors,
    history: CSR,
    items: npt.NDArray[np.int32],
    *,
    regularization: float,
    alpha: float,
    gram: Matrix | None = None,
    scale_by_count: bool = False,
) -> Matrix:
    """(m, entries) what each entry of one row adds to the scores of `items` (m,).

    The score of an item with the factors that `fold_in` gives is y_i·W·Σ_j c_j y_j with W the
    inverse of the equations' left side, a sum over the entries j (Hu, Koren and Volinsky 2008,
    section 5). Entries of weight 0 add nothing. Other arguments are those of `fold_in`.
    """
    weights = np.ones(history.nnz) if history.data is None else np.asarray(history.data, np.float64)
    counted = weights > 0
    chosen = item_factors[history.indices[counted]].astype(np.float64)
    left = gram_matrix(item_factors) if gram is None else gram.copy()
    left = left + chosen.T @ (alpha * weights[counted, None] * chosen)
    penalty = regularization * (counted.sum() if scale_by_count else 1)
    left[np.arange(len(left)), np.arange(len(left))] += penalty
    confidence = (1 + alpha * weights[counted])[:, None] * chosen
    parts = np.zeros((len(items), history.nnz))
    asked = item_factors[items].astype(np.float64)
    parts[:, counted] = asked @ np.linalg.solve(left, confidence.T)
    return parts


def _without_zeros(items: CSR, weights: npt.NDArray[np.float32]) -> CSR:
    keep = weights > 0
    if keep.all():
        return CSR(items.indptr, items.indices, items.n_columns, weights)
    kept_before = np.concatenate(([0], np.cumsum(keep)))
    indptr = kept_before[items.indptr - items.indptr[0]]
    return CSR(indptr, items.indices[keep], items.n_columns, weights[keep])


def _blocks(items: CSR, factors: int) -> Iterator[tuple[int, int]]:
    """Runs of users whose equations and item factors fit the bound, at least one user each."""
    start = 0
    cost = np.cumsum(np.diff(items.indptr) * factors + factors * factors)
    while start < items.n_rows:
        before = cost[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(cost, before + _ENTRIES, "right")))
        yield start, stop
        start = stop


def _equations(
    item_factors: Factors, items: CSR, gram: Matrix, alpha: float
) -> tuple[Matrix, Matrix]:
    """Left (n, f, f) and right (n, f, 1) side of each user's equations, without the penalty."""
    chosen = item_factors[items.indices].astype(np.float64)
    extra = alpha * np.asarray(items.data, np.float64)[:, None]
    left = np.repeat(gram[None], items.n_rows, axis=0)
    right = np.empty((items.n_rows, len(gram), 1))
    for user, (start, stop) in enumerate(pairwise(items.indptr.tolist())):
        rows = slice(start, stop)
        left[user] += chosen[rows].T @ (extra[rows] * chosen[rows])
        right[user, :, 0] = (chosen[rows] * (1 + extra[rows])).sum(axis=0)
    return left, right
