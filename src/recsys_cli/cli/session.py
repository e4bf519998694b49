"""Opens a workspace for a command and runs builds with progress on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.cli.console import TerminalProgress, print_text, report_error, say
from recsys_cli.counted import counted, sized
from recsys_cli.errors import Command, RecsysError, UsageError, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from recsys_cli.apps.opened import Opened
    from recsys_cli.build.run import Step
    from recsys_cli.config import Config

    Chosen = Callable[[Config, list[str]], Sequence[str]]

_HIDDEN_FACTS = {"users_fingerprint", "items_fingerprint"}
_HANG = 24
"""Where a line about a stage goes on."""


def check_folder(file: Path) -> None:
    """Refuse to write into a folder that does not exist.

    Raises:
        UsageError: there is no such folder.
    """
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent}", hint=f"mkdir -p {file.parent}")


def run_build(
    folder: Path,
    targets: Sequence[str] | Chosen,
    *,
    dataset: str | None = None,
    overrides: Sequence[str] | None = None,
    as_of: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    explain: bool = False,
    keep_going: bool = False,
) -> None:
    """Build targets and print a line per stage; raises the first failure at the end.

    Targets may be told from the configuration and the datasets chosen. Stages that have nothing
    to do have a line where they were named, or with `explain`.
    """
    from recsys_cli.apps.opened import Opened
    from recsys_cli.build.estimate import cost_of
    from recsys_cli.config import chosen_datasets

    failures: list[Step] = []
    due: list[Step] = []
    busy = idle = 0
    with TerminalProgress() as progress:
        opened = Opened(folder, overrides=overrides or (), progress=progress)
        config, chosen = opened.config, chosen_datasets(opened.config, dataset)
        if callable(targets):
            targets = targets(config, chosen)
        for step in opened.build(
            targets,
            dataset=dataset,
            as_of=as_of,
            force=force,
            dry_run=dry_run,
            keep_going=keep_going,
            on_start=lambda ahead: progress.stage(ahead.text),
        ):
            progress.close()
            why = explain or (step.stage in targets and not force)
            busy, idle = busy + (step.action != "skipped"), idle + (step.action == "skipped")
            if why or step.action != "skipped":
                text = _describe(step, explain=why)
                print_text(text, hang=_HANG, state=step.action)
            if step.error:
                failures.append(step)
            if step.action == "would run":
                due.append(step)
    if due:
        print_text(f"Would run {cost_of([step.estimate for step in due]).summary()}.")
    if idle and not explain:
        print_text(f"{counted(idle, 'stages')} had nothing to do." if busy else "All is fresh.")
    _say_what_is_not_seen(targets, config, chosen)
    if "all" in targets:
        _say_what_is_left_out(config, chosen)
    if "all" in targets and not dry_run:
        if busy and not failures:
            say("Next: `", Command("serve"), "` or `", Command("eval"), "`")
        if not (as_of or overrides):
            _offer_cleaning(opened)
    if failures:
        options = [("--dataset", dataset), ("--as-of", as_of)]
        words = [word for name, value in options if value for word in (name, value)]
        words += ["--keep-going"] if keep_going else []
        raise _failure(failures, Command("build", *targets, *words))


def _say_what_is_not_seen(targets: Sequence[str], config: Config, datasets: Sequence[str]) -> None:
    from recsys_cli.datasets.fetch import unwatched

    if {"all", "ingest"}.intersection(targets):
        for words in unwatched(config, datasets):
            say(*words)


def _say_what_is_left_out(config: Config, datasets: Sequence[str]) -> None:
    from recsys_cli.assembly import default_graph
    from recsys_cli.config.encoders import CONTENT_LEFT_OUT, content_on

    for sentence in default_graph().left_out(datasets, config):
        say("Left out: ", *parts_of(sentence))
    if not any(content_on(config, name) for name in datasets):
        say(*CONTENT_LEFT_OUT)


def _offer_cleaning(opened: Opened) -> None:
    """Say it where past snapshots are left that nothing reads."""
    from recsys_cli.apps.clean import unread

    past = [leftover for leftover in unread(opened) if leftover.is_past]
    if past:
        total = sized(sum(leftover.bytes for leftover in past))
        what = counted(len(past), "past snapshots that nothing reads any more")
        say(f"{what}, {total}: `", Command("clean"), "`")


def _describe(step: Step, *, explain: bool) -> str:
    from recsys_cli.build.estimate import cost_of

    line = f"{step.dataset:<8} {step.stage:<14} {step.action:<9}"
    if step.action == "ran":
        line += f" {step.seconds:6.1f} s {step.peak_memory_mb:7.0f} MB"
        shown = [
            f"{key.replace('_', ' ')} " + (f"{value:,}" if isinstance(value, int) else value)
            for key, value in step.facts.items()
            if key not in _HIDDEN_FACTS and isinstance(value, (int, str))
        ]
        line += "  " + ", ".join(shown) if shown else ""
    if step.action == "would run":
        line += f" {cost_of([step.estimate])!s:<12}"
    if step.snapshot.folder:
        line += f"  [{step.snapshot}]"
    if explain or step.action in ("would run", "blocked"):
        line += f"  ({step.reason})"
    return line.rstrip()


def _failure(failures: Sequence[Step], command: Command) -> RecsysError:
    """The first failure, with the command that resumes as an additional hint."""
    from recsys_cli.apps.opened import failure_of

    for later in failures[1:]:
        if later.error:
            report_error(
                f"{later.dataset} {later.stage}: {later.error.message}", later.error.advice
            )
    return failure_of(failures[0], hint=("finished stages are kept; resume with: ", command))
