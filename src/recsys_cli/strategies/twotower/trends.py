"""What the shop knows of each item at a moment: how it sells, since when, how lately.

Events come in as counts per item and window of time, counted back from a reference; features of
the items at the start of any of these windows go out, made from earlier windows only. Windows
are as long as the dataset's evaluation horizon, or several times that where few events fall into
one: a step of training takes the same time for few pairs as for many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from recsys_cli.strategies.twotower.history import OrderedEvents

Vectors = npt.NDArray[np.float32]
NAMES = ("last window", "last 4 windows", "decayed", "ever", "age", "idle", "sold", "selling")
_MOST_WINDOWS = 208
"""Windows told apart; what is older is counted as one."""
_EVENTS = 64
"""Events of a window and fold that are worth a step."""


@dataclass(frozen=True, slots=True)
class Trends:
    """Events per item in windows before a reference.

    Attributes:
        counts: (windows, n_items) float32; row 0 is the window that ends at the reference.
        reference: seconds since 1970.
        seconds: length of a window.
    """

    counts: Vectors
    reference: int
    seconds: int

    @classmethod
    def of(cls, history: OrderedEvents, *, reference: int, window: timedelta) -> Trends:
        """Count the events of `history`, all of which lie before `reference`."""
        seconds = int(window.total_seconds())
        ago = windows_before(history.time, reference=reference, seconds=seconds)
        n = int(ago.max(initial=0)) + 1
        counts = np.bincount(ago * history.n_items + history.item, minlength=n * history.n_items)
        return cls(counts.reshape(n, -1).astype(np.float32), reference, seconds)

    def features(self, window: int) -> Vectors:
        """(n_items, len(NAMES)) float32 at the moment at which the last `window` windows start.

        They are made so that ordinary values lie between about -3 and 3.
        """
        past = self.counts[window:]
        n_items = self.counts.shape[1]
        out = np.zeros((n_items, len(NAMES)), np.float32)
        if not len(past):
            return out
        ages = np.arange(len(past), dtype=np.float32)
        ever = past.sum(axis=0)
        sold = past > 0
        idle = np.where(ever > 0, sold.argmax(axis=0), len(past)).astype(np.float32)
        age = np.where(ever > 0, len(past) - sold[::-1].argmax(axis=0), 0).astype(np.float32)
        weights = np.exp2(-ages)
        out[:, 0] = np.log1p(past[0])
        out[:, 1] = np.log1p(past[:4].sum(axis=0))
        out[:, 2] = np.log(0.1 + weights[: len(past)] @ past)
        out[:, 3] = np.log1p(ever)
        out[:, 4] = np.log1p(age)
        out[:, 5] = np.log1p(idle)
        out[:, 6] = ever > 0
        out[:, 7] = np.exp2(-idle / 2) * (ever > 0)
        out -= out.mean(axis=0)
        return out


def window_length(history: OrderedEvents, horizon: timedelta, *, folds: int) -> timedelta:
    """A multiple of the horizon such that windows have a batch's worth of events on average.

    Args:
        history: the events to learn from.
        horizon: the least length.
        folds: parts that the events of each window are cut into.
    """
    if not len(history.time):
        return horizon
    span = int(history.time.max()) - int(history.time.min())
    windows = min(span // int(horizon.total_seconds()) + 1, _MOST_WINDOWS)
    return horizon * max(1, -(-windows * folds * _EVENTS // len(history.time)))


def windows_before(
    time: npt.NDArray[np.int64], *, reference: int, seconds: int
) -> npt.NDArray[np.int64]:
    """(events,) how many whole windows lie between each event and the reference."""
    window = (reference - 1 - time) // seconds
    return np.clip(window, 0, _MOST_WINDOWS - 1)


def aligned(
    factors: Vectors, known: npt.NDArray[np.bool_], like: Vectors, like_known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """The rotation that brings `factors` closest to `like` (Schönemann, Psychometrika 1966).

    ALS solutions of the same events at different moments differ by a rotation besides what
    really changed. Scores don't change when users and items are rotated alike.

    Args:
        factors: (n_items, f).
        known: (n_items,) rows that are factors.
        like: (n_items, f).
        like_known: (n_items,) likewise.

    Returns:
        (f, f) orthogonal; the identity where no item has both.
    """
    both = known & like_known
    if not both.any():
        return np.eye(factors.shape[1])
    product = factors[both].astype(np.float64).T @ like[both].astype(np.float64)
    left, _, right = np.linalg.svd(product)
    rotation: npt.NDArray[np.float64] = left @ right
    return rotation
