"""What the user sees: results on stdout, progress and messages on stderr.

Progress bars appear only on a terminal; piped output is never cut to a terminal's width. Commands
in hints work as they are, in the workspace that was asked for.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Self

from recsys_cli.errors import Command, Hint, in_words

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_PIPED_WIDTH = 240
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


def print_json(value: Any) -> None:
    """Write one JSON value to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def print_line(text: str = "") -> None:
    """Write one line to stdout, as it is and at once, so that a log can be followed."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    right: Iterable[str] = (),
) -> None:
    """Write a table to stdout; columns named in `right` are aligned to the right."""
    from recsys_cli.cli.tables import lines

    width = get_terminal_size().columns if sys.stdout.isatty() else _PIPED_WIDTH
    made = lines(headers, rows, width=width, title=title, right=right)
    sys.stdout.write("\n".join(made) + "\n\n")


def say(*parts: str | Command) -> None:
    """Write one line to stderr, the workspace in the commands in it."""
    sys.stderr.write(rendered(parts) + "\n")


def report_error(message: str, hint: Hint | None = None) -> None:
    """Write an error and the way out of it to stderr."""
    say(f"Error: {message}")
    if hint:
        say(f"  → {rendered(hint)}")


class TerminalProgress:
    """The library's progress reports as a rich progress bar on stderr, with rate and time left."""

    def __init__(self) -> None:
        self._bars: RichProgress | None = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def start(self, what: str, total: int | None = None) -> None:
        """Begin a bar; the previous one disappears."""
        if not sys.stderr.isatty():
            return
        if self._bars is None:
            self._bars = self._make_bars()
            self._bars.start()
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(what, total=total)

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, steps)

    def log(self, message: str) -> None:
        """Print a line above the bar."""
        self._print(message)

    def warn(self, *parts: str | Command) -> None:
        """Print a warning above the bar."""
        self._print(f"Warning: {rendered(parts)}")

    def close(self) -> None:
        """Remove the bar."""
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._task = None, None

    def _print(self, message: str) -> None:
        if self._bars is not None:
            self._bars.console.print(message, markup=False, highlight=False)
        else:
            say(message)

    @staticmethod
    def _make_bars() -> RichProgress:
        from rich import progress
        from rich.console import Console

        return progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
