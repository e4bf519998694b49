"""Items by the factors of ALS (Hu, Koren and Volinsky 2008)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.events.later import Visitors
from recsys_cli.ranking.gram import gram_matrix
from recsys_cli.ranking.products import ByProductOfHistory
from recsys_cli.ranking.vectors import Vectors
from recsys_cli.strategies.collab.als import AlsFactors


class Collab(ByProductOfHistory):
    """Items by inner product of factors, and of factors folded in for a history."""

    def __init__(self, pack: Mapping[str, Any], *, threads: int = 0) -> None:
        """From the als artifact; 0 threads are all cores."""
        self._factors = AlsFactors.from_pack(pack)
        super().__init__(
            name="collab",
            unknown_reason="no factors for this user",
            user_vectors=self._factors.user_factors,
            item_vectors=self._factors.item_factors,
            user_known=self._factors.user_known,
            item_known=self._factors.item_known,
            reference=pack.get("reference"),
            threads=threads,
        )

    @cached_property
    def _gram(self) -> npt.NDArray[np.float64]:
        return gram_matrix(self._factors.item_factors)

    def contributions(
        self, visitor: Visitors, items: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """What each item that a visitor had adds to scores; see `Attributing`.

        They add up to the score by factors folded in, which those of training differ from a little.
        """
        return self._factors.parts(visitor.had.matrix, items, gram=self._gram)

    def _made_of(self, visitors: Visitors) -> Vectors:
        return self._factors.fold_in(visitors.had.matrix, gram=self._gram)
