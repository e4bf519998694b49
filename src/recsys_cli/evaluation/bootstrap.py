"""95% percentile intervals of means and of their differences, by resampling users.

Values of several strategies for the same rows come in, a row being one user in one test window;
intervals go out (Efron and Tibshirani 1993, ch. 13). What is drawn is the user, with all rows
they have: rows of one user are not independent, and drawing them singly would make intervals of
several windows too narrow. Every strategy gets the same draws, so that the difference of two
strategies is that of two means over the same users: a paired bootstrap, whose intervals are far
narrower than those of the single figures suggest.

A resample draws n of n users with replacement. Its sums are a row of counts times the matrix of
values, so a block of resamples is one matrix product per strategy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
_BLOCK_BYTES = 64 << 20

Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its bounds; all NaN where nothing was measured.

    Attributes:
        value: the mean over rows, or the difference of two means.
        low: 2.5th percentile of the resampled figures.
        high: 97.5th percentile.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds, or the figure itself where it has none."""
        low, high = (self.value if math.isnan(v) else v for v in (self.low, self.high))
        return low, high

    def to_json(self) -> dict[str, float | None]:
        """Figure and bounds; what is NaN is None."""
        return {name: None if math.isnan(v) else v for name, v in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, float | None]) -> Interval:
        """The same back; what is not there is NaN."""
        given = (value.get(name) for name in ("value", "low", "high"))
        return cls(*(math.nan if v is None else v for v in given))

    @property
    def outside_noise(self) -> bool:
        """Of a difference: whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """Intervals of m columns, by strategy.

    Attributes:
        means: of each strategy.
        differences: of each strategy less the baseline; none where there is no baseline.
    """

    means: Mapping[str, list[Interval]]
    differences: Mapping[str, list[Interval]]


def bootstrap(
    tables: Mapping[str, Floats],
    *,
    units: Units | None = None,
    baseline: str | Mapping[str, str] | None = None,
    resamples: int = 1000,
    seed: int = 42,
) -> Bootstrapped:
    """Mean and interval of each column of each table, and of the differences from one of them.

    Args:
        tables: by strategy, (n, m) float64, rows in the same order in all; NaN has no say in
            its column's mean.
        units: (n,) number of the user that each row is of; None means one row per user.
        baseline: strategy to compare the others with, or by strategy the one to compare it with;
            None compares with nothing.
        resamples: number of resamples.
        seed: equal seeds give equal bounds.
    """
    drawn = resampled_means(tables, units=units, resamples=resamples, seed=seed)
    means = {name: _column_means(table) for name, table in tables.items()}
    against = baseline or {}
    if isinstance(against, str):
        against = {name: against for name in tables if name != against}
    differences = {
        name: _intervals(means[name] - means[other], drawn[name] - drawn[other])
        for name, other in against.items()
    }
    whole = {name: _intervals(means[name], drawn[name]) for name in tables}
    return Bootstrapped(whole, differences)


def resampled_means(
    tables: Mapping[str, Floats], *, units: Units | None = None, resamples: int, seed: int
) -> dict[str, Floats]:
    """(resamples, m) means of the columns of each table (n, m), one row per resample.

    NaN where a resample holds no value of a column.
    """
    grouped = {name: _per_unit(table, units) for name, table in tables.items()}
    sizes = {len(sums) for sums, _ in grouped.values()}
    n = sizes.pop() if sizes else 0
    if sizes:
        raise ValueError("tables must have the same rows")
    out = {name: np.full((resamples, table.shape[1]), np.nan) for name, table in tables.items()}
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK_BYTES // (8 * max(n, 1)))
    for start in range(0, resamples if n else 0, block):
        draws = np.empty((min(block, resamples - start), n))
        for row in draws:
            row[:] = np.bincount(rng.integers(0, n, size=n, dtype=np.int32), minlength=n)
        for name, (sums, counts) in grouped.items():
            totals = draws @ sums
            weights = np.full((1, 1), float(n)) if counts is None else draws @ counts
            target = out[name][start : start + block]
            np.divide(totals, weights, out=target, where=weights > 0)
    return out


def _per_unit(table: Floats, units: Units | None) -> tuple[Floats, Floats | None]:
    """Sums (u, m) of each user's rows, and how many values each sum is of; None if all are 1."""
    known = ~np.isnan(table)
    filled = table if known.all() else np.where(known, table, 0.0)
    if units is not None and len(units):
        order = np.argsort(units, kind="stable")
        starts = np.flatnonzero(np.diff(units[order], prepend=units[order[0]] - 1))
        if len(starts) < len(units):
            sums = np.add.reduceat(filled[order], starts, axis=0)
            return sums, np.add.reduceat(known[order], starts, axis=0, dtype=np.float64)
    return filled, None if known.all() else known.astype(np.float64)


def _column_means(table: Floats) -> Floats:
    known = (~np.isnan(table)).sum(axis=0)
    total: Floats = np.nansum(table, axis=0)
    means: Floats = np.full(table.shape[1], np.nan)
    np.divide(total, known, out=means, where=known > 0)
    return means


def _intervals(values: Floats, drawn: Floats) -> list[Interval]:
    tail = (1 - LEVEL) / 2
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    some = ~np.isnan(drawn).all(axis=0)
    if some.any():
        low[some], high[some] = np.nanquantile(drawn[:, some], [tail, 1 - tail], axis=0)
    return [
        Interval(float(v), float(a), float(b)) for v, a, b in zip(values, low, high, strict=True)
    ]
