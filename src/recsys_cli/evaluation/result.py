"""The outcome of an evaluation, and its machine-readable form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from recsys_cli.evaluation.bootstrap import Interval
from recsys_cli.evaluation.groups import ALL
from recsys_cli.evaluation.truth import OF_STEPS, RANDOM_OUT
from recsys_cli.moments import days_in, iso

Table = Mapping[str, Mapping[str, Interval]]
"""group → metric@k → figure"""

SCHEMA = 1
"""Raised when a field changes its meaning, which none has yet."""


@dataclass(frozen=True, slots=True)
class StrategyResult:
    """How one strategy, with its fallback, did.

    Attributes:
        groups: group → metric@k → mean over the group's rows with its 95% interval. Coverage
            and Gini are one number per window, so they have no interval (NaN).
        differences: the same of the differences from the baseline; empty for the baseline itself.
        served_by: share of rows by the strategy that gave their first item; rows with an empty
            list are in none.
        fallback_reasons: share of rows by the reason for which others than the strategy asked
            for had a part in their lists.
    """

    groups: Table
    served_by: Mapping[str, float]
    fallback_reasons: Mapping[str, float]
    differences: Table = field(default_factory=dict)

    @property
    def fallback_share(self) -> float:
        """Share of rows whose lists are not the work of the strategy asked for alone."""
        return sum(self.fallback_reasons.values())


@dataclass(frozen=True, slots=True)
class Lead:
    """The strategy that hits best, and how far it is ahead of the next.

    Attributes:
        metric: metric@k that decides.
        best: the strategy with the largest mean over all rows.
        next: the one after it; None where only one was measured.
        difference: of the two, paired by user.
        level: all others that the best is not ahead of by more than noise, in the order of
            their figures.
    """

    metric: str
    best: str
    next: str | None = None
    difference: Interval = field(default_factory=Interval)
    level: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The element `lead` of `recsys eval --json`."""
        difference = self.difference.to_json()
        named = {"metric": self.metric, "best": self.best, "next": self.next}
        return named | difference | {"level": list(self.level)}


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One test window's part of an evaluation.

    Attributes:
        cutoff: start of the window; None where there is none.
        users: test users.
        strategies: strategy → group → metric@k → figure, for the group of all users.
        counts: pairs and what was dropped or unknown in the truth.
        details: the snapshot that was measured and the fingerprints of its artifacts.
    """

    cutoff: datetime | None
    users: int
    strategies: Mapping[str, Table]
    counts: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """One element of `windows` in the shape of `recsys eval --json`."""
        return {
            "cutoff": iso(self.cutoff) if self.cutoff else None,
            "users": self.users,
            "strategies": {name: _table(table) for name, table in self.strategies.items()},
            "truth": dict(self.counts),
            **self.details,
        }


@dataclass(frozen=True, slots=True)
class EvalResult:
    """One evaluation; figures are over the rows of all windows together.

    Attributes:
        dataset: name of the dataset.
        protocol: temporal, leave-last-out, next-in-session, next-event, random-out or truth-file.
        cutoff: start of the last test window; None where there is none.
        horizon: length of a window.
        users: number of test users.
        groups: rows per group, a row being one user in one window, or one step; see
            `evaluation.groups`.
        strategies: results by strategy.
        ks: depths.
        exclude_seen: whether items that users already had were left out of the lists.
        windows: each window's part, in the order of time.
        baseline: strategy that the others are compared with; None for none.
        lead: who hits best; None where nobody asked.
        auto: the strategy that `auto` serves first with what is built now; None for none.
        counts: pairs and what was dropped or unknown in the truth.
        warnings: sentences that the reader of the numbers must know.
        details: anything else worth keeping, such as the artifacts' fingerprints.
    """

    dataset: str
    protocol: str
    cutoff: datetime | None
    horizon: timedelta | None
    users: int
    groups: Mapping[str, int]
    strategies: Mapping[str, StrategyResult]
    ks: tuple[int, ...]
    exclude_seen: bool
    windows: tuple[WindowResult, ...] = ()
    baseline: str | None = None
    lead: Lead | None = None
    auto: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held_out(self) -> str:
        """What is tested, as far as the protocol's name and the windows do not tell."""
        return "random pairs held out" if self.protocol == RANDOM_OUT else ""

    @property
    def rows(self) -> int:
        """Number of (user, window) rows; of users where there is one window."""
        return self.groups[ALL]

    @property
    def cutoffs(self) -> list[datetime]:
        """Starts of the windows that have one."""
        return [window.cutoff for window in self.windows if window.cutoff]

    def answered(self, strategy: str) -> dict[str, int]:
        """Number of rows by the strategy that gave their first item; none of empty lists."""
        shares = self.strategies[strategy].served_by
        return {name: round(share * self.rows) for name, share in shares.items()}

    @property
    def rows_are(self) -> str:
        """What a row is one of: users, rows (users in windows), or steps of what users did."""
        if self.protocol in OF_STEPS:
            return "steps"
        return "rows" if len(self.windows) > 1 else "users"

    @property
    def main_metrics(self) -> tuple[str, str, str]:
        """The metrics to show where there is room for three; the first says who is best."""
        if self.protocol in OF_STEPS:
            return ("mrr", "hitrate", "ndcg")
        return ("ndcg", "map", "recall")

    def main_k(self) -> int:
        """The depth to show where there is room for one: the usual if measured, else the deepest.

        That is 12, and 20 of steps.
        """
        usual = 20 if self.protocol in OF_STEPS else 12
        return usual if usual in self.ks else self.ks[-1]

    @property
    def main_metric(self) -> str:
        """metric@k that says who is best."""
        return f"{self.main_metrics[0]}@{self.main_k()}"

    def figures(self) -> Iterator[tuple[str | float | None, ...]]:
        """A row per strategy, group and metric: value, low, high, and those of the difference.

        What was not measured, and the baseline's difference from itself, is None.
        """
        for name, strategy in self.strategies.items():
            for group, metrics in strategy.groups.items():
                less = strategy.differences.get(group, {})
                for metric, figure in metrics.items():
                    compared = less.get(metric, Interval())
                    bounds = (*figure.to_json().values(), *compared.to_json().values())
                    yield (name, group, metric, *bounds)

    def to_json(self) -> dict[str, Any]:
        """The shape of `recsys eval --json`; what was not measured is null."""
        return {
            "schema": SCHEMA,
            "dataset": self.dataset,
            "protocol": self.protocol,
            "cutoff": iso(self.cutoff) if self.cutoff else None,
            "cutoffs": [iso(start) for start in self.cutoffs],
            "horizon_days": days_in(self.horizon) if self.horizon else None,
            "users": self.users,
            "rows": self.rows,
            "groups": dict(self.groups),
            "k": list(self.ks),
            "exclude_seen": self.exclude_seen,
            "baseline": self.baseline,
            "strategies": {name: _table(r.groups) for name, r in self.strategies.items()},
            "differences": {
                name: _table(r.differences) for name, r in self.strategies.items() if r.differences
            },
            "lead": self.lead.to_json() if self.lead else None,
            "auto": self.auto,
            "answered": {name: self.answered(name) for name in self.strategies},
            "served_by": {name: dict(r.served_by) for name, r in self.strategies.items()},
            "fallback_share": {name: r.fallback_share for name, r in self.strategies.items()},
            "fallback_reasons": {
                name: dict(r.fallback_reasons) for name, r in self.strategies.items()
            },
            "truth": dict(self.counts),
            "windows": [window.to_json() for window in self.windows],
            "warnings": list(self.warnings),
            **self.details,
        }


def _table(table: Table) -> dict[str, Any]:
    return {
        group: {metric: figure.to_json() for metric, figure in metrics.items()}
        for group, metrics in table.items()
    }
