"""How likely an item is still, or already, on sale: what content alone cannot tell.

Texts and pictures say which items a user would like, among them thousands that left the shop
long ago and look just like those that came last. Interactions before the cut-off come in, one
number from 0 to 1 per item goes out:

    sold before     0.5^(days since its last event / half-life)
    never sold      min(1, items first sold within the last `new_days` / items never sold)

An item that nobody has bought yet gets the benefit of the doubt as long as there are no more of
them than the shop usually starts to sell in that time. In a catalogue full of things that nobody
ever bought, the same number is spread over all of them. Without times every item counts as
available.

An item's first event is taken to be the earliest of its users' last events with it, which is
what the interactions hold; a repeat purchase can make it look newer by as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.store.packs import Packed

if TYPE_CHECKING:
    from recsys_cli.events.interactions import Interactions

HALF_LIFE_DAYS, NEW_DAYS, WEIGHT = 14.0, 90.0, 0.2

_DAY_SECONDS = 86_400
_PAIRS = 1 << 22
"""Pairs worked on at a time, which bounds the temporaries to tens of MB."""


@dataclass(frozen=True, slots=True)
class Availability(Packed):
    """Item availability, and how much it counts beside a cosine.

    Attributes:
        availability: (n_items,) float32 from 0 to 1.
        availability_weight: what full availability adds to an item's score.
    """

    availability: npt.NDArray[np.float32]
    availability_weight: float


def item_availability(
    interactions: Interactions,
    *,
    half_life_days: float = HALF_LIFE_DAYS,
    new_days: float = NEW_DAYS,
    weight: float = WEIGHT,
) -> Availability:
    """Availability of every item at the reference time of the interactions.

    Args:
        interactions: of one snapshot, so nothing after its cut-off is seen.
        half_life_days: days without a sale after which availability is a half.
        new_days: how far back to look for items that were new then.
        weight: passed on; see `Availability`.
    """
    first, last = _span(interactions)
    if not last.any():
        return Availability(np.ones(interactions.n_items, np.float32), weight)
    sold = _sold(interactions)
    days = np.where(last > 0, np.maximum(interactions.reference - last, 0), 0) / _DAY_SECONDS
    since = interactions.reference - new_days * _DAY_SECONDS
    started, unsold = int((sold & (first >= since)).sum()), int((~sold).sum())
    values = np.where(sold, np.exp2(-days / half_life_days), min(1.0, started / max(unsold, 1)))
    return Availability(values.astype(np.float32), weight)


def _sold(interactions: Interactions) -> npt.NDArray[np.bool_]:
    sold = np.zeros(interactions.n_items, np.bool_)
    sold[interactions.indices] = True
    return sold


def _span(
    interactions: Interactions,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(n_items,) first and last event in seconds since the epoch; 0 where there is no time."""
    first = np.full(interactions.n_items, np.iinfo(np.uint32).max, np.uint32)
    last = np.zeros(interactions.n_items, np.uint32)
    for start in range(0, len(interactions.indices), _PAIRS):
        items = interactions.indices[start : start + _PAIRS]
        times = interactions.last[start : start + _PAIRS]
        np.minimum.at(first, items, times)
        np.maximum.at(last, items, times)
    return first.astype(np.float64), last.astype(np.float64)
