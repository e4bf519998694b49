"""Variants of what the user had: the same product in another colour or cut.

A candidate's score is the decayed weight of the user's items of the same product; of equal ones
the item with more events lately comes first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.histories import ByHistory
from recsys_cli.ranking.topk import top_k_sparse
from recsys_cli.ranking.vectors import Mask, Users

_HALF_LIFE_DAYS = 30.0
"""Age at which an item of the history counts half."""
_SHARE = np.float32(1e-3)
"""What being the most popular item adds to a score, as a share of it."""


class Variants(ByHistory):
    """Items of the products that the user had items of."""

    name = "variants"

    def __init__(
        self,
        history: Interactions,
        *,
        variant: npt.NDArray[np.int32],
        popularity: npt.NDArray[np.float32],
    ) -> None:
        """Keep views of the arrays.

        Args:
            history: what users had.
            variant: (n_items,) int32 product of each item; -1 for none.
            popularity: (n_items,) float32, at least 0.
        """
        super().__init__(history)
        self._variant = variant
        self._popularity = 1 + _SHARE * popularity / max(float(popularity.max(initial=0)), 1e-20)
        order = np.argsort(variant, kind="stable").astype(np.int32)
        products = int(variant.max(initial=-1)) + 1
        starts = np.searchsorted(variant[order], np.arange(products + 1))
        self._members = CSR(starts.astype(np.int64), order, len(variant))

    def _ranked(
        self,
        history: Interactions,
        users: Users,
        *,
        k: int,
        exclude: CSR | None,
        allow: Mask | None,
    ) -> Recommendations:
        had = history.decayed(users, half_life_days=_HALF_LIFE_DAYS)
        rows, items = had.entries()
        indptr, at = self._members.positions(self._variant[items])
        counts = np.diff(indptr)
        keys = np.repeat(rows, counts) * self.n_items + self._members.indices[at]
        unique, place = np.unique(keys, return_inverse=True)
        weights = np.repeat(np.asarray(had.data, np.float64), counts)
        scores = np.bincount(place, weights, minlength=len(unique))
        columns = unique % max(self.n_items, 1)
        scores = (scores * self._popularity[columns]).astype(np.float32)
        starts = np.arange(len(users) + 1, dtype=np.int64) * self.n_items
        candidates = CSR(
            np.searchsorted(unique, starts).astype(np.int64),
            columns.astype(np.int32),
            self.n_items,
            scores,
        )
        found, values = top_k_sparse(candidates, k=k, exclude=exclude, allow=allow)
        return Recommendations.of_one(found, values, self.name)
