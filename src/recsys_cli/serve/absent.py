"""What stands in a chain for a strategy that fails: it knows nobody, so the next one answers."""

from __future__ import annotations

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.vectors import Mask, Users


class Absent:
    """A strategy without answers."""

    unknown_reason = "it failed when it was loaded"
    reference = None

    def __init__(self, name: str, n_items: int) -> None:
        self.name = name
        self.n_items = n_items

    def knows(self, users: Users) -> Mask:
        """Nobody."""
        return np.zeros(len(users), np.bool_)

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """Empty lists; see `Recommender.recommend`."""
        return Recommendations.empty(len(users), k, self.name)
