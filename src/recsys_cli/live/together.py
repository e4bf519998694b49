"""Batches of several threads committed together: a commit waits for the disk, batches need not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

B = TypeVar("B")
R = TypeVar("R")


class Together(Generic[B, R]):
    """Whoever finds nobody writing writes for all who wait."""

    def __init__(self, write: Callable[[Sequence[B]], Sequence[R]]) -> None:
        """Take what writes batches in one transaction, a result for each."""
        self.waiting: list[tuple[B, Future[R]]] = []
        """What nobody has begun to write."""
        self._write = write
        self._writing, self._adding = threading.Lock(), threading.Lock()

    def run(self, batch: B) -> R:
        """The result of a batch once it is written; raises what kept it from being written."""
        mine: Future[R] = Future()
        with self._adding:
            self.waiting.append((batch, mine))
        with self._writing:
            if not mine.done():
                self._write_all()
        return mine.result()

    def _write_all(self) -> None:
        with self._adding:
            due, self.waiting = self.waiting, []
        try:
            results = self._write([batch for batch, _ in due])
        except BaseException as error:
            for _, future in due:
                future.set_exception(error)
        else:
            for (_, future), result in zip(due, results, strict=True):
                future.set_result(result)
