"""What `recsys eval` shows of results and comparisons, and the limits that end it with exit code 1.

Tables hold what fits a terminal of 80 columns; --json has all there is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_cli.cli.console import print_json, print_line, print_table, say
from recsys_cli.counted import counted

if TYPE_CHECKING:
    from recsys_cli.evaluation.bootstrap import Interval
    from recsys_cli.evaluation.compare import Comparison
    from recsys_cli.evaluation.limits import Limit
    from recsys_cli.evaluation.result import EvalResult

_SHOWN = ("ndcg", "map", "recall", "coverage")
_COMPARED = ("ndcg", "map", "recall")
_USUAL = 12


def print_result(result: EvalResult) -> None:
    """A table per group of users, one against the baseline, and one of windows."""
    print_line(
        f"{result.dataset}: {result.protocol}{_span(result)}, {counted(result.users, 'users')}"
    )
    for warning in result.warnings:
        say(f"Warning: {warning}")
    _print_groups(result)
    _print_differences(result)
    if len(result.windows) > 1:
        _print_windows(result)


def _span(result: EvalResult) -> str:
    """When the test was."""
    if not result.cutoff:
        return ""
    if not result.horizon_days:
        return f", from {result.cutoff}"
    if len(result.windows) == 1:
        return f", {result.horizon_days} days from {result.cutoff}"
    many = f", {len(result.windows)} windows of {result.horizon_days} days"
    return f"{many} from {result.cutoffs[0]}"


def _print_groups(result: EvalResult) -> None:
    """A row per strategy: means with their 95% intervals."""
    k = result.main_k()
    what = "rows" if len(result.windows) > 1 else "users"
    for group, count in result.groups.items():
        # Segments, such as age_group=25-34, are in --json and --report.
        if not count or "=" in group:
            continue
        rows = [
            [name, *(_cell(outcome.groups[group].get(f"{metric}@{k}")) for metric in _SHOWN)]
            for name, outcome in result.strategies.items()
        ]
        title = f"{group.replace('_', ' ')}: {count:,} {what}, lists of {k}"
        print_table(["strategy", *_SHOWN], rows, title=title, right=_SHOWN)


def _print_differences(result: EvalResult) -> None:
    k = result.main_k()
    rows = [
        [name, *(_difference(outcome.differences["all"][f"{m}@{k}"]) for m in _COMPARED)]
        for name, outcome in result.strategies.items()
        if outcome.differences
    ]
    if rows:
        title = f"less {result.baseline}, user by user, lists of {k} (* outside noise)"
        print_table(["strategy", *_COMPARED], rows, title=title, right=_COMPARED)


def _print_windows(result: EvalResult) -> None:
    metric = f"ndcg@{result.main_k()}"
    rows = [
        [name, *(_short(window.strategies[name]["all"][metric].value) for window in result.windows)]
        for name in result.strategies
    ]
    headers = ["strategy", *(window.cutoff or "–" for window in result.windows)]
    print_table(headers, rows, title=f"{metric} by first day of the window", right=headers[1:])


def _cell(measured: Interval | None) -> str:
    """A figure with its bounds, where it has any."""
    if measured is None or math.isnan(measured.value):
        return "–"
    if math.isnan(measured.low):
        return _short(measured.value)
    return f"{_short(measured.value)} [{_short(measured.low)} {_short(measured.high)}]"


def _difference(measured: Interval) -> str:
    """A difference with its sign and bounds, marked where it is outside noise."""
    if math.isnan(measured.value):
        return "–"
    if math.isnan(measured.low):
        return _signed(measured.value) + " "
    low, high = _signed(measured.low), _signed(measured.high)
    mark = "*" if measured.outside_noise else " "
    return f"{_signed(measured.value)} [{low} {high}]{mark}"


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{_short(abs(value))}"


def _short(value: float) -> str:
    """Three digits without the leading zero, so that three intervals fit 80 columns."""
    return "–" if math.isnan(value) else f"{value:.3f}".removeprefix("0")


def is_stdout(file: Path | None) -> bool:
    """Whether a file stands for standard output."""
    return str(file) == "-"


def write_out(value: Any, file: Path | None) -> None:
    """Write the value of --json where that is asked for."""
    from recsys_cli.store.files import write_json

    if file is None:
        return
    if is_stdout(file):
        print_json(value)
    else:
        write_json(file, value)
        say(f"Wrote {file}.")


def compare_runs(
    a: Path,
    b: Path,
    *,
    dataset: str | None,
    json: Path | None,
    limits: Sequence[Limit],
    worse: Sequence[str],
) -> None:
    """Print two runs side by side, and fail where the second does not do."""
    from recsys_cli.evaluation.compare import compare_files
    from recsys_cli.evaluation.limits import broken, refuse

    comparisons = compare_files(a, b, dataset=None if dataset == "all" else dataset)
    if not is_stdout(json):
        for comparison in comparisons:
            _print_comparison(comparison)
    write_out([comparison.to_json() for comparison in comparisons], json)
    told = []
    for comparison in comparisons:
        values = {
            name: {metric: compared.b.value for metric, compared in groups["all"].items()}
            for name, groups in comparison.strategies.items()
        }
        told += broken(limits, values, dataset=comparison.a.dataset)
        told += [text for metric in worse for text in comparison.worse(metric)]
    refuse(told)


def refuse_below(limits: Sequence[Limit], results: Sequence[EvalResult]) -> None:
    """Fail where a run's figures are below their limits."""
    from recsys_cli.evaluation.limits import broken, refuse

    told = []
    for result in results:
        values = {
            name: {metric: interval.value for metric, interval in outcome.groups["all"].items()}
            for name, outcome in result.strategies.items()
        }
        told += broken(limits, values, dataset=result.dataset)
    refuse(told)


def _print_comparison(comparison: Comparison) -> None:
    print_line(f"{comparison.a.dataset}: a = {comparison.a.path}, b = {comparison.b.path}")
    for warning in comparison.warnings:
        say(f"Warning: {warning}")
    k = _USUAL if _USUAL in comparison.ks else comparison.ks[-1]
    rows = []
    for name, groups in comparison.strategies.items():
        for metric in _SHOWN:
            compared = groups["all"].get(f"{metric}@{k}")
            if compared:
                values = [_short(compared.a.value), _short(compared.b.value)]
                rows.append([name, metric, *values, _difference(compared.difference)])
    paired = any(
        compared.paired
        for groups in comparison.strategies.values()
        for compared in groups["all"].values()
    )
    how = "paired" if paired else "not paired"
    title = f"all users, lists of {k}, {how} (* outside noise)"
    headers = ["strategy", "metric", "a", "b", "b - a"]
    print_table(headers, rows, title=title, right=headers[2:])
