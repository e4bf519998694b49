"""Renders hints: the commands in them work as they are, in the workspace that was asked for."""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path

from recsys_cli.errors import Command, Hint, in_words

_asked: ContextVar[Path | None] = ContextVar("workspace", default=None)


def in_workspace(folder: Path | None) -> None:
    """From now on, commands in hints are about the workspace in `folder`."""
    _asked.set(folder)


def rendered(hint: Hint) -> str:
    """A hint as it is shown, the workspace in each of its commands that lacks it."""
    return in_words(hint, show=_located)


def _located(command: Command) -> str:
    folder = _asked.get()
    if folder is None or {"-w", "--workspace"} & set(command.words):
        return str(command)
    usual = Path(os.environ.get("RECSYS_WORKSPACE") or ".")
    if folder.resolve() == usual.resolve():
        return str(command)
    return str(Command(*command.words, "-w", str(folder)))
