"""`recsys tune`."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import TerminalProgress, print_json, print_text, say
from recsys_cli.cli.names import TARGET_NAMES
from recsys_cli.counted import counted
from recsys_cli.errors import Command
from recsys_cli.moments import moment_from

if TYPE_CHECKING:
    from pathlib import Path

    from recsys_cli.apps.tuning import Attempt, Tuned


_TRIALS, _INDENT = 30, " " * 10

What = StrEnum("What", {name.upper(): name for name in TARGET_NAMES})  # type: ignore[misc]


def tune(
    target: Annotated[What, typer.Argument(help="Whose settings to search.")],
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            "-n",
            min=0,
            help="How many more settings to try.",
            show_default=f"{_TRIALS}, or as many as --minutes allow",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Begin no trial after this time of searching.")
    ] = None,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Write the best settings into recsys.toml if they are better outside the noise "
            "where the search did not look.",
        ),
    ] = False,
    metric: Annotated[
        str, typer.Option(help="What to maximise, such as ndcg@12 or map@12.")
    ] = "ndcg@12",
    windows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Windows before the test window to judge trials on, besides those held out.",
            show_default="as many as the log holds, up to 3",
        ),
    ] = None,
    protocol: Annotated[
        options.Protocol | None,
        options.configured("eval.protocol", "How the windows are split off."),
    ] = None,
    cutoff: Annotated[
        str | None,
        typer.Option(
            metavar=options.MOMENT,
            help="Start of the test window, which stays unseen.",
            show_default="as of recsys eval",
        ),
    ] = None,
    exclude_seen: options.ExcludeSeen = None,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 42,
    json: options.Json = False,
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
) -> None:
    """Search settings before the test window. A search that was stopped goes on."""
    from recsys_cli.apps.opened import Opened
    from recsys_cli.apps.tuning import Search, find_target
    from recsys_cli.apps.tuning import tune as run
    from recsys_cli.config import chosen_datasets

    outcomes = []
    with TerminalProgress() as progress:
        opened = Opened(workspace, overrides=overrides or (), progress=progress)
        search = Search(
            target=find_target(target.value),
            trials=_TRIALS if trials is None and minutes is None else trials,
            minutes=minutes,
            windows=windows,
            metric=metric,
            protocol=protocol.value if protocol else None,
            cutoff=moment_from(cutoff, option="--cutoff") if cutoff else None,
            exclude_seen=exclude_seen,
            seed=seed,
        )
        for name in chosen_datasets(opened.config, dataset):
            outcome = run(
                opened, name, search, on_trial=lambda attempt: progress.log(_lines(attempt, metric))
            )
            progress.close()
            if not json:
                _show(outcome)
            if apply:
                _apply(workspace, outcome)
            told = {"improves": outcome.improves, "verdict": outcome.verdict}
            outcomes.append(asdict(outcome) | told)
    if json:
        print_json({"tuned": outcomes})


def _lines(attempt: Attempt, metric: str) -> str:
    """A trial's figures, and below them what it tried."""
    from textwrap import wrap

    value = attempt.state if attempt.value is None else f"{attempt.value:.4f}"
    tried = ", ".join(f"{key} {_shown(value)}" for key, value in attempt.settings.items())
    if not attempt.number:
        tried = f"today's settings: {tried}"
    told = f"{tried}  ({attempt.error})" if attempt.error else tried
    line = (
        f"trial {attempt.number:<3} {metric} {value:<8} best {attempt.best:.4f}  "
        f"{attempt.seconds:6.1f} s"
    )
    return "\n".join(
        [line, *wrap(told, width=76, initial_indent=_INDENT, subsequent_indent=_INDENT)]
    )


def _shown(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _show(outcome: Tuned) -> None:
    counts = ", ".join(f"{count} {state}" for state, count in outcome.trials.items()) or "none"
    print_text(f"{outcome.dataset} {outcome.target}: trials: {counts}; {outcome.seconds:.0f} s")
    print_text(
        f"{outcome.metric} of {counted(outcome.users, 'users')} at {', '.join(outcome.snapshots)}: "
        f"{outcome.current:.4f} with today's settings"
        + ("" if outcome.best is None else f", {outcome.best:.4f} at best"),
        hang=2,
    )
    print_text(f"{outcome.dataset} {outcome.target}: {outcome.verdict}", hang=2)
    if outcome.leads:
        for key, value in outcome.settings.items():
            print_text(f"  {key} = {value!r}" if isinstance(value, str) else f"  {key} = {value}")


def _apply(workspace: Path, outcome: Tuned) -> None:
    from recsys_cli.apps.tuning import apply

    if not outcome.improves:
        say(f"{outcome.dataset}: recsys.toml stays as it is")
        return
    path = apply(workspace, outcome)
    say(
        f"{outcome.dataset}: written to {path}; `",
        Command("build", "all"),
        "` makes what depends on it",
    )
