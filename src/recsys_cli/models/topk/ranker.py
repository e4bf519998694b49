"""Exact top-k by inner product of user and item vectors, with exclusion and allow-lists.

User vectors (n, f) and item vectors (n_items, f), float32, rows not normalised, come in; the k
best items per user go out. A score is defined as the sum, in index order and in float64, of the
products of the float32 entries (each product is exact in float64), and the order is by that
score, then by the lower item id. Both ways to compute it give the same bits: a few users by
plain numpy (nothing else is imported: the cold path of one request), many by the early-exit
search of `topk_search`.

Both filter by a float32 product first. Its error is at most (f + 2) · 2⁻²⁴ · Σ|uⱼvⱼ| (Higham,
Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), so whatever lies within
twice that of the k-th best filtered score is scored again exactly, and nothing can be lost.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.models.topk.lists import Items, Mask, Scores, check_arguments, empty_lists
from recsys_cli.progress import Progress, Silent

Vectors = npt.NDArray[np.float32]

UNIT_ROUNDOFF = 2.0**-24
TINY = 2.0**-125
"""At least what one float32 product can lose to underflow."""
HUGE = 1e37
"""Products beyond this could overflow float32."""
_RESCORE_ROWS = 8192


class FactorRanker:
    """Ranks items by inner product.

    Args:
        item_vectors: (n_items, f) float32.
        candidates: (n_items,) items that may be ranked at all; None means all.
        threads: threads for many users; 0 means all cores.

    Raises:
        ValueError: for NaN, infinite or misshapen vectors.
    """

    def __init__(
        self, item_vectors: Vectors, *, candidates: Mask | None = None, threads: int = 0
    ) -> None:
        self._vectors = _as_vectors(item_vectors, "item")
        self._candidates = candidates
        self._threads = threads
        self._largest = _largest_entry(self._vectors, "item")

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self._vectors)

    def top_k(
        self,
        user_vectors: Vectors,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
        progress: Progress | None = None,
    ) -> tuple[Items, Scores]:
        """The k best items of each user.

        Args:
            user_vectors: (n, f) float32.
            k: list length, which may exceed the number of items.
            exclude: matrix of n rows, row i the items that user i must not get.
            allow: (n_items,) items that may be recommended; None means all.
            progress: told how many users are done.

        Returns:
            items (n, k) int32 padded with -1, scores (n, k) float32 padded with NaN.

        Raises:
            ValueError: for NaN or infinite vectors and shapes that do not fit.
        """
        progress = progress or Silent()
        users = _as_vectors(user_vectors, "user")
        if users.shape[1] != self._vectors.shape[1]:
            raise ValueError(f"users have {users.shape[1]} factors, items {self._vectors.shape[1]}")
        _largest_entry(users, "user")
        check_arguments(len(users), self.n_items, k=k, exclude=exclude, allow=allow)
        if allow is None:
            allow = self._candidates
        elif self._candidates is not None:
            allow = allow & self._candidates
        return self._one_by_one(users, k, exclude, allow, progress)

    def _one_by_one(
        self, users: Vectors, k: int, exclude: CSR | None, allow: Mask | None, progress: Progress
    ) -> tuple[Items, Scores]:
        items, scores = empty_lists(len(users), k)
        barred = None if allow is None else ~allow
        progress.start("ranking", len(users))
        for row, user in enumerate(users):
            excluded = None if exclude is None else exclude.row(row)
            best, values = self._best(user, k, excluded, barred)
            items[row, : len(best)], scores[row, : len(best)] = best, values
            progress.advance()
        return items, scores

    def _best(
        self, user: Vectors, k: int, excluded: Items | None, barred: Mask | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        bound = float(np.abs(user).sum(dtype=np.float64)) * self._largest
        wide = bound > HUGE
        approximate = self._vectors.astype(np.float64) @ user if wide else self._vectors @ user
        if barred is not None:
            approximate[barred] = -np.inf
        if excluded is not None:
            approximate[excluded] = -np.inf
        threshold = -np.inf
        if k < len(approximate):
            kth = float(np.partition(approximate, len(approximate) - k)[len(approximate) - k])
            threshold = kth - 2 * float32_slack(len(user), bound)
        near = (approximate > -np.inf) & (approximate >= approximate.dtype.type(threshold))
        ids = np.flatnonzero(near)
        exact = exact_scores(self._vectors, ids, user)
        order = np.lexsort((ids, -exact))[:k]
        return ids[order], exact[order]


def float32_slack(factors: int, bound: float) -> float:
    """How far a float32 product of `factors` terms may lie from the float64 score.

    `bound` is at least Σ|uⱼvⱼ|. Two more roundings are allowed for: those of a threshold that
    was itself moved by the slack and then cast to float32.
    """
    return (factors + 4) * UNIT_ROUNDOFF * bound * (1 + 1e-3) + factors * TINY


def exact_scores(
    vectors: Vectors, ids: npt.NDArray[np.integer], user: Vectors
) -> npt.NDArray[np.float64]:
    """Scores (len(ids),) float64 as defined above; cumsum adds in index order."""
    scores = np.empty(len(ids))
    wide_user = user.astype(np.float64)
    for start in range(0, len(ids), _RESCORE_ROWS):
        products = vectors[ids[start : start + _RESCORE_ROWS]] * wide_user
        np.cumsum(products, axis=1, out=products)
        # Adding 0.0 turns -0.0 into 0.0, so that both paths print the same bits.
        scores[start : start + _RESCORE_ROWS] = products[:, -1] + 0.0
    return scores


def _as_vectors(vectors: Vectors, what: str) -> Vectors:
    if vectors.ndim != 2 or vectors.shape[1] < 1:  # noqa: PLR2004
        raise ValueError(f"{what} vectors must be a matrix, not of shape {vectors.shape}")
    return np.require(np.asarray(vectors), np.float32, ["C_CONTIGUOUS", "ALIGNED"])


def _largest_entry(vectors: Vectors, what: str) -> float:
    if vectors.size == 0:
        return 0.0
    # max and min keep NaN, so one pass finds the bound and anything that is not finite.
    largest = max(float(vectors.max()), -float(vectors.min()))
    if not np.isfinite(largest):
        raise ValueError(f"{what} vectors hold NaN or infinity")
    return largest
