"""The `recsys` command: its sub-commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from recsys_cli import __version__
from recsys_cli.cli import options
from recsys_cli.cli.commands import COMMANDS, GROUPS, in_sections, names_in
from recsys_cli.cli.console import in_workspace, report_error, say
from recsys_cli.errors import Command, RecsysError, is_panic, sentence, way_out

# Looking for pydantic plugins reads the metadata of every installed package.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

INTERRUPTED = 130


_MOST_NAMES = 24
"""Columns of the help that names of options take; what is said of them has the rest."""


class _Command(TyperCommand):
    """Has hints name the workspace and the settings that were asked for."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        formatter.write_dl = partial(formatter.write_dl, col_max=_MOST_NAMES)
        super().format_options(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, options.several_conditions(args))

    def invoke(self, ctx: Any) -> Any:
        in_workspace(
            ctx.params.get("workspace"), ctx.params.get("overrides") or (), _takes_settings
        )
        return super().invoke(ctx)


class _Group(TyperGroup):
    """Knows the names and help of its commands, and makes one when it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._within = self.name if self.name in GROUPS else None
        self._listing = False
        self.commands = {
            name: TyperCommand(name, help=text, short_help=text, rich_markup_mode=None)
            for name, text in names_in(self._within).items()
        }

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if self._listing or cmd_name not in self.commands:
            return self.commands.get(cmd_name)
        words = cmd_name if self._within is None else f"{self._within} {cmd_name}"
        if words in GROUPS:
            return _Group(
                name=words, help=GROUPS[words], no_args_is_help=True, rich_markup_mode=None
            )
        return _made(words)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        if self._within is not None:
            super().format_commands(ctx, formatter)
            return
        width = max(map(len, self.commands))
        for title, names in in_sections().items():
            with formatter.section(title):
                formatter.write_dl([(f"{n:<{width}}", self.commands[n].help) for n in names])

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


def _made(words: str) -> Any:
    """The command of that name, with its parameters."""
    entry = COMMANDS[words]
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    name = words.rpartition(" ")[2]
    single.command(name, cls=_Command, help=entry.help)(entry.function(words))
    command: Any = typer.main.get_command(single)
    for parameter in command.params:
        _leave_idle(parameter)
    return command


def _takes_settings(command: Command) -> bool:
    """Whether a command has `--set`."""
    first, second = (*command.words, "", "")[:2]
    name = next((name for name in (f"{first} {second}", first) if name in COMMANDS), None)
    return name is not None and any(each.name == "overrides" for each in _made(name).params)


def _leave_idle(parameter: Any) -> None:
    """Have an option that nobody gave be None without making ready to read values of its type."""
    usual = parameter.process_value

    def process_value(ctx: Any, value: Any) -> Any:
        idle = value is None and not parameter.required and parameter.callback is None
        return None if idle else usual(ctx, value)

    parameter.process_value = process_value


class _Root(_Group):
    """Turns known errors into exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RecsysError as error:
            if error.__cause__ and "RECSYS_TRACEBACK" in os.environ:
                raise
            # The message comes after results that already went out.
            sys.stdout.flush()
            report_error(error.message, error.advice)
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


app = typer.Typer(
    name="recsys",
    cls=_Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain text, for the sake of those who wait for it: to import what draws boxes takes longer.
    rich_markup_mode=None,
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the `recsys` script."""
    app()
