"""What every request passes first and last: host, key, limits, time, counting, headers."""

from __future__ import annotations

import asyncio
import hmac
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys_cli.config import ServeConfig
from recsys_cli.serve.hosts import Hosts
from recsys_cli.serve.metrics import Metrics
from recsys_cli.serve.pagefiles import PAGE_PATHS
from recsys_cli.serve.problems import JSON, problem

OPEN_PATHS = frozenset({"/health", "/ready"}) | PAGE_PATHS
"""Asked by whatever watches over the server, and the page; they need no key, and are never too
many."""
NEVER_TOO_MANY = OPEN_PATHS | {"/metrics"}
PICTURE_PATHS = frozenset({"/recommend/from_image", "/embed/image"})
ENCODER_PATHS = PICTURE_PATHS | {"/recommend/from_text", "/recommend/cold", "/recommend/catalog"}
_DIGITS = 18
_FORM = 16 << 10
"""Bytes that a form may add to the picture in it."""
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
}


class Gate:
    """ASGI middleware around the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: ServeConfig,
        metrics: Metrics,
        hosts: Hosts,
        api_key: str | None,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._settings = settings
        self._metrics = metrics
        self._key = api_key.encode() if api_key else None
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        method = scope["method"]
        if method == "HEAD":
            # Answered as GET is; the server that this runs in leaves out the body.
            scope = {**scope, "method": "GET"}

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        self._in_flight += 1
        self._metrics.in_flight.inc()
        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, send_noted)
            else:
                await self._limited(scope, receive, send_noted)
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.dec()
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, _known(method), status).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> JSON | None:
        """What to answer without looking further."""
        headers = Headers(scope=scope)
        wrong = self._hosts.problem(headers.getlist("host"), scope["http_version"])
        if wrong is not None:
            return problem(400, wrong[0], hint=wrong[1])
        if self._key is not None and scope["path"] not in OPEN_PATHS:
            given = headers.get("x-api-key", "").encode("latin-1", "replace")
            if not hmac.compare_digest(given, self._key):
                return problem(401, "a valid key is needed", hint="send it as X-API-Key")
        if self._in_flight > self._settings.concurrency and scope["path"] not in NEVER_TOO_MANY:
            return problem(503, "too many requests at a time", hint="try again")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > _DIGITS or int(length) > self._room(scope):
            return problem(*self._too_large(scope))
        return None

    def _room(self, scope: Scope) -> int:
        if scope["path"] in PICTURE_PATHS:
            return self._settings.image_bytes + _FORM
        return self._settings.body_bytes

    def _too_large(self, scope: Scope) -> tuple[int, str]:
        """The answer to a body beyond its bound; a picture's is a field like any other."""
        if scope["path"] in PICTURE_PATHS:
            return 422, f"image: it is larger than {self._settings.image_bytes:,} bytes"
        return 413, f"the body is larger than {self._settings.body_bytes:,} bytes"

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        left, coming, answering = self._room(scope), True, False
        encoding = scope["path"] in ENCODER_PATHS
        settings, loop = self._settings, asyncio.get_running_loop()
        limit = settings.encoder_timeout_seconds if encoding else settings.timeout_seconds

        async def receive_counted() -> Message:
            nonlocal left, coming
            if not coming:
                return await receive()
            # Bodies come as fast as their caller's link allows, which `Connection` bounds.
            clock.reschedule(None)
            message = await receive()
            clock.reschedule(loop.time() + limit)
            coming = message.get("more_body", False)
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(*self._too_large(scope))
            return message

        async def send_seen(message: Message) -> None:
            nonlocal answering
            if not answering:
                answering = True
                # The same goes for answers.
                clock.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(limit) as clock:
                await self._app(scope, receive_counted, send_seen)
        except TimeoutError:
            if answering:
                raise
            late = problem(503, f"this took longer than {limit:g} s", hint="try again")
            await late(scope, receive, send)


def _known(method: str) -> str:
    """The method, if it is a usual one: labels must stay few."""
    return method if method in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
