"""A connection for each thread, since none may be used by two at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """Something to give back."""

    def close(self) -> None:
        """Give it back."""


C = TypeVar("C", bound=Closable)


class PerThread(Generic[C]):
    """Connections that stay open for as long as what they lead to is the same."""

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._own = threading.local()
        self._opened: set[C] = set()

    def get(self, key: object) -> C:
        """This thread's; a new one where `key` is another than the last time."""
        known: tuple[object, C] | None = getattr(self._own, "known", None)
        if known is not None and known[0] == key:
            return known[1]
        self.forget()
        connection = self._connect()
        self._own.known = key, connection
        self._opened.add(connection)
        return connection

    def forget(self) -> None:
        """Close this thread's."""
        known: tuple[object, C] | None = getattr(self._own, "known", None)
        if known is not None:
            del self._own.known
            self._opened.discard(known[1])
            known[1].close()

    def close(self) -> None:
        """Close all threads'."""
        self._own = threading.local()
        while self._opened:
            self._opened.pop().close()
