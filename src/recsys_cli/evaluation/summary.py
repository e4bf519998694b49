"""From measured test windows to figures with intervals: per window, and over all of them.

`harness.Measured` windows come in, an `EvalResult` goes out. A row is one user in one window;
figures over several windows are means over their rows, and the bootstrap draws users with all
their rows. What is one number for all lists of a window, such as coverage, is averaged over the
windows: a union over windows would only grow with their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.evaluation.bootstrap import Bootstrapped, Floats, Interval, bootstrap
from recsys_cli.evaluation.groups import ALL, COLD_ITEMS
from recsys_cli.evaluation.harness import Figures, Measured
from recsys_cli.evaluation.result import EvalResult, Lead, StrategyResult, Table, WindowResult

Mask = npt.NDArray[np.bool_]


def summarise(
    windows: Sequence[Measured],
    *,
    dataset: str,
    baseline: str | Mapping[str, str] | None = None,
    resamples: int = 1000,
    seed: int = 42,
    details: Mapping[str, Any] | None = None,
) -> EvalResult:
    """Figures, intervals and paired differences.

    Args:
        windows: in the order of time, at least one, all measured alike.
        dataset: name for the report.
        baseline: strategy to compare the others with, or by strategy the one to compare it with;
            one that was not measured, or None, compares with nothing.
        resamples: bootstrap resamples behind the intervals.
        seed: seed of the bootstrap.
        details: further fields of the report.
    """
    last = windows[-1]
    if any((w.names, w.strategies.keys()) != (last.names, last.strategies.keys()) for w in windows):
        raise ValueError("windows must have the same strategies and metrics")
    if isinstance(baseline, str) and baseline not in last.strategies:
        baseline = None
    options = {"baseline": baseline, "resamples": resamples, "seed": seed}
    names = list(dict.fromkeys(group for window in windows for group in window.groups))
    pooled = {group: _group(windows, group, **options) for group in names}
    counts = list(dict.fromkeys(key for window in windows for key in window.truth.counts))
    return EvalResult(
        dataset=dataset,
        protocol=last.truth.protocol,
        cutoff=last.truth.cutoff,
        horizon=last.truth.horizon,
        users=len(np.unique(_units(windows))),
        groups={group: sum(int(_mask(w, group).sum()) for w in windows) for group in names},
        strategies={name: _strategy(name, windows, pooled) for name in last.strategies},
        ks=last.ks,
        exclude_seen=last.exclude_seen,
        windows=tuple(
            _window(window, pooled if len(windows) == 1 else None, **options) for window in windows
        ),
        baseline=baseline if isinstance(baseline, str) else None,
        counts={key: sum(w.truth.counts.get(key, 0) for w in windows) for key in counts},
        warnings=tuple(dict.fromkeys(text for window in windows for text in window.warnings)),
        details={"resamples": resamples, "seed": seed, **last.details, **(details or {})},
    )


def lead_of(result: EvalResult, windows: Sequence[Measured], names: Sequence[str]) -> Lead:
    """Which of these strategies hits best, and how far ahead of the next it is.

    Args:
        result: the figures of `windows`.
        windows: what was measured.
        names: strategies to choose from, at least one; of equal ones the first is ahead.
    """
    metric = result.main_metric
    best, *others = sorted(
        names, key=lambda name: -result.strategies[name].groups[ALL][metric].value
    )
    if not others:
        return Lead(metric, best)
    column = windows[-1].names.index(metric)
    drawn = bootstrap(
        {
            name: np.concatenate([w.strategies[name].values[:, [column]] for w in windows])
            for name in (best, *others)
        },
        units=_units(windows),
        baseline=best,
        resamples=result.details["resamples"],
        seed=result.details["seed"],
    )
    behind = {name: drawn.differences[name][0] for name in others}
    after = behind[others[0]]
    ahead = Interval(-after.value, -after.high, -after.low)
    level = tuple(name for name in others if not behind[name].outside_noise)
    return Lead(metric, best, others[0], ahead, level)


_Pooled = tuple[Bootstrapped, Mapping[str, Mapping[str, Interval]]]
"""Intervals of the columns by strategy, and the figures of the whole catalogue by strategy."""


def _group(windows: Sequence[Measured], group: str, **options: Any) -> _Pooled:
    """The figures of one group for every strategy."""
    masks = [_mask(window, group) for window in windows]
    tables = {
        name: np.concatenate(
            [_rows(w.strategies[name], group, m) for w, m in zip(windows, masks, strict=True)]
        )
        for name in windows[-1].strategies
    }
    units = _units(windows)[np.concatenate(masks)]
    return bootstrap(tables, units=units, **options), {
        name: _catalogue([w.strategies[name].catalogue.get(group, {}) for w in windows])
        for name in tables
    }


def _rows(figures: Figures, group: str, mask: Mask) -> Floats:
    return figures.cold if group == COLD_ITEMS else figures.values[mask]


def _mask(window: Measured, group: str) -> Mask:
    none = np.zeros(len(window.truth.users), np.bool_)
    return window.groups.get(group, none)


def _units(windows: Sequence[Measured]) -> npt.NDArray[np.int64]:
    """A number for the user of each row; users that nobody knows are each their own."""
    users = np.concatenate([window.truth.users for window in windows]).astype(np.int64)
    strangers = users < 0
    users[strangers] = users.max(initial=0) + 1 + np.arange(strangers.sum())
    return users


def _catalogue(parts: Sequence[Mapping[str, float]]) -> dict[str, Interval]:
    """Means over the windows that have the group."""
    metrics = dict.fromkeys(metric for part in parts for metric in part)
    values = {m: np.array([part.get(m, np.nan) for part in parts]) for m in metrics}
    return {
        metric: Interval(float(v[~np.isnan(v)].mean()) if (~np.isnan(v)).any() else np.nan)
        for metric, v in values.items()
    }


def _strategy(
    name: str, windows: Sequence[Measured], pooled: Mapping[str, _Pooled]
) -> StrategyResult:
    columns = windows[-1].names
    differences = {
        group: dict(zip(columns, drawn.differences[name], strict=True))
        for group, (drawn, _) in pooled.items()
        if name in drawn.differences
    }
    figures = [window.strategies[name] for window in windows]
    rows = sum(len(window.truth.users) for window in windows)
    return StrategyResult(
        {group: _figures(name, columns, part) for group, part in pooled.items()},
        _shares([f.served_by for f in figures], rows),
        _shares([f.fallback_reasons for f in figures], rows),
        differences,
    )


def _figures(name: str, columns: Sequence[str], part: _Pooled) -> dict[str, Interval]:
    drawn, catalogue = part
    return {**dict(zip(columns, drawn.means[name], strict=True)), **catalogue[name]}


def _shares(counts: Sequence[Mapping[str, int]], rows: int) -> dict[str, float]:
    names = dict.fromkeys(name for part in counts for name in part)
    return {name: sum(part.get(name, 0) for part in counts) / rows for name in names}


def _window(window: Measured, pooled: Mapping[str, _Pooled] | None, **options: Any) -> WindowResult:
    """One window by itself; what is pooled over it alone need not be drawn again."""
    part = pooled[ALL] if pooled else _group([window], ALL, **options)
    tables: dict[str, Table] = {
        name: {ALL: _figures(name, window.names, part)} for name in window.strategies
    }
    return WindowResult(
        window.truth.cutoff, len(window.truth.users), tables, window.truth.counts, window.details
    )
