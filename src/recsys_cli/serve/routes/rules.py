"""`/rules` and `/recommend/preview`: what is decided of lists, and lists under other decisions."""

# See `recommend` for why annotations are not postponed here.

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import Field
from starlette.responses import Response

from recsys_cli.config.rules import RulesConfig
from recsys_cli.counted import counted
from recsys_cli.engine.engine import Filters
from recsys_cli.errors import ConfigError, UsageError
from recsys_cli.live.contract import MOST_AT_ONCE
from recsys_cli.live.incoming import GivenEvent
from recsys_cli.serve.answers import NOT_FOUND, PROBLEMS, Previewed, RulesThere
from recsys_cli.serve.bodies import ExactRoute, exact
from recsys_cli.serve.context import MAX_WORDS, DatasetName, ServerContext
from recsys_cli.serve.problems import JSON
from recsys_cli.serve.routes.recommend import SessionRequest
from recsys_cli.serve.state import Served

MAX_RULES = 50


class PreviewRequest(SessionRequest):
    """Whose list, and the rules to try in place of those of recsys.toml."""

    events: Annotated[list[GivenEvent], Field(default=[], max_length=MOST_AT_ONCE)]
    rules: RulesConfig

    model_config = exact(
        user="123", rules={"cap": [{"column": "product_type_name", "most": 3}]}, k=5
    )


def rule_routes(context: ServerContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["rules"], responses=PROBLEMS | NOT_FOUND, route_class=ExactRoute)

    async def rules(dataset: DatasetName = None) -> Response:
        """What recsys.toml decides of every list of a dataset."""
        served = context.state.dataset(dataset)
        config = served.engine.rules_config
        return JSON(
            {
                "dataset": served.name,
                "names": config.names(),
                "rules": config.model_dump(exclude_none=True),
                "toml": _toml(context, served, config),
            }
        )

    async def preview(asked: Annotated[PreviewRequest, Body()]) -> Response:
        """A list as it would be under other rules, and the lines that make them those of all.

        Nothing is written, and the list counts as shown to nobody.
        """
        served = context.state.of_session(asked.user, asked.dataset)
        strategy = asked.strategy or context.strategy_for(served, asked.user)
        k = context.length(asked.k, name="k") if asked.k else context.usual(served.name)[1]
        served.check(strategy)
        _refuse_many(asked.rules)
        filters = Filters(asked.exclude_seen, tuple(asked.exclude), tuple(asked.where))

        def answer() -> dict[str, Any]:
            try:
                engine = served.engine.under(asked.rules)
            except ConfigError as error:
                raise UsageError(f"body.rules: {error.message}", hint=error.advice) from None
            return engine.recommend_one(
                asked.user,
                strategy=strategy,
                k=k,
                filters=filters,
                explain=asked.explain,
                events=[event.given for event in asked.events],
                disliked=asked.disliked,
            )

        with context.counting_errors(served.name, strategy):
            # Never in the event loop: what rules cost is up to who asks.
            submitted = context.work.submit((served.name, strategy, "preview"), answer)
            found = await asyncio.wrap_future(submitted)
        found["toml"] = _toml(context, served, asked.rules)
        return context.answered(found, shown=False)

    router.add_api_route("/rules", rules, response_model=RulesThere)
    router.add_api_route("/recommend/preview", preview, methods=["POST"], response_model=Previewed)
    return router


def _toml(context: ServerContext, served: Served, rules: RulesConfig) -> str:
    """The lines of recsys.toml that make these the dataset's rules, wherever it has its own."""
    datasets = context.config.datasets
    if len(datasets) > 1 or getattr(datasets[served.name], "rules", None):
        header = ("datasets", served.name, "rules")
        return rules.to_toml(header, over=context.config.rules)
    return rules.to_toml(("rules",))


def _refuse_many(rules: RulesConfig) -> None:
    if len(rules.names()) > MAX_RULES:
        raise UsageError(f"body.rules: there are more than {MAX_RULES}")
    if any(len(text) > MAX_WORDS for text in rules.conditions()):
        longest = counted(MAX_WORDS, "characters")
        raise UsageError(f"body.rules: a condition has more than {longest}")
