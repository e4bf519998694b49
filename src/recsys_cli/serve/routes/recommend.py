"""`/recommend/user`, `/recommend/item` and `/recommend/cold`."""

# The framework evaluates annotations, some of which name what a function has made: so they are
# not postponed here.

from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema
from starlette.responses import Response

from recsys_cli.columns import ITEM, USER
from recsys_cli.engine.cold import Taste
from recsys_cli.engine.engine import Filters
from recsys_cli.engine.queries import Query as Words
from recsys_cli.engine.registry import strategy_names
from recsys_cli.live.contract import MOST_AT_ONCE
from recsys_cli.live.incoming import GivenEvent, NoNul
from recsys_cli.serve.answers import NOT_FOUND, PROBLEMS, Recommended, SimilarItems
from recsys_cli.serve.bodies import ExactRoute, exact
from recsys_cli.serve.context import (
    MAX_CONDITIONS,
    MAX_LIST,
    DatasetName,
    ItemId,
    Length,
    Name,
    ServerContext,
    Text,
    UserId,
    Where,
)


def _is_known(name: str) -> str:
    if name not in strategy_names():
        raise ValueError(f"there is no such strategy; one of: {', '.join(strategy_names())}")
    return name


StrategyName = Annotated[
    str,
    AfterValidator(_is_known),
    WithJsonSchema({"type": "string", "enum": strategy_names()}),
]
Ids = Annotated[list[Annotated[Name, NoNul]], Field(max_length=MAX_LIST)]


class ColdRequest(BaseModel):
    """What somebody likes and dislikes: ids of items, words, or both."""

    liked: Ids = []
    disliked: Ids = []
    text: Text | None = None
    top_k: Length = None
    dataset: Name | None = None
    where: Annotated[list[Name], Field(max_length=MAX_CONDITIONS)] = []
    fallback: bool = True

    model_config = exact(liked=["0108775015"], disliked=[], top_k=5)


class SessionRequest(BaseModel):
    """What somebody had just now, in order, and who they are, if that is known."""

    events: Annotated[list[GivenEvent], Field(max_length=MOST_AT_ONCE)]
    user: Annotated[Name, NoNul] | None = None
    k: Length = None
    strategy: StrategyName | None = None
    dataset: Name | None = None
    where: Annotated[list[Name], Field(max_length=MAX_CONDITIONS)] = []
    exclude: Ids = []
    exclude_seen: bool | None = None
    disliked: Ids = []
    explain: bool = False

    model_config = exact(events=[{"item": "0108775015", "event": "view"}], k=5)


def recommend_routes(context: ServerContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["recommending"], responses=PROBLEMS, route_class=ExactRoute)
    TopK = Annotated[int, Query(ge=1, le=context.settings.max_k)]
    OwnTopK = Annotated[
        int | None,
        Query(ge=1, le=context.settings.max_k, description="By default as the dataset says."),
    ]
    default_k = context.default_k

    async def user(  # noqa: PLR0917  (none is passed by position)
        user: UserId,
        top_k: OwnTopK = None,
        strategy: StrategyName | None = None,
        exclude_seen: Annotated[
            bool | None,
            Query(description="Leave out what the user has; by default as the dataset says."),
        ] = None,
        where: Where = None,
        dataset: DatasetName = None,
        fallback: Annotated[
            bool, Query(description="Serve unknown users what is popular; false: 404.")
        ] = True,
        explain: Annotated[bool, Query(description="Say why each item is there.")] = False,
    ) -> Response:
        """Recommend for a user."""
        served = context.state.of(USER, user, dataset)
        k = top_k or context.usual(served.name)[1]
        strategy = strategy or context.strategy_for(served, user)
        served.check(strategy)
        if not fallback and not served.engine.since(user):
            served.row(USER, user)
        filters = Filters(exclude_seen, (), tuple(where or ()))
        with context.counting_errors(served.name, strategy):
            answer = await context.work.run(
                (served.name, strategy, bool(where), explain),
                lambda: served.engine.recommend_one(
                    user, strategy=strategy, k=k, filters=filters, explain=explain
                ),
            )
        return context.answered(answer)

    async def item(
        item: ItemId,
        top_k: TopK = default_k,
        where: Where = None,
        dataset: DatasetName = None,
        diverse: Annotated[bool, Query(description="Unlike each other, too.")] = False,
    ) -> Response:
        """List the items most like an item."""
        served = context.state.of(ITEM, item, dataset)
        filters = Filters(where=tuple(where or ()))
        answer = await context.work.run(
            (served.name, "similar", bool(where), diverse),
            lambda: served.similar.item(
                item, k=top_k, allow=served.engine.allowed(filters), diverse=diverse
            ),
        )
        return context.answered(answer)

    async def cold(asked: Annotated[ColdRequest, Body()]) -> Response:
        """Recommend for somebody new, from what they like and dislike."""
        served = context.state.dataset(asked.dataset)
        k = context.length(asked.top_k)
        words = None
        if asked.text and asked.text.strip():
            words = await context.encode(served, Words(asked.text))
        taste = Taste(asked.liked, asked.disliked, words)
        filters = Filters(where=tuple(asked.where))
        answer = await context.work.run(
            (served.name, "cold"),
            lambda: served.cold.recommend(
                taste, k=k, allow=served.engine.allowed(filters), strict=not asked.fallback
            ),
        )
        return context.answered(answer)

    async def session(asked: Annotated[SessionRequest, Body()]) -> Response:
        """Recommend for somebody from what they had just now, guests and users alike."""
        served = context.state.of_session(asked.user, asked.dataset)
        strategy = asked.strategy or context.strategy_for(served, asked.user)
        k = context.length(asked.k, name="k") if asked.k else context.usual(served.name)[1]
        served.check(strategy)
        filters = Filters(asked.exclude_seen, tuple(asked.exclude), tuple(asked.where))
        events = [event.given for event in asked.events]
        with context.counting_errors(served.name, strategy):
            answer = await context.work.run(
                (served.name, strategy, "session", bool(asked.where), asked.explain),
                lambda: served.engine.recommend_one(
                    asked.user,
                    strategy=strategy,
                    k=k,
                    filters=filters,
                    explain=asked.explain,
                    events=events,
                    disliked=asked.disliked,
                ),
            )
        return context.answered(answer)

    add = router.add_api_route
    add("/recommend/user/{user:path}", user, response_model=Recommended, responses=NOT_FOUND)
    add("/recommend/item/{item:path}", item, response_model=SimilarItems, responses=NOT_FOUND)
    add("/recommend/session", session, methods=["POST"], response_model=Recommended)
    add("/recommend/cold", cold, methods=["POST"], response_model=Recommended, responses=NOT_FOUND)
    return router
