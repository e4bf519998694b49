"""`recsys init`, `demo` and `validate`: from nothing to raw files that will do."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import TerminalProgress, print_json, print_line, say
from recsys_cli.errors import Command, UsageError

if TYPE_CHECKING:
    from recsys_cli.datasets.findings import ValidationReport


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
        print_line(f"{dataset.name:<12} {dataset.path} ({dataset.kind})")
        for word, what in said[dataset.name]:
            print_line(f"  {word:<10} {what}")
    say(f"Wrote {path}." + ("" if found else " No datasets in data/ yet: add yours to it."))
    say("Next: ", Command("validate"))


def demo(
    workspace: options.Workspace = options.HERE,
    customers: Annotated[int | None, typer.Option(min=1, help="H&M customers.")] = None,
    transactions: Annotated[int | None, typer.Option(min=1, help="H&M purchases.")] = None,
    articles: Annotated[int | None, typer.Option(min=1, help="H&M articles.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same data.")] = 42,
    images: Annotated[bool, typer.Option(help="Draw product pictures.")] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Replace demo data made with other settings.")
    ] = False,
) -> None:
    """Make sample data: data/hm_raw (with images/) and data/rr_raw in the raw schemas."""
    from recsys_cli.datasets.demo import make_demo
    from recsys_cli.store.workspace import Workspace

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
    print_line(
        f"{summary.hm}: {summary.transactions:,} purchases, {summary.customers:,} customers, "
        f"{summary.articles:,} articles, {summary.images:,} pictures"
    )
    print_line(
        f"{summary.rr}: {summary.rr_events:,} events, {summary.rr_visitors:,} visitors, "
        f"{summary.rr_items:,} items"
    )
    _write_demo_config(workspace, images=images)
    say(f"Seed {summary.seed}{kept}. Next: ", Command("build", "all"))


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
    json: options.Json = False,
) -> None:
    """Check raw files: PASS, WARN or FAIL per check, with counts and examples."""
    from recsys_cli.apps.opened import Opened
    from recsys_cli.config import chosen_datasets
    from recsys_cli.datasets.ingest import validate as run_checks

    reports = []
    with TerminalProgress() as progress:
        opened = Opened(workspace, overrides=overrides or ())
        for name in chosen_datasets(opened.config, dataset):
            own, root = opened.config.datasets[name], opened.workspace.root
            reports.append(run_checks(name, own, workspace=root, progress=progress))
    if json:
        print_json({"datasets": [asdict(report) for report in reports]})
    else:
        for report in reports:
            _print_findings(report)
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _print_findings(report: ValidationReport) -> None:
    """One line per check, with the place, the count and an example under it."""
    print_line(f"{report.dataset}")
    for finding in report.findings:
        print_line(f"  {finding.status.upper():<4}  {finding}")
        if finding.hint and finding.status != "pass":
            print_line(f"        → {finding.hint}")
