"""`recsys export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsys_cli.cli.console import print_line
from recsys_cli.cli.options import HERE, DatasetOption, SetOption, WorkspaceOption
from recsys_cli.cli.session import open_workspace


def legacy(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Target folder.", show_default="legacy/ in the workspace"),
    ] = None,
) -> None:
    """Write the file names and schemas of the scripts that recsys replaces."""
    from recsys_cli.apps.legacy import export_legacy
    from recsys_cli.config import chosen_datasets

    opened, config = open_workspace(workspace, overrides)
    names = chosen_datasets(config, dataset)
    for path in export_legacy(opened, names, out=out or workspace / "legacy"):
        print_line(str(path))
