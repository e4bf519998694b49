"""`recsys als export`, `train` and `import`."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from recsys_cli.cli.app import Recsys, app
from recsys_cli.cli.console import print_json, print_line, say
from recsys_cli.cli.options import (
    HERE,
    AsOfOption,
    DatasetOption,
    ExplainOption,
    ForceOption,
    JsonOption,
    SetOption,
    WorkspaceOption,
)
from recsys_cli.cli.session import open_workspace, run_build, snapshot_from
from recsys_cli.errors import UsageError

als = Recsys(no_args_is_help=True, help="Interactions and ALS factors.")
app.add_typer(als, name="als")


class Backend(StrEnum):
    """Where ALS trains."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"
    SPARK = "spark"


class Format(StrEnum):
    """File format of exported interactions."""

    CSV = "csv"
    PARQUET = "parquet"


@als.command("export")
def export(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    as_of: AsOfOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Also write interactions and id mappings for other trainers."),
    ] = None,
    file_format: Annotated[
        Format, typer.Option("--format", help="Format of the interactions in --out.")
    ] = Format.PARQUET,
    force: ForceOption = False,
    explain: ExplainOption = False,
) -> None:
    """Sum events into one weighted row per user and item."""
    run_build(
        workspace,
        ["als.export"],
        dataset=dataset,
        overrides=overrides,
        as_of=as_of,
        force=force,
        explain=explain,
    )
    if out is None:
        return
    from recsys_cli.apps.exchange import export_interactions
    from recsys_cli.config import chosen_datasets

    opened, config = open_workspace(workspace, overrides)
    for name in chosen_datasets(config, dataset):
        for path in export_interactions(
            opened, name, snapshot_from(as_of), out=out, csv=file_format is Format.CSV
        ):
            print_line(str(path))


@als.command()
def train(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    backend: Annotated[
        Backend | None,
        typer.Option(
            "--backend",
            help="Where to train; naming one trains even where nothing changed.",
            show_default="als.backend of the config",
        ),
    ] = None,
    master: Annotated[
        str | None,
        typer.Option(
            help="Where Spark runs: local[N], yarn, k8s://…, spark://…",
            show_default="spark.master of the config",
        ),
    ] = None,
    as_of: AsOfOption = None,
    force: ForceOption = False,
    explain: ExplainOption = False,
) -> None:
    """Train user and item factors on the interactions."""
    chosen = [f"als.backend={backend.value}"] if backend else []
    if master:
        if backend not in (Backend.SPARK, None):
            raise UsageError("--master is about Spark", hint="--backend spark")
        chosen += [f"spark.master='{master}'"]
    run_build(
        workspace,
        ["als.train"],
        dataset=dataset,
        overrides=[*(overrides or []), *chosen],
        as_of=as_of,
        force=force or backend is not None,
        explain=explain,
    )


@als.command("import")
def import_(
    users: Annotated[
        Path, typer.Option("--users", help="User factors: CSV or Parquet, a file or a folder.")
    ],
    items: Annotated[
        Path, typer.Option("--items", help="Item factors: CSV or Parquet, a file or a folder.")
    ],
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            help="What the factors' ids refer to: id_map_*.json, an old id_mappings_*.joblib, or"
            " the folder that the Spark job interactions wrote.",
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
        float | None,
        typer.Option(
            min=0,
            help="Confidence α of their training.",
            show_default="als.alpha of the config",
        ),
    ] = None,
    scale_by_count: Annotated[
        bool,
        typer.Option(
            "--scale-by-count/--no-scale-by-count",
            help="Whether their training multiplied λ by the number of a user's items; Spark does.",
        ),
    ] = True,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Import factors trained elsewhere, such as Spark's."""
    from recsys_cli.apps.exchange import import_als
    from recsys_cli.config import only_dataset

    opened, config = open_workspace(workspace, overrides)
    report = import_als(
        opened,
        config,
        only_dataset(config, dataset),
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
        print_line(str(report))
        say("Next: recsys recommend --strategy collab")
