"""JSON bodies, read to the letter: what two readers could take for different things is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recsys_cli.errors import DataError

_SHOWN = 100


def exact(**example: Any) -> ConfigDict:
    """Settings of what a body holds, with an example: nothing else, and of no other type."""
    shown: Any = {"examples": [example]} if example else None
    return ConfigDict(extra="forbid", strict=True, json_schema_extra=shown)


class ExactRequest(Request):
    """A request whose body is read so."""

    async def json(self) -> Any:
        """The body's value.

        Raises:
            HTTPException: it is no JSON, or says something twice.
        """
        if not hasattr(self, "_json"):
            self._json = _loads(await self.body())
        return self._json


class ExactRoute(APIRoute):
    """A route that reads bodies so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI."""
        handle = super().get_route_handler()

        async def exactly(request: Request) -> Response:
            return await handle(ExactRequest(request.scope, request.receive))

        return exactly


def _loads(body: bytes) -> Any:
    try:
        text = body.decode()
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError:
        raise
    except DataError as error:
        raise HTTPException(422, f"body: {error.message}") from None
    except UnicodeDecodeError:
        raise HTTPException(422, "body: it is not UTF-8") from None
    except RecursionError:
        raise HTTPException(422, "body: it is too deep") from None
    except ValueError:
        raise HTTPException(422, "body: a number in it has too many digits") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DataError(f"it names {key[:_SHOWN]!r} twice")
        found[key] = value
    return found


def _constant(name: str) -> Any:
    raise DataError(f"{name} is not a number in JSON")
