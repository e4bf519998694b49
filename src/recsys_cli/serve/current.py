"""The state in use, and how a newer build takes its place without a restart.

Manifests are looked at; when they change, the new state is loaded beside the old one, and adopted
if it can answer all that the old one could. In the middle of a build it can't, so the old one
goes on until what was built fits together.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

from recsys_cli.config import Config
from recsys_cli.errors import RecsysError
from recsys_cli.serve.state import Stamp, State, stamp_of
from recsys_cli.store.scratch import Scratch
from recsys_cli.store.workspace import Workspace

_NICE = 5
"""Answers go before preparing where both want a core."""
_KEPT_SECONDS = 3600


class Current:
    """The state in use, and the way to a newer one."""

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        datasets: Sequence[str],
        scratch: Path,
        *,
        apart: bool = False,
        told: Callable[[str, str], None] = lambda _result, _why: None,
    ) -> None:
        """Load the first state.

        Args:
            workspace: where artifacts are.
            config: settings.
            datasets: which to serve.
            scratch: folder for what processes share.
            apart: have a process of its own prepare that, which leaves the memory and the cores
                of this one to answers.
            told: gets "adopted", "held back" or "failed", and why.

        Raises:
            ArtifactError: nothing can be recommended.
        """
        self._workspace, self._config, self._datasets = workspace, config, datasets
        self._scratch, self._told, self._apart = scratch, told, apart
        self._lock = threading.Lock()
        self._refused: Stamp | None = None
        self.pending: str | None = None
        self.state = self._load()

    def _load(self) -> State:
        scratch = Scratch(self._scratch)
        if self._apart:
            self._prepare(scratch)
        state = State.load(self._workspace, self._config, self._datasets, scratch)
        scratch.prune(older_than_seconds=_KEPT_SECONDS)
        return state

    def _prepare(self, scratch: Scratch) -> None:
        """Have what `_load` needs made, once for all processes."""
        about = repr(stamp_of(self._workspace))
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
                stamp = stamp_of(self._workspace)
                if stamp in (self.state.stamp, self._refused):
                    return False
                new = self._load()
                lost = new.lost(self.state)
            except (RecsysError, OSError) as error:
                # A file may be replaced while it is looked at; the next look tells.
                return self._hold(None, "failed", str(error))
            if lost:
                return self._hold(new.stamp, "held back", lost)
            self.state, self.pending = new, None
            self._told("adopted", ", ".join(new.served))
            return True

    def _hold(self, stamp: Stamp | None, result: str, why: str) -> bool:
        if self.pending != why:
            self._told(result, why)
        self._refused, self.pending = stamp, why
        return False


def _prepare(root: Path, config: Config, datasets: Sequence[str], scratch: Path) -> None:
    """Leave in `scratch` what loading a state takes long for."""
    os.nice(_NICE)
    with suppress(RecsysError):
        State.load(Workspace(root), config, datasets, Scratch(scratch))
