"""`recsys build`, `status`, `recover`, `clean` and `doctor`."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import (
    TerminalProgress,
    print_check,
    print_json,
    print_line,
    print_table,
    print_text,
    rendered,
    say,
)
from recsys_cli.cli.session import run_build
from recsys_cli.counted import sized
from recsys_cli.errors import Command, in_words


def build(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="all|STAGE[+]…",
            help="Stages to build with all they need; STAGE+ also builds what follows from it.",
            show_default="all",
            autocompletion=options.stages,
        ),
    ] = None,
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    as_of: options.AsOf = None,
    force: options.Force = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, and run nothing.")
    ] = False,
    explain: options.Explain = False,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="After a failure, still build what does not need it."),
    ] = False,
) -> None:
    """Run the stages that are missing or stale, in order."""
    run_build(
        workspace,
        targets or ["all"],
        dataset=dataset,
        overrides=overrides,
        as_of=as_of,
        force=force,
        dry_run=dry_run,
        explain=explain,
        keep_going=keep_going,
    )


def status(
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Hash every artifact, and exit with 3 unless the current ones are fresh.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Show what exists, how old and large it is, and what is stale."""
    from recsys_cli.apps.evidence import outdated_evidence
    from recsys_cli.apps.opened import Opened
    from recsys_cli.apps.status import status_of
    from recsys_cli.config import chosen_datasets
    from recsys_cli.datasets.fetch import unwatched

    with TerminalProgress() as progress:
        opened = Opened(workspace, overrides=overrides or (), progress=progress)
        states, cost = status_of(opened, dataset=dataset, thorough=check)
        evidence = outdated_evidence(opened, dataset=dataset)
        unseen = unwatched(opened.config, chosen_datasets(opened.config, dataset))
    if json:
        found = {"evidence": evidence, "unwatched": ["".join(map(str, words)) for words in unseen]}
        print_json({"stages": [asdict(s) for s in states], **found, "build": cost._asdict()})
    else:
        for snapshot, of_it in groupby(states, key=lambda s: "" if s.current else s.snapshot):
            print_table(
                ["dataset", "stage", "state", "age", "size", "why"],
                [state.row() for state in of_it],
                title=snapshot or None,
                right=["age", "size"],
                states=True,
            )
        for sentence in evidence:
            print_text(sentence)
        for words in unseen:
            say(*words)
        if cost.stages:
            command = Command("build", *(["--dataset", dataset] if dataset else []))
            print_text(f"`{rendered(command)}` would run {cost.summary()}.")
    if check and any(state.current and state.state != "fresh" for state in states):
        raise typer.Exit(3)


def recover(workspace: options.Workspace = options.HERE) -> None:
    """Finish what a killed command left, or put aside a journal that is not to be trusted."""
    from recsys_cli.store.workspace import Workspace

    aside = Workspace(workspace).put_right()
    if aside is not None:
        say(f"Nothing was moved. What it would have moved can be read in {aside}.")
    print_line("There is nothing left to recover.")


def clean(
    workspace: options.Workspace = options.HERE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Remove past snapshots, datasets' artifacts and caches that nothing reads any more."""
    from recsys_cli.apps.clean import clean
    from recsys_cli.apps.opened import Opened

    with TerminalProgress() as progress:
        found = clean(Opened(workspace, progress=progress), dry_run=dry_run)
    total = sum(leftover.bytes for leftover in found)
    if json:
        leftovers = [leftover.row() for leftover in found]
        print_json({"leftovers": leftovers, "bytes": total, "removed": not dry_run})
    elif not found:
        print_line("There is nothing to remove.")
    else:
        print_table(
            ["path", "files", "size", "why"],
            [[one.path, f"{one.files:,}", sized(one.bytes), one.why] for one in found],
            right=["files", "size"],
        )
        freed = f"`{rendered(Command('clean'))}` would free" if dry_run else "Freed"
        print_text(f"{freed} {sized(total)}.")


def doctor(
    workspace: options.Workspace = options.HERE,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the end-to-end run.")] = False,
    json: options.Json = False,
) -> None:
    """Check libraries, threads, GPU, OpenMP, disk and memory, and run a tiny pipeline."""
    from recsys_cli.apps.doctor import run_doctor

    checks = []
    for check in run_doctor(workspace, end_to_end=not quick):
        checks.append(check)
        if not json:
            print_check(check.outcome, f"{check.name:<21} {check.detail}", check.hint)
    if json:
        print_json({"checks": [{**vars(check), "hint": in_words(check.hint)} for check in checks]})
    if any(check.outcome == "FAIL" for check in checks):
        raise typer.Exit(1)
