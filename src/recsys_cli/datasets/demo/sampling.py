"""Vectorised draws that both demo shops share: weighted choices, exact splits, weekly shelves."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
R = TypeVar("R")
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
MICRO = 8
"""Dimension of the fine-grained taste that items and people have in common."""


def stream(seed: int, *path: int) -> np.random.Generator:
    """A generator of its own for each part of the demo, so that parts do not disturb each other."""
    return np.random.default_rng([seed, *path])


def in_order(function: Callable[[T], R], arguments: Iterable[T]) -> Iterator[R]:
    """`function` of each argument, two at a time: numpy and Pillow let go of Python's lock.

    No more results wait than are being made, so memory stays bounded.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            for argument in arguments:
                waiting.append(pool.submit(function, argument))
                if len(waiting) > 2:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def choose(rng: np.random.Generator, weights: FloatArray, size: int) -> IntArray:
    """Draw `size` positions with probability proportional to `weights` (k,)."""
    edges = np.cumsum(weights)
    place: IntArray = np.searchsorted(edges, rng.random(size) * edges[-1], "right")
    return place.clip(max=edges.size - 1)


def between(rng: np.random.Generator, low: IntArray, high: IntArray) -> IntArray:
    """Draw a whole number from each range, its `high` excluded; `low` where that is empty."""
    return low + ((high - low) * rng.random(high.size)).astype(np.int64)


def openings(rng: np.random.Generator, sizes: IntArray, mean: float) -> NDArray[np.bool_]:
    """Cut everyone's rows into groups of `mean` on average; whether each opens one, (total,)."""
    opens: NDArray[np.bool_] = rng.random(int(sizes.sum())) < 1.0 / mean
    opens[(np.cumsum(sizes) - sizes)[sizes > 0]] = True
    return opens


def choose_rows(rng: np.random.Generator, weights: FloatArray) -> IntArray:
    """Draw one column per row of `weights` (n, k), proportionally within the row."""
    edges = np.cumsum(weights, axis=1)
    target = rng.random(len(weights)) * edges[:, -1]
    place: IntArray = (edges < target[:, None]).sum(axis=1)
    return place.clip(max=weights.shape[1] - 1)


def split_exactly(weights: FloatArray, total: int, *, phase: float = 0.5) -> IntArray:
    """Whole numbers proportional to `weights` (n,) that add up to exactly `total`.

    Systematic rounding: share i is the number of integers between consecutive cumulated weights,
    so small expectations give ones and zeros rather than vanishing altogether.
    """
    edges = np.cumsum(weights) / weights.sum() * total
    whole = np.floor(edges + phase).astype(np.int64)
    whole[-1] = total
    shares: IntArray = np.diff(whole.clip(0, total), prepend=0)
    return shares


class WeeklyShelf:
    """What is on sale in each week, arranged so that any group of items can be drawn from.

    Items are ordered by group; a group, or a run of neighbouring groups, is a stretch of that
    order, and drawing from it is one binary search in the week's cumulated weights.
    """

    def __init__(self, *, groups: IntArray, n_groups: int, weekly: NDArray[np.float32]) -> None:
        """Take `groups` (n,), the group of each item, and `weekly` (weeks, n), the weights."""
        self.order: IntArray = np.argsort(groups, kind="stable")
        counts = np.bincount(groups, minlength=n_groups)
        self.bounds: IntArray = np.concatenate([[0], np.cumsum(counts)])
        self.weekly = weekly

    def draw(
        self,
        rng: np.random.Generator,
        *,
        week: int,
        first: IntArray,
        last: IntArray,
        candidates: int,
    ) -> IntArray:
        """Draw (n, candidates) items from groups `first` to `last` (n,), ends included.

        Where none of those groups sells anything that week, the whole shelf is drawn from.
        """
        edges = np.concatenate([[0.0], np.cumsum(self.weekly[week][self.order], dtype=np.float64)])
        low = edges[self.bounds[first]]
        high = edges[self.bounds[last + 1]]
        bare = high - low <= edges[-1] * 1e-9
        low = np.where(bare, 0.0, low)
        high = np.where(bare, edges[-1], high)
        target = low[:, None] + rng.random((first.size, candidates)) * (high - low)[:, None]
        place: IntArray = np.searchsorted(edges, target, side="right") - 1
        items: IntArray = self.order[place.clip(max=self.order.size - 1)]
        return items


def prefer(
    rng: np.random.Generator, items: IntArray, liking: NDArray[np.float32]
) -> tuple[IntArray, NDArray[np.float32]]:
    """Choose one candidate per row with probability proportional to exp(liking).

    `items` and `liking` are (n, candidates); returns the items (n,) and their likings. Adding
    Gumbel noise and taking the maximum is the same as sampling from the softmax.
    """
    noise = rng.random(liking.shape, dtype=np.float32)
    best = np.argmax(liking - np.log(-np.log(noise + 1e-9) + 1e-9), axis=1)
    rows = np.arange(len(items))
    return items[rows, best], liking[rows, best]
