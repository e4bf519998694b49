"""Opens a workspace for a command and runs builds with progress on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.cli.console import TerminalProgress, print_line, report_error, say
from recsys_cli.errors import Command, RecsysError, UsageError, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from recsys_cli.build.artifacts import Artifacts
    from recsys_cli.build.run import Step
    from recsys_cli.config import Config
    from recsys_cli.store.snapshot import Snapshot
    from recsys_cli.store.workspace import Workspace

    Chosen = Callable[[Config, list[str]], Sequence[str]]

_HIDDEN_FACTS = {"users_fingerprint", "items_fingerprint"}


def open_workspace(
    folder: Path, overrides: Sequence[str] | None = None
) -> tuple[Workspace, Config]:
    """The workspace and its configuration."""
    from recsys_cli.assembly import load_config
    from recsys_cli.store.workspace import Workspace

    workspace = Workspace(folder)
    return workspace, load_config(folder, overrides or ())


def snapshot_from(as_of: str | None) -> Snapshot:
    """The snapshot that `--as-of` names."""
    from recsys_cli.store.snapshot import NOW, Snapshot

    return NOW if as_of is None else Snapshot(as_of=day_from(as_of, option="--as-of"))


def check_folder(file: Path) -> None:
    """Refuse to write into a folder that does not exist.

    Raises:
        UsageError: there is no such folder.
    """
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent}", hint=f"mkdir -p {file.parent}")


def day_from(text: str, *, option: str) -> date:
    """The day that an option's text names."""
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a date", hint="write YYYY-MM-DD") from None


def warn_outdated(artifacts: Artifacts, config: Config) -> None:
    """Point out artifacts that are older than what they were made from."""
    outdated = artifacts.outdated(config)
    if outdated:
        more = f" and {len(outdated) - 1} more" if len(outdated) > 1 else ""
        say(f"Warning: out of date: {outdated[0]}{more}; run `", artifacts.build_command(), "`")


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

    Targets may be told from the configuration and the datasets chosen.
    """
    from recsys_cli.assembly import default_graph
    from recsys_cli.build.run import Builder
    from recsys_cli.config import chosen_datasets
    from recsys_cli.config.encoders import CONTENT_LEFT_OUT, content_on

    workspace, config = open_workspace(folder, overrides)
    chosen = chosen_datasets(config, dataset)
    if callable(targets):
        targets = targets(config, chosen)
    failures: list[Step] = []
    with TerminalProgress() as progress:
        builder = Builder(workspace, config, default_graph(), progress=progress)
        for step in builder.build(
            targets,
            datasets=chosen,
            snapshot=snapshot_from(as_of),
            force=force,
            dry_run=dry_run,
            keep_going=keep_going,
        ):
            progress.close()
            named = step.stage in targets and not force
            print_line(_describe(step, explain=explain or named))
            if step.error:
                failures.append(step)
    if "all" in targets:
        for sentence in default_graph().left_out(chosen_datasets(config, dataset), config):
            say(f"Left out: {sentence}")
    if "all" in targets and not any(content_on(config, name) for name in chosen):
        say(*CONTENT_LEFT_OUT)
    if failures:
        options = [("--dataset", dataset), ("--as-of", as_of)]
        options += [("--set", override) for override in overrides or ()]
        words = [word for name, value in options if value for word in (name, value)]
        words += ["--keep-going"] if keep_going else []
        raise _failure(failures, Command("build", *targets, *words))


def _describe(step: Step, *, explain: bool) -> str:
    line = f"{step.dataset:<8} {step.stage:<14} {step.action:<9}"
    if step.action == "ran":
        line += f" {step.seconds:6.1f} s {step.peak_memory_mb:7.0f} MB"
        shown = [
            f"{key.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{key} {value}"
            for key, value in step.facts.items()
            if key not in _HIDDEN_FACTS and isinstance(value, (int, str))
        ]
        line += "  " + ", ".join(shown)
    if step.snapshot.folder:
        line += f"  [{step.snapshot}]"
    if explain or step.action in ("would run", "blocked"):
        line += f"  ({step.reason})"
    return line.rstrip()


def _failure(failures: Sequence[Step], command: Command) -> RecsysError:
    """The first failure, with the command that resumes as an additional hint."""
    for later in failures[1:]:
        if later.error:
            report_error(
                f"{later.dataset} {later.stage}: {later.error.message}", later.error.advice
            )
    first, cause = failures[0], failures[0].error or RecsysError("unknown failure")
    also = "\n  → " if cause.advice else ""
    hint = parts_of(cause.advice, f"{also}finished stages are kept; resume with: ", command)
    failure = type(cause)(f"{first.dataset} {first.stage}: {cause.message}", hint=hint)
    failure.__cause__ = cause.__cause__
    return failure
