"""Why an item is in a list: which sources brought it, and what its features add to its score."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.strategies.hybrid.blend import Blend
from recsys_cli.strategies.hybrid.candidates import Candidates
from recsys_cli.strategies.hybrid.ranker import Ranker
from recsys_cli.strategies.hybrid.strategy import Hybrid
from recsys_cli.strategies.hybrid.wording import said

TOP_FEATURES = 5


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one item is listed.

    Attributes:
        sources: each with its name, and rank and score in its list; these are None where the
            source found the item only among what the request allows.
        features: the ones that matter most, with value (None: unknown), contribution and what that
            says in words.
    """

    sources: list[dict[str, Any]]
    features: list[dict[str, Any]] = field(default_factory=list)


def reasons(
    hybrid: Hybrid,
    found: Candidates,
    items: npt.NDArray[np.int32],
    *,
    with_features: bool,
    worth: str = "value",
) -> list[Reason | None]:
    """A reason for each of `items` (m,); None for one that another strategy put there.

    Args:
        hybrid: the strategy.
        found: the candidates of the one user that the list is for.
        items: item rows of the list.
        with_features: whether to ask the model for contributions too.
        worth: what the value of an event is, such as price.
    """
    listed = found.take(np.isin(found.items, items))
    features: list[list[dict[str, Any]]] = [[] for _ in listed.items]
    if with_features:
        features = _contributions(hybrid, listed, worth)
    by_item = {
        int(item): Reason(_sources(listed, place), features[place])
        for place, item in enumerate(listed.items)
    }
    return [by_item.get(int(item)) for item in items]


def _sources(found: Candidates, place: int) -> list[dict[str, Any]]:
    named = []
    for s in np.flatnonzero(found.found[place]):
        rank, score = found.ranks[place, s], found.scores[place, s]
        ranked = not np.isnan(rank)
        named.append(
            {
                "source": found.sources[s],
                "rank": int(rank) if ranked else None,
                "score": float(str(score)) if ranked else None,
            }
        )
    return sorted(named, key=lambda source: (source["rank"] is None, source["rank"] or 0))


def _contributions(hybrid: Hybrid, found: Candidates, worth: str) -> list[list[dict[str, Any]]]:
    """For each candidate the features that add or take most."""
    if isinstance(hybrid.scorer, Ranker):
        table = hybrid.features.of(found)
        parts = hybrid.scorer.contributions(table).astype(np.float32)
        return _largest(hybrid.features.names, table, parts, worth=worth)
    if isinstance(hybrid.scorer, Blend):
        names, values, parts = hybrid.scorer.contributions(found, hybrid.features)
        return _largest([f"rank_{name}" for name in names], values, parts, worth=worth)
    return [[] for _ in found.items]


def _largest(
    names: list[str],
    values: npt.NDArray[np.float32],
    parts: npt.NDArray[np.float32],
    *,
    worth: str,
) -> list[list[dict[str, Any]]]:
    order = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :TOP_FEATURES]
    return [
        [
            {
                "feature": names[f],
                "value": None if np.isnan(values[row, f]) else float(str(values[row, f])),
                "contribution": float(str(parts[row, f])),
                "said": said(
                    names[f],
                    None if np.isnan(values[row, f]) else values[row, f],
                    worth=worth,
                ),
            }
            for f in columns
            if parts[row, f]
        ]
        for row, columns in enumerate(order)
    ]
