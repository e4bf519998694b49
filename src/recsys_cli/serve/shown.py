"""Lists on their way to the log, and which strategy an experiment shows whom."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from collections.abc import Mapping

from recsys_cli.errors import LogError
from recsys_cli.live.contract import EventLog, ShownList
from recsys_cli.serve.metrics import Metrics

log = logging.getLogger("recsys.serve")

_WAITING = 10_000
"""Lists that may wait for the log; more are let go, and counted."""
_AT_ONCE = 1000


class ShownLists:
    """Takes lists, and writes them behind the backs of those who wait for answers."""

    def __init__(self, live: EventLog, metrics: Metrics) -> None:
        """Start nothing yet.

        Args:
            live: where they go.
            metrics: count them, by what became of them.
        """
        self._live, self._metrics = live, metrics
        self._waiting: queue.Queue[ShownList | None] = queue.Queue(_WAITING)
        self._writer = threading.Thread(target=self._write, name="lists", daemon=True)
        self._started = threading.Lock()

    def put(self, shown: ShownList) -> None:
        """Have a list written, soon."""
        if not self._writer.is_alive() and self._started.acquire(blocking=False):
            self._writer.start()
        try:
            self._waiting.put_nowait(shown)
        except queue.Full:
            self._metrics.lists.labels("let go").inc()

    def close(self) -> None:
        """Write what waits."""
        if self._writer.is_alive():
            self._waiting.put(None)
            self._writer.join()

    def _write(self) -> None:
        going_on = True
        while going_on:
            batch = [self._waiting.get()]
            while len(batch) < _AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get())
            going_on = None not in batch
            lists = [shown for shown in batch if shown is not None]
            try:
                self._live.append_lists(lists)
                self._metrics.lists.labels("logged").inc(len(lists))
            except LogError as error:
                log.warning("%d lists are not logged: %s", len(lists), error.message)
                self._metrics.lists.labels("failed").inc(len(lists))


def strategy_of(user: str, split: Mapping[str, int]) -> str:
    """The strategy that an experiment shows a user, always the same one.

    Args:
        user: external id.
        split: parts of the users by strategy, of their sum; at least one.
    """
    digest = hashlib.blake2b(user.encode(), digest_size=8, person=b"recsys").digest()
    place = int.from_bytes(digest, "big") % sum(split.values())
    for strategy, part in split.items():
        place -= part
        if place < 0:
            return strategy
    raise ValueError("nobody has a part")
