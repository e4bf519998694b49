"""Items by the vectors of the two towers (see `fit` and `vectors`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys_cli.ranking.products import ByProduct


def two_tower(pack: Mapping[str, Any], *, threads: int = 0) -> ByProduct:
    """From the two_tower_vectors artifact; 0 threads are all cores."""
    return ByProduct(
        name="twotower",
        unknown_reason="nothing known of this user that the towers could use",
        user_vectors=pack["user_vectors"],
        item_vectors=pack["item_vectors"],
        user_known=pack["user_known"],
        item_known=pack["item_known"],
        reference=pack["reference"],
        threads=threads,
    )
