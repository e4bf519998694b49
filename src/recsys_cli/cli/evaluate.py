"""`recsys eval`."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_cli.cli.app import app
from recsys_cli.cli.console import TerminalProgress, print_json, say
from recsys_cli.cli.evalcompare import compare_runs, refuse_below
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
    from recsys_cli.apps.evaluate import Evaluation
    from recsys_cli.build.run import Step
    from recsys_cli.evaluation.result import EvalResult


class Protocol(StrEnum):
    """How the test events are split off."""

    TEMPORAL = "temporal"
    LEAVE_LAST_OUT = "leave-last-out"


@app.command("eval")
def evaluate(
    context: typer.Context,
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
    per_user: Annotated[
        Path | None,
        typer.Option(
            "--per-user",
            metavar="FILE",
            help="Also write each user's figures, for paired comparisons: .parquet.",
        ),
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--compare",
            metavar="A.json B.json",
            help="Measure nothing; put two results of --json side by side.",
        ),
    ] = None,
    fail_below: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-below",
            metavar="METRIC@K=VALUE",
            help="Exit with 1 if a strategy is below this for all users (with --compare, in B); "
            "STRATEGY:METRIC@K=VALUE is about one. May be repeated.",
        ),
    ] = None,
    fail_worse: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-worse",
            metavar="METRIC@K",
            help="With --compare: exit with 1 if B is worse than A by more than noise.",
        ),
    ] = None,
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
) -> None:
    """Measure strategies on held-out events: leak-proof, full catalogue, with 95% intervals."""
    from recsys_cli.apps.evalreport import write_report
    from recsys_cli.apps.evaluate import Question, run_evaluation
    from recsys_cli.config import chosen_datasets, only_dataset
    from recsys_cli.evaluation.limits import check_metric, parse_limit

    limits = [parse_limit(text) for text in fail_below or ()]
    worse = [check_metric(name) for name in fail_worse or ()]
    for file in (json, report, per_user):
        if file is not None and str(file) != "-":
            check_folder(file)
    if compare:
        _refuse_others(context)
        compare_runs(*compare, dataset=dataset, json=json, limits=limits, worse=worse)
        return
    if worse:
        raise UsageError("--fail-worse goes with --compare")
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
    results = [evaluation.result for evaluation in evaluations]
    _write(results, json, _write_users(evaluations, per_user, json))
    refuse_below(limits, results)


# With --compare, everything else is about a run that does not take place.
_WITH_COMPARE = {"compare", "json", "fail_below", "fail_worse", "dataset", "workspace"}


def _refuse_others(context: typer.Context) -> None:
    for name in context.params.keys() - _WITH_COMPARE:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"--compare reads two files and measures nothing, so {option} is idle")


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


def _write_users(
    evaluations: list[Evaluation], path: Path | None, json: Path | None
) -> dict[str, str] | None:
    """Write the figures of single users; what --json is to say about that file."""
    if path is None:
        return None
    from recsys_cli.evaluation.peruser import user_frame, write_users
    from recsys_cli.store.files import sha256

    frames = [
        user_frame(e.windows, dataset=e.result.dataset, users=e.engine.artifacts.users)
        for e in evaluations
    ]
    write_users(frames, path)
    say(f"Wrote {path}.")
    folder = json.resolve().parent if json and str(json) != "-" else Path.cwd()
    return {"file": os.path.relpath(path.resolve(), folder), "sha256": sha256(path)}


def _write(results: list[EvalResult], path: Path | None, per_user: dict[str, str] | None) -> None:
    """One object for one dataset, a list for several."""
    if path is None:
        return
    from recsys_cli.store.files import write_json

    whole = [result.to_json() | {"per_user": per_user} for result in results]
    value = whole[0] if len(whole) == 1 else whole
    if str(path) == "-":
        print_json(value)
    else:
        write_json(path, value)
        say(f"Wrote {path}.")
