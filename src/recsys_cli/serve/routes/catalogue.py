"""What there is: items and their pictures, users and their history, columns, evaluations."""

# The framework evaluates annotations, some of which name what a function has made: so they are
# not postponed here.

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
import polars as pl
from fastapi import APIRouter, Query
from fastapi import Path as InPath
from starlette.responses import FileResponse, Response

from recsys_cli.columns import ITEM, USER
from recsys_cli.engine.had import had
from recsys_cli.errors import UnknownIdError
from recsys_cli.live.incoming import MAX_ID
from recsys_cli.serve.answers import NOT_FOUND, PROBLEMS
from recsys_cli.serve.context import DatasetName, ItemId, ServerContext, UserId
from recsys_cli.serve.items import kind_of
from recsys_cli.serve.lookups import (
    ColumnValues,
    Evaluations,
    ExampleUsers,
    History,
    Item,
    Items,
    Users,
)
from recsys_cli.serve.problems import JSON
from recsys_cli.serve.state import Served

MAX_ROWS = 500
MAX_ITEMS = 100
_MAX_FILE = 16 << 20
_SHARES = (0.99, 0.9, 0.75, 0.5, 0.25)
"""Quantiles of the length of histories that examples are taken from."""


def catalogue_routes(context: ServerContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["looking up"], responses=PROBLEMS | NOT_FOUND)
    Limit = Annotated[int, Query(ge=1, le=MAX_ROWS)]
    Asked = Annotated[
        list[Annotated[str, Query(max_length=MAX_ID)]],
        Query(min_length=1, max_length=MAX_ITEMS, description="An item's id; may be repeated."),
    ]

    async def image(item: ItemId, dataset: DatasetName = None) -> Response:
        """The picture of an item."""
        served = context.state.of(ITEM, item, dataset)
        row = served.row(ITEM, item)
        file = await context.work.run("picture", lambda: served.items.picture(row))
        if file is None:
            raise UnknownIdError(f"item {item!r} has no picture")
        return FileResponse(
            file, media_type=kind_of(file), headers={"Cache-Control": "private, max-age=3600"}
        )

    async def one_item(item: ItemId, dataset: DatasetName = None) -> Response:
        """What is known about an item."""
        served = context.state.of(ITEM, item, dataset)
        row = served.row(ITEM, item)
        return JSON(await context.work.run("item", lambda: _item(served, item, row)))

    async def history(user: UserId, limit: Limit = 50, dataset: DatasetName = None) -> Response:
        """What a user has, newest first; of somebody new, what came since the build."""
        served = context.state.of(USER, user, dataset)
        answer = await context.work.run("history", partial(had, served.engine, user, limit=limit))
        if not answer["total"]:
            served.row(USER, user)
        return JSON(answer)

    async def users(
        query: Annotated[str, Query(max_length=MAX_ID, description="How the id begins.")] = "",
        limit: Limit = 20,
        dataset: DatasetName = None,
    ) -> Response:
        """Find users by the beginning of their ids."""
        served = context.state.dataset(dataset)
        ids = served.artifacts.users
        rows = ids.starting_with(query, limit)
        return JSON({"dataset": served.name, "users": [ids[row] for row in rows]})

    async def evaluations() -> Response:
        """Results of `recsys eval --json` in the folder that `serve.evaluations` names."""
        folder = context.workspace.root / context.settings.evaluations
        return JSON({"evaluations": await context.work.run("eval", lambda: _evaluations(folder))})

    async def items(item: Asked, dataset: DatasetName = None) -> Response:
        """What cards show of items; ids that nothing has are left out."""
        served = context.state.dataset(dataset)
        return JSON(await context.work.run("items", lambda: _items(served, item)))

    async def examples(dataset: DatasetName = None) -> Response:
        """Users with long and short histories, and one without any."""
        served = context.state.dataset(dataset)
        return JSON(await context.work.run("examples", lambda: _examples(served)))

    async def values(
        column: Annotated[str, InPath(max_length=MAX_ID, examples=["product_type_name"])],
        query: Annotated[str, Query(max_length=MAX_ID, description="What it contains.")] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_ITEMS)] = 20,
        dataset: DatasetName = None,
    ) -> Response:
        """Values of a column of the items table, most frequent first: what `where` can ask for."""
        served = context.state.dataset(dataset)
        return JSON(await context.work.run("values", lambda: _values(served, column, query, limit)))

    add = router.add_api_route
    add("/items/{item:path}/image", image, response_class=FileResponse)
    add("/items/{item:path}", one_item, response_model=Item)
    add("/users/{user:path}/history", history, response_model=History)
    add("/users", users, response_model=Users)
    add("/eval", evaluations, response_model=Evaluations)
    # What the page asks for beyond the API.
    add("/items", items, response_model=Items)
    add("/users/examples", examples, response_model=ExampleUsers)
    add("/columns/{column:path}/values", values, response_model=ColumnValues)
    return router


def _item(served: Served, item: str, row: int) -> dict[str, Any]:
    fields = served.items.row(row)
    fields.pop(ITEM, None)
    return {
        "item": item,
        "dataset": served.name,
        "name": served.artifacts.names[row],
        "image": _image_link(served, item, served.items.picture(row)),
        "fields": fields,
    }


def _image_link(served: Served, item: str, picture: Path | None) -> str | None:
    """Where an item's picture is asked for; None where it has none."""
    if picture is None:
        return None
    return f"/items/{quote(item, safe='')}/image?dataset={quote(served.name)}"


def _evaluations(folder: Path) -> list[dict[str, Any]]:
    found = []
    files = [file for file in folder.glob("*.json") if file.is_file()] if folder.is_dir() else []
    for file in sorted(files, key=lambda one: -one.stat().st_mtime_ns):
        try:
            if file.stat().st_size > _MAX_FILE:
                continue
            value = json.loads(file.read_text())
        except (OSError, ValueError, RecursionError):
            continue
        results = value if isinstance(value, list) else [value]
        if all(isinstance(one, dict) and "strategies" in one for one in results):
            found.append({"file": file.name, "results": results})
    return found


def _items(served: Served, asked: list[str]) -> dict[str, Any]:
    found = {external: served.artifacts.items.find(external) for external in asked}
    rows = {external: row for external, row in found.items() if row >= 0}
    pictures = served.items.pictures(list(rows.values()))
    cards = served.cards.of(list(rows.values()))
    return {
        "dataset": served.name,
        "items": [
            {
                "item": external,
                "name": served.artifacts.names[row],
                "image": _image_link(served, external, picture),
                "about": about,
            }
            for (external, row), picture, about in zip(rows.items(), pictures, cards, strict=True)
        ],
    }


def _examples(served: Served) -> dict[str, Any]:
    sizes = np.diff(served.engine.history.indptr)
    had = np.sort(sizes[sizes > 0])
    wanted = [int(had[int(share * (len(had) - 1))]) for share in _SHARES] if len(had) else []
    ids = served.artifacts.users
    users = []
    for size in dict.fromkeys([*wanted, 0]):
        rows = np.flatnonzero(sizes == size)
        if len(rows):
            users.append({"user": ids[int(rows[0])], "items": size})
    return {"dataset": served.name, "users": users}


def _values(served: Served, column: str, query: str, limit: int) -> dict[str, Any]:
    values = served.artifacts.item_column(column).cast(pl.String).drop_nulls()
    if query:
        values = values.filter(values.str.to_lowercase().str.contains(query.lower(), literal=True))
    counts = values.value_counts(name="items").sort("items", column, descending=[True, False])
    return {
        "dataset": served.name,
        "column": column,
        "values": [
            {"value": value, "items": items} for value, items in counts.head(limit).iter_rows()
        ],
    }
