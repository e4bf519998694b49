"""Items that users of the user's own items had too, by item-to-item similarity.

See `train` for the score. One request needs nothing but numpy.
"""

from __future__ import annotations

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.topk import top_k_sparse
from recsys_cli.ranking.vectors import Mask, Users
from recsys_cli.strategies.itemknn.train import ItemNeighbours
from recsys_cli.strategies.neighbours import score_blocks


class ItemKnn:
    """Neighbours of what the user had, nearer and later had ones first."""

    name = "itemknn"
    unknown_reason = "no history with items that others had too"

    def __init__(self, history: Interactions, neighbours: ItemNeighbours) -> None:
        """Keep views of the arrays."""
        self._history = history
        self._neighbours = neighbours
        self._has_neighbours = np.diff(neighbours.indptr) > 0

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._history.n_items

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        return self._neighbours.reference

    def knows(self, users: Users) -> Mask:
        """Users with an item that has neighbours."""
        return self._history.have_weight(users, among=self._has_neighbours)

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k items nearest to what each of `users` had; see `Recommender.recommend`."""
        history = self._history.decayed(
            users,
            half_life_days=self._neighbours.half_life_days,
            reference=self._neighbours.reference,
        )
        out = Recommendations.empty(len(users), k, self.name)
        for start, scores in score_blocks(history, self._neighbours.matrix):
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
