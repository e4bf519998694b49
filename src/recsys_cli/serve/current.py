"""The state in use, and how a newer build takes its place without a restart.

Manifests are looked at; when they change, the new state is loaded beside the old one, and adopted
if it can answer all that the old one could. In the middle of a build it can't, so the old one
goes on until what was built fits together.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

from recsys_cli.config import Config
from recsys_cli.errors import sentence
from recsys_cli.live.contract import EventLog
from recsys_cli.serve.state import State
from recsys_cli.store.scratch import Scratch
from recsys_cli.store.workspace import OTHER_IDS, Stamp, Workspace

_NICE = 5
"""Answers go before preparing where both want a core."""
_KEPT_SECONDS = 3600
_AGAIN_SECONDS = 5.0
"""After which a build that could not be loaded is tried once more: it may have been looked at
while it was being put in place."""


class Current:
    """The state in use, and the way to a newer one."""

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        datasets: Sequence[str],
        scratch: Path,
        *,
        live: EventLog | None = None,
        apart: bool = False,
        told: Callable[[str, str], None] = lambda _result, _why: None,
    ) -> None:
        """Load the first state.

        Args:
            workspace: where artifacts are.
            config: settings.
            datasets: which to serve.
            scratch: folder for what processes share.
            live: the log of events that came since; None where answers look at none.
            apart: have a process of its own prepare that, which leaves the memory and the cores
                of this one to answers.
            told: gets "adopted", "held back" or "failed", and why.

        Raises:
            ArtifactError: nothing can be recommended.
        """
        self._workspace, self._config, self._datasets = workspace, config, datasets
        self._scratch, self._told, self._apart, self._live = scratch, told, apart, live
        self._lock = threading.Lock()
        self._refused: Stamp | None = None
        self._again = math.inf
        self.pending: str | None = None
        """Why a newer build is not in use."""
        self.failed: str | None = None
        """The same, where it is not just that the build goes on."""
        self.state = self._load()

    def _load(self) -> State:
        scratch = Scratch(self._scratch)
        if self._apart:
            self._prepare(scratch)
        state = State.load(self._workspace, self._config, self._datasets, scratch, live=self._live)
        scratch.prune(older_than_seconds=_KEPT_SECONDS)
        return state

    def _prepare(self, scratch: Scratch) -> None:
        """Have what `_load` needs made, once for all processes."""
        about = repr(self._workspace.stamp())
        name = f"{hashlib.sha256(about.encode()).hexdigest()[:32]}.prepared"

        def run(done: Path) -> None:
            arguments = (self._workspace.root, self._config, self._datasets, self._scratch)
            child = get_context("spawn").Process(target=_prepare, args=arguments, daemon=True)
            child.start()
            child.join()
            done.touch()

        scratch.file(name, run)

    def refresh(self) -> bool:
        """Adopt a newer build if there is one that is whole; whether there was."""
        with self._lock:
            try:
                stamp = self._workspace.stamp()
            except OSError:
                # A file was replaced while it was looked at; the next look tells.
                return False
            if stamp == self.state.stamp:
                self._refused = self.pending = self.failed = None
                return False
            if stamp == self._refused and time.monotonic() < self._again:
                return False
            try:
                new = self._load()
                lost = new.lost(self.state)
            except Exception as error:
                # What is damaged fails in as many ways as there are computations.
                return self._hold(stamp, sentence(error))
            if lost:
                return self._hold(stamp, lost)
            self.state, self._refused = new, None
            self.pending = self.failed = None
            self._told("adopted", ", ".join(new.served))
            return True

    def _hold(self, stamp: Stamp, why: str) -> bool:
        """Go on with the state in use, and try that build once more at most."""
        first = stamp != self._refused
        self._again = time.monotonic() + _AGAIN_SECONDS if first else math.inf
        self.failed = None if OTHER_IDS in why else why
        if self.pending != why:
            self._told("held back" if self.failed is None else "failed", why)
        self._refused, self.pending = stamp, why
        return False


def _prepare(root: Path, config: Config, datasets: Sequence[str], scratch: Path) -> None:
    """Leave in `scratch` what loading a state takes long for."""
    os.nice(_NICE)
    # Whoever waits for this meets the same, and says so.
    logging.disable()
    with suppress(Exception):
        State.load(Workspace(root), config, datasets, Scratch(scratch))
