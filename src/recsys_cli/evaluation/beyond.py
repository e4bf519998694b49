"""What lists are like beyond their hits: how much of the catalogue, how popular, how alike.

Lists and what is known of the items come in; one value per user goes out, or one for all of
them. With l_1 … l_m the items that stand within the first k ranks of a list:

    novelty@k     mean of -log2 p(l), the self-information of an item (Zhou et al. 2010)
    popularity@k  mean of p(l)
    repurchase@k  share of l that the user already had
    boosted@k     share of l that rules move up
    diversity@k   1 - mean cosine of the content vectors of all pairs (Smyth and McClave 2001)
    coverage@k    items that stand in anybody's first k ranks, over all items
    gini@k        Gini index of how often each item of the catalogue stands there: 0 if all
                  equally often, near 1 if a few take every place

p(i) is the share of users with history who had item i before the test; an item that nobody had
counts as had by one user, so that its information is finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.ranking.metrics import hit_matrix

LIST_METRICS = ("novelty", "popularity", "repurchase")
DIVERSITY, BOOSTED = "diversity", "boosted"
CATALOGUE_METRICS = ("coverage", "gini")

_BLOCK_BYTES = 32 << 20
"""Sums of content vectors in memory at a time."""

Floats = npt.NDArray[np.float64]
Items = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What is known of the items before the test.

    Attributes:
        share: (n_items,) p(i), share of users with history who had the item.
        information: (n_items,) -log2 p(i).
        vectors: (n_items, d) float32 content vectors of any length; None where there are none.
        scale: (n_items,) float32 that brings `vectors` to unit length; 0 for items without one.
        boosted: (n_items,) what rules move up; None where they move nothing.
    """

    share: Floats
    information: Floats
    vectors: npt.NDArray[np.float32] | None = None
    scale: npt.NDArray[np.float32] | None = None
    boosted: Mask | None = None

    @classmethod
    def from_history(
        cls,
        history: CSR,
        vectors: npt.NDArray[np.float32] | None = None,
        boosted: Mask | None = None,
    ) -> ItemFacts:
        """Count (n_users, n_items) `history`; zero rows of `vectors` (n_items, d) are unknown."""
        had = np.bincount(history.indices, minlength=history.n_columns).astype(np.float64)
        users = max(int((np.diff(history.indptr) > 0).sum()), 1)
        information = -np.log2(np.maximum(had, 1) / users)
        if vectors is None or not vectors.shape[1]:
            return cls(had / users, information, boosted=boosted)
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        scale = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
        return cls(had / users, information, vectors, scale, boosted)


def list_names(ks: Sequence[int], facts: ItemFacts) -> list[str]:
    """Keys of `list_metrics` in their order; what needs vectors or boosts only with such."""
    boosted = [] if facts.boosted is None else [BOOSTED]
    metrics = [*LIST_METRICS, *boosted, *([] if facts.vectors is None else [DIVERSITY])]
    return [f"{metric}@{k}" for k in ks for metric in metrics]


def list_metrics(
    items: Items, facts: ItemFacts, had: CSR, *, ks: Sequence[int]
) -> dict[str, Floats]:
    """Every metric of single lists at every depth, per user.

    Args:
        items: (n, depth) item rows, best first, -1 where a list is shorter.
        facts: about the items.
        had: n rows, the items that each user had before the test, ascending and unique.
        ks: depths, ascending.

    Returns:
        name@k → (n,) float64, NaN where a list is empty (or, for diversity, has fewer than two
        items with a vector): there is nothing to say about it.
    """
    listed = items >= 0
    shown = np.where(listed, items, 0)
    columns = {
        "novelty": facts.information[shown],
        "popularity": facts.share[shown],
        "repurchase": hit_matrix(items, had),
    }
    if facts.boosted is not None:
        columns[BOOSTED] = facts.boosted[shown]
    count = _at(np.cumsum(listed, axis=1), ks)
    sums = {n: _at(np.cumsum(np.where(listed, c, 0), axis=1), ks) for n, c in columns.items()}
    diverse = None
    if facts.vectors is not None and facts.scale is not None:
        diverse = _diversity(items, facts.vectors, facts.scale, ks)
    values: dict[str, Floats] = {}
    for at, k in enumerate(ks):
        for name, total in sums.items():
            values[f"{name}@{k}"] = _ratio(total[:, at], count[:, at])
        if diverse is not None:
            values[f"{DIVERSITY}@{k}"] = diverse[:, at]
    return values


def _at(running: npt.NDArray[np.generic], ks: Sequence[int]) -> Floats:
    """(n, len(ks)) running sums (n, depth) at the depths; lists end at their width."""
    n, depth = running.shape
    if not depth:
        return np.zeros((n, len(ks)))
    return running[:, [min(k, depth) - 1 for k in ks]].astype(np.float64)


def _ratio(total: Floats, count: Floats) -> Floats:
    out: Floats = np.full(len(total), np.nan)
    return np.divide(total, count, out=out, where=count > 0)


def _diversity(
    items: Items,
    vectors: npt.NDArray[np.float32],
    scale: npt.NDArray[np.float32],
    ks: Sequence[int],
) -> Floats:
    """(n, len(ks)) one less the mean cosine over pairs of distinct ranks.

    Of unit vectors v the cosines of all pairs sum to (|Σv|² - m) / 2, so no pair is looked at.
    """
    n, depth = items.shape
    out = np.full((n, len(ks)), np.nan)
    step = max(1, _BLOCK_BYTES // (8 * vectors.shape[1]))
    for first in range(0, n if depth else 0, step):
        rows = slice(first, first + step)
        shown = np.where(items[rows] >= 0, items[rows], 0)
        weight = np.where(items[rows] >= 0, scale[shown], 0).astype(np.float32)
        total, count = np.zeros((len(shown), vectors.shape[1]), np.float32), np.zeros(len(shown))
        before = 0
        for column, k in enumerate(ks):
            total += _weighted_sums(shown[:, before:k], weight[:, before:k], vectors)
            count += (weight[:, before:k] > 0).sum(axis=1)
            squares = np.einsum("ij,ij->i", total, total, dtype=np.float64)
            pairs = count * (count - 1)
            cosine = np.full(len(shown), np.nan)
            np.divide(squares - count, pairs, out=cosine, where=pairs > 0)
            out[rows, column] = 1 - cosine
            before = k
    return out


def _weighted_sums(
    shown: npt.NDArray[np.integer],
    weight: npt.NDArray[np.float32],
    vectors: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """(n, d) sum of the vectors that each row of `shown` (n, w) names, times their weights."""
    import scipy.sparse

    n, width = shown.shape
    starts = np.arange(n + 1) * width
    listed = scipy.sparse.csr_matrix(
        (weight.ravel(), shown.ravel(), starts), shape=(n, len(vectors))
    )
    sums: npt.NDArray[np.float32] = listed @ vectors
    return sums


class Exposure:
    """How often each item is shown to anybody, gathered over blocks of users."""

    def __init__(self, *, ks: Sequence[int], n_items: int) -> None:
        self._ks = tuple(sorted(ks))
        # Row j counts the ranks between depth j - 1 and depth j, so that each is counted once.
        self._counts = np.zeros((len(self._ks), n_items), np.int64)

    def add(self, items: Items) -> None:
        """Count the lists of a block: (n, depth) item rows, -1 for none."""
        before = 0
        for row, k in enumerate(self._ks):
            shown = items[:, before:k].ravel()
            counts = np.bincount(shown[shown >= 0], minlength=self._counts.shape[1])
            self._counts[row] += counts
            before = k

    def values(self) -> dict[str, float]:
        """coverage@k and gini@k; NaN where nothing was shown."""
        values = {}
        for k, counts in zip(self._ks, np.cumsum(self._counts, axis=0), strict=True):
            total, n = int(counts.sum()), len(counts)
            values[f"coverage@{k}"] = float((counts > 0).sum() / max(n, 1))
            # Half the mean absolute difference over the mean, from sorted counts.
            ranks = 2 * np.arange(1, n + 1) - n - 1
            gini = float((ranks * np.sort(counts)).sum() / (n * total)) if total else np.nan
            values[f"gini@{k}"] = gini
        return values
