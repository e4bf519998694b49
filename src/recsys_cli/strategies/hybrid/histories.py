"""What the users of a block had, laid out for comparing candidates with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_cli.events.decay import DAY_SECONDS, decay_in_order
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.vectors import Users

Floats = npt.NDArray[np.float32]

LAST_ITEMS = 5
"""Items of the user that a candidate is compared with."""
HISTORY_HALF_LIFE_DAYS = 60.0
HISTORY_HALF_LIFE_EVENTS = 10.0


def days_before(moments: npt.NDArray[np.uint32], reference: int) -> npt.NDArray[np.float64]:
    """Days from each moment to the reference, 0 from later ones; NaN for none."""
    days = np.maximum(reference - moments.astype(np.float64), 0) / DAY_SECONDS
    return np.where(moments > 0, days, np.nan)


class Histories(NamedTuple):
    """Pairs of B users and the items they had, N of them.

    Attributes:
        indptr: (B + 1,) int64 where each user's pairs begin.
        items: (N,) int32 items.
        weight: (N,) float32 weight, halved every `HISTORY_HALF_LIFE_DAYS`, and by order with
            `HISTORY_HALF_LIFE_EVENTS`.
        events: (N,) float32 number of events.
        days: (N,) float32 days since the last one; NaN without time.
        last: (B, LAST_ITEMS) int32 items had last, the latest first, -1 padded.
    """

    indptr: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    weight: Floats
    events: Floats
    days: Floats
    last: npt.NDArray[np.int32]


def block_of(history: Interactions, users: Users) -> Histories:
    """What each of `users` (B,) had."""
    matrix = history.matrix
    indptr, at = matrix.positions(users)
    had = np.ascontiguousarray(matrix.indices[at], np.int32)
    moments = history.last[at]
    days = days_before(moments, history.reference)
    weight = np.asarray(matrix.data, np.float32)[at] if len(at) else np.empty(0, np.float32)
    aged = np.where(np.isnan(days), 0, days)
    in_order = decay_in_order(moments, indptr, half_life_events=HISTORY_HALF_LIFE_EVENTS)
    weight = (weight * np.exp2(-aged / HISTORY_HALF_LIFE_DAYS) * in_order).astype(np.float32)
    events = history.count[at].astype(np.float32)
    rows = np.repeat(np.arange(len(users)), np.diff(indptr))
    order = np.lexsort((had, -moments.astype(np.int64), rows))
    place = np.arange(len(at)) - indptr[rows]
    last = np.full((len(users), LAST_ITEMS), -1, np.int32)
    near = place < LAST_ITEMS
    last[rows[near], place[near]] = had[order][near]
    return Histories(indptr, had, weight, events, days.astype(np.float32), last)
