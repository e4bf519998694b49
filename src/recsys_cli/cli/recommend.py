"""`recsys recommend`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys_cli.cli.console import (
    TerminalProgress,
    print_json,
    print_line,
    print_table,
    say,
)
from recsys_cli.cli.names import STRATEGY_NAMES
from recsys_cli.cli.options import (
    HERE,
    AsOfOption,
    DatasetOption,
    ExcludeSeenOption,
    JsonOption,
    SetOption,
    WhereOption,
    WorkspaceOption,
    either,
)
from recsys_cli.cli.session import (
    check_folder,
)
from recsys_cli.counted import counted
from recsys_cli.errors import UsageError

if TYPE_CHECKING:
    from recsys_cli.apps.opened import Request


class BatchFormat(StrEnum):
    """Formats of `--out`."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"
    KAGGLE = "kaggle"


def recommend(
    given: Annotated[
        str | None, typer.Argument(metavar="USER", help="Recommend for this user.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="The same, for ids that start with -.")
    ] = None,
    everyone: Annotated[
        bool,
        typer.Option("--all", help="Recommend for all users, into --out. A killed run goes on."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File for --all: .parquet, .csv or .jsonl."),
    ] = None,
    file_format: Annotated[
        BatchFormat | None,
        typer.Option(
            "--format",
            help="Format of --out; kaggle writes customer_id,prediction.",
            show_default="by the file name",
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            "-s",
            help=f"One of {', '.join(STRATEGY_NAMES)}.",
            autocompletion=lambda: STRATEGY_NAMES,
            show_default="recommend.strategy of the config",
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("-k", min=1, help="Items per user.", show_default="recommend.k of the config"),
    ] = None,
    exclude_seen: ExcludeSeenOption = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Item to leave out. May be repeated.")
    ] = None,
    where: WhereOption = None,
    workspace: WorkspaceOption = HERE,
    dataset: DatasetOption = None,
    overrides: SetOption = None,
    as_of: AsOfOption = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say why each item is there: sources, ranks, features."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Recommend items for one user or for all."""
    from recsys_cli.apps.opened import Opened
    from recsys_cli.config import only_dataset
    from recsys_cli.shop import Shop

    user = either(given, user, "--user")
    _check_usage(user=user, everyone=everyone, out=out, explain=explain)
    options: Any = {
        "strategy": strategy,
        "k": k,
        "exclude_seen": exclude_seen,
        "exclude": exclude or (),
        "where": where or (),
        "as_of": as_of,
    }
    with TerminalProgress() as progress:
        if everyone and out:
            opened = Opened(workspace, overrides=overrides or (), progress=progress)
            request = opened.request(only_dataset(opened.config, dataset), **options)
            _write_all(request, out, file_format.value if file_format else None, progress)
            return
        shop = Shop(workspace, overrides=overrides or (), progress=progress)
        answer = shop.recommend(user or "", dataset=dataset, explain=explain, **options)
    if json:
        print_json(answer)
    else:
        _print_answer(answer)


def _check_usage(*, user: str | None, everyone: bool, out: Path | None, explain: bool) -> None:
    if user == "":
        raise UsageError("--user is empty")
    if everyone == (user is not None):
        raise UsageError("name one user with --user, or ask for --all")
    if everyone and explain:
        raise UsageError("--explain is about one user", hint="name one with --user")
    if everyone and out is None:
        raise UsageError("--all needs a file to write to", hint="--out recommendations.parquet")
    if out is not None and not everyone:
        raise UsageError("--out goes with --all", hint="redirect --json for one user")
    if out is not None:
        check_folder(out)


def _write_all(request: Request, out: Path, chosen: Any, progress: TerminalProgress) -> None:
    from recsys_cli.engine.batch import recommend_all

    summary = recommend_all(
        request.engine,
        out,
        strategy=request.strategy,
        k=request.k,
        file_format=chosen,
        filters=request.filters,
        progress=progress,
    )
    progress.close()
    print_line(
        f"{summary.path}: {counted(summary.rows, 'rows')} for {counted(summary.users, 'users')}"
    )
    if summary.failure:
        say(f"Warning: {counted(summary.failed, 'users')} got a fallback's list: {summary.failure}")
    if summary.fallbacks:
        say(counted(summary.fallbacks, "users were served in part or in full by a fallback."))


def _print_answer(answer: dict[str, Any]) -> None:
    used, reason = answer["strategy_used"], answer["fallback_reason"]
    line = f"{answer['user']} in {answer['dataset']}: {used or 'nothing to recommend'}"
    if answer["ranked_by"]:
        line += f", ordered by the {answer['ranked_by']}"
    print_line(line + (f" ({reason})" if reason else ""))
    if not answer["items"]:
        return
    print_table(
        ["rank", "item", "name", "score", "source"],
        [
            [i["rank"], i["item"], i["name"], f"{i['score']:.4g}", ", ".join(i["sources"])]
            for i in answer["items"]
        ],
        right=["rank", "score"],
    )
    for item in answer["items"]:
        if "explanation" in item:
            _print_explanation(item)


def _print_explanation(item: dict[str, Any]) -> None:
    why = item["explanation"]
    print_line(f"{item['rank']}. {item['item']}  {item['name']}")
    print_line("   found by " + ", ".join(_place(source) for source in why["sources"]))
    if why["features"]:
        parts = [
            f"{part['contribution']:+.3g} {part['feature']}"
            + (" unknown" if part["value"] is None else f" = {part['value']:.4g}")
            for part in why["features"]
        ]
        print_line("   score " + ", ".join(parts))


def _place(source: dict[str, Any]) -> str:
    if source["rank"] is None:
        return f"{source['source']} (among what is allowed)"
    return f"{source['source']} at {source['rank']} ({source['score']:.4g})"
