"""Two runs of `recsys eval` side by side: differences, and whether they are outside noise.

Their JSON files come in. Where both runs kept the figures of single users, differences are
paired, user by user. Otherwise their bounds are worked out from the two intervals as if the runs
were of different people, which is too wide for runs of the same ones: what is outside noise then
surely is, what is within it may not be.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from recsys_cli.errors import Command, DataError, UsageError
from recsys_cli.evaluation.bootstrap import Interval, bootstrap
from recsys_cli.evaluation.groups import ALL
from recsys_cli.store.files import read_json, sha256

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

_SAME = {
    "protocol": "protocols",
    "cutoffs": "test windows",
    "horizon_days": "horizons",
    "users": "numbers of test users",
    "test_fingerprint": "test pairs",
}
"""What two runs must agree on to be comparable, and how it is called."""


@dataclass(frozen=True, slots=True)
class Run:
    """One dataset's part of a run.

    Attributes:
        path: the JSON file.
        report: the object in it.
    """

    path: Path
    report: Mapping[str, Any]

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return str(self.report["dataset"])

    def figures(self, strategy: str, group: str) -> dict[str, Interval]:
        """Figures by metric@k; what was not measured is NaN."""
        metrics = self.report["strategies"][strategy].get(group, {})
        return {name: Interval.from_json(value) for name, value in metrics.items()}

    def user_figures(self) -> tuple[pl.DataFrame | None, str]:
        """The figures of single users, or None and why there are none."""
        import polars as pl

        about = self.report.get("per_user")
        if not about:
            return None, f"{self.path} was made without --per-user"
        path = self.path.parent / about["file"]
        if not path.is_file():
            return None, f"{path} is missing"
        if sha256(path) != about["sha256"]:
            return None, f"{path} is not the file that {self.path} was written with"
        return pl.read_parquet(path).filter(pl.col("dataset") == self.dataset), ""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of two runs; `paired` if the difference was measured user by user."""

    a: Interval
    b: Interval
    difference: Interval
    paired: bool = False

    def to_json(self) -> dict[str, Any]:
        """The element of `recsys eval --compare --json`."""
        difference = self.difference.to_json()
        return {
            "a": self.a.to_json()["value"],
            "b": self.b.to_json()["value"],
            "difference": difference["value"],
            "low": difference["low"],
            "high": difference["high"],
            "outside_noise": None if difference["low"] is None else self.difference.outside_noise,
            "paired": self.paired,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs on one dataset.

    Attributes:
        a: the first run.
        b: the second.
        ks: depths that both have.
        strategies: strategy → group → metric@k → figures.
        warnings: sentences that the reader of the numbers must know.
    """

    a: Run
    b: Run
    ks: tuple[int, ...]
    strategies: Mapping[str, Mapping[str, Mapping[str, Compared]]]
    warnings: tuple[str, ...] = field(default=())

    def worse(self, metric: str) -> list[str]:
        """A sentence for each strategy whose second figure of all users is surely the lower.

        Raises:
            UsageError: the metric is not in both runs, or has no interval to tell by.
        """
        told = []
        for name, groups in self.strategies.items():
            compared = groups[ALL].get(metric)
            if compared is None or math.isnan(compared.difference.low):
                raise UsageError(
                    f"--fail-worse: {metric} of {name} has no bounds in both runs",
                    hint="a metric of hits at a depth that both runs have",
                )
            if compared.difference.high < 0:
                low, high = compared.difference.low, compared.difference.high
                told.append(
                    f"{metric} of {name} on {self.a.dataset} fell from {compared.a.value:.4g} to "
                    f"{compared.b.value:.4g}, by more than noise ({low:.4f} to {high:.4f})"
                )
        return told

    def to_json(self) -> dict[str, Any]:
        """One element of `recsys eval --compare --json`."""
        return {
            "dataset": self.a.dataset,
            "a": str(self.a.path),
            "b": str(self.b.path),
            "k": list(self.ks),
            "strategies": {
                name: {
                    group: {metric: compared.to_json() for metric, compared in metrics.items()}
                    for group, metrics in groups.items()
                }
                for name, groups in self.strategies.items()
            },
            "warnings": list(self.warnings),
        }


def read_runs(path: Path) -> dict[str, Run]:
    """The runs in a file of `recsys eval --json`, by dataset.

    Raises:
        DataError: the file is missing or is no such file.
    """
    if not path.is_file():
        raise DataError(
            f"{path} does not exist", hint=(Command("eval", "--json", "FILE"), " writes one")
        )
    value = read_json(path)
    reports = value if isinstance(value, list) else [value]
    if not all(isinstance(r, dict) and {"dataset", "strategies"} <= r.keys() for r in reports):
        raise DataError(
            f"{path} does not hold results of an evaluation", hint=Command("eval", "--json", "FILE")
        )
    return {report["dataset"]: Run(path, report) for report in reports}


def compare_files(
    a: Path, b: Path, *, dataset: str | None = None, resamples: int = 1000, seed: int = 42
) -> list[Comparison]:
    """Compare what two files have in common.

    Args:
        a: file of the first run.
        b: file of the second.
        dataset: only this one; None means all that both have.
        resamples: bootstrap resamples of paired differences.
        seed: seed of the bootstrap.

    Raises:
        DataError: a file is not what it should be.
        UsageError: the runs have nothing in common, or are not comparable.
    """
    runs_a, runs_b = read_runs(a), read_runs(b)
    names = [n for n in runs_a if n in runs_b and dataset in (None, n)]
    if not names:
        raise UsageError(
            f"{a} is about {', '.join(runs_a)} and {b} about {', '.join(runs_b)}: "
            f"they do not both have {dataset or 'a dataset in common'}"
        )
    return [_compare(runs_a[n], runs_b[n], resamples=resamples, seed=seed) for n in names]


def _compare(a: Run, b: Run, *, resamples: int, seed: int) -> Comparison:
    _refuse_incomparable(a, b)
    ks = _common(a.report.get("k", []), b.report.get("k", []))
    names = _common(a.report["strategies"], b.report["strategies"])
    if not ks or not names:
        what = "depth" if names else "strategy"
        raise UsageError(f"{a.path} and {b.path} have no {what} in common on {a.dataset}")
    strategies = {name: _unpaired(a, b, name) for name in names}
    warnings = _remarks(a, b)
    (users_a, reason_a), (users_b, reason_b) = a.user_figures(), b.user_figures()
    if users_a is None or users_b is None:
        why = reason_a or reason_b
        warnings.append(f"differences are not paired, so their bounds are wide: {why}")
    else:
        for name, groups in strategies.items():
            drawn = _paired(users_a, users_b, name, resamples=resamples, seed=seed)
            for metric in _common(groups[ALL], drawn):
                old = groups[ALL][metric]
                groups[ALL][metric] = Compared(old.a, old.b, drawn[metric], paired=True)
    return Comparison(a, b, tuple(ks), strategies, tuple(warnings))


def _common(one: Iterable[T], other: Container[T]) -> list[T]:
    return [element for element in one if element in other]


def _refuse_incomparable(a: Run, b: Run) -> None:
    for key, what in _SAME.items():
        one, other = a.report.get(key), b.report.get(key)
        if one != other and one is not None and other is not None:
            told = "" if key == "test_fingerprint" else f": {_plain(one)} and {_plain(other)}"
            raise UsageError(
                f"{a.path} and {b.path} cannot be compared on {a.dataset}, "
                f"since they have different {what}{told}",
                hint="measure both on the same test: the same data, --cutoff, --horizon, "
                "--windows and --exclude-seen/--include-seen",
            )


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _remarks(a: Run, b: Run) -> list[str]:
    """What does not forbid a comparison but should be known."""
    remarks = []
    if "test_fingerprint" not in a.report or "test_fingerprint" not in b.report:
        remarks.append("a run does not say which test pairs it used, so they may differ")
    if a.report.get("exclude_seen") != b.report.get("exclude_seen"):
        remarks.append("one run left out what users already had, the other did not")
    if a.report.get("k") != b.report.get("k"):
        remarks.append(f"depths differ: {a.report.get('k')} and {b.report.get('k')}")
    for run, other in ((a, b), (b, a)):
        if alone := [n for n in run.report["strategies"] if n not in other.report["strategies"]]:
            remarks.append(f"only {run.path} has {', '.join(alone)}")
    return remarks


def _unpaired(a: Run, b: Run, strategy: str) -> dict[str, dict[str, Compared]]:
    """The figures of a strategy by group and metric, as if the runs were of different people."""
    compared = {}
    for group in _common(a.report["strategies"][strategy], b.report["strategies"][strategy]):
        one, other = a.figures(strategy, group), b.figures(strategy, group)
        compared[group] = {
            metric: Compared(one[metric], other[metric], _apart(one[metric], other[metric]))
            for metric in _common(one, other)
        }
    return compared


def _apart(a: Interval, b: Interval) -> Interval:
    """A difference whose bounds add up the two intervals' as those of independent figures do."""
    value = b.value - a.value
    down = math.hypot(b.value - b.low, a.high - a.value)
    up = math.hypot(b.high - b.value, a.value - a.low)
    return Interval(value, value - down, value + up)


def _paired(
    a: pl.DataFrame, b: pl.DataFrame, strategy: str, *, resamples: int, seed: int
) -> dict[str, Interval]:
    """Differences by metric; empty if the files are not of the same users after all."""
    import polars as pl

    from recsys_cli.evaluation.peruser import STRATEGY, paired_tables

    metrics = [name for name in a.columns if "@" in name and name in b.columns]
    one, other = (frame.filter(pl.col(STRATEGY) == strategy) for frame in (a, b))
    tables = paired_tables(one, other, metrics)
    if tables is None:
        return {}
    first, second, units = tables
    drawn = bootstrap(
        {"a": first, "b": second}, units=units, baseline="a", resamples=resamples, seed=seed
    )
    return dict(zip(metrics, drawn.differences["b"], strict=True))
