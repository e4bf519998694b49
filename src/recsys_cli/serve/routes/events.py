"""`/events`: what users do, kept before the answer says so."""

# See `recommend` for why annotations are not postponed here.

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field, WithJsonSchema
from starlette.responses import Response

from recsys_cli.columns import USER
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.live.contract import MOST_AT_ONCE, EventLog
from recsys_cli.live.incoming import IncomingEvent, read_events
from recsys_cli.serve.answers import NOT_FOUND, PROBLEMS
from recsys_cli.serve.bodies import ExactRoute, exact
from recsys_cli.serve.context import Name, ServerContext
from recsys_cli.serve.lookups import Taken
from recsys_cli.serve.problems import JSON

Records = Annotated[
    list[Any],
    Field(max_length=MOST_AT_ONCE),
    WithJsonSchema(
        {
            "type": "array",
            "maxItems": MOST_AT_ONCE,
            "items": IncomingEvent.model_json_schema(),
        }
    ),
]


class EventsRequest(BaseModel):
    """Events of one or several users, taken whole or refused whole."""

    events: Records
    dataset: Name | None = None

    model_config = exact(
        events=[{"user": "123", "item": "0108775015", "id": "makes a resend harmless"}]
    )


def event_routes(context: ServerContext, log: EventLog) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["events"], responses=PROBLEMS, route_class=ExactRoute)

    async def take(asked: Annotated[EventsRequest, Body()]) -> Response:
        """Keep events, so that the next answers know of them."""
        state = context.state
        if asked.dataset is not None:
            state.dataset(asked.dataset)

        def spec_of(user: str, dataset: str | None) -> DatasetSpec:
            return state.of(USER, user, dataset or asked.dataset).spec

        def taken() -> dict[str, int]:
            events = read_events(asked.events, spec_of, place=lambda n: f"body.events.{n}.")
            accepted, duplicates = log.append(events)
            items = {name: served.artifacts.items for name, served in state.served.items()}
            known = sum(items[event.dataset].find(event.item) >= 0 for event in events)
            return {"accepted": accepted, "known_items": known, "duplicates": duplicates}

        answer = await asyncio.wrap_future(context.taking.submit("events", taken))
        for result in ("accepted", "duplicates"):
            context.metrics.events.labels(result).inc(answer[result])
        return JSON(answer, 202)

    router.add_api_route(
        "/events",
        take,
        methods=["POST"],
        status_code=202,
        response_model=Taken,
        responses=NOT_FOUND,
    )
    return router
