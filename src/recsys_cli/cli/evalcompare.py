"""`recsys eval --compare` and the limits that end `recsys eval` with exit code 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.cli.console import print_json, print_line, print_table, say
from recsys_cli.cli.evaltables import SHOWN, difference, short

if TYPE_CHECKING:
    from recsys_cli.evaluation.compare import Comparison
    from recsys_cli.evaluation.limits import Limit
    from recsys_cli.evaluation.result import EvalResult

_USUAL = 12


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
    from recsys_cli.store.files import write_json

    comparisons = compare_files(a, b, dataset=None if dataset == "all" else dataset)
    whole = [comparison.to_json() for comparison in comparisons]
    if json is not None and str(json) == "-":
        print_json(whole)
    else:
        for comparison in comparisons:
            _print_comparison(comparison)
    if json is not None and str(json) != "-":
        write_json(json, whole)
        say(f"Wrote {json}.")
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
        for metric in SHOWN:
            compared = groups["all"].get(f"{metric}@{k}")
            if compared:
                values = [short(compared.a.value), short(compared.b.value)]
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
