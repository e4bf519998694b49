"""`/health`, `/ready` and `/metrics`: for whatever watches over the server."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.responses import Response

from recsys_cli import __version__
from recsys_cli.columns import ITEM
from recsys_cli.serve.answers import Health, Ready
from recsys_cli.serve.context import ServerContext
from recsys_cli.serve.problems import JSON
from recsys_cli.strategies import STRATEGIES


def health_routes(context: ServerContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["watching over"])

    @router.get("/health", response_model=Health)
    async def health() -> Response:
        """Whether the process runs."""
        return JSON({"status": "ok", "version": __version__})

    @router.get("/ready", response_model=Ready)
    async def ready() -> Response:
        """What can be answered, since when, and what holds a newer build back."""
        state, config = context.state, context.config
        return JSON(
            {
                "status": "ok",
                "loaded": datetime.fromtimestamp(state.loaded, UTC).isoformat(timespec="seconds"),
                "default_strategy": config.recommend.strategy,
                "default_k": config.recommend.k,
                "max_k": config.serve.max_k,
                "summaries": {name: spec.summary for name, spec in STRATEGIES.items()},
                "datasets": {
                    name: {
                        "users": len(served.artifacts.users),
                        "items": len(served.artifacts.items),
                        "strategies": served.strategies,
                        "strategy": context.usual(name)[0],
                        "similar_by": served.similar_by,
                        "columns": [c for c in served.items.columns if c != ITEM],
                        "encoders": served.space.encoders if served.space else {},
                        "examples": served.examples,
                        "built": served.built,
                        "pictures": served.items.pictured,
                        "excludes_seen": not served.spec.repurchase,
                        "ruled": served.engine.rules is not None,
                    }
                    for name, served in state.served.items()
                },
                "problems": {
                    name: {strategy: error.message for strategy, error in served.problems.items()}
                    for name, served in state.served.items()
                    if served.problems
                },
                "waiting": {name: error.message for name, error in state.waiting.items()},
                "pending": context.current.pending,
                "failed": context.current.failed,
                "live": context.live is not None,
            }
        )

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counters in Prometheus' format."""
        return Response(context.metrics.render(), media_type="text/plain; version=0.0.4")

    return router
