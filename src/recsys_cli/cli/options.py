"""What commands take, declared once, so that it reads and behaves the same everywhere."""

import re
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from recsys_cli.errors import RecsysError, UsageError

HERE = Path()


def completing(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Completes names, also the last of several with commas between."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in known if name.startswith(last)]

    return complete


def _datasets(context: typer.Context, incomplete: str) -> list[str]:
    """Completes the names of the datasets of the workspace that was named before."""
    from recsys_cli.assembly import load_config

    try:
        config = load_config(Path(context.params.get("workspace") or HERE))
    except RecsysError:
        return []
    return [name for name in [*config.datasets, "all"] if name.startswith(incomplete)]


def stages(incomplete: str) -> list[str]:
    """Completes the names of stages."""
    from recsys_cli.assembly import default_graph

    return [name for name in ["all", *default_graph().order] if name.startswith(incomplete)]


Workspace = Annotated[
    Path,
    typer.Option(
        "--workspace",
        "-w",
        envvar="RECSYS_WORKSPACE",
        help="Folder with recsys.toml, data/ and artifacts/.",
        show_default="the current folder",
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        "-d",
        help="Dataset name, or all.",
        show_default="all of them",
        autocompletion=_datasets,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting of recsys.toml, such as als.factors=128. May be repeated.",
    ),
]
MOMENT = "YYYY-MM-DD[THH:MM]"
"""How a moment is written: a date or a date and time, in UTC."""
AsOf = Annotated[
    str | None,
    typer.Option(
        metavar=MOMENT,
        help="Use only events before this day, or this time of day (UTC).",
        show_default="all events",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Run even where nothing changed.")]
Explain = Annotated[bool, typer.Option("--explain", help="Say why each stage ran or was skipped.")]
ExcludeSeen = Annotated[
    bool | None,
    typer.Option(
        "--exclude-seen/--include-seen",
        help="Leave out items the user already has.",
        show_default="as the dataset says",
    ),
]
WHERE = "--where"
CONDITION = re.compile(r"[=<>]|\sin\s", re.IGNORECASE)
"""What tells a condition from another argument, such as a user."""
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION...",
        help="Only such items: column=value, or with !=, <, <=, >, >=, in a,b, not in a,b. One or "
        "several, which all hold; may be repeated.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def several_conditions(arguments: Sequence[str]) -> list[str]:
    """Arguments in which each condition that follows another has its own --where before it."""
    repeated: list[str] = []
    for argument in arguments:
        follows = repeated[-2:-1] == [WHERE] and not argument.startswith("-")
        if follows and CONDITION.search(argument):
            repeated.append(WHERE)
        repeated.append(argument)
    return repeated


def configured(setting: str, text: str, *names: str, **more: Any) -> Any:
    """An option that stands in for a setting of recsys.toml; `text` is its help."""
    return typer.Option(*names, help=text, show_default=f"{setting} of the config", **more)


def length(text: str) -> Any:
    """`-k`, of which `text` says what it is the number of."""
    return configured("recommend.k", text, "-k", min=1)


class Protocol(StrEnum):
    """How the test events are split off."""

    TEMPORAL = "temporal"
    LEAVE_LAST_OUT = "leave-last-out"
    NEXT_IN_SESSION = "next-in-session"
    RANDOM_OUT = "random-out"


def either(given: str | None, named: str | None, option: str) -> str | None:
    """What stands alone on the command line, or after its option.

    Raises:
        UsageError: both are there.
    """
    if given is not None and named is not None:
        raise UsageError(f"{given!r} and {option} {named!r}: give it once")
    return named if given is None else given


def refuse_others(context: typer.Context, taken: Collection[str], why: str) -> None:
    """Refuse an option on the command line, other than those `taken`, that would do nothing."""
    for name in [name for name in context.params if name not in taken]:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"{why}, so --{name.replace('_', '-')} is idle")
