"""What every request passes first and last: key, limits, time, counting, headers."""

from __future__ import annotations

import asyncio
import hmac
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys_cli.config import ServeConfig
from recsys_cli.serve.metrics import Metrics
from recsys_cli.serve.pagefiles import PAGE_PATHS
from recsys_cli.serve.problems import JSON, problem

OPEN_PATHS = frozenset({"/health", "/ready"}) | PAGE_PATHS
"""Asked by whatever watches over the server, and the page; they need no key, and are never
refused."""
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
        self, app: ASGIApp, *, settings: ServeConfig, metrics: Metrics, api_key: str | None
    ) -> None:
        self._app = app
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

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
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
            self._metrics.requests.labels(route, _method(scope), status).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> JSON | None:
        """What to answer without looking further."""
        if scope["path"] in OPEN_PATHS:
            return None
        headers = Headers(scope=scope)
        if self._key is not None:
            given = headers.get("x-api-key", "").encode("latin-1", "replace")
            if not hmac.compare_digest(given, self._key):
                return problem(401, "a valid key is needed", hint="send it as X-API-Key")
        if self._in_flight > self._settings.concurrency:
            return problem(503, "too many requests at a time", hint="try again")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > _DIGITS or int(length) > self._room(scope):
            return problem(413, f"the body is larger than {self._room(scope):,} bytes")
        return None

    def _room(self, scope: Scope) -> int:
        if scope["path"] in PICTURE_PATHS:
            return self._settings.image_bytes + _FORM
        return self._settings.body_bytes

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        room, left = self._room(scope), self._room(scope)
        answering = False

        async def receive_counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, f"the body is larger than {room:,} bytes")
            return message

        async def send_seen(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        settings = self._settings
        encoding = scope["path"] in ENCODER_PATHS
        limit = settings.encoder_timeout_seconds if encoding else settings.timeout_seconds
        try:
            async with asyncio.timeout(limit):
                await self._app(scope, receive_counted, send_seen)
        except TimeoutError:
            if answering:
                raise
            late = problem(503, f"this took longer than {limit:g} s", hint="try again")
            await late(scope, receive, send)


def _method(scope: Scope) -> str:
    """The method, if it is a usual one: labels must stay few."""
    method = str(scope["method"])
    return method if method in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
