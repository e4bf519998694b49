"""Exact top-k by inner product of user and item vectors, with exclusion and allow-lists.

User vectors (n, f) and item vectors (n_items, f), float32, rows not normalised, come in; the k
best items per user go out, by score as `scoring` defines it, ties by the lower item id. All
ways to compute that give the same bits: a few users by plain numpy (nothing else is imported:
the cold path of one request), many by the early-exit search of `search`, single users again and
again by what `single` prepared. All filter by a float32 product and score whatever comes near
the k-th best again in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.progress import Progress, Silent
from recsys_cli.ranking.topk.lists import Items, Mask, Scores, check_arguments, empty_lists
from recsys_cli.ranking.topk.scoring import HUGE, Vectors, exact_scores, float32_slack
from recsys_cli.ranking.topk.warm import warm_scratch

if TYPE_CHECKING:
    from recsys_cli.ranking.topk.search import SortedItems
    from recsys_cli.ranking.topk.single import SingleSearch

Method = Literal["auto", "numpy", "compiled"]

_FEW_USERS = 32
_LITTLE_WORK = 1 << 27
"""Multiplications below which loading the compiled search costs more than it saves."""


class FactorRanker:
    """Ranks items by inner product.

    Args:
        item_vectors: (n_items, f) float32.
        candidates: (n_items,) items that may be ranked at all; None means all.
        threads: threads for many users; 0 means all cores.
        method: how to compute; all give the same lists, and auto picks the faster.
        like: gives vectors (n, f) of users like those to come, for `warm.warmed`.

    Raises:
        ValueError: for NaN, infinite or misshapen vectors.
    """

    def __init__(
        self,
        item_vectors: Vectors,
        *,
        candidates: Mask | None = None,
        threads: int = 0,
        method: Method = "auto",
        like: Callable[[], Vectors] | None = None,
    ) -> None:
        self._vectors = _as_vectors(item_vectors, "item")
        self._candidates = candidates
        self._threads = threads
        self._method = method
        self._largest = _largest_entry(self._vectors, "item")
        self._sorted: SortedItems | None = None
        self._single = _warmed_up(self._vectors, candidates, like)

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self._vectors)

    @property
    def largest(self) -> float:
        """Largest absolute entry of the items' vectors."""
        return self._largest

    def could_overflow(self, user_vectors: Vectors) -> bool:
        """Whether a float32 product of users (n, f) and items may be beyond float32."""
        return self._could_overflow(user_vectors, _largest_entry(user_vectors, "user"))

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
        largest = _largest_entry(users, "user")
        check_arguments(len(users), self.n_items, k=k, exclude=exclude, allow=allow)
        if self._single is not None and self._few(users, k, largest):
            return self._one_after_the_other(self._single, users, k, exclude, allow)
        if self._one_by_one_is_better(users, k, largest):
            return self._one_by_one(users, k, exclude, self._allowed(allow), progress)
        return self._search(users, k, exclude, self._sorted_items(allow, users), progress)

    def _allowed(self, allow: Mask | None) -> Mask | None:
        if allow is None or self._candidates is None:
            return self._candidates if allow is None else allow
        return allow & self._candidates

    def _sorted_items(self, allow: Mask | None, users: Vectors) -> SortedItems:
        from recsys_cli.ranking.topk.search import SortedItems

        if allow is not None:
            return SortedItems.of(self._vectors, self._allowed(allow), users)
        # Kept, because a batch over all users comes in many calls.
        if self._sorted is None:
            self._sorted = SortedItems.of(self._vectors, self._candidates, users)
        return self._sorted

    def _one_by_one_is_better(self, users: Vectors, k: int, largest: float) -> bool:
        if self._could_overflow(users, largest):
            return True
        if self._method != "auto":
            return self._method == "numpy"
        work = users.size * self.n_items
        return len(users) <= _FEW_USERS or work <= _LITTLE_WORK or self._is_long(k)

    def _few(self, users: Vectors, k: int, largest: float) -> bool:
        fits = len(users) <= _FEW_USERS and not self._is_long(k)
        safe = fits and not self._could_overflow(users, largest)
        return safe and bool(users.any(axis=1).all())

    def _could_overflow(self, users: Vectors, largest: float) -> bool:
        return bool(largest * self._largest * users.shape[1] > HUGE)

    def _is_long(self, k: int) -> bool:
        """Whether inserting into sorted lists, as compiled code does, would be slow."""
        return k > max(self.n_items // 8, 512)

    def _search(
        self,
        users: Vectors,
        k: int,
        exclude: CSR | None,
        catalogue: SortedItems,
        progress: Progress,
    ) -> tuple[Items, Scores]:
        from recsys_cli.ranking.topk.search import search

        if not len(catalogue.order):
            return empty_lists(len(users), k)
        items, scores, report = search(
            users, catalogue, k=k, exclude=exclude, threads=self._threads, progress=progress
        )
        progress.log(f"ranked by computing {report.share:.1%} of the scores")
        return items, scores

    def _one_after_the_other(
        self, single: SingleSearch, users: Vectors, k: int, exclude: CSR | None, allow: Mask | None
    ) -> tuple[Items, Scores]:
        items, scores = empty_lists(len(users), k)
        for row, user in enumerate(users):
            excluded = None if exclude is None else exclude.row(row)
            best, values = single.best(user, self._vectors, k=k, excluded=excluded, allow=allow)
            items[row, : len(best)], scores[row, : len(best)] = best, values
        return items, scores

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
        length = float(np.abs(user).sum(dtype=np.float64))
        wide = length * self._largest > HUGE
        approximate = self._vectors.astype(np.float64) @ user if wide else self._vectors @ user
        if barred is not None:
            approximate[barred] = -np.inf
        if excluded is not None:
            approximate[excluded] = -np.inf
        threshold = -np.inf
        if k < len(approximate):
            kth = float(np.partition(approximate, len(approximate) - k)[len(approximate) - k])
            threshold = kth - 2 * float32_slack(len(user), length, self._largest)
        near = (approximate > -np.inf) & (approximate >= approximate.dtype.type(threshold))
        ids = np.flatnonzero(near)
        exact = exact_scores(self._vectors, ids, user)
        order = np.lexsort((ids, -exact))[:k]
        return ids[order], exact[order]


def _warmed_up(
    vectors: Vectors, candidates: Mask | None, like: Callable[[], Vectors] | None
) -> SingleSearch | None:
    """What is prepared for single users, within `warm.warmed`."""
    scratch = warm_scratch()
    if scratch is None:
        return None
    from recsys_cli.ranking.topk.single import SingleSearch

    return SingleSearch.kept(scratch, vectors, candidates, like)


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
