"""`recsys eval`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from recsys_cli.cli.console import TerminalProgress, print_json, say
from recsys_cli.cli.evalcompare import compare_runs, refuse_below
from recsys_cli.cli.evaloptions import (
    BaselineOption,
    CompareOption,
    CutoffOption,
    DepthsOption,
    FailBelowOption,
    FailWorseOption,
    HorizonOption,
    JsonFileOption,
    PerUserOption,
    ProtocolOption,
    ReportOption,
    StrategiesOption,
    TruthOption,
    WindowsOption,
)
from recsys_cli.cli.evaltables import print_result
from recsys_cli.cli.options import (
    HERE,
    DatasetOption,
    ExcludeSeenOption,
    SetOption,
    WorkspaceOption,
)
from recsys_cli.cli.session import check_folder, open_workspace
from recsys_cli.errors import UsageError
from recsys_cli.store.snapshot import day_from

if TYPE_CHECKING:
    from recsys_cli.apps.evaluate import Evaluation, Question
    from recsys_cli.build.run import Step
    from recsys_cli.config import Config
    from recsys_cli.evaluation.result import EvalResult
    from recsys_cli.store.workspace import Workspace


def evaluate(
    context: typer.Context,
    strategy: StrategiesOption = "all",
    k: DepthsOption = None,
    cutoff: CutoffOption = None,
    horizon: HorizonOption = None,
    protocol: ProtocolOption = None,
    windows: WindowsOption = None,
    truth: TruthOption = None,
    exclude_seen: ExcludeSeenOption = None,
    baseline: BaselineOption = None,
    json: JsonFileOption = None,
    report: ReportOption = None,
    per_user: PerUserOption = None,
    compare: CompareOption = None,
    fail_below: FailBelowOption = None,
    fail_worse: FailWorseOption = None,
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
) -> None:
    """Measure strategies on held-out events: leak-proof, full catalogue, with 95% intervals."""
    from recsys_cli.apps.evaluate import Question
    from recsys_cli.config import chosen_datasets, only_dataset
    from recsys_cli.evaluation.limits import check_metric, parse_limit

    limits = [parse_limit(text) for text in fail_below or ()]
    worse = [check_metric(name) for name in fail_worse or ()]
    for file in (json, report, per_user):
        if file is not None and not _is_stdout(file):
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
    # A truth file is about one dataset, and nothing in it says which.
    names = [only_dataset(config, dataset)] if truth else chosen_datasets(config, dataset)
    shown = not _is_stdout(json)
    evaluations = _measured(opened, config, names, question, shown=shown, report=report)
    results = [evaluation.result for evaluation in evaluations]
    _write(results, json, _write_users(evaluations, per_user, json))
    refuse_below(limits, results)


def _measured(
    opened: Workspace,
    config: Config,
    names: Sequence[str],
    question: Question,
    *,
    shown: bool,
    report: Path | None,
) -> list[Evaluation]:
    """Measure datasets, each shown when it is done, and write the page about all."""
    from recsys_cli.apps.evalreport import write_report
    from recsys_cli.apps.evaluate import run_evaluation

    evaluations = []
    with TerminalProgress() as progress:
        for name in names:
            evaluation = run_evaluation(
                opened, config, name, question, on_step=_say_step, progress=progress
            )
            progress.close()
            evaluations.append(evaluation)
            if shown:
                print_result(evaluation.result)
        if report:
            write_report(evaluations, report, seed=config.eval.seed, progress=progress)
            progress.close()
            say(f"Wrote {report}.")
    return evaluations


def _is_stdout(file: Path | None) -> bool:
    return file is not None and str(file) == "-"


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
    folder = json.resolve().parent if json and not _is_stdout(json) else Path.cwd()
    return {"file": os.path.relpath(path.resolve(), folder), "sha256": sha256(path)}


def _write(results: list[EvalResult], path: Path | None, per_user: dict[str, str] | None) -> None:
    """One object for one dataset, a list for several."""
    if path is None:
        return
    from recsys_cli.store.files import write_json

    whole = [result.to_json() | {"per_user": per_user} for result in results]
    value = whole[0] if len(whole) == 1 else whole
    if _is_stdout(path):
        print_json(value)
    else:
        write_json(path, value)
        say(f"Wrote {path}.")
