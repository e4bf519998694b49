"""What `recsys eval` shows of results and comparisons, and the limits that end it with exit code 1.

Tables hold what fits a terminal of 80 columns; --json has all there is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_cli.cli.console import print_json, print_line, print_table, print_text, say
from recsys_cli.counted import counted
from recsys_cli.errors import Hint, parts_of
from recsys_cli.evaluation.bootstrap import Interval
from recsys_cli.evaluation.truth import LIVE, UNDER
from recsys_cli.moments import said, spoken

if TYPE_CHECKING:
    from recsys_cli.evaluation.compare import Comparison
    from recsys_cli.evaluation.limits import Limit
    from recsys_cli.evaluation.result import EvalResult

_SHOWN = ("ndcg", "map", "recall", "coverage")
_USUAL = 12
_MANY = 0.1
"""Share of users above which it is told that others answered them."""


def print_result(result: EvalResult, hints: Mapping[str, Hint]) -> None:
    """A table per group of users, one against the baseline, one of windows, and the verdict.

    Args:
        result: the figures.
        hints: what to do about warnings, by their text.
    """
    print_text(
        f"{result.dataset}: {result.protocol}{_span(result)}, {counted(result.users, 'users')}"
        + (f", {counted(result.rows, 'steps')}" if result.rows_are == "steps" else "")
    )
    for warning in result.warnings:
        say(f"Warning: {warning}", hang=2)
        if warning in hints:
            say("  → ", *parts_of(hints[warning]), hang=4)
    _print_groups(result)
    _print_differences(result)
    if len(result.windows) > 1:
        _print_windows(result)
    if verdict := _verdict(result):
        print_text(f"{result.dataset}: {verdict}", hang=2)


def _span(result: EvalResult) -> str:
    """What the test was, or when."""
    if not result.cutoffs:
        return f", {result.held_out}" if result.held_out else ""
    start = said(result.cutoffs[0])
    if not result.horizon:
        return f", from {start}"
    if len(result.windows) == 1:
        return f", {spoken(result.horizon)} from {start}"
    return f", {len(result.windows)} windows of {spoken(result.horizon)} from {start}"


def _print_groups(result: EvalResult) -> None:
    """A row per strategy, or per strategies that come out alike: means with 95% intervals."""
    k, what, shown = result.main_k(), result.rows_are, (*result.main_metrics, "coverage")
    for group, count in result.groups.items():
        # Segments, such as age_group=25-34, are in --json and --report.
        if not count or "=" in group:
            continue
        alike: dict[tuple[str, ...], list[str]] = {}
        for name, outcome in result.strategies.items():
            figures = outcome.groups[group]
            row = tuple(cell(figures.get(f"{metric}@{k}")) for metric in shown)
            alike.setdefault(row, []).append(name)
        rows: list[list[str]] = []
        for cells, names in alike.items():
            # One name below the other, so that three intervals fit 80 columns all the same.
            first, *others = [*(f"{name}," for name in names[:-1]), names[-1]]
            rows += [[first, *cells], *([name, *[""] * len(cells)] for name in others)]
        title = f"{group.replace('_', ' ')}: {counted(count, what)}, lists of {k}"
        print_table(["strategy", *shown], rows, title=title, right=shown)
        if group == "all" and (notes := _fallbacks(result)):
            for note in notes:
                print_text(note, hang=2)
            print_line()


def _fallbacks(result: EvalResult) -> list[str]:
    """Sentences about strategies in whose place others answered many users."""
    from recsys_cli.engine.registry import AUTO
    from recsys_cli.evaluation.report.wording import listed

    alike: dict[str, list[str]] = {}
    for name in result.strategies:
        others = result.answered(name)
        own = others.pop(name.removesuffix(LIVE).partition(UNDER)[0], 0)
        if name == AUTO or sum(others.values()) < _MANY * result.rows:
            continue
        told = ", ".join(f"{other} answered {count:,}" for other, count in others.items())
        if not own and list(others.values()) == [result.rows]:
            told = f"{next(iter(others))} did"
        part = f"{own:,}" if own else "none"
        text = f"answered {part} of {counted(result.rows, result.rows_are)}; {told}"
        alike.setdefault(text, []).append(name)
    return [f"{listed(names)} {text}." for text, names in alike.items()]


def _verdict(result: EvalResult) -> str:
    """Which strategy is best, how far ahead, and which one `auto` serves; empty if not known."""
    if result.lead is None:
        return ""
    metric, best, after = result.lead.metric, result.lead.best, result.lead.next
    found = {}
    if differences := result.strategies[best].differences:
        found[result.baseline or best.removesuffix(LIVE)] = differences["all"][metric]
    if after and after not in found:
        found[f"{after}, the next"] = result.lead.difference
    value = _short(result.strategies[best].groups["all"][metric].value)
    parts = [f"{best} is best with {metric} {value}" if after else f"{best} has {metric} {value}"]
    if result.held_out:
        parts[0] += f" on {result.held_out}"
    for name, ahead in found.items():
        noise = "outside" if ahead.outside_noise else "within"
        above = f"{_short(ahead.value)} above" if ahead.value else "level with"
        parts.append(f"{above} {name} ({noise} noise)")
    served = f"auto serves {result.auto}" if result.auto else "nothing is built for auto to serve"
    return f"{', '.join(parts)}; {served}."


def _print_differences(result: EvalResult) -> None:
    k, compared = result.main_k(), result.main_metrics
    rows = [
        [name, *(difference(outcome.differences["all"][f"{m}@{k}"]) for m in compared)]
        for name, outcome in result.strategies.items()
        if outcome.differences
    ]
    under = any(UNDER in name for name in result.strategies)
    if rows:
        less = "that rules make" if under else "that what is live makes"
        less = f"from {result.baseline}" if result.baseline else less
        title = f"difference {less}, user by user, lists of {k} (* outside noise)"
        print_table(["strategy", *compared], rows, title=title, right=compared)
    if under:
        _print_brought(result)


def _print_brought(result: EvalResult) -> None:
    """What rules bring: differences that are no hits, and coverage without and with them."""
    k, brought = result.main_k(), ("diversity", "boosted")
    rows = []
    for name, outcome in result.strategies.items():
        if UNDER in name:
            plain = result.strategies[name.partition(UNDER)[0]]
            less = outcome.differences["all"]
            covered = (_short(o.groups["all"][f"coverage@{k}"].value) for o in (plain, outcome))
            cells = [difference(less.get(f"{m}@{k}", Interval())) for m in brought]
            rows.append([name, *cells, " → ".join(covered)])
    title = "what rules bring: diversity, share of what boosts move up, coverage"
    headers = ["strategy", *brought, "coverage"]
    print_table(headers, rows, title=title, right=headers[1:])


def _print_windows(result: EvalResult) -> None:
    metric = result.main_metric
    rows = [
        [name, *(_short(window.strategies[name]["all"][metric].value) for window in result.windows)]
        for name in result.strategies
    ]
    headers = ["strategy", *(said(w.cutoff) if w.cutoff else "–" for w in result.windows)]
    print_table(headers, rows, title=f"{metric} by start of the window", right=headers[1:])


def cell(measured: Interval | None) -> str:
    """A figure with its bounds, where it has any."""
    if measured is None or math.isnan(measured.value):
        return "–"
    if math.isnan(measured.low):
        return _short(measured.value)
    return f"{_short(measured.value)} [{_short(measured.low)} {_short(measured.high)}]"


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
    print_text(f"{comparison.a.dataset}: a = {comparison.a.path}, b = {comparison.b.path}")
    for warning in comparison.warnings:
        say(f"Warning: {warning}", hang=2)
    k = _USUAL if _USUAL in comparison.ks else comparison.ks[-1]
    rows = []
    for name, groups in comparison.strategies.items():
        for metric in _SHOWN:
            compared = groups["all"].get(f"{metric}@{k}")
            if compared:
                values = [_short(compared.a.value), _short(compared.b.value)]
                rows.append([name, metric, *values, difference(compared.difference)])
    paired = any(
        compared.paired
        for groups in comparison.strategies.values()
        for compared in groups["all"].values()
    )
    how = "paired" if paired else "not paired"
    title = f"all users, lists of {k}, {how} (* outside noise)"
    headers = ["strategy", "metric", "a", "b", "b - a"]
    print_table(headers, rows, title=title, right=headers[2:])
