"""Several processes that answer: who dies is replaced, who cannot start says why.

uvicorn's supervisor would start a process that cannot load anything for ever, or end those that
answer because of one that does not. Here, a process says when it has started. One that died
before is tried again after a while as long as another answers; where none does, the server ends.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from recsys_cli.errors import (
    ArtifactError,
    Command,
    Hint,
    RecsysError,
    in_words,
    parts_of,
    sentence,
    way_out,
)

if TYPE_CHECKING:
    import socket

    import uvicorn
    from fastapi import FastAPI

log = logging.getLogger("recsys.serve")

AGAIN_SECONDS = 5.0
_ASK_SECONDS = 1.0
_PAUSE_SECONDS = 0.1
_CANNOT_START = 3
_WHY = "why.json"


def started(folder: Path, make: Callable[[], FastAPI]) -> FastAPI:
    """The application, made in a process of its own; ends the process where it can't be.

    Args:
        folder: where the processes meet.
        make: makes it.
    """
    try:
        app = make()
    except Exception as error:
        _give_up(folder, error)
    _mark(folder, os.getpid()).touch()
    return app


def _give_up(folder: Path, error: Exception) -> NoReturn:
    hint = error.advice if isinstance(error, RecsysError) else way_out(error)
    shown = "see the log" if hint is None else in_words(hint)
    log.error("a process could not start: %s; %s", sentence(error), shown)
    parts = [part if isinstance(part, str) else part.words for part in parts_of(hint)]
    (folder / _WHY).write_text(json.dumps([sentence(error), parts]))
    sys.exit(_CANNOT_START)


def _mark(folder: Path, pid: int | None) -> Path:
    return folder / f"started-{pid}"


class Workers(Multiprocess):
    """uvicorn's supervisor, which gives up only when no process can answer."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], folder: Path) -> None:
        super().__init__(config, sockets)
        self._folder = folder
        self._again: dict[int, float] = {}
        self._none_started = False

    def run(self) -> None:
        """Serve until told to stop.

        Raises:
            ArtifactError: no process could start.
        """
        super().run()
        if self._none_started:
            hint: Hint | None
            try:
                why, parts = json.loads((self._folder / _WHY).read_text())
                hint = tuple(p if isinstance(p, str) else Command(*p) for p in parts) or None
            except (OSError, ValueError):
                why, hint = "they died while they loaded", Command("status", "--check")
            raise ArtifactError(f"no process of the server could start: {why}", hint=hint)

    def keep_subprocess_alive(self) -> None:
        """See uvicorn."""
        alive = [self._is_well(process) for process in self.processes]
        answering = any(
            well and _mark(self._folder, process.pid).exists()
            for well, process in zip(alive, self.processes, strict=True)
        )
        for index, (well, process) in enumerate(zip(alive, list(self.processes), strict=True)):
            if not well and self._may_replace(index, process, answering=answering):
                self._replace(index, process)
        if not any(alive) and len(self._again) == len(self.processes):
            self._none_started = True
            self.should_exit.set()

    def _is_well(self, process: Process) -> bool:
        """Whether it lives and says so; one that dies while it is asked is not waited for."""
        last = time.monotonic() + self.config.timeout_worker_healthcheck
        while process.process.is_alive() and time.monotonic() < last:
            # Who is told to stop does not wait to hear how they are.
            if self.should_exit.is_set() or self.signal_queue or process.ping(_ASK_SECONDS):
                return True
            time.sleep(_PAUSE_SECONDS)
        return False

    def _may_replace(self, index: int, process: Process, *, answering: bool) -> bool:
        if _mark(self._folder, process.pid).exists():
            return True
        now = time.monotonic()
        due = self._again.setdefault(index, now + AGAIN_SECONDS)
        return answering and now >= due

    def _replace(self, index: int, process: Process) -> None:
        process.kill()
        process.join()
        _mark(self._folder, process.pid).unlink(missing_ok=True)
        # What it counted stays; what was so while it lived does not.
        mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
        self._again.pop(index, None)
        self.processes[index] = Process(self.config, self.sockets)
        self.processes[index].start()
