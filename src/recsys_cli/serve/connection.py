"""One caller's connection: what may come in, how much of it, and how long it may take.

Bytes come in, requests go to the application one at a time. uvicorn's protocol does the parsing
and the answers; this class holds a request back until its head (request line and headers) is
there in full, and bounds what uvicorn leaves open: the head's size and number of headers, what
chunks cost beside what they carry, the time that heads, bodies and answers may take, and how many
connections wait. Whatever is refused here is answered in the same form as everywhere else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from recsys_cli.config import ServeConfig
from recsys_cli.serve.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_HEADERS = 100
SLOWEST = 16 << 10
"""Bytes per second below which a body, or the reader of an answer, counts as stuck."""
_PIECE = 16 << 10
_FRAMES = 8
"""How many bytes of framing a chunked body may spend on each byte of its own."""
_HEAD_END = re.compile(rb"\n\r?\n")

_HEAD, _BODY, _ANSWER, _OVER = range(4)
"""What a connection waits for: a head, a body, an answer, or its end, when nothing is read."""


class _Stop(Exception):
    """Ends the parser's work on what came after the last request."""


class _Refusal(Exception):
    """What was sent is not taken; the text says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class _Out:
    """What an answer is written to: the transport, except for how it closes."""

    def __init__(self, transport: asyncio.Transport, closed: Callable[[], bool]) -> None:
        self.write = transport.write
        self.is_closing = closed
        self.close: Callable[[], None]


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, with bounds."""

    def __init__(self, *arguments: Any, limits: ServeConfig, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # Nothing here speaks WebSocket; who asks for it gets an ordinary answer.
        self.ws_protocol_class = None
        self.app = cast(Any, partial(self._asked, cast("ASGIApp", self.app)))
        self._limits = limits
        self._waits_for = _HEAD
        self._came = bytearray()
        self._seen = 0
        self._skipped = 0
        self._left: int | None = 0
        self._body = self._framing = self._marked = 0
        self._refusal: _Refusal | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._out: _Out
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection; the one that has waited longest makes room where there is none."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._out = _Out(self.transport, self._closed)
        self._out.close = self.end
        self._since = self.loop.time()
        if len(self.connections) > self._limits.connections:
            others = (one for one in self.connections if isinstance(one, Connection))
            # Whom the server owes an answer stays; those without a request go first, then by age.
            idle = [one for one in others if one is not self and one._waits_for != _ANSWER]
            idle.sort(key=lambda one: (one._waits_for == _BODY, one._since))
            next(iter(idle), self).transport.abort()
        self._wait(self._limits.header_timeout_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._cancel_reading()
        self._cancel_writing()
        self._waits_for = _OVER
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Keep what came, and parse what may be parsed now."""
        if self._closed():
            return
        self._unset_keepalive_if_required()
        self._came += data
        self._parse()

    def pause_writing(self) -> None:
        """Watch that a slow reader goes on reading."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """Stop watching."""
        super().resume_writing()
        if self._waits_for != _OVER:
            self._cancel_writing()

    def shutdown(self) -> None:
        """Close once nothing is being answered."""
        if self._waits_for == _OVER:
            self.transport.abort()
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which no further request came."""
        self.end()

    def _parse(self) -> None:
        try:
            while self._came and self._waits_for in (_HEAD, _BODY):
                piece = self._head() if self._waits_for == _HEAD else self._part()
                if not piece:
                    break
                self._feed(piece)
        except _Refusal as refusal:
            self._refuse(refusal.status, refusal.why)
            return
        if self._waits_for == _HEAD and self._reading is None:
            self._wait(self._limits.header_timeout_seconds)
        if self._waits_for == _ANSWER and self._came:
            # The next request waits for its turn, and the caller with the one after it.
            self.flow.pause_reading()

    def _head(self) -> bytes:
        """A whole head; empty while it is not there in full."""
        limit = self._limits.header_bytes
        end = _HEAD_END.search(self._came, max(0, self._seen - 2))
        size = end.end() if end else len(self._came)
        if size + self._skipped > limit:
            raise _Refusal(431, f"request line and headers are larger than {limit:,} bytes")
        self._seen = 0 if end else size
        return self._take(size) if end else b""

    def _part(self) -> bytes:
        """Some of a body, and nothing beyond it where its length is known."""
        size = _PIECE if self._left is None else self._left
        return self._take(min(size, len(self._came)))

    def _take(self, size: int) -> bytes:
        piece = bytes(self._came[:size])
        del self._came[:size]
        return piece

    def _feed(self, piece: bytes) -> None:
        """Have the parser read a piece.

        Raises:
            _Refusal: it is not HTTP, or beyond a bound.
        """
        chunked, body = self._waits_for == _BODY and self._left is None, self._body
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            if self._refusal is not None:
                raise self._refusal from None
            if self._waits_for != _OVER and not self._last():
                raise _Refusal(400, "this is not valid HTTP") from None
        if self._waits_for == _HEAD:
            self._skipped += len(piece)
        if chunked:
            self._framing += len(piece) - (self._body - body)
            if self._framing > self._limits.header_bytes + _FRAMES * self._body:
                raise _Refusal(431, "the chunks of the body cost more than they carry")

    def _last(self) -> bool:
        """Whether no request may follow the one that is being answered."""
        return self._waits_for == _ANSWER and not self.cycle.keep_alive

    def on_message_begin(self) -> None:
        """See uvicorn; nothing begins where it has no business to."""
        if self._waits_for != _HEAD:
            raise _Stop
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those after a body would change those that were looked at."""
        if self._waits_for != _HEAD:
            return
        if len(self.headers) >= MAX_HEADERS:
            self._refusal = _Refusal(431, f"there are more than {MAX_HEADERS} headers")
            raise self._refusal
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start answering."""
        self._cancel_reading()
        self._name_host()
        self._skipped = self._body = self._framing = self._marked = 0
        given = dict(self.headers)
        self._left = None if b"transfer-encoding" in given else int(given.get(b"content-length", 0))
        super().on_headers_complete()
        self._waits_for = _BODY
        self._since = self.loop.time()
        self.cycle.transport = cast(asyncio.Transport, self._out)
        if self._left is None or self.parser.should_upgrade():
            # Where such a request ends is the parser's secret, so nothing may follow it.
            self.cycle.keep_alive = False
        if self._left != 0:
            self._wait(self._limits.body_timeout_seconds)

    def _name_host(self) -> None:
        """Of two hosts that are named, the address counts (RFC 9112, 3.2.2)."""
        if self.url.startswith(b"/") or not any(name == b"host" for name, _ in self.headers):
            return
        scheme, found, rest = self.url.partition(b"://")
        if found and scheme:
            authority = re.split(rb"[/?#]", rest, maxsplit=1)[0]
            self.headers[:] = [pair for pair in self.headers if pair[0] != b"host"]
            self.headers.append((b"host", authority))

    def on_body(self, body: bytes) -> None:
        """Hand on some of a body."""
        if self._waits_for != _BODY:
            raise _Stop
        self._body += len(body)
        if self._left is not None:
            self._left -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the answer."""
        self._cancel_reading()
        self._waits_for = _ANSWER
        super().on_message_complete()

    async def _asked(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        cycle = self.cycle

        async def send_last(message: Message) -> None:
            if cycle.more_body:
                # What is left of the body is not waited for.
                cycle.keep_alive = False
            await send(message)

        await app(scope, receive, send_last)

    def on_response_complete(self) -> None:
        """Go on to the next request, or end."""
        if self._waits_for == _BODY:
            self.end()
        if self._closed():
            self.server_state.total_requests += 1
            return
        self._waits_for, self._since = _HEAD, self.loop.time()
        super().on_response_complete()
        if self._came:
            self._unset_keepalive_if_required()
            self._parse()

    def _refuse(self, status: int, why: str) -> None:
        """Say what is wrong, if nothing else is being said, and end."""
        if self.cycle is not None and self._waits_for in (_BODY, _ANSWER):
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.end()
                return
        answer = problem(status, why)
        headers = [*self.server_state.default_headers, *answer.raw_headers]
        headers.append((b"connection", b"close"))
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", bytes(answer.body)]))
        self.end(heard_out=True)

    def end(self, *, heard_out: bool = False) -> None:
        """Close.

        Args:
            heard_out: whether the caller may still be sending. To close on them at once would
                take the answer away from them, so what comes is thrown away for a while.
        """
        if self._closed():
            return
        self._cancel_reading()
        self._unset_keepalive_if_required()
        heard_out = heard_out or bool(self._came) or self._waits_for == _BODY
        self._waits_for = _OVER
        self._came.clear()
        self._watch_writing()
        if heard_out:
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()

    def _closed(self) -> bool:
        return self._waits_for == _OVER or self.transport.is_closing()

    def _wait(self, seconds: float) -> None:
        self._cancel_reading()
        self._reading = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        """What was waited for did not come."""
        self._reading = None
        seconds = self._limits.body_timeout_seconds
        if self._waits_for == _HEAD:
            if self._came:
                limit = self._limits.header_timeout_seconds
                self._refuse(408, f"the headers took longer than {limit:g} s")
            else:
                self.end()
        elif self._waits_for == _BODY:
            if self._body - self._marked < SLOWEST * seconds and not self.flow.read_paused:
                self._refuse(408, f"{seconds:g} s brought less than {SLOWEST:,} bytes a second")
            else:
                self._marked = self._body
                self._wait(seconds)

    def _watch_writing(self) -> None:
        self._cancel_writing()
        self._unsent = self.transport.get_write_buffer_size()
        seconds = self._limits.body_timeout_seconds
        self._writing = self.loop.call_later(seconds, self._look_at_writing)

    def _look_at_writing(self) -> None:
        """Give up on who reads nothing, and on who was waited for after the last answer."""
        if 0 < self.transport.get_write_buffer_size() < self._unsent:
            self._watch_writing()
        else:
            self.transport.abort()

    def _cancel_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _cancel_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
