"""`recsys twotower pairs` and `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsys_cli.cli.app import Recsys, app
from recsys_cli.cli.options import (
    HERE,
    AsOfOption,
    DatasetOption,
    ExplainOption,
    ForceOption,
    SetOption,
    WorkspaceOption,
)
from recsys_cli.cli.session import open_workspace, run_build

twotower = Recsys(no_args_is_help=True, help="Two towers fine-tuned from ALS factors.")
app.add_typer(twotower, name="twotower")


@twotower.command()
def pairs(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    as_of: AsOfOption = None,
    force: ForceOption = False,
    explain: ExplainOption = False,
) -> None:
    """Write training pairs by user and time, the last window for validation."""
    from recsys_cli.config import chosen_datasets
    from recsys_cli.strategies.twotower.stages import pair_stages

    _, config = open_workspace(workspace, overrides)
    run_build(
        workspace,
        pair_stages(config, chosen_datasets(config, dataset)),
        dataset=dataset,
        overrides=overrides,
        as_of=as_of,
        force=force,
        explain=explain,
    )


@twotower.command()
def train(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    init_from: Annotated[
        Path | None,
        typer.Option(
            "--init-from",
            help="Start from the towers of another dataset, a two_tower_*.pt; to keep it for "
            "later builds, write twotower.init_from into recsys.toml.",
        ),
    ] = None,
    as_of: AsOfOption = None,
    force: ForceOption = False,
    explain: ExplainOption = False,
) -> None:
    """Fine-tune both towers and export the vectors of all users and items."""
    chosen = [f'twotower.init_from="{init_from.resolve().as_posix()}"'] if init_from else []
    run_build(
        workspace,
        ["twotower.train"],
        dataset=dataset,
        overrides=[*(overrides or []), *chosen],
        as_of=as_of,
        force=force,
        explain=explain,
    )
