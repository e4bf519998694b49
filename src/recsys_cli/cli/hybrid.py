"""`recsys hybrid train`."""

from __future__ import annotations

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
from recsys_cli.cli.session import run_build

hybrid = Recsys(no_args_is_help=True, help="The learned ranker over candidates of all sources.")
app.add_typer(hybrid, name="hybrid")


@hybrid.command()
def train(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    as_of: AsOfOption = None,
    force: ForceOption = False,
    explain: ExplainOption = False,
) -> None:
    """Train the ranker on what users went on to have in past test windows."""
    run_build(
        workspace,
        ["hybrid.blend", "hybrid.train"],
        dataset=dataset,
        overrides=overrides,
        as_of=as_of,
        force=force,
        explain=explain,
    )
