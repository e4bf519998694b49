"""Items by the factors of ALS (Hu, Koren and Volinsky 2008)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys_cli.ranking.products import ByProduct


def collab(pack: Mapping[str, Any], *, threads: int = 0) -> ByProduct:
    """From the als artifact; 0 threads are all cores."""
    return ByProduct(
        name="collab",
        unknown_reason="no factors for this user",
        user_vectors=pack["user_factors"],
        item_vectors=pack["item_factors"],
        user_known=pack["user_known"],
        item_known=pack["item_known"],
        reference=pack.get("reference"),
        threads=threads,
    )
