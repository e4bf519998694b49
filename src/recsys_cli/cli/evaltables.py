"""Tables of `recsys eval`: what fits a terminal of 80 columns; --json has all there is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from recsys_cli.cli.console import print_line, print_table, say
from recsys_cli.counted import counted

if TYPE_CHECKING:
    from recsys_cli.evaluation.bootstrap import Interval
    from recsys_cli.evaluation.result import EvalResult

SHOWN = ("ndcg", "map", "recall", "coverage")
_COMPARED = ("ndcg", "map", "recall")


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
            [name, *(cell(outcome.groups[group].get(f"{metric}@{k}")) for metric in SHOWN)]
            for name, outcome in result.strategies.items()
        ]
        title = f"{group.replace('_', ' ')}: {count:,} {what}, lists of {k}"
        print_table(["strategy", *SHOWN], rows, title=title, right=SHOWN)


def _print_differences(result: EvalResult) -> None:
    k = result.main_k()
    rows = [
        [name, *(difference(outcome.differences["all"][f"{m}@{k}"]) for m in _COMPARED)]
        for name, outcome in result.strategies.items()
        if outcome.differences
    ]
    if rows:
        title = f"less {result.baseline}, user by user, lists of {k} (* outside noise)"
        print_table(["strategy", *_COMPARED], rows, title=title, right=_COMPARED)


def _print_windows(result: EvalResult) -> None:
    metric = f"ndcg@{result.main_k()}"
    rows = [
        [name, *(short(window.strategies[name]["all"][metric].value) for window in result.windows)]
        for name in result.strategies
    ]
    headers = ["strategy", *(window.cutoff or "–" for window in result.windows)]
    print_table(headers, rows, title=f"{metric} by first day of the window", right=headers[1:])


def cell(measured: Interval | None) -> str:
    """A figure with its bounds, where it has any."""
    if measured is None or math.isnan(measured.value):
        return "–"
    if math.isnan(measured.low):
        return short(measured.value)
    return f"{short(measured.value)} [{short(measured.low)} {short(measured.high)}]"


def difference(measured: Interval) -> str:
    """A difference with its sign and bounds, marked where it is outside noise."""
    if math.isnan(measured.value):
        return "–"
    if math.isnan(measured.low):
        return _signed(measured.value) + " "
    low, high = _signed(measured.low), _signed(measured.high)
    mark = "*" if measured.outside_noise else " "
    return f"{_signed(measured.value)} [{low} {high}]{mark}"


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{short(abs(value))}"


def short(value: float) -> str:
    """Three digits without the leading zero, so that three intervals fit 80 columns."""
    return "–" if math.isnan(value) else f"{value:.3f}".removeprefix("0")
