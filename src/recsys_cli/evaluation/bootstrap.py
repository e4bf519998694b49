"""95% percentile intervals of means by resampling users (Efron and Tibshirani 1993, ch. 13).

A resample draws n of n users with replacement. Its means are a row of counts times the matrix
of values, so a block of resamples is one matrix product. Users whose every value is 0 (no hit,
usually most of them) add nothing to any sum: only how many of the others were drawn matters,
which is binomial, so the draws shrink to the users with a hit without changing the distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
_BLOCK_BYTES = 64 << 20

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its bounds; all NaN where there was no user.

    Attributes:
        value: the mean over users.
        low: 2.5th percentile of the resampled means.
        high: 97.5th percentile.
    """

    value: float
    low: float
    high: float


def bootstrap_means(values: Floats, *, resamples: int = 1000, seed: int = 42) -> list[Interval]:
    """Mean and interval of each column.

    Args:
        values: (n, m) float64 without NaN, one row per user.
        resamples: number of resamples.
        seed: equal seeds give equal bounds.

    Returns:
        m intervals.
    """
    n, m = values.shape
    if not n:
        return [Interval(np.nan, np.nan, np.nan)] * m
    low, high = _bounds(resampled_means(values, resamples=resamples, seed=seed))
    means = values.mean(axis=0)
    return [
        Interval(float(mean), float(a), float(b))
        for mean, a, b in zip(means, low, high, strict=True)
    ]


def resampled_means(values: Floats, *, resamples: int, seed: int) -> Floats:
    """(resamples, m) means of the columns of `values` (n, m), one row per resample."""
    n = len(values)
    active = np.ascontiguousarray(values[values.any(axis=1)])
    rng = np.random.default_rng(seed)
    drawn = rng.binomial(n, len(active) / n, size=resamples)
    sums = np.zeros((resamples, values.shape[1]))
    block = max(1, _BLOCK_BYTES // (8 * max(len(active), 1)))
    for start in range(0, resamples, block):
        sizes = drawn[start : start + block]
        counts = np.empty((len(sizes), len(active)))
        for row, size in enumerate(sizes):
            picks = rng.integers(0, max(len(active), 1), size=size, dtype=np.int32)
            counts[row] = np.bincount(picks, minlength=len(active))
        sums[start : start + block] = counts @ active
    return sums / n


def _bounds(means: Floats) -> tuple[Floats, Floats]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high
