"""What one dataset's section of the report shows: an `EvalResult` comes in, its parts go out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from recsys_cli.evaluation.beyond import BOOSTED, CATALOGUE_METRICS, DIVERSITY, LIST_METRICS
from recsys_cli.evaluation.bootstrap import Interval
from recsys_cli.evaluation.groups import ALL, MAIN_GROUPS
from recsys_cli.evaluation.report import charts, wording
from recsys_cli.evaluation.report.charts import Axis, Bar, Scatter
from recsys_cli.evaluation.report.examples import Example
from recsys_cli.evaluation.report.training import Line
from recsys_cli.evaluation.result import EvalResult
from recsys_cli.moments import said

MAIN = "ndcg"
COLOURS = 10
"""Colours that the style sheet has besides grey; further strategies take them again."""
_GREY = "popular"
_COLOURED = (
    "collab", "content", "itemknn", "graph", "repurchase", "twotower", "hybrid", "variants",
    "transitions", "sessions",
)  # fmt: skip
"""The order in which the page of `recsys serve` gives colours too, so that both agree."""
_MOST_PANELS = 12
"""Panels of one column of users."""
_ACCURACY = ("ndcg", "map", "recall", "precision", "mrr", "hitrate")
_BEYOND = (*CATALOGUE_METRICS, *LIST_METRICS, BOOSTED, DIVERSITY)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of a table."""

    text: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Strategies by metrics."""

    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars of one group of users."""

    title: str
    rows: int
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class PanelSet:
    """Panels that belong together, on one axis."""

    title: str
    note: str
    axis: Axis
    panels: Sequence[Panel]


@dataclass(frozen=True)
class DatasetReport:
    """One dataset's part of the report.

    Attributes:
        result: the figures.
        curves: training curves, by what was trained.
        examples: users to show.
    """

    result: EvalResult
    curves: Mapping[str, Sequence[Line]]
    examples: Sequence[Example]

    @property
    def k(self) -> int:
        """Depth of everything but the tables of other depths."""
        return self.result.main_k()

    @property
    def metric(self) -> str:
        """Name of the main metric as it is shown."""
        return f"NDCG@{self.k}"

    @property
    def _main(self) -> str:
        return f"{MAIN}@{self.k}"

    @cached_property
    def strategies(self) -> list[str]:
        """Best first."""
        values = {name: self._figure(name, self._main).value for name in self._measured}
        return sorted(values, key=lambda name: -(values[name] if values[name] >= 0 else -1))

    @property
    def _measured(self) -> list[str]:
        return list(self.result.strategies)

    def colour(self, strategy: str) -> str:
        """Class that colours a strategy alike everywhere, on the page of `recsys serve` too."""
        if strategy == _GREY:
            return "base"
        known = strategy in _COLOURED
        at = _COLOURED.index(strategy) if known else sum(map(ord, strategy))
        return f"s{at % COLOURS}"

    def _figure(self, strategy: str, metric: str, group: str = ALL) -> Interval:
        return self.result.strategies[strategy].groups.get(group, {}).get(metric, Interval())

    @property
    def pictured(self) -> bool:
        """Whether the dataset has pictures at all; without any, tiles are names alone."""
        return any(tile.picture for example in self.examples for tile in example.tiles)

    @property
    def headline(self) -> str:
        """What the section comes down to, in a sentence or two."""
        best, baseline = self.strategies[0], self.result.baseline
        figure = self._figure(best, self._main)
        text = (
            f"{best} hits best, with {self.metric} of {charts.number(figure.value)} "
            f"({charts.between(figure)})."
        )
        if baseline is None:
            return text
        found: dict[str, list[str]] = {}
        for name, difference in self._differences.items():
            found.setdefault(wording.verdict(difference), []).append(name)
        told = {
            "better": f"better than {baseline} by more than noise",
            "worse": f"worse than {baseline} by more than noise",
            "within noise": f"not to be told apart from {baseline} by these users",
        }
        parts = [f"{wording.who(found[v])} {text}" for v, text in told.items() if v in found]
        return f"{text} Paired user by user, {'; '.join(parts)}." if parts else text

    @property
    def _differences(self) -> dict[str, Interval]:
        all_of = {name: self.result.strategies[name].differences for name in self.strategies}
        return {name: groups[ALL][self._main] for name, groups in all_of.items() if groups}

    @cached_property
    def ranking(self) -> PanelSet:
        """The main metric of every strategy."""
        figures = {name: self._figure(name, self._main) for name in self.strategies}
        axis = Axis.over([v for i in figures.values() for v in (i.value, i.high)])
        bars = [charts.bar(name, i, axis) for name, i in figures.items()]
        return PanelSet(self.metric, "", axis, [Panel("", self.result.rows, bars)])

    @cached_property
    def differences(self) -> PanelSet | None:
        """How far every strategy is from the baseline; None where there is no baseline."""
        figures = self._differences
        if not figures:
            return None
        axis = Axis.over([v for i in figures.values() for v in (i.low, i.high)], signed=True)
        bars = [charts.bar(name, i, axis, mark=wording.verdict(i)) for name, i in figures.items()]
        title = f"{self.metric}, difference from {self.result.baseline}"
        return PanelSet(title, "", axis, [Panel("", 0, bars)])

    def _table(self, names: Sequence[str], k: int) -> Table:
        """Figures of all users at one depth, for the metrics that were measured."""
        known = self.result.strategies[self.strategies[0]].groups[ALL]
        metrics = [name for name in names if f"{name}@{k}" in known]
        best = {
            name: max(
                (self._figure(s, f"{name}@{k}").value for s in self.strategies),
                key=lambda value: -1 if math.isnan(value) else value,
            )
            for name in metrics
            if name in _ACCURACY
        }
        rows = []
        for strategy in self.strategies:
            figures = {name: self._figure(strategy, f"{name}@{k}") for name in metrics}
            cells = [
                Cell(
                    charts.number(i.value, share=name in charts.SHARES),
                    charts.between(i, share=name in charts.SHARES),
                    best=0 < i.value == best.get(name, -1.0),
                )
                for name, i in figures.items()
            ]
            rows.append((strategy, cells))
        return Table([wording.metric(name) for name in metrics], rows)

    @property
    def accuracy(self) -> Table:
        """Metrics of hits."""
        return self._table(_ACCURACY, self.k)

    @property
    def beyond(self) -> Table:
        """Metrics of what lists are like."""
        return self._table(_BEYOND, self.k)

    @property
    def depths(self) -> list[tuple[int, Table]]:
        """Every metric at every depth."""
        names = (*_ACCURACY, *_BEYOND)
        return [(k, self._table(names, k)) for k in self.result.ks]

    @cached_property
    def segments(self) -> list[PanelSet]:
        """The main metric by group: first the main groups and lengths of history, then columns."""
        present = [group for group, rows in self.result.groups.items() if rows]
        main = [g for g in present if g in MAIN_GROUPS]
        columns: dict[str, list[str]] = {}
        for group in present:
            if "=" in group:
                columns.setdefault(group.partition("=")[0], []).append(group)
        sets = [self._panels("Who and what", "", main)] if main else []
        for column, groups in columns.items():
            largest = sorted(groups, key=lambda g: -self.result.groups[g])[:_MOST_PANELS]
            left = len(groups) - len(largest)
            note = f"the {len(largest)} largest of {len(groups)}" if left else ""
            shown = [group for group in groups if group in largest]
            sets.append(self._panels(wording.column(column), note, shown))
        return sets

    def _panels(self, title: str, note: str, groups: Sequence[str]) -> PanelSet:
        figures = {g: [self._figure(s, self._main, g) for s in self.strategies] for g in groups}
        axis = charts.axis_of_groups(figures, self.result.groups)
        panels = []
        for group in groups:
            pairs = zip(self.strategies, figures[group], strict=True)
            bars = [charts.bar(strategy, interval, axis) for strategy, interval in pairs]
            panels.append(Panel(wording.group(group), self.result.groups[group], bars))
        return PanelSet(title, note, axis, panels)

    @cached_property
    def tradeoffs(self) -> list[Scatter]:
        """Accuracy against how much of the catalogue is shown, and how popular it is."""
        wanted = {
            "coverage": (
                "Hits against coverage",
                "Up and right is better: right are lists that show more of the catalogue.",
                "share of the catalogue shown",
            ),
            "popularity": (
                "Hits against popularity",
                "Up and left hits without leaning on what everybody has anyway.",
                "mean share of users who had it",
            ),
        }
        plots = []
        for name, (title, note, x_title) in wanted.items():
            figures = {
                s: (self._figure(s, f"{name}@{self.k}"), self._figure(s, self._main))
                for s in self.strategies
            }
            known = {s: pair for s, pair in figures.items() if not math.isnan(pair[0].value)}
            titles = (x_title, self.metric)
            plots.append(charts.scatter(title, note, titles, known, share=True))
        return plots

    @property
    def windows(self) -> list[tuple[str, int, list[Cell]]]:
        """Start, users and the main metric of each window; empty where there is one window."""
        if len(self.result.windows) < 2:  # noqa: PLR2004
            return []
        rows = []
        for window in self.result.windows:
            figures = [window.strategies[s][ALL][self._main] for s in self.strategies]
            cells = [Cell(charts.number(i.value), charts.between(i)) for i in figures]
            start = said(window.cutoff) if window.cutoff else "–"
            rows.append((start, window.users, cells))
        return rows

    @property
    def fallbacks(self) -> list[tuple[str, str, str]]:
        """Strategy, share of rows where others had a part, and why."""
        told = []
        for name in self.strategies:
            outcome = self.result.strategies[name]
            reasons = ", ".join(
                f"{reason} {charts.number(share, share=True)}"
                for reason, share in outcome.fallback_reasons.items()
            )
            if outcome.fallback_share:
                told.append((name, charts.number(outcome.fallback_share, share=True), reasons))
        return told
