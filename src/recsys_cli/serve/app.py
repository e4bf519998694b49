"""Puts the application together: state, limits, routes, and the page if there is one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from recsys_cli import __version__
from recsys_cli.config import Config, chosen_datasets
from recsys_cli.engine.registry import AUTO, find_strategy
from recsys_cli.live.opening import open_log
from recsys_cli.serve.context import ServerContext
from recsys_cli.serve.current import Current
from recsys_cli.serve.encoding import Encoders, Meeting
from recsys_cli.serve.gate import Gate
from recsys_cli.serve.hosts import Hosts
from recsys_cli.serve.metrics import Metrics
from recsys_cli.serve.pagefiles import PAGE_PATHS, PageFiles
from recsys_cli.serve.problems import JSON, add_handlers
from recsys_cli.serve.routes.catalogue import catalogue_routes
from recsys_cli.serve.routes.content import content_routes
from recsys_cli.serve.routes.events import event_routes
from recsys_cli.serve.routes.health import health_routes
from recsys_cli.serve.routes.overview import overview_routes
from recsys_cli.serve.routes.recommend import recommend_routes
from recsys_cli.serve.routes.rules import rule_routes
from recsys_cli.serve.shown import ShownLists
from recsys_cli.serve.work import Work
from recsys_cli.store.workspace import Workspace

log = logging.getLogger("recsys.serve")

_WRITERS = 8
"""Threads that wait for the disk, so that what they bring is committed together."""


def create_app(
    root: Path,
    config: Config,
    meeting: Meeting,
    *,
    datasets: Sequence[str] | None = None,
    api_key: str | None = None,
    apart: bool = False,
) -> FastAPI:
    """The ASGI application over one workspace.

    Args:
        root: the workspace.
        config: settings, those of [serve] among them.
        meeting: where this process meets others of the same server.
        datasets: which to serve; None means all.
        api_key: what callers have to send as X-API-Key; None asks for none.
        apart: see `Current`.

    Raises:
        ArtifactError: nothing can be recommended yet.
        ConfigError: a host that is allowed is none.
    """
    workspace, metrics, settings = Workspace(root), Metrics(), config.serve

    def told(result: str, why: str) -> None:
        metrics.reloads.labels(result).inc()
        log.log(
            logging.WARNING if result == "failed" else logging.INFO, "new build %s: %s", result, why
        )
        if result == "adopted":
            metrics.loaded.set_to_current_time()

    hosts = Hosts(settings.allowed_hosts, listens_on=settings.host, keyed=api_key is not None)
    for strategy in settings.split:
        if strategy != AUTO:
            find_strategy(strategy)
    names = list(datasets or chosen_datasets(config))
    live = open_log(root, config.live) if config.live.enabled else None
    context = ServerContext(
        workspace=workspace,
        config=config,
        current=Current(
            workspace, config, names, meeting.folder, live=live, apart=apart, told=told
        ),
        work=Work(threads=settings.threads, queue=settings.concurrency, name="answers"),
        encoding=Work(threads=2, queue=settings.encoder_queue, name="encoders"),
        taking=Work(threads=_WRITERS, queue=settings.concurrency, name="events"),
        encoders=Encoders(root, config, meeting),
        live=live,
        shown=ShownLists(live, metrics) if live and settings.log_lists else None,
        metrics=metrics,
    )
    metrics.loaded.set_to_current_time()
    app = FastAPI(
        title="recsys",
        version=__version__,
        description="Recommendations, similar items and search over one workspace.",
        lifespan=lambda _app: _life(context),
        # Their pages load scripts from elsewhere; /openapi.json is there.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    add_handlers(app)
    for routes in (
        health_routes,
        recommend_routes,
        rule_routes,
        content_routes,
        catalogue_routes,
        overview_routes,
    ):
        app.include_router(routes(context))
    if context.live:
        app.include_router(event_routes(context, context.live))
    _add_page(app)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors,
            allow_methods=["GET", "POST"],
            allow_headers=["X-API-Key", "Content-Type"],
        )
    app.add_middleware(Gate, settings=settings, metrics=metrics, hosts=hosts, api_key=api_key)
    return app


@asynccontextmanager
async def _life(context: ServerContext) -> AsyncIterator[None]:
    """Look for newer builds while the server runs."""
    watching = asyncio.create_task(_watch(context))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        context.work.close()
        context.encoding.close()
        context.taking.close()
        if context.shown:
            await asyncio.to_thread(context.shown.close)
        if context.live:
            context.live.close()
        await asyncio.to_thread(context.encoders.close)


async def _watch(context: ServerContext) -> None:
    pause = context.settings.reload_every
    while pause:
        await asyncio.sleep(pause)
        try:
            await asyncio.to_thread(context.current.refresh)
            context.metrics.build_failed.set(context.current.failed is not None)
        except Exception:
            # Whatever is wrong with the new build, the old one goes on.
            log.exception("looking for a newer build failed")


def _add_page(app: FastAPI) -> None:
    if "/index.html" in PAGE_PATHS:
        files = PageFiles()
        for path in sorted(PAGE_PATHS):
            app.add_route(path, files.file, methods=["GET"], include_in_schema=False)
        return

    @app.get("/", include_in_schema=False)
    async def _root() -> Response:
        return JSON({"name": "recsys", "version": __version__, "api": "/openapi.json"})
