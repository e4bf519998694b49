"""The `recsys` command: its sub-commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from recsys_cli import __version__
from recsys_cli.cli.console import report_error, say
from recsys_cli.errors import RecsysError, is_panic, sentence, way_out

# Looking for pydantic plugins reads the metadata of every installed package.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 130
_ORDER = [
    "init", "demo", "validate", "ingest", "embed", "index", "usermodel", "als", "twotower",
    "hybrid", "build", "recommend", "similar", "search", "serve", "eval", "status", "doctor",
    "export", "spark",
]  # fmt: skip


class _Command(TyperCommand):
    """Makes the commands that hints name work as they are, in the workspace that was asked for."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RecsysError as error:
            folder = ctx.params.get("workspace")
            if error.hint and folder and "RECSYS_WORKSPACE" not in os.environ:
                error.hint = in_workspace(error.hint, folder)
            raise


def in_workspace(hint: str, folder: Path) -> str:
    """`hint` with `-w folder` added to the recsys commands in it that lack it."""
    if folder == Path():
        return hint
    where = f" -w {shlex.quote(str(folder))}"

    def located(match: re.Match[str]) -> str:
        return match[0] if " -w " in match[0] else match[0].rstrip() + where

    return re.sub(
        r"(?<![\w-])recsys (?:build|ingest|embed|index|usermodel|als|twotower|hybrid|search|serve"
        r"|status"
        r"|validate|eval)[^`\n;&]*",
        located,
        hint,
    )


class Recsys(typer.Typer):
    """A Typer app whose commands are `_Command`s."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """See `typer.Typer.command`."""
        return super().command(name, cls=_Command, **options)


class _Group(TyperGroup):
    """Lists commands in the order of use, and turns known errors into exit codes."""

    def list_commands(self, ctx: Any) -> list[str]:
        order = {name: position for position, name in enumerate(_ORDER)}
        return sorted(super().list_commands(ctx), key=lambda name: order.get(name, len(order)))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RecsysError as error:
            if error.__cause__ and "RECSYS_TRACEBACK" in os.environ:
                raise
            _end_lines()
            report_error(error.message, error.hint)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            # Python remembers an interrupt of an exec, such as that of a dataclass being imported,
            # and with -m would die of the signal at the end; another exec makes it forget.
            exec("")  # noqa: S102
            say("\nStopped. What was finished is kept; run the same command to go on.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader (`| head`) has seen enough; the interpreter must not complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except BaseException as error:
            if not isinstance(error, Exception) and not is_panic(error):
                raise
            # Typer's own exceptions carry usage errors and exit codes.
            if type(error).__module__.startswith("typer") or "RECSYS_TRACEBACK" in os.environ:
                raise
            report_error(sentence(error), way_out(error))
            raise typer.Exit(1) from None


def _end_lines() -> None:
    """Keep a message after results that already went out."""
    sys.stdout.flush()


app = Recsys(
    name="recsys",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From a shop's raw files to measured, served recommendations.",
    epilog="Start with `recsys demo` and `recsys build all`, or `recsys init` for your own data.",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"recsys {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the `recsys` script."""
    app()


# Commands register themselves on `app`.
from recsys_cli.cli import (  # noqa: E402
    als,
    content,
    data,
    evaluate,
    export,
    hybrid,
    inspect,
    pipeline,
    recommend,
    serve,
    spark,
    tune,
    twotower,
)

__all__ = [
    "als", "app", "content", "data", "evaluate", "export", "hybrid", "inspect", "main", "pipeline",
    "recommend", "serve", "spark", "tune", "twotower",
]  # fmt: skip
