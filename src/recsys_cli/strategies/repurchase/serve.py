"""What the user had before, often and lately."""

from __future__ import annotations

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.topk import top_k_sparse
from recsys_cli.ranking.vectors import Mask, Users

HALF_LIFE_DAYS = 30.0


class Repurchase:
    """The user's own items, those bought often and lately first.

    The score of an item is weight · 0.5^(age of its last event / half-life), where weight sums
    the user's events with it, weighted by kind. Without times it is the weight alone.
    """

    name = "repurchase"
    unknown_reason = "no history"

    def __init__(self, history: Interactions) -> None:
        """Keep views of the arrays."""
        self._history = history

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._history.n_items

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        return self._history.reference

    def knows(self, users: Users) -> Mask:
        """Users with history."""
        return self._history.matrix.counts(users) > 0

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k best of each user's own items; see `Recommender.recommend`."""
        return self.recommend_from(self._history.take(users), k=k, exclude=exclude, allow=allow)

    def recommend_from(
        self,
        history: Interactions,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
    ) -> Recommendations:
        """The same for each row of `history`; see `FromHistory`."""
        rows = np.arange(history.n_users, dtype=np.int32)
        scored = history.decayed(rows, half_life_days=HALF_LIFE_DAYS)
        items, scores = top_k_sparse(scored, k=k, exclude=exclude, allow=allow)
        return Recommendations.of_one(items, scores, self.name)
