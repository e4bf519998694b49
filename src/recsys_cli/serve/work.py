"""Runs what answers a request: at once where that is quick, else in threads with a bound.

Going to a thread and back costs more than a short answer takes, so each kind of work is timed,
and what takes a moment stays in the event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from recsys_cli.errors import BusyError

T = TypeVar("T")

_QUICK = 0.0015
"""Seconds of typical time up to which work is done in the event loop."""
_MEMORY = 0.9
_KINDS = 4096


class Work:
    """A pool of threads and what is known about kinds of work."""

    def __init__(self, *, threads: int, queue: int, name: str) -> None:
        """Start nothing yet.

        Args:
            threads: how much runs at a time.
            queue: how much more may wait.
            name: of the threads, and of what is busy.
        """
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._name = name
        self._room = threads + queue
        self._taken = 0
        self._lock = threading.Lock()
        self._seconds: dict[Hashable, float] = {}

    async def run(self, kind: Hashable, task: Callable[[], T]) -> T:
        """The result of `task`.

        Args:
            kind: tasks of one kind take about the same time.
            task: does not touch the event loop.

        Raises:
            BusyError: too many are waiting.
        """
        if self._seconds.get(kind, _QUICK) < _QUICK:
            return self._timed(kind, task)
        return await asyncio.wrap_future(self.submit(kind, task))

    def submit(self, kind: Hashable, task: Callable[[], T]) -> Future[T]:
        """Have `task` done in a thread; raises as `run`."""
        with self._lock:
            if self._taken >= self._room:
                raise BusyError(f"too many requests are waiting ({self._name})", hint="try again")
            self._taken += 1
        future = self._pool.submit(self._timed, kind, task)
        # Work that nobody waits for any more takes its place until it has ended.
        future.add_done_callback(self._leave)
        return future

    def close(self) -> None:
        """Drop what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self, _future: Future[T]) -> None:
        with self._lock:
            self._taken -= 1

    def _timed(self, kind: Hashable, task: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return task()
        finally:
            seconds = time.perf_counter() - started
            if len(self._seconds) >= _KINDS:
                self._seconds.clear()
            before = self._seconds.get(kind, seconds)
            self._seconds[kind] = _MEMORY * before + (1 - _MEMORY) * seconds
