"""Ranks by what somebody had, be that a user of the data or a history that is given."""

from __future__ import annotations

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.vectors import Mask, Users


class ByHistory:
    """One way of ranking for users of the data and for visitors (see `FromHistory`)."""

    def __init__(self, history: Interactions) -> None:
        """Keep views of the arrays."""
        self._history = history

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._history.n_items

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k best items for each of `users`; see `Recommender.recommend`."""
        return self._ranked(self._history, users, k=k, exclude=exclude, allow=allow)

    def recommend_from(
        self,
        visitors: Visitors,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
    ) -> Recommendations:
        """The same for each of `visitors`; see `FromHistory`."""
        rows = np.arange(len(visitors), dtype=np.int32)
        return self._ranked(visitors.had, rows, k=k, exclude=exclude, allow=allow)

    def _ranked(
        self,
        history: Interactions,
        users: Users,
        *,
        k: int,
        exclude: CSR | None,
        allow: Mask | None,
    ) -> Recommendations:
        """The k best items for each of `users` (n,) of a history."""
        raise NotImplementedError
