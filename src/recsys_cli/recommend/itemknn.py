"""Items that users of the user's own items had too, by item-to-item similarity.

See `models.itemknn` for the score. One request needs nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.models.itemknn import ItemKnn as Neighbours
from recsys_cli.models.itemknn import decayed_history, score_blocks
from recsys_cli.models.topk import top_k_sparse
from recsys_cli.recommend.contract import Recommendations
from recsys_cli.recommend.history import have_weight, history_of
from recsys_cli.recommend.vectors import Mask, Users


class ItemKnn:
    """Neighbours of what the user had, nearer and later had ones first."""

    name = "itemknn"
    unknown_reason = "no history with items that others had too"

    def __init__(
        self, history: CSR, last: npt.NDArray[np.uint32], *, neighbours: Neighbours
    ) -> None:
        """Keep views of the arrays.

        Args:
            history: (n_users, n_items) with weights as data.
            last: (nnz,) uint32 seconds since the epoch of each pair's last event; 0 for none.
            neighbours: each item's neighbours.
        """
        self._history = history
        self._last = last
        self._neighbours = neighbours
        self._has_neighbours = np.diff(neighbours.neighbours.indptr) > 0

    @classmethod
    def from_packs(cls, interactions: Mapping[str, Any], itemknn: Mapping[str, Any]) -> ItemKnn:
        """From the interactions and itemknn artifacts."""
        history = history_of(interactions, weighted=True)
        return cls(history, interactions["last"], neighbours=Neighbours.from_pack(itemknn))

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._history.n_columns

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        return self._neighbours.reference

    def knows(self, users: Users) -> Mask:
        """Users with an item that has neighbours."""
        return have_weight(self._history, users, among=self._has_neighbours)

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k items nearest to what each of `users` had; see `Recommender.recommend`."""
        history = decayed_history(
            self._history,
            self._last,
            users,
            reference=self._neighbours.reference,
            half_life_days=self._neighbours.half_life_days,
        )
        out = Recommendations.empty(len(users), k, self.name)
        for start, scores in score_blocks(history, self._neighbours.neighbours):
            rows = np.arange(start, start + scores.n_rows)
            items, values = top_k_sparse(
                _positive(scores),
                k=k,
                exclude=None if exclude is None else exclude.take(rows),
                allow=allow,
            )
            out.items[rows], out.scores[rows] = items, values
        return Recommendations.of_one(out.items, out.scores, self.name)


def _positive(scores: CSR) -> CSR:
    """A score of 0 is that of items whose neighbours weigh nothing: no candidates."""
    data = np.asarray(scores.data)
    data[data <= 0] = -np.inf
    return scores
