"""Items by the vectors of the two towers (see `fit` and `vectors`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys_cli.events.later import Visitors
from recsys_cli.ranking.products import ByProductOfHistory
from recsys_cli.ranking.vectors import Vectors
from recsys_cli.strategies.twotower.userside import UserSide, UserTower


class Towers(ByProductOfHistory):
    """Items by inner product of the towers' vectors; those of visitors are made when they ask."""

    def __init__(
        self, pack: Mapping[str, Any], user_side: Mapping[str, Any], *, threads: int = 0
    ) -> None:
        """From the two_tower_vectors and two_tower_user_side artifacts; 0 threads: all cores."""
        self._tower = UserTower(UserSide.from_pack(user_side))
        super().__init__(
            name="twotower",
            unknown_reason="nothing known of this user that the towers could use",
            user_vectors=pack["user_vectors"],
            item_vectors=pack["item_vectors"],
            user_known=pack["user_known"],
            item_known=pack["item_known"],
            reference=pack["reference"],
            threads=threads,
        )

    def _made_of(self, visitors: Visitors) -> Vectors:
        return self._tower.vectors_of(visitors)
