"""`recsys init`, `demo` and `validate`: from nothing to raw files that will do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import TerminalProgress, print_check, print_json, print_text, say
from recsys_cli.counted import counted
from recsys_cli.errors import Command, ConfigError, UsageError

if TYPE_CHECKING:
    from recsys_cli.datasets.findings import Finding, IngestReport


def init(
    workspace: options.Workspace = options.HERE,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a recsys.toml that is already there.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Write every setting there is.")] = False,
) -> None:
    """Write a recsys.toml for the datasets found in data/, and say what was understood."""
    from recsys_cli.assembly import FullConfig
    from recsys_cli.config.template import render_config, toml_line
    from recsys_cli.datasets.adapters import find_datasets
    from recsys_cli.datasets.understand import understand
    from recsys_cli.encoders.configured import encoders_to_write
    from recsys_cli.store.files import atomic_path

    path = workspace / "recsys.toml"
    if path.exists() and not force:
        raise UsageError(
            f"{path} is already there", hint=(Command("init", "--force"), " replaces it")
        )
    found, said = [], {}
    with TerminalProgress() as progress:
        for dataset in find_datasets(workspace):
            seen = understand(
                dataset.name, dataset.kind, dataset.path, workspace=workspace, progress=progress
            )
            lines = tuple(
                toml_line(each.key, each.value, why=each.why, guessed=each.guessed)
                for each in seen.settings
            )
            found.append(replace(dataset, lines=lines, pictures=dataset.pictures or seen.pictures))
            said[dataset.name] = seen.said
    with atomic_path(path) as temporary:
        encoders = encoders_to_write(pictures=any(dataset.pictures for dataset in found))
        text = render_config(FullConfig, found, encoders=encoders, full=full)
        temporary.write_text(text)
    for dataset in found:
        print_text(f"{dataset.name:<12} {dataset.path} ({dataset.kind})", hang=13)
        for word, what in said[dataset.name]:
            print_text(f"  {word:<10} {what}", hang=13)
    say(f"Wrote {path}." + ("" if found else " No datasets in data/ yet: add yours to it."))
    say("Next: ", Command("validate"))


def demo(
    context: typer.Context,
    workspace: options.Workspace = options.HERE,
    customers: Annotated[int | None, typer.Option(min=1, help="H&M customers.")] = None,
    transactions: Annotated[int | None, typer.Option(min=1, help="H&M purchases.")] = None,
    articles: Annotated[int | None, typer.Option(min=1, help="H&M articles.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same data.")] = 42,
    images: Annotated[bool, typer.Option(help="Draw product pictures.")] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Replace demo data made with other settings.")
    ] = False,
    next_day: Annotated[
        bool, typer.Option("--next-day", help="Add a day to the demo data that is there.")
    ] = False,
) -> None:
    """Make sample data: data/hm_raw (with images/) and data/rr_raw in the raw schemas."""
    from recsys_cli.datasets.demo import make_demo
    from recsys_cli.store.workspace import Workspace

    if next_day:
        options.refuse_others(context, _WITH_NEXT_DAY, "--next-day adds to the demo as it is")
        _add_day(workspace, seed=seed)
        return
    sizes = {"customers": customers, "transactions": transactions, "articles": articles}
    workspace.mkdir(parents=True, exist_ok=True)
    with TerminalProgress() as progress, Workspace(workspace).writing():
        summary = make_demo(
            workspace,
            **{name: size for name, size in sizes.items() if size is not None},
            seed=seed,
            images=images,
            force=force,
            progress=progress,
        )
    kept = f" (already there: {', '.join(summary.skipped)})" if summary.skipped else ""
    print_text(
        f"{summary.hm}: {counted(summary.transactions, 'purchases')}, "
        f"{counted(summary.customers, 'customers')}, {counted(summary.articles, 'articles')}, "
        f"{counted(summary.images, 'pictures')}",
        hang=2,
    )
    print_text(
        f"{summary.rr}: {counted(summary.rr_events, 'events')}, "
        f"{counted(summary.rr_visitors, 'visitors')}, {counted(summary.rr_items, 'items')}",
        hang=2,
    )
    _write_demo_config(workspace, images=images)
    say(f"Seed {summary.seed}{kept}. Next: ", Command("build", "all"))


_WITH_NEXT_DAY = {"next_day", "seed", "workspace"}


def _add_day(workspace: Path, *, seed: int) -> None:
    """Append a day to the demo's files, and say what is in it."""
    from recsys_cli.datasets.demo import add_day, demo_folders
    from recsys_cli.store.workspace import Workspace

    # Where there is no demo, not even a lock is to be left.
    demo_folders(workspace)
    with Workspace(workspace).writing():
        days = add_day(workspace, seed=seed)
    for day in days:
        added = ", ".join(counted(count, what) for what, count in day.added.items())
        print_text(f"{day.folder} {day.day}: {added}", hang=2)
    say(f"Seed {seed}. Next: ", Command("build", "all"))


def _write_demo_config(workspace: Path, *, images: bool) -> None:
    """Switch content on, with the encoders that need no download, where there is no config."""
    from recsys_cli.config.template import DEMO_IMAGE, DEMO_TEXT
    from recsys_cli.store.files import atomic_path

    path = workspace / "recsys.toml"
    if path.exists():
        return
    with atomic_path(path) as temporary:
        temporary.write_text(DEMO_TEXT + (DEMO_IMAGE if images else ""))
    say(f"Wrote {path}, which names encoders for texts{' and pictures' if images else ''}.")


def validate(
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what is fine, too.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Check raw files: what is to be looked at, with counts and examples, and what is in them."""
    from recsys_cli.apps.opened import Opened
    from recsys_cli.config import chosen_datasets
    from recsys_cli.datasets.findings import Finding, ValidationReport
    from recsys_cli.datasets.ingest import attempt

    reports = []
    with TerminalProgress() as progress:
        opened = Opened(workspace, overrides=overrides or ())
        root = opened.workspace.root
        names = chosen_datasets(opened.config, dataset)
        for name in names:
            own = opened.config.datasets[name]
            with TemporaryDirectory(prefix="recsys-validate-") as scratch:
                try:
                    ingested, findings = attempt(
                        name, own, workspace=root, out=Path(scratch), progress=progress
                    )
                except ConfigError as error:
                    if len(names) == 1:
                        raise
                    # What is wrong with one is no reason to be silent about the others.
                    problem = Finding("settings", "fail", error.message, hint=error.hint)
                    ingested, findings = None, (problem,)
            reports.append(ValidationReport(name, findings))
            progress.close()
            if not json:
                _print_findings(name, findings, verbose=verbose)
                _print_summary(ingested, findings)
    if json:
        print_json({"datasets": [asdict(report) for report in reports]})
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _print_findings(dataset: str, findings: Sequence[Finding], *, verbose: bool) -> None:
    """The outcome of each check, with the place, the count and an example."""
    print_text(dataset)
    for finding in findings:
        fine = finding.status == "pass"
        if verbose or not fine:
            hint = "" if fine or not finding.hint else finding.hint
            print_check(finding.status.upper(), str(finding), hint, indent=2)


def _print_summary(ingested: IngestReport | None, findings: Sequence[Finding]) -> None:
    """What is in the files, where they can be used, and how many checks came to what."""
    outcomes = Counter(finding.status.upper() for finding in findings)
    worst = next((outcome for outcome in ("FAIL", "WARN") if outcomes[outcome]), "PASS")
    what = "the files cannot be used"
    if ingested:
        what = ", ".join(counted(getattr(ingested, of), of) for of in ("events", "users", "items"))
        if ingested.first and ingested.last:
            what += f", from {ingested.first[:10]} to {ingested.last[:10]}"
    checks = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in ("PASS", "WARN", "FAIL"))
    print_check(worst, f"{what} ({checks})", indent=2)
