"""What there is: items and their pictures, users and their history, evaluations."""

# The framework evaluates annotations, some of which name what a function has made: so they are
# not postponed here.

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import FileResponse, Response

from recsys_cli.columns import ITEM
from recsys_cli.errors import UnknownIdError
from recsys_cli.serve.answers import NOT_FOUND, PROBLEMS
from recsys_cli.serve.context import MAX_ID, DatasetName, ItemId, ServerContext, UserId
from recsys_cli.serve.items import kind_of
from recsys_cli.serve.lookups import Evaluations, History, Item, Users
from recsys_cli.serve.problems import JSON
from recsys_cli.serve.state import Served

MAX_ROWS = 500
_MAX_FILE = 16 << 20


def catalogue_routes(context: ServerContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["looking up"], responses=PROBLEMS | NOT_FOUND)
    Limit = Annotated[int, Query(ge=1, le=MAX_ROWS)]

    async def image(item: ItemId, dataset: DatasetName = None) -> Response:
        """The picture of an item."""
        served = context.state.of_item(item, dataset)
        row = served.item(item)
        file = await context.work.run("picture", lambda: served.items.picture(row))
        if file is None:
            raise UnknownIdError(f"item {item!r} has no picture")
        return FileResponse(
            file, media_type=kind_of(file), headers={"Cache-Control": "private, max-age=3600"}
        )

    async def one_item(item: ItemId, dataset: DatasetName = None) -> Response:
        """What is known about an item."""
        served = context.state.of_item(item, dataset)
        row = served.item(item)
        return JSON(await context.work.run("item", lambda: _item(served, item, row)))

    async def history(user: UserId, limit: Limit = 50, dataset: DatasetName = None) -> Response:
        """What a user has, newest first."""
        served = context.state.of_user(user, dataset)
        row = served.user(user)
        return JSON(await context.work.run("history", lambda: _history(served, user, row, limit)))

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

    add = router.add_api_route
    add("/items/{item:path}/image", image, response_class=FileResponse)
    add("/items/{item:path}", one_item, response_model=Item)
    add("/users/{user:path}/history", history, response_model=History)
    add("/users", users, response_model=Users)
    add("/eval", evaluations, response_model=Evaluations)
    return router


def _item(served: Served, item: str, row: int) -> dict[str, Any]:
    fields = served.items.row(row)
    fields.pop(ITEM, None)
    return {
        "item": item,
        "dataset": served.name,
        "name": served.artifacts.names[row],
        "image": image_link(served, item, served.items.picture(row)),
        "fields": fields,
    }


def image_link(served: Served, item: str, picture: Path | None) -> str | None:
    """Where an item's picture is asked for; None where it has none."""
    if picture is None:
        return None
    return f"/items/{quote(item, safe='')}/image?dataset={quote(served.name)}"


def _history(served: Served, user: str, row: int, limit: int) -> dict[str, Any]:
    pack = served.artifacts.pack("interactions")
    span = slice(int(pack["indptr"][row]), int(pack["indptr"][row + 1]))
    items, last = np.asarray(pack["indices"][span]), np.asarray(pack["last"][span])
    weights = np.asarray(pack["weight"][span])
    order = np.lexsort((items, -last.astype(np.int64)))[:limit]
    ids, names = served.artifacts.items, served.artifacts.names
    return {
        "user": user,
        "dataset": served.name,
        "total": len(items),
        "items": [
            {
                "item": ids[int(items[at])],
                "name": names[int(items[at])],
                "weight": float(str(weights[at])),
                "last": _time(int(last[at])),
            }
            for at in order
        ],
    }


def _time(seconds: int) -> str | None:
    """ISO 8601, UTC; None for 0, which stands for no time."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
