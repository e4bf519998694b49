"""What the user had before, often and lately."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.histories import ByHistory
from recsys_cli.ranking.topk import top_k_sparse
from recsys_cli.ranking.vectors import Mask, Users

HALF_LIFE_DAYS = 30.0


class Repurchase(ByHistory):
    """The user's own items, those bought often and lately first.

    The score of an item is weight · 0.5^(age of its last event / half-life), where weight sums
    the user's events with it, weighted by kind. Without times it is the weight alone.
    """

    name = "repurchase"
    unknown_reason = "no history"

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        return self._history.reference

    def knows(self, users: Users) -> Mask:
        """Users with history."""
        return self._history.matrix.counts(users) > 0

    def contributions(
        self, visitor: Visitors, items: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """The item itself, where the visitor had it; see `Attributing`."""
        scored = visitor.had.decayed(np.zeros(1, np.int32), half_life_days=HALF_LIFE_DAYS)
        same = items[:, None] == scored.indices
        return np.where(same, np.asarray(scored.data, np.float64), 0.0)

    def _ranked(
        self,
        history: Interactions,
        users: Users,
        *,
        k: int,
        exclude: CSR | None,
        allow: Mask | None,
    ) -> Recommendations:
        scored = history.decayed(users, half_life_days=HALF_LIFE_DAYS)
        items, scores = top_k_sparse(scored, k=k, exclude=exclude, allow=allow)
        return Recommendations.of_one(items, scores, self.name)
