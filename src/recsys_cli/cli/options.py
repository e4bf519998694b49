"""Options that several commands share, so that they read and behave the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from recsys_cli.errors import UsageError

WorkspaceOption = Annotated[
    Path,
    typer.Option(
        "--workspace",
        "-w",
        envvar="RECSYS_WORKSPACE",
        help="Folder with recsys.toml, data/ and artifacts/.",
        show_default="the current folder",
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", "-d", help="Dataset name, or all.", show_default="all of them"),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting of recsys.toml, such as als.factors=128. May be repeated.",
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="YYYY-MM-DD",
        help="Use only events before this day.",
        show_default="all events",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Run even where nothing changed.")]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Say why each stage ran or was skipped.")
]
ExcludeSeenOption = Annotated[
    bool | None,
    typer.Option(
        "--exclude-seen/--include-seen",
        help="Leave out items the user already has.",
        show_default="as the dataset says",
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COLUMN=VALUE", help="Only such items. May be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def either(given: str | None, named: str | None, option: str) -> str | None:
    """What stands alone on the command line, or after its option.

    Raises:
        UsageError: both are there.
    """
    if given is not None and named is not None:
        raise UsageError(f"{given!r} and {option} {named!r}: give it once")
    return named if given is None else given


HERE = Path()
