"""What the page asks for beyond the API: many items at once, users to begin with, values."""

# The framework evaluates annotations, some of which name what a function has made: so they are
# not postponed here.

from typing import Annotated, Any

import numpy as np
import polars as pl
from fastapi import APIRouter, Query
from fastapi import Path as InPath
from starlette.responses import Response

from recsys_cli.serve.answers import NOT_FOUND, PROBLEMS
from recsys_cli.serve.context import MAX_ID, DatasetName, ServerContext
from recsys_cli.serve.lookups import ColumnValues, ExampleUsers, Items
from recsys_cli.serve.problems import JSON
from recsys_cli.serve.routes.catalogue import image_link
from recsys_cli.serve.state import Served

MAX_ITEMS = 100
_SHARES = (0.99, 0.9, 0.75, 0.5, 0.25)
"""Quantiles of the length of histories that examples are taken from."""


def explorer_routes(context: ServerContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["looking up"], responses=PROBLEMS | NOT_FOUND)
    Asked = Annotated[
        list[Annotated[str, Query(max_length=MAX_ID)]],
        Query(min_length=1, max_length=MAX_ITEMS, description="An item's id; may be repeated."),
    ]

    async def items(item: Asked, dataset: DatasetName = None) -> Response:
        """Names and pictures of items; ids that nothing has are left out."""
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

    router.add_api_route("/items", items, response_model=Items)
    router.add_api_route("/users/examples", examples, response_model=ExampleUsers)
    router.add_api_route("/columns/{column:path}/values", values, response_model=ColumnValues)
    return router


def _items(served: Served, asked: list[str]) -> dict[str, Any]:
    found = {external: served.artifacts.items.find(external) for external in asked}
    rows = {external: row for external, row in found.items() if row >= 0}
    pictures = served.items.pictures(list(rows.values()))
    return {
        "dataset": served.name,
        "items": [
            {
                "item": external,
                "name": served.artifacts.names[row],
                "image": image_link(served, external, picture),
            }
            for (external, row), picture in zip(rows.items(), pictures, strict=True)
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
