"""Which items of somebody's history brought an item into their list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import HALVED, Attributing

_MOST = 3
_LEAST = 0.1
"""Share below which an item is not told."""


def because(
    artifacts: Artifacts,
    visitor: Visitors,
    items: npt.NDArray[np.int32],
    sources: Sequence[Mapping[str, int | None]],
    opened: Callable[[str], object | None],
) -> list[list[dict[str, Any]]]:
    """For each of `items` (m,) the items of one visitor's history that brought it, most first.

    What a history adds to a score is exact for each source that can tell (`Attributing`); where
    several brought an item, they are weighed by the ranks that they gave it. What speaks against
    an item is left out, and shares are of what speaks for it.

    Args:
        artifacts: tell ids and names.
        visitor: one row.
        items: item rows.
        sources: of each item, the sources that brought it, and its rank there if it had one.
        opened: a source by name.
    """
    shares = np.zeros((len(items), len(visitor.had.indices)))
    for name in dict.fromkeys(name for of_item in sources for name in of_item):
        source = opened(name)
        if not isinstance(source, Attributing):
            continue
        said = [of_item.get(name) for of_item in sources]
        weights = np.array([1 / (HALVED + rank) if rank else 0.0 for rank in said])
        parts = np.maximum(source.contributions(visitor, items), 0)
        total = parts.sum(axis=1, keepdims=True)
        shares += weights[:, None] * np.divide(parts, total, out=parts, where=total > 0)
    total = shares.sum(axis=1, keepdims=True)
    np.divide(shares, total, out=shares, where=total > 0)
    return [_told(artifacts, visitor, row) for row in shares]


def _told(
    artifacts: Artifacts, visitor: Visitors, shares: npt.NDArray[np.float64]
) -> list[dict[str, Any]]:
    had = visitor.had.indices
    order = np.lexsort((had, -shares))[:_MOST]
    return [
        {
            "item": artifacts.items[int(had[at])],
            "name": artifacts.names[int(had[at])],
            "share": round(float(shares[at]), 3),
        }
        for at in order
        if shares[at] >= _LEAST
    ]
