"""`recsys eval`."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_cli.cli.app import app
from recsys_cli.cli.console import TerminalProgress, print_json, say
from recsys_cli.cli.evaltables import print_result
from recsys_cli.cli.options import (
    HERE,
    STRATEGY_NAMES,
    DatasetOption,
    ExcludeSeenOption,
    SetOption,
    WorkspaceOption,
)
from recsys_cli.cli.session import check_folder, day_from, open_workspace
from recsys_cli.errors import UsageError

if TYPE_CHECKING:
    from recsys_cli.evaluation.result import EvalResult
    from recsys_cli.pipeline.build import Step


class Protocol(StrEnum):
    """How the test events are split off."""

    TEMPORAL = "temporal"
    LEAVE_LAST_OUT = "leave-last-out"


@app.command("eval")
def evaluate(
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy", "-s", help=f"all, or some of {', '.join(STRATEGY_NAMES)} with commas."
        ),
    ] = "all",
    k: Annotated[
        str | None,
        typer.Option(
            "-k", help="Depths between commas, such as 10,20.", show_default="eval.k of the config"
        ),
    ] = None,
    cutoff: Annotated[
        str | None,
        typer.Option(
            "--cutoff",
            metavar="YYYY-MM-DD",
            help="First day of the test window; models see only what came before.",
            show_default="so that the window ends with the last event",
        ),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(
            "--horizon",
            metavar="DAYS",
            help="Length of the test window, such as 7d or 2w.",
            show_default="the dataset's",
        ),
    ] = None,
    protocol: Annotated[
        Protocol | None,
        typer.Option(
            "--protocol",
            help="How test events are split off.",
            show_default="eval.protocol of the config",
        ),
    ] = None,
    windows: Annotated[
        int | None,
        typer.Option(
            "--windows",
            min=1,
            help="Consecutive test windows, each with models built from what came before it.",
            show_default="eval.windows of the config",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="File with a given test split: columns user and item."),
    ] = None,
    exclude_seen: ExcludeSeenOption = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            help="Strategy to compare the others with, user by user; measured too.",
            show_default="eval.baseline of the config",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the results here; - for stdout."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Also write a page to read: .html."),
    ] = None,
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
) -> None:
    """Measure strategies on held-out events: leak-proof, full catalogue, with 95% intervals."""
    from recsys_cli.config import chosen_datasets, only_dataset
    from recsys_cli.pipeline.evalreport import write_report
    from recsys_cli.pipeline.evaluate import Question, run_evaluation

    opened, config = open_workspace(workspace, overrides)
    question = Question(
        strategies=() if strategy == "all" else _split(strategy),
        ks=[_depth(text) for text in _split(k)] if k else (),
        protocol=protocol.value if protocol else None,
        cutoff=day_from(cutoff, option="--cutoff") if cutoff else None,
        horizon_days=_days(horizon) if horizon else None,
        windows=windows,
        truth=truth,
        exclude_seen=exclude_seen,
        baseline=baseline,
    )
    to_stdout = json is not None and str(json) == "-"
    for file in (None if to_stdout else json, report):
        if file is not None:
            check_folder(file)
    evaluations = []
    # A truth file is about one dataset, and nothing in it says which.
    names = [only_dataset(config, dataset)] if truth else chosen_datasets(config, dataset)
    with TerminalProgress() as progress:
        for name in names:
            evaluation = run_evaluation(
                opened, config, name, question, on_step=_say_step, progress=progress
            )
            progress.close()
            evaluations.append(evaluation)
            if not to_stdout:
                print_result(evaluation.result)
        if report:
            write_report(evaluations, report, seed=config.eval.seed, progress=progress)
            progress.close()
            say(f"Wrote {report}.")
    _write([evaluation.result for evaluation in evaluations], json)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _depth(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise UsageError(f"-k {text!r} is not a whole number above 0")
    return int(text)


def _days(text: str) -> int:
    match = re.fullmatch(r"(\d+)\s*(d|w)?", text.strip())
    if not match or int(match[1]) == 0:
        raise UsageError(f"--horizon {text!r} is not a number of days", hint="write 7d or 2w")
    return int(match[1]) * (7 if match[2] == "w" else 1)


def _say_step(step: Step) -> None:
    if step.action == "ran":
        say(f"built {step.dataset} {step.stage} in {step.seconds:.1f} s")


def _write(results: list[EvalResult], path: Path | None) -> None:
    """One object for one dataset, a list for several."""
    if path is None:
        return
    from recsys_cli.store.files import write_json

    whole = [result.to_json() for result in results]
    value = whole[0] if len(whole) == 1 else whole
    if str(path) == "-":
        print_json(value)
    else:
        write_json(path, value)
        say(f"Wrote {path}.")
