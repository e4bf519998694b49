"""Measures strategies exactly as they are served: full catalogue, with fallback, in blocks.

Strategies, a `Truth` and the history before it come in; metrics with 95% intervals go out, for
all users and for groups of them. Nothing that was made from events of the test window is let in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import DataError
from recsys_cli.evaluation.bootstrap import Floats, Interval, bootstrap_means
from recsys_cli.evaluation.metrics import Coverage, metric_names, ranking_metrics
from recsys_cli.evaluation.result import ALL, COLD_ITEMS, NEW, WARM, EvalResult, StrategyResult
from recsys_cli.evaluation.truth import Truth, seen_pairs
from recsys_cli.progress import Progress, Silent
from recsys_cli.recommend.fallback import Answer, WithFallback

Mask = npt.NDArray[np.bool_]

_BLOCK_CELLS = 1 << 19
"""Recommended items in memory at a time."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is the same for every strategy."""

    truth: Truth
    cold_truth: CSR
    history: CSR
    groups: Mapping[str, Mask]
    ks: tuple[int, ...]
    exclude_seen: bool
    allow: Mask | None
    resamples: int
    seed: int


def evaluate(
    strategies: Mapping[str, WithFallback],
    truth: Truth,
    *,
    dataset: str,
    history: CSR,
    history_reference: int,
    ks: Sequence[int],
    exclude_seen: bool,
    allow: Mask | None = None,
    segments: Mapping[str, Mask] | None = None,
    resamples: int = 1000,
    seed: int = 42,
    details: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> EvalResult:
    """Rank the whole catalogue for every test user and measure the lists.

    Args:
        strategies: by name, each with the fallback chain that it is served with.
        truth: test users and their relevant items.
        dataset: name for the report.
        history: (n_users, n_items) what users had before the test events.
        history_reference: seconds since the epoch before which the history's events lie.
        ks: depths of the metrics.
        exclude_seen: leave what users already had out of their lists; `truth` must not hold
            such pairs then.
        allow: (n_items,) items that may be recommended; None means all.
        segments: further groups by name, each a mask (n,) over the test users.
        resamples: bootstrap resamples behind the intervals.
        seed: seed of the bootstrap.
        details: further fields of the report.
        progress: told how many users are done.

    Raises:
        DataError: there is no test user, or a strategy or the history was made from events
            that lie after the cut-off.
        ValueError: `truth` holds pairs that the lists cannot.
    """
    report = progress or Silent()
    _refuse_empty(truth, dataset)
    unchecked = _refuse_leaks(strategies, truth, history_reference)
    if exclude_seen and seen_pairs(truth, history).any():
        raise ValueError("truth holds pairs that the lists leave out; see `without_seen`")
    cold = _cold_truth(truth, history)
    plan = _Plan(
        truth=truth,
        cold_truth=cold,
        history=history,
        groups=_groups(truth, history, cold, segments or {}),
        ks=tuple(sorted(set(ks))),
        exclude_seen=exclude_seen,
        allow=allow,
        resamples=resamples,
        seed=seed,
    )
    return EvalResult(
        dataset=dataset,
        protocol=truth.protocol,
        cutoff=truth.cutoff.isoformat() if truth.cutoff else None,
        horizon_days=truth.horizon_days,
        groups={name: int(mask.sum()) for name, mask in plan.groups.items()},
        strategies={
            name: _evaluate_one(name, strategy, plan, report)
            for name, strategy in strategies.items()
        },
        ks=plan.ks,
        exclude_seen=exclude_seen,
        counts=truth.counts,
        warnings=truth.warnings + unchecked,
        details={"resamples": resamples, "seed": seed, **(details or {})},
    )


def _refuse_empty(truth: Truth, dataset: str) -> None:
    if len(truth.users):
        return
    window = ""
    if truth.cutoff:
        window = f" in the {truth.horizon_days} days from {truth.cutoff}"
    raise DataError(
        f"no user of {dataset} has a test event{window}",
        hint="choose another --cutoff or --horizon",
    )


def _refuse_leaks(
    strategies: Mapping[str, WithFallback], truth: Truth, history_reference: int
) -> tuple[str, ...]:
    """Compare what everything was made from with the cut-off; warn where that is not known.

    Without a cut-off the history sets the limit: a strategy from a later snapshot than the
    history has seen events that the history lacks, the test events among them.
    """
    limit = truth.cutoff_seconds
    if limit is None:
        limit = history_reference
    unchecked = []
    references: list[tuple[str, int | None]] = [("the history", history_reference)]
    for chain in strategies.values():
        references += [(part.name, part.reference) for part in chain.chain]
    for what, reference in dict.fromkeys(references):
        if reference is None:
            unchecked.append(f"{what} does not say up to when it saw events")
        elif reference > limit:
            raise DataError(
                f"{what} was made from events up to {_moment(reference)}, "
                f"but the test starts at {_moment(limit)}: it has seen what it would be tested on",
                hint="build the snapshot at the cut-off: recsys build all --as-of DATE",
            )
    return tuple(unchecked)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _cold_truth(truth: Truth, history: CSR) -> CSR:
    """The relevant items that had no event before the test, row by row."""
    known = np.zeros(truth.items.n_columns, np.bool_)
    known[history.indices] = True
    rows, columns = truth.items.entries()
    cold = ~known[columns]
    return CSR.from_pairs(
        rows[cold], columns[cold], n_rows=truth.items.n_rows, n_columns=truth.items.n_columns
    )


def _groups(truth: Truth, history: CSR, cold: CSR, segments: Mapping[str, Mask]) -> dict[str, Mask]:
    warm = history.counts(truth.users) > 0
    return {
        ALL: np.ones(len(truth.users), np.bool_),
        WARM: warm,
        NEW: ~warm,
        COLD_ITEMS: np.diff(cold.indptr) > 0,
        **segments,
    }


def _evaluate_one(
    name: str, strategy: WithFallback, plan: _Plan, progress: Progress
) -> StrategyResult:
    truth, n = plan.truth, len(plan.truth.users)
    names = metric_names(plan.ks)
    values, cold_values = np.empty((n, len(names))), np.empty((n, len(names)))
    coverage = {g: Coverage(ks=plan.ks, n_items=strategy.n_items) for g in plan.groups}
    served, reasons = _Shares(n), _Shares(n)
    progress.start(f"evaluate {name}", n)
    step = max(1, _BLOCK_CELLS // min(plan.ks[-1], strategy.n_items))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        answer = _answer(strategy, plan, rows)
        items = answer.recommendations.items
        values[rows] = _measure(items, truth.items.take(rows), plan.ks)
        cold_values[rows] = _measure(items, plan.cold_truth.take(rows), plan.ks)
        for group, mask in plan.groups.items():
            coverage[group].add(items[mask[rows]])
        served.add(answer.used, answer.strategies)
        reasons.add(answer.reason, answer.reasons)
        progress.advance(len(rows))
    groups = {}
    for group, mask in plan.groups.items():
        column = cold_values if group == COLD_ITEMS else values
        intervals = bootstrap_means(column[mask], resamples=plan.resamples, seed=plan.seed)
        groups[group] = dict(zip(names, intervals, strict=True))
        for metric, share in coverage[group].values().items():
            value = share if mask.any() else np.nan
            groups[group][metric] = Interval(value, np.nan, np.nan)
    return StrategyResult(groups, served.values(), reasons.values())


def _answer(strategy: WithFallback, plan: _Plan, rows: npt.NDArray[np.int64]) -> Answer:
    users = plan.truth.users[rows]
    exclude = plan.history.take(users) if plan.exclude_seen else None
    k = min(plan.ks[-1], strategy.n_items)
    return strategy.answer(users, k=k, exclude=exclude, allow=plan.allow)


def _measure(items: npt.NDArray[np.int32], truth: CSR, ks: Sequence[int]) -> Floats:
    """(n, metrics) in the order of `metric_names`; NaN for users without truth."""
    return np.stack(list(ranking_metrics(items, truth, ks=ks).values()), axis=1)


class _Shares:
    """Counts codes over blocks, by name, as shares of `total`; code names of None don't count."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._counts: dict[str, int] = {}

    def add(self, codes: npt.NDArray[np.uint8], names: Sequence[str | None]) -> None:
        """Count the codes of a block; those beyond `names` stand for nothing."""
        for code, name in enumerate(names):
            count = int((codes == code).sum())
            if name is not None and count:
                self._counts[name] = self._counts.get(name, 0) + count

    def values(self) -> dict[str, float]:
        """Share by name."""
        return {name: count / self._total for name, count in self._counts.items()}
