"""Errors as JSON: `{"error": …, "hint": …}` with a status, never a trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recsys_cli.errors import (
    ArtifactError,
    BusyError,
    ConfigError,
    DataError,
    FieldsError,
    LockedError,
    LogError,
    RecsysError,
    UnknownIdError,
    UsageError,
)

log = logging.getLogger("recsys.serve")

# The first that fits counts.
_STATUS: tuple[tuple[type[RecsysError], int], ...] = (
    (UnknownIdError, 404),
    (ConfigError, 409),
    (UsageError, 422),
    (DataError, 422),
    (ArtifactError, 409),
    (BusyError, 503),
    (LockedError, 503),
    (LogError, 503),
)
_BUSY = 503


class JSON(Response):
    """A value as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """As bytes; what has no JSON form becomes text."""
        return orjson.dumps(content, default=str, option=orjson.OPT_NON_STR_KEYS)


def problem(
    status: int,
    error: str,
    *,
    hint: str | None = None,
    fields: Sequence[Mapping[str, str]] | None = None,
) -> JSON:
    """An answer that says what is wrong, and what to do about it."""
    body: dict[str, Any] = {"error": _printable(error), "hint": hint and _printable(hint)}
    if fields is not None:
        body["fields"] = list(fields)
    return JSON(body, status, headers={"Retry-After": "1"} if status == _BUSY else None)


def add_handlers(app: FastAPI) -> None:
    """Have every error of `app` answered in this form."""

    @app.exception_handler(RecsysError)
    async def _known(_request: Request, error: RecsysError) -> Response:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        fields = None
        if isinstance(error, FieldsError):
            fields = [{"field": _printable(f), "problem": _printable(w)} for f, w in error.fields]
        return problem(status, error.message, hint=error.hint, fields=fields)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        fields = [
            {
                "field": ".".join(_printable(str(part)) for part in one["loc"]),
                "problem": _printable(str(one["msg"])),
            }
            for one in error.errors()
        ]
        first = fields[0] if fields else {"field": "request", "problem": "is not valid"}
        return problem(422, f"{first['field']}: {first['problem']}", fields=fields)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        answer = problem(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        if "GET" in answer.headers.get("Allow", ""):
            answer.headers["Allow"] = "GET, HEAD"
        return answer

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        log.exception("unexpected error in %s %s", request.method, request.url.path, exc_info=error)
        return problem(500, "something went wrong in the server", hint="its log says what")


def _printable(text: str) -> str:
    """Text that has a form in UTF-8."""
    return text.encode("utf-8", "replace").decode()
