"""The outcome of an evaluation, and its machine-readable form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recsys_cli.evaluation.bootstrap import Interval

ALL, WARM, NEW, COLD_ITEMS = "all", "warm", "new", "cold_items"


@dataclass(frozen=True, slots=True)
class StrategyResult:
    """How one strategy, with its fallback, did.

    Attributes:
        groups: group → metric@k → mean over the group's users with its 95% interval. Coverage
            is one number per group, so it has no interval (NaN).
        served_by: share of test users by the strategy that gave their first item; users with
            an empty list are in none.
        fallback_reasons: share of test users by the reason for which others than the strategy
            asked for had a part in their lists.
    """

    groups: Mapping[str, Mapping[str, Interval]]
    served_by: Mapping[str, float]
    fallback_reasons: Mapping[str, float]

    @property
    def fallback_share(self) -> float:
        """Share of test users whose lists are not the work of the strategy asked for alone."""
        return sum(self.fallback_reasons.values())


@dataclass(frozen=True, slots=True)
class EvalResult:
    """One evaluation.

    Attributes:
        dataset: name of the dataset.
        protocol: temporal, leave-last-out or truth-file.
        cutoff: first day of the test window, ISO; None where there is none.
        horizon_days: length of the test window.
        groups: users per group; all users, warm ones (with history at the cut-off), new ones
            (without), and cold_items (those with a relevant item that had no event before the
            cut-off: there only such items count as relevant).
        strategies: results by strategy.
        ks: depths.
        exclude_seen: whether items that users already had were left out of the lists.
        counts: pairs and what was dropped or unknown in the truth.
        warnings: sentences that the reader of the numbers must know.
        details: anything else worth keeping, such as the artifacts' fingerprints.
    """

    dataset: str
    protocol: str
    cutoff: str | None
    horizon_days: int | None
    groups: Mapping[str, int]
    strategies: Mapping[str, StrategyResult]
    ks: tuple[int, ...]
    exclude_seen: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def users(self) -> int:
        """Number of test users."""
        return self.groups[ALL]

    def to_json(self) -> dict[str, Any]:
        """The shape of `recsys eval --json`; what was not measured is null."""
        return {
            "dataset": self.dataset,
            "protocol": self.protocol,
            "cutoff": self.cutoff,
            "horizon_days": self.horizon_days,
            "users": self.users,
            "groups": dict(self.groups),
            "k": list(self.ks),
            "exclude_seen": self.exclude_seen,
            "strategies": {
                name: {
                    group: {metric: _interval(value) for metric, value in metrics.items()}
                    for group, metrics in result.groups.items()
                }
                for name, result in self.strategies.items()
            },
            "served_by": {name: dict(r.served_by) for name, r in self.strategies.items()},
            "fallback_share": {name: r.fallback_share for name, r in self.strategies.items()},
            "fallback_reasons": {
                name: dict(r.fallback_reasons) for name, r in self.strategies.items()
            },
            "truth": dict(self.counts),
            "warnings": list(self.warnings),
            **self.details,
        }


def _interval(interval: Interval) -> dict[str, float | None]:
    return {
        "value": _number(interval.value),
        "low": _number(interval.low),
        "high": _number(interval.high),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
