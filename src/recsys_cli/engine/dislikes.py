"""How near all items are to some that somebody dislikes, as a rule of their list.

What ranks differs by strategy, and so do scores, so a dislike moves places as rules do: by content
vectors, else by the factors of ALS, whichever the disliked item has. It is the negative part of
Rocchio's feedback (1971) for lists of any source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.engine.engine import DISLIKED
from recsys_cli.engine.similar import Neighbours
from recsys_cli.ranking.rules import Dislike, Rules
from recsys_cli.ranking.vectors import Vectors

_TINY = np.float32(1e-12)


def with_dislikes(rules: Rules | None, rows: Sequence[int], artifacts: Artifacts) -> Rules | None:
    """The rules with one more, which has what is like some items fall.

    Args:
        rules: those there are.
        rows: of the items disliked.
        artifacts: have the vectors; where there are none, nothing else falls.
    """
    n_items = len(artifacts.items)
    near, left = np.zeros(n_items, np.float32), list(rows)
    for space in _spaces(artifacts):
        for row in [row for row in left if space.known[row]]:
            np.maximum(near, nearness(space, row), out=near)
            left.remove(row)
        if not left:
            break
    if not near.any():
        return rules
    return (rules or Rules(n_items, ())).also(Dislike(DISLIKED, near))


def _spaces(artifacts: Artifacts) -> Iterator[Neighbours]:
    """What items can be compared by, what tells more first."""
    if artifacts.has("content"):
        pack = artifacts.pack("content")
        yield Neighbours(pack["vectors"], pack["has_text"] | pack["has_image"], source="content")
    if artifacts.has("als"):
        yield Neighbours.of_factors(artifacts.pack("als"))


def nearness(space: Neighbours, row: int) -> Vectors:
    """(n_items,) float32 how near each item is to one: 1 for its like, 0 for the usual item.

    That is (cos - mean) / (1 - mean), at least 0, with the mean over all items, since vectors of
    texts all lie in one direction more than in others.
    """
    vectors = np.asarray(space.vectors)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    cosines = (vectors @ vectors[row]) / np.maximum(lengths * lengths[row], _TINY)
    usual = float(cosines[space.known].mean())
    near: Vectors = np.clip((cosines - usual) / max(1 - usual, 1e-6), 0, 1).astype(np.float32)
    near[~space.known] = 0
    return near
