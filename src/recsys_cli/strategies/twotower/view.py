"""What is known at a moment: history, factors in a common basis, trends, and users' states.

Factors of different moments have different axes; those of a view are rotated onto those of the
moment that the towers were trained at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from recsys_cli.config.models import InteractionsConfig
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import AlsFactors
from recsys_cli.strategies.twotower import TwoTowerConfig
from recsys_cli.strategies.twotower.history import OrderedEvents
from recsys_cli.strategies.twotower.inputs import Facts, Shelf
from recsys_cli.strategies.twotower.moments import Moment
from recsys_cli.strategies.twotower.prefix import Walk
from recsys_cli.strategies.twotower.trends import aligned

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Settings:
    """Sections of the config that decide what is trained."""

    tower: TwoTowerConfig
    als: AlsConfig
    interactions: InteractionsConfig
    window: timedelta
    repurchase: bool


@dataclass(frozen=True, slots=True)
class View:
    """All that is known at a moment.

    Attributes:
        history: events until then.
        users: ALS user factors in the common basis.
        items: ALS item factors, likewise.
        shelf: trends.
        reference: the moment in seconds since 1970.
        walk: how users' states are made.
    """

    history: OrderedEvents
    users: Moment
    items: Moment
    shelf: Shelf
    reference: int
    walk: Walk


def view_of(
    history: OrderedEvents,
    factors: AlsFactors,
    facts: Facts,
    settings: Settings,
    *,
    reference: int,
    like: Moment | None = None,
) -> View:
    """What is known at a moment, its factors rotated onto those of `like`."""
    rotation = np.eye(factors.factors)
    if like is not None:
        rotation = aligned(factors.item_factors, factors.item_known, like.factors, like.known)
    items = Moment(_rotated(factors.item_factors, rotation), np.asarray(factors.item_known))
    users = Moment(_rotated(factors.user_factors, rotation), np.asarray(factors.user_known))
    walk = Walk(
        items.factors, factors.regularization, factors.alpha, facts.content,
        settings.tower.half_life_days, settings.tower.last_items,
    )  # fmt: skip
    shelf = Shelf(history, reference=reference, window=settings.window, facts=facts)
    return View(history, users, items, shelf, reference, walk)


def _rotated(factors: Vectors, rotation: npt.NDArray[np.float64]) -> Vectors:
    return np.asarray(factors) @ rotation.astype(np.float32)
