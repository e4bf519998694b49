"""The explorer page's files: which there are, and how they are sent."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

PAGE = Path(__file__).parent / "page"
"""Static files of the page at /."""
PAGE_PATHS = frozenset(
    {"/"} | {f"/{file.relative_to(PAGE).as_posix()}" for file in PAGE.rglob("*") if file.is_file()}
)
"""Where they are asked for. They hold no data, and ask for the key that the rest needs."""


class PageFiles(StaticFiles):
    """The folder's files."""

    def __init__(self) -> None:
        super().__init__(directory=PAGE, html=True)

    async def file(self, request: Request) -> Response:
        """A file that browsers ask about again each time: modules of two releases do not mix."""
        answer = await self.get_response(self.get_path(request.scope), request.scope)
        answer.headers["Cache-Control"] = "no-cache"
        return answer
