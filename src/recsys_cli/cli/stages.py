"""The commands that build one stage or a few, made from a table of them.

All take the options of a build; what one takes besides is a function whose parameters are those
options, and which says what they mean for the build.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import print_line
from recsys_cli.cli.session import run_build
from recsys_cli.errors import UsageError
from recsys_cli.store.snapshot import snapshot_from

if TYPE_CHECKING:
    from recsys_cli.cli.session import Chosen
    from recsys_cli.config import Config
    from recsys_cli.store.snapshot import Snapshot
    from recsys_cli.store.workspace import Workspace


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


@dataclass(frozen=True, slots=True)
class Meant:
    """What a command's own options mean.

    Attributes:
        overrides: settings of the build, in addition to those of `--set`.
        force: whether to run even where nothing changed.
        after: what to do with each dataset once it is built.
    """

    overrides: tuple[str, ...] = ()
    force: bool = False
    after: Callable[[Workspace, str, Snapshot], None] | None = None


def _nothing() -> Meant:
    return Meant()


@dataclass(frozen=True, slots=True)
class StageCommand:
    """A command that builds stages.

    Attributes:
        stages: their names, or what tells them from the configuration and the datasets.
        own: its own options as parameters of a function; see `Meant`.
        past: whether it can build past snapshots.
    """

    stages: tuple[str, ...] | Chosen
    own: Callable[..., Meant] = _nothing
    past: bool = True


def _index(config: Config, datasets: list[str]) -> Sequence[str]:
    from recsys_cli.strategies.content.stages import index_stages

    return index_stages(config, datasets)


def _pairs(config: Config, datasets: list[str]) -> Sequence[str]:
    from recsys_cli.strategies.twotower.stages import pair_stages

    return pair_stages(config, datasets)


def _exported(
    out: Annotated[
        Path | None,
        typer.Option(help="Also write interactions and id mappings for other trainers."),
    ] = None,
    file_format: Annotated[
        Format, typer.Option("--format", help="Format of the interactions in --out.")
    ] = Format.PARQUET,
) -> Meant:
    if out is None:
        return Meant()

    def write(workspace: Workspace, dataset: str, snapshot: Snapshot) -> None:
        from recsys_cli.apps.exchange import export_interactions

        csv = file_format is Format.CSV
        for path in export_interactions(workspace, dataset, snapshot, out=out, csv=csv):
            print_line(str(path))

    return Meant(after=write)


def _trained_on(
    backend: Annotated[
        Backend | None,
        options.configured(
            "als.backend", "Where to train; naming one trains even where nothing changed."
        ),
    ] = None,
    master: Annotated[
        str | None,
        options.configured("spark.master", "Where Spark runs: local[N], yarn, k8s://…, spark://…"),
    ] = None,
) -> Meant:
    if master and backend not in (Backend.SPARK, None):
        raise UsageError("--master is about Spark", hint="--backend spark")
    chosen = (f"als.backend={backend.value}",) if backend else ()
    on = (f"spark.master='{master}'",) if master else ()
    return Meant((*chosen, *on), force=backend is not None)


def _started_from(
    init_from: Annotated[
        Path | None,
        typer.Option(
            help="Start from the towers of another dataset, a two_tower_*.pt; to keep it for "
            "later builds, write twotower.init_from into recsys.toml."
        ),
    ] = None,
) -> Meant:
    if init_from is None:
        return Meant()
    return Meant((f'twotower.init_from="{init_from.resolve().as_posix()}"',))


STAGES = {
    "ingest": StageCommand(("ingest",), past=False),
    "embed text": StageCommand(("embed.text",), past=False),
    "embed image": StageCommand(("embed.image",), past=False),
    "index": StageCommand(_index, past=False),
    "usermodel": StageCommand(("usermodel",)),
    "als export": StageCommand(("als.export",), _exported),
    "als train": StageCommand(("als.train",), _trained_on),
    "twotower pairs": StageCommand(_pairs),
    "twotower train": StageCommand(("twotower.fit", "twotower.train"), _started_from),
    "hybrid train": StageCommand(("hybrid.blend", "hybrid.train")),
}


def builds(about: StageCommand) -> Callable[..., None]:
    """The function of a command, with the parameters that Typer makes options of."""

    def run(
        workspace: options.Workspace = options.HERE,
        dataset: options.Dataset = None,
        overrides: options.Settings = None,
        as_of: options.AsOf = None,
        force: options.Force = False,
        explain: options.Explain = False,
        **own: Any,
    ) -> None:
        meant = about.own(**own)
        overrides = [*(overrides or ()), *meant.overrides]
        run_build(
            workspace,
            about.stages,
            dataset=dataset,
            overrides=overrides,
            as_of=as_of,
            force=force or meant.force,
            explain=explain,
        )
        if meant.after:
            from recsys_cli.apps.opened import Opened
            from recsys_cli.config import chosen_datasets

            opened = Opened(workspace, overrides=overrides)
            for name in chosen_datasets(opened.config, dataset):
                meant.after(opened.workspace, name, snapshot_from(as_of))

    own = inspect.signature(about.own, eval_str=True).parameters
    taken = {**inspect.signature(run, eval_str=True).parameters, **own}
    last = ["as_of", "force", "explain"] if about.past else ["force", "explain"]
    parameters = [
        taken[name].replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name in ("workspace", "dataset", "overrides", *own, *last)
    ]
    vars(run).update(__signature__=inspect.Signature(parameters))
    return run
