"""Spaces in which users and items lie, so that any pair of them has a score.

A source that ranks by inner product (collab, content, two-tower) can score every candidate, not
only those that it recalled itself. Each space is read off the artifacts of its strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recsys_cli.ranking.vectors import Mask, Vectors


class Artifacts(Protocol):
    """What the registry's strategies are built from."""

    def has(self, kind: str) -> bool:
        """Whether the artifact exists."""
        ...

    def pack(self, kind: str) -> Mapping[str, Any]:
        """The artifact's contents."""
        ...


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors of users and items.

    Attributes:
        name: the strategy that ranks in it.
        users: (n_users, d) float32.
        items: (n_items, d) float32.
        user_known: (n_users,) users that have a vector.
        item_known: (n_items,) items that have one.
        bonus: (n_items,) float32 added to the inner product; None for nothing.
        unit: whether the items' vectors are at most of unit length.
    """

    name: str
    users: Vectors
    items: Vectors
    user_known: Mask
    item_known: Mask
    bonus: npt.NDArray[np.float32] | None = None
    unit: bool = False


def _collab(artifacts: Artifacts) -> Space:
    pack = artifacts.pack("als")
    return Space(
        "collab",
        pack["user_factors"],
        pack["item_factors"],
        pack["user_known"],
        pack["item_known"],
    )


def _content(artifacts: Artifacts) -> Space:
    items, users = artifacts.pack("content"), artifacts.pack("user_vectors")
    known = items["has_text"] | items["has_image"]
    bonus = None
    if users.get("availability") is not None:
        bonus = users["availability"] * np.float32(users["availability_weight"])
    return Space(
        "content", users["vectors"], items["vectors"], users["known"], known, bonus, unit=True
    )


def _twotower(artifacts: Artifacts) -> Space:
    pack = artifacts.pack("two_tower_vectors")
    return Space(
        "twotower",
        pack["user_vectors"],
        pack["item_vectors"],
        pack["user_known"],
        pack["item_known"],
    )


SPACES: dict[str, tuple[tuple[str, ...], Callable[[Artifacts], Space]]] = {
    "collab": (("als",), _collab),
    "content": (("content", "user_vectors"), _content),
    "twotower": (("two_tower_vectors",), _twotower),
}
"""By strategy: the kinds of artifact that a space is read from, and how."""


def open_spaces(artifacts: Artifacts, names: tuple[str, ...]) -> tuple[Space, ...]:
    """The spaces of those of the strategies `names` that have one."""
    return tuple(SPACES[name][1](artifacts) for name in names if name in SPACES)
