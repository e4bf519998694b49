"""`recsys als import` and `export legacy`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import print_json, print_line, print_text, say
from recsys_cli.errors import Command
from recsys_cli.store.snapshot import snapshot_from


def import_(
    users: Annotated[Path, typer.Option(help="User factors: CSV or Parquet, a file or a folder.")],
    items: Annotated[Path, typer.Option(help="Item factors: CSV or Parquet, a file or a folder.")],
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            help="What the factors' ids refer to: id_map_*.json, an old id_mappings_*.joblib, or"
            " the folder that the Spark job interactions wrote."
        ),
    ] = None,
    regularization: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Penalty λ of their training (Spark's regParam), for users who come later.",
            show_default="spark.regularization of the config; als.regularization with"
            " --no-scale-by-count",
        ),
    ] = None,
    alpha: Annotated[
        float | None, options.configured("als.alpha", "Confidence α of their training.", min=0)
    ] = None,
    scale_by_count: Annotated[
        bool,
        typer.Option(
            help="Whether their training multiplied λ by the number of a user's items; Spark does."
        ),
    ] = True,
    as_of: options.AsOf = None,
    json: options.Json = False,
) -> None:
    """Import factors trained elsewhere, such as Spark's."""
    from recsys_cli.apps.exchange import import_als
    from recsys_cli.apps.opened import Opened
    from recsys_cli.config import only_dataset

    opened = Opened(workspace, overrides=overrides or ())
    report = import_als(
        opened,
        only_dataset(opened.config, dataset),
        snapshot_from(as_of),
        users=users,
        items=items,
        mapping=mapping,
        regularization=regularization,
        alpha=alpha,
        scale_by_count=scale_by_count,
    )
    if json:
        print_json(asdict(report))
    else:
        print_text(str(report))
        say("Next: ", Command("recommend", "--strategy", "collab"))


def legacy(
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    out: Annotated[
        Path | None, typer.Option(help="Target folder.", show_default="legacy/ in the workspace")
    ] = None,
) -> None:
    """Write the file names and schemas of the scripts that recsys replaces."""
    from recsys_cli.apps.legacy import export_legacy
    from recsys_cli.apps.opened import Opened
    from recsys_cli.config import chosen_datasets

    opened = Opened(workspace, overrides=overrides or ())
    names = chosen_datasets(opened.config, dataset)
    for path in export_legacy(opened.workspace, names, out=out or workspace / "legacy"):
        print_line(str(path))
