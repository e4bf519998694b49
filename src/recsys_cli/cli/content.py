"""`recsys embed`, `index`, `usermodel`, `similar` and `search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from recsys_cli.cli.app import Recsys, app
from recsys_cli.cli.console import TerminalProgress, print_json, print_line, print_table
from recsys_cli.cli.options import (
    HERE,
    AsOfOption,
    DatasetOption,
    ExplainOption,
    ForceOption,
    JsonOption,
    SetOption,
    WhereOption,
    WorkspaceOption,
)
from recsys_cli.cli.session import open_workspace, run_build
from recsys_cli.errors import UsageError

embed = Recsys(no_args_is_help=True, help="Vectors of items' texts and pictures.")
app.add_typer(embed, name="embed")

KOption = Annotated[
    int | None,
    typer.Option("-k", min=1, help="How many items.", show_default="recommend.k of the config"),
]


@embed.command()
def text(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    force: ForceOption = False,
    explain: ExplainOption = False,
) -> None:
    """Encode items' texts; what was encoded before is not encoded again."""
    run_build(
        workspace,
        ["embed.text"],
        dataset=dataset,
        overrides=overrides,
        force=force,
        explain=explain,
    )


@embed.command()
def image(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    force: ForceOption = False,
    explain: ExplainOption = False,
) -> None:
    """Encode items' pictures; what was encoded before is not encoded again."""
    run_build(
        workspace,
        ["embed.image"],
        dataset=dataset,
        overrides=overrides,
        force=force,
        explain=explain,
    )


@app.command()
def index(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    force: ForceOption = False,
    explain: ExplainOption = False,
) -> None:
    """Join text and picture vectors and index them, per dataset and over all datasets."""
    from recsys_cli.config import chosen_datasets
    from recsys_cli.strategies.content.stages import index_stages

    _, config = open_workspace(workspace, overrides)
    run_build(
        workspace,
        index_stages(config, chosen_datasets(config, dataset)),
        dataset=dataset,
        overrides=overrides,
        force=force,
        explain=explain,
    )


@app.command()
def usermodel(
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    as_of: AsOfOption = None,
    force: ForceOption = False,
    explain: ExplainOption = False,
) -> None:
    """Make users' vectors from the items they had."""
    run_build(
        workspace,
        ["usermodel"],
        dataset=dataset,
        overrides=overrides,
        as_of=as_of,
        force=force,
        explain=explain,
    )


@app.command()
def similar(
    item: Annotated[str, typer.Option("--item", "-i", help="Find items like this one.")],
    k: KOption = None,
    where: WhereOption = None,
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    json: JsonOption = False,
) -> None:
    """List the items whose text and picture are most like an item's."""
    from recsys_cli.shop import Shop

    shop = Shop(workspace, overrides=overrides or (), progress=TerminalProgress())
    answer = shop.similar(item, k=k, where=where or (), dataset=dataset)
    _show(answer, f"{item} in {answer['dataset']}", json=json)


@app.command()
def search(
    words: Annotated[str | None, typer.Argument(help="What to look for, in words.")] = None,
    picture: Annotated[
        Path | None, typer.Option("--image", help="Look for items that look like this picture.")
    ] = None,
    k: KOption = None,
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Search items of one or all datasets by words or by a picture."""
    from recsys_cli.shop import Shop

    if (words is None) == (picture is None):
        raise UsageError(
            "search for words, or for a picture with --image", hint='recsys search "red dress"'
        )
    shop = Shop(workspace, overrides=overrides or (), progress=TerminalProgress())
    answer = shop.search(words, image=picture, k=k, dataset=dataset)
    _show(answer, f"{answer['query']} in {answer['dataset']}", json=json)


def _show(answer: dict[str, Any], title: str, *, json: bool) -> None:
    if json:
        print_json(answer)
        return
    print_line(title)
    several = answer["dataset"] == "all"
    print_table(
        ["rank", *(["dataset"] if several else []), "item", "name", "score", "source"],
        [
            [
                found["rank"],
                *([found["dataset"]] if several else []),
                found["item"],
                found["name"],
                f"{found['score']:.4g}",
                ", ".join(found["sources"]),
            ]
            for found in answer["items"]
        ],
        right=["rank", "score"],
    )
