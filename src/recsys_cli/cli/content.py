"""`recsys similar` and `search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from recsys_cli.cli.console import TerminalProgress, print_json, print_line, print_table
from recsys_cli.cli.options import (
    HERE,
    DatasetOption,
    JsonOption,
    SetOption,
    WhereOption,
    WorkspaceOption,
    either,
)
from recsys_cli.errors import Command, UsageError

KOption = Annotated[
    int | None,
    typer.Option("-k", min=1, help="How many items.", show_default="recommend.k of the config"),
]


def similar(
    given: Annotated[
        str | None, typer.Argument(metavar="ITEM", help="Find items like this one.")
    ] = None,
    item: Annotated[
        str | None, typer.Option("--item", "-i", help="The same, for ids that start with -.")
    ] = None,
    k: KOption = None,
    where: WhereOption = None,
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    json: JsonOption = False,
) -> None:
    """List the items whose text and picture are most like an item's."""
    from recsys_cli.shop import Shop

    item = either(given, item, "--item")
    if not item:
        raise UsageError("name an item", hint=Command("similar", "ITEM"))
    with TerminalProgress() as progress:
        shop = Shop(workspace, overrides=overrides or (), progress=progress)
        answer = shop.similar(item, k=k, where=where or (), dataset=dataset)
    _show(answer, f"{item} in {answer['dataset']}", json=json)


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
            "search for words, or for a picture with --image", hint=Command("search", "red dress")
        )
    with TerminalProgress() as progress:
        shop = Shop(workspace, overrides=overrides or (), progress=progress)
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
