"""`recsys eval`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import TerminalProgress, say
from recsys_cli.cli.evaltables import compare_runs, is_stdout, print_result, refuse_below, write_out
from recsys_cli.cli.names import STRATEGY_NAMES
from recsys_cli.cli.session import check_folder
from recsys_cli.errors import Command, UsageError
from recsys_cli.moments import lag_from, length_from, moment_from

if TYPE_CHECKING:
    from recsys_cli.apps.evaluate import Evaluation, Question
    from recsys_cli.apps.opened import Opened
    from recsys_cli.build.run import Step
    from recsys_cli.evaluation.result import EvalResult


def evaluate(
    context: typer.Context,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy",
            "-s",
            help=f"all, or some of {', '.join(STRATEGY_NAMES)} with commas.",
            autocompletion=options.completing(STRATEGY_NAMES),
        ),
    ] = "all",
    k: Annotated[
        str | None, options.configured("eval.k", "Depths between commas, such as 10,20.", "-k")
    ] = None,
    cutoff: Annotated[
        str | None,
        typer.Option(
            metavar=options.MOMENT,
            help="Start of the test window, in UTC; models see only what came before.",
            show_default="so that the window ends with the last event",
        ),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH",
            help="Length of the test window: 90m, 6h, 7d, 2w. Without --cutoff it is counted back "
            "from the last event, in whole days where all times are days.",
            show_default="the dataset's, in whole days if it is of days",
        ),
    ] = None,
    protocol: Annotated[
        options.Protocol | None,
        options.configured("eval.protocol", "How test events are split off."),
    ] = None,
    windows: Annotated[
        int | None,
        options.configured(
            "eval.windows",
            "Consecutive test windows, each with models built from what came before it.",
            min=1,
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="File with a given test split: columns user and item.")
    ] = None,
    exclude_seen: options.ExcludeSeen = None,
    baseline: Annotated[
        str | None,
        options.configured(
            "eval.baseline", "Strategy to compare the others with, user by user; measured too."
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the results here; - for stdout.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a page to read: .html.")
    ] = None,
    per_user: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write each user's figures, for paired comparisons: .parquet."
        ),
    ] = None,
    live: Annotated[
        str | None,
        typer.Option(
            metavar="LAG",
            help="Predict what users have next at every moment of the window, by each strategy "
            "with and without what they did in it until so long before: 0, 10m, 6h.",
        ),
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Measure each strategy without rules and with each of these, named with commas "
            "between; or all, or none.",
            show_default="with those that lists are served under",
        ),
    ] = None,
    choose: Annotated[
        bool,
        typer.Option(
            "--choose",
            help="Write the best strategy into recsys.toml as recommend.strategy; of those level "
            "with it, the cheapest to serve.",
        ),
    ] = False,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A.json B.json", help="Measure nothing; put two results of --json side by side."
        ),
    ] = None,
    fail_below: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC@K=VALUE",
            help="Exit with 1 if a strategy is below this for all users (with --compare, in B); "
            "STRATEGY:METRIC@K=VALUE is about one. May be repeated.",
        ),
    ] = None,
    fail_worse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC@K",
            help="With --compare: exit with 1 if B is worse than A by more than noise.",
        ),
    ] = None,
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
) -> None:
    """Measure strategies on held-out events: leak-proof, full catalogue, with 95% intervals."""
    from recsys_cli.apps.evalreport import write_report
    from recsys_cli.apps.evaluate import Question, run_evaluation
    from recsys_cli.apps.opened import Opened
    from recsys_cli.config import chosen_datasets, only_dataset
    from recsys_cli.evaluation.limits import check_metric, parse_limit

    if choose and live is not None:
        raise UsageError("--choose is about windows as a whole", hint="leave out --live")
    if choose and rules is not None:
        raise UsageError("--choose is about what is served", hint="leave out --rules")
    limits = [parse_limit(text) for text in fail_below or ()]
    worse = [check_metric(name) for name in fail_worse or ()]
    for file in (json, report, per_user):
        if file is not None and not is_stdout(file):
            check_folder(file)
    if report is not None and report.suffix.lower() != ".html":
        raise UsageError(f"--report {report} is a page, so its name ends in .html")
    if compare:
        options.refuse_others(
            context, _WITH_COMPARE, "--compare reads two files and measures nothing"
        )
        compare_runs(*compare, dataset=dataset, json=json, limits=limits, worse=worse)
        return
    if worse:
        raise UsageError("--fail-worse goes with --compare")
    evaluations = []
    with TerminalProgress() as progress:
        opened = Opened(workspace, overrides=overrides or (), progress=progress)
        config = opened.config
        question = Question(
            strategies=() if strategy == "all" else _split(strategy),
            ks=[_depth(text) for text in _split(k)] if k else (),
            protocol=protocol.value if protocol else None,
            cutoff=moment_from(cutoff, option="--cutoff") if cutoff else None,
            horizon=length_from(horizon, option="--horizon") if horizon else None,
            windows=windows,
            truth=truth,
            exclude_seen=exclude_seen,
            baseline=baseline,
            live=lag_from(live, option="--live"),
            rules=None if rules is None else _split(rules),
        )
        # A truth file is about one dataset, and nothing in it says which.
        names = [only_dataset(config, dataset)] if truth else chosen_datasets(config, dataset)
        for name in names:
            evaluations.append(run_evaluation(opened, name, question, on_step=_say_step))
            progress.close()
            if not is_stdout(json):
                print_result(evaluations[-1].result, evaluations[-1].hints)
            if not _is_for_the_page(json, opened) and live is None and rules is None:
                _keep(evaluations[-1].result, question, opened)
            if choose:
                _choose(evaluations[-1].result, opened)
        if report:
            write_report(evaluations, report, seed=config.eval.seed, progress=progress)
            progress.close()
            say(f"Wrote {report}.")
    about = {"per_user": _write_users(evaluations, per_user, json), **_now()}
    # One object for one dataset, a list for several.
    whole = [evaluation.result.to_json() | about for evaluation in evaluations]
    write_out(whole[0] if len(whole) == 1 else whole, json)
    refuse_below(limits, [evaluation.result for evaluation in evaluations])


# With --compare, everything else is about a run that does not take place.
_WITH_COMPARE = {"compare", "json", "fail_below", "fail_worse", "dataset", "workspace"}


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _depth(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise UsageError(f"-k {text!r} is not a whole number above 0")
    return int(text)


def _say_step(step: Step) -> None:
    if step.action == "ran":
        say(f"built {step.dataset} {step.stage} in {step.seconds:.1f} s")
    elif step.error:
        say(f"failed {step.dataset} {step.stage}: {step.error.message}")


def _is_for_the_page(json: Path | None, opened: Opened) -> bool:
    """Whether --json already leaves the results where the page looks for them."""
    if json is None or is_stdout(json):
        return False
    folder = opened.workspace.root / opened.config.serve.evaluations
    return json.suffix == ".json" and json.resolve().parent == folder.resolve()


def _keep(result: EvalResult, question: Question, opened: Opened) -> None:
    """Put the results where the page of `recsys serve` looks for them."""
    from recsys_cli.store.files import write_json

    asked = dict.fromkeys([result.dataset, *question.strategies])
    path = opened.workspace.root / opened.config.serve.evaluations / f"{'-'.join(asked)}.json"
    try:
        write_json(path, result.to_json() | {"per_user": None, **_now()})
    except OSError as error:
        # Nobody asked for the file, and the figures are there.
        say(f"Warning: the results are not kept for the page: {error}")
    else:
        say(f"Kept in {path}, for the page of `", Command("serve"), "`.")


def _now() -> dict[str, str]:
    from recsys_cli.apps.evidence import MEASURED

    return {MEASURED: datetime.now(UTC).isoformat(timespec="seconds")}


def _choose(result: EvalResult, opened: Opened) -> None:
    """Have the best strategy serve, and say so."""
    from recsys_cli.apps.choice import choose
    from recsys_cli.engine.registry import available

    chosen = choose(opened.workspace.root, result)
    say(
        f"{result.dataset}: {chosen.strategy} serves from now on, as {chosen.path} says: "
        f"{chosen.why}."
    )
    if chosen.strategy not in available(opened.engine(result.dataset).artifacts):
        say("  → `", Command("build", "all"), "` makes what it needs")


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
    folder = json.resolve().parent if json and not is_stdout(json) else Path.cwd()
    return {"file": os.path.relpath(path.resolve(), folder), "sha256": sha256(path)}
