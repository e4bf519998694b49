"""What the user sees: results on stdout, progress and messages on stderr.

Progress bars and colours appear only on a terminal, where lines end between words; what is piped is
neither cut nor coloured. Commands in hints work as they are, in the workspace that was asked for.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path
from shutil import get_terminal_size
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, TextIO

from recsys_cli.errors import OWN_PROGRAM, Command, Hint, in_words, parts_of

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_PIPED_WIDTH = 240
_JOINED = "\0"
"""In place of the spaces of a command until lines are broken, so that it can be pasted."""

_GREEN, _YELLOW, _RED = "32", "33", "31"
_COLOURS = {
    "PASS": _GREEN, "WARN": _YELLOW, "FAIL": _RED,
    "fresh": _GREEN, "stale": _YELLOW, "missing": _RED, "failed": _RED, "blocked": _YELLOW,
}  # fmt: skip
_asked: ContextVar[Path | None] = ContextVar("workspace", default=None)
_given: ContextVar[tuple[Sequence[str], Callable[[Command], bool]]] = ContextVar(
    "settings", default=((), lambda _: False)
)


def in_workspace(
    folder: Path | None,
    settings: Sequence[str] = (),
    takes_settings: Callable[[Command], bool] = lambda _: True,
) -> None:
    """From now on, commands in hints are about the workspace in `folder`.

    Args:
        folder: of the workspace; None for none in particular.
        settings: those of `--set`, which commands in hints need as well.
        takes_settings: whether a command has `--set`.
    """
    _asked.set(folder)
    _given.set((settings, takes_settings))


def rendered(hint: Hint) -> str:
    """A hint as it is shown, its commands with the workspace and the settings that they lack."""
    return in_words(hint, show=_located)


def _whole(hint: Hint) -> str:
    """The same, to be broken into lines."""
    return in_words(hint, show=lambda command: _located(command).replace(" ", _JOINED))


def _located(command: Command) -> str:
    folder, own = _asked.get(), command.program == OWN_PROGRAM
    settings, takes_settings = _given.get()
    if own and settings and "--set" not in command.words and takes_settings(command):
        from recsys_cli.config.sources import without_secrets

        shown = [str(without_secrets(setting)) for setting in settings]
        options = [word for setting in shown for word in ("--set", setting)]
        command = Command(*command.words, *options)
    if folder is None or not own or {"-w", "--workspace"} & set(command.words):
        return str(command)
    usual = Path(os.environ.get("RECSYS_WORKSPACE") or ".")
    if folder.resolve() == usual.resolve():
        return str(command)
    return str(Command(*command.words, "-w", str(folder)))


def print_json(value: Any) -> None:
    """Write one JSON value to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def coloured(text: str) -> str:
    """An outcome or a state as stdout shows it."""
    colour = _COLOURS.get(text.strip())
    if colour is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{colour}m{text}\033[0m"


def _laid(text: str, stream: TextIO, *, hang: int) -> str:
    """A text as a stream shows it: broken between words on a terminal, the rest indented."""
    if stream.isatty():
        from textwrap import TextWrapper

        wrapper = TextWrapper(
            get_terminal_size().columns,
            subsequent_indent=" " * hang,
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        )
        text = "\n".join("\n".join(wrapper.wrap(line)) for line in text.split("\n"))
    return text.replace(_JOINED, " ")


def print_line(text: str = "") -> None:
    """Write one line to stdout, as it is and at once, so that a log can be followed."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_text(text: str, *, hang: int = 0, state: str | None = None) -> None:
    """The same of what is read by people; `state` is its word that has a colour."""
    text = _laid(text, sys.stdout, hang=hang)
    print_line(text.replace(state, coloured(state), 1) if state else text)


def print_check(outcome: str, text: str, hint: Hint = "", *, indent: int = 0) -> None:
    """Write the outcome of a check, and what to do about it."""
    space = " " * indent
    print_text(f"{space}{outcome:<4}  {text}", hang=indent + 6, state=outcome)
    if hint:
        print_text(f"{space}      → {_whole(hint)}", hang=indent + 8)


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    right: Iterable[str] = (),
    states: bool = False,
) -> None:
    """Write a table to stdout; columns named in `right` are aligned to the right.

    With `states` cells that are one, such as "stale", have its colour.
    """
    from recsys_cli.cli.tables import lines

    width = get_terminal_size().columns if sys.stdout.isatty() else _PIPED_WIDTH
    paint = coloured if states else str
    made = lines(headers, rows, width=width, title=title, right=right, paint=paint)
    sys.stdout.write("\n".join(made) + "\n\n")


def say(*parts: str | Command, hang: int = 0) -> None:
    """Write one line to stderr, the workspace in the commands in it."""
    sys.stderr.write(_laid(_whole(parts), sys.stderr, hang=hang) + "\n")


def report_error(message: str, hint: Hint | None = None) -> None:
    """Write an error and the way out of it to stderr."""
    say(f"Error: {message}")
    if hint:
        say("  → ", *parts_of(hint), hang=4)


class TerminalProgress:
    """The library's progress reports as a rich progress bar on stderr, with rate and time left.

    Of the stages of a build there is a line above it; without a terminal, a line for each.
    """

    def __init__(self) -> None:
        self._stage: tuple[Callable[[float], str], float] | None = None
        self._bars: RichProgress | None = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def stage(self, text: Callable[[float], str]) -> None:
        """Begin a stage; `text` is what is said of it, some seconds after its beginning."""
        if not sys.stderr.isatty():
            say(text(0.0))
            return
        self._stage = text, monotonic()
        self._shown()

    def start(self, what: str, total: int | None = None) -> None:
        """Begin a bar; the previous one disappears."""
        if not sys.stderr.isatty():
            return
        bars = self._shown()
        if self._task is not None:
            bars.remove_task(self._task)
        self._task = bars.add_task(what, total=total)

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, steps)

    def log(self, message: str) -> None:
        """Print a line above the bar."""
        self._print(message)

    def warn(self, *parts: str | Command) -> None:
        """Print a warning above the bar."""
        self._print("Warning: ", *parts)

    def close(self) -> None:
        """Remove the bar, and the line about the stage."""
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._task = None, None
        self._stage = None

    def _shown(self) -> RichProgress:
        if self._bars is None:
            self._bars = self._make_bars()
            self._bars.start()
        return self._bars

    def _head(self) -> str:
        if self._stage is None:
            return ""
        text, since = self._stage
        return text(monotonic() - since)

    def _print(self, *parts: str | Command) -> None:
        if self._bars is None:
            say(*parts, hang=2)
            return
        text = _laid(_whole(parts), sys.stderr, hang=2)
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _make_bars(self) -> RichProgress:
        from rich import progress
        from rich.console import Console, RenderableType
        from rich.text import Text

        head = self._head

        class Bars(progress.Progress):
            def get_renderables(self) -> Iterable[RenderableType]:
                if text := head():
                    yield Text(text, no_wrap=True, overflow="ellipsis")
                yield from super().get_renderables()

        return Bars(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
