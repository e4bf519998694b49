"""How library code reports progress without printing: it calls these, `cli/` draws them."""

from typing import Protocol

from recsys_cli.errors import Command


class Progress(Protocol):
    """Receives what a long task says about itself."""

    def start(self, what: str, total: int | None = None) -> None:
        """Begin a task of `total` steps (None: unknown); ends the one before."""

    def advance(self, steps: int = 1) -> None:
        """Count `steps` as done in the task begun last."""

    def log(self, message: str) -> None:
        """Say one line that should stay visible."""

    def warn(self, *parts: str | Command) -> None:
        """Say one line that the user should act on, in words and commands."""


class Silent:
    """Drops everything; the default for library use."""

    def start(self, what: str, total: int | None = None) -> None:
        """Ignore."""

    def advance(self, steps: int = 1) -> None:
        """Ignore."""

    def log(self, message: str) -> None:
        """Ignore."""

    def warn(self, *parts: str | Command) -> None:
        """Ignore."""
