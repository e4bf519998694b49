"""`/overview`: what the lists of a dataset are made of, and how old what they are made from is."""

# See `recommend` for why annotations are not postponed here.

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from recsys_cli.engine.overview import Lists, by_category, category_choices, drawn_lists, totals
from recsys_cli.errors import no_column
from recsys_cli.live.incoming import MAX_ID
from recsys_cli.moments import iso, parsed_moment
from recsys_cli.serve.answers import NOT_FOUND, PROBLEMS
from recsys_cli.serve.context import DatasetName, ServerContext
from recsys_cli.serve.lookups import Overview
from recsys_cli.serve.problems import JSON
from recsys_cli.serve.routes.recommend import StrategyName
from recsys_cli.serve.state import Served


def overview_routes(context: ServerContext) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["looking up"], responses=PROBLEMS | NOT_FOUND)

    async def overview(
        strategy: StrategyName | None = None,
        column: Annotated[
            str | None, Query(max_length=MAX_ID, description="Of the items table, to group by.")
        ] = None,
        dataset: DatasetName = None,
    ) -> Response:
        """Best sellers, coverage by category, fallbacks and freshness, over users at random."""
        served = context.state.dataset(dataset)
        usual, k = context.usual(served.name)
        asked = strategy or usual
        served.check(asked)
        if column is not None and column not in served.items.columns:
            raise no_column(served.name, column, served.items.columns)

        def look() -> dict[str, Any]:
            if asked not in served.drawn:
                served.drawn[asked] = drawn_lists(served.engine, strategy=asked, k=k)
            return _overview(served, served.drawn[asked], column)

        submitted = context.work.submit((served.name, asked, "overview"), look)
        found = await asyncio.wrap_future(submitted)
        return JSON({"dataset": served.name, "strategy": asked, "k": k} | found)

    router.add_api_route("/overview", overview, response_model=Overview)
    return router


def _overview(served: Served, lists: Lists, column: str | None) -> dict[str, Any]:
    engine = served.engine
    columns = category_choices(engine)
    column = column or next(iter(columns), None)
    sold = engine.sold()
    ingested = served.artifacts.manifests.get("ingest")
    last = ingested.facts.get("last") if ingested else None
    return {
        "lists": len(lists.items),
        "served_by": [{"name": name, "share": part} for name, part in lists.served_by.items()],
        "fallbacks": [{"name": why, "share": part} for why, part in lists.fallbacks.items()],
        **totals(engine, lists),
        "events_until": last and iso(parsed_moment(last)),
        "built": served.built,
        "live": None if sold is None else sum(one.events for one in sold),
        "column": column,
        "columns": columns,
        "categories": by_category(engine, column, lists),
    }
