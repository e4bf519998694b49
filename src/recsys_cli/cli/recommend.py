"""`recsys recommend`, `similar` and `search`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import TerminalProgress, print_json, print_table, print_text, say
from recsys_cli.cli.names import STRATEGY_NAMES
from recsys_cli.cli.session import check_folder
from recsys_cli.counted import counted
from recsys_cli.errors import Command, UsageError

if TYPE_CHECKING:
    from recsys_cli.engine.batch import BatchSummary


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
        Path | None, typer.Option("--out", "-o", help="File for --all: .parquet, .csv or .jsonl.")
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
        options.configured(
            "recommend.strategy",
            f"One of {', '.join(STRATEGY_NAMES)}.",
            *("--strategy", "-s"),
            autocompletion=lambda: STRATEGY_NAMES,
        ),
    ] = None,
    k: Annotated[int | None, options.length("Items per user.")] = None,
    exclude_seen: options.ExcludeSeen = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Item to leave out. May be repeated.")
    ] = None,
    where: options.Where = None,
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    as_of: options.AsOf = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say why each item is there: sources, ranks, features."),
    ] = False,
    events: Annotated[
        Path | None,
        typer.Option(
            help="What somebody had just now, in order, a JSON object with item (and event, time, "
            "value) a line; - reads standard input. With a user, on top of what they had.",
            allow_dash=True,
        ),
    ] = None,
    disliked: Annotated[
        list[str] | None,
        typer.Option(
            "--dislike",
            help="Item that somebody does not want, nor what is like it. May be repeated.",
        ),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show what the user had last, too.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Recommend items for one user or for all."""
    from recsys_cli.apps.opened import Opened
    from recsys_cli.config import only_dataset
    from recsys_cli.shop import Shop

    user = options.either(given, user, "--user")
    _check_usage(
        user=user,
        everyone=everyone,
        out=out,
        of_one=explain or history or events is not None or bool(disliked),
        guest=(events is not None or bool(disliked)) and not history,
    )
    asked: Any = {
        "strategy": strategy,
        "k": k,
        "exclude_seen": exclude_seen,
        "exclude": exclude or (),
        "where": where or (),
        "as_of": as_of,
    }
    with TerminalProgress() as progress:
        if everyone and out:
            from recsys_cli.engine.batch import recommend_all

            opened = Opened(workspace, overrides=overrides or (), progress=progress)
            engine, checked = opened.request(only_dataset(opened.config, dataset), **asked)
            form: Any = file_format.value if file_format else None
            summary = recommend_all(engine, out, **checked, file_format=form, progress=progress)
            progress.close()
            _print_summary(summary)
            return
        shop = Shop(workspace, overrides=overrides or (), progress=progress)
        came = None if events is None else _given(events)
        answer = shop.recommend(
            user, dataset=dataset, explain=explain, events=came, disliked=disliked or (), **asked
        )
        if history:
            had = shop.history(user or "", k=k, dataset=answer["dataset"])
            answer |= {"history": had["items"]}
    if json:
        print_json(answer)
    else:
        _print_answer(answer)


def similar(
    given: Annotated[
        str | None, typer.Argument(metavar="ITEM", help="Find items like this one.")
    ] = None,
    item: Annotated[
        str | None, typer.Option("--item", "-i", help="The same, for ids that start with -.")
    ] = None,
    k: Annotated[int | None, options.length("How many items.")] = None,
    where: options.Where = None,
    diverse: Annotated[
        bool, typer.Option("--diverse", help="Items unlike each other, not all colours of one.")
    ] = False,
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    json: options.Json = False,
) -> None:
    """List the items whose text and picture are most like an item's."""
    from recsys_cli.shop import Shop

    item = options.either(given, item, "--item")
    if not item:
        raise UsageError("name an item", hint=Command("similar", "ITEM"))
    with TerminalProgress() as progress:
        shop = Shop(workspace, overrides=overrides or (), progress=progress)
        answer = shop.similar(item, k=k, where=where or (), diverse=diverse, dataset=dataset)
    _print_found(answer, item, json=json)


def search(
    words: Annotated[str | None, typer.Argument(help="What to look for, in words.")] = None,
    picture: Annotated[
        Path | None, typer.Option("--image", help="Look for items that look like this picture.")
    ] = None,
    k: Annotated[int | None, options.length("How many items.")] = None,
    where: options.Where = None,
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    json: options.Json = False,
) -> None:
    """Search items of one or all datasets by words or by a picture."""
    from recsys_cli.shop import Shop

    if (words is None) == (picture is None):
        raise UsageError(
            "search for words, or for a picture with --image", hint=Command("search", "red dress")
        )
    with TerminalProgress() as progress:
        shop = Shop(workspace, overrides=overrides or (), progress=progress)
        answer = shop.search(words, image=picture, k=k, where=where or (), dataset=dataset)
    _print_found(answer, answer["query"], json=json)


def _given(file: Path) -> list[Any]:
    from recsys_cli.live.files import records_of

    return [record for _, record in records_of(file)]


def _check_usage(
    *, user: str | None, everyone: bool, out: Path | None, of_one: bool, guest: bool
) -> None:
    if user == "":
        raise UsageError("--user is empty")
    if everyone and of_one:
        raise UsageError(
            "--explain, --history, --events and --dislike are about one user",
            hint="name one with --user",
        )
    if everyone == (user is not None) and not (guest and user is None):
        raise UsageError("name one user with --user, or ask for --all")
    if everyone and out is None:
        raise UsageError("--all needs a file to write to", hint="--out recommendations.parquet")
    if out is not None and not everyone:
        raise UsageError("--out goes with --all", hint="redirect --json for one user")
    if out is not None:
        check_folder(out)


def _print_summary(summary: BatchSummary) -> None:
    print_text(
        f"{summary.path}: {counted(summary.rows, 'rows')} for {counted(summary.users, 'users')}"
    )
    if summary.failure:
        say(f"Warning: {counted(summary.failed, 'users')} got a fallback's list: {summary.failure}")
    if summary.short:
        say(f"Warning: under the rules {counted(summary.short, 'users')} got fewer than k items.")
    if summary.fallbacks:
        say(counted(summary.fallbacks, "users were served in part or in full by a fallback."))


def _print_answer(answer: dict[str, Any]) -> None:
    used, reason = answer["strategy_used"], answer["fallback_reason"]
    who = "somebody" if answer["user"] is None else answer["user"]
    line = f"{who} in {answer['dataset']}: {used or 'nothing to recommend'}"
    if answer["ranked_by"]:
        line += f", ordered by the {answer['ranked_by']}"
    if "history" in answer:
        rows = [[(i["last"] or "")[:10], i["item"], i["name"]] for i in answer["history"]]
        print_table(["last", "item", "name"], rows, title=f"{answer['user']} had")
    if answer["rules"]:
        line += f", under the rules {', '.join(answer['rules'])}"
    print_text(line + (f" ({reason})" if reason else ""), hang=2)
    if answer["items"]:
        _print_items(answer["items"])
    for item in answer["items"]:
        if "explanation" in item:
            _print_explanation(item)


def _print_found(answer: dict[str, Any], asked: str, *, json: bool) -> None:
    if json:
        print_json(answer)
        return
    print_text(f"{asked} in {answer['dataset']}")
    if heard := answer.get("understood"):
        print_text("; ".join(f"{word}: {values[0]}" for word, values in heard.items()), hang=2)
    _print_items(answer["items"], of_several=answer["dataset"] == "all")


def _print_items(items: Sequence[dict[str, Any]], *, of_several: bool = False) -> None:
    """A row per item, with its dataset where it may be `of_several`."""
    rows = [
        [i["rank"], i["item"], i["name"], f"{i['score']:.4g}", ", ".join(i["sources"])]
        for i in items
    ]
    headers = ["rank", "item", "name", "score", "source"]
    if of_several:
        headers.insert(1, "dataset")
        for row, item in zip(rows, items, strict=True):
            row.insert(1, item["dataset"])
    print_table(headers, rows, right=["rank", "score"])


def _print_explanation(item: dict[str, Any]) -> None:
    why = item["explanation"]
    print_text(f"{item['rank']}. {item['item']}  {item['name']}", hang=3)
    if why["because"]:
        print_text(f"   because of {', '.join(_brought(item['item'], why['because']))}", hang=6)
    print_text("   found by " + ", ".join(_place(source) for source in why["sources"]), hang=6)
    if why["features"]:
        parts = [f"{part['contribution']:+.3g} {part['said']}" for part in why["features"]]
        print_text("   score " + ", ".join(parts), hang=6)


def _brought(listed: str, because: Sequence[dict[str, Any]]) -> list[str]:
    """Items of the history with their shares; what goes by one name, as colours do, together."""
    shares: dict[str, list[float]] = {}
    for of in because:
        name = "having had it" if of["item"] == listed else of["name"] or of["item"]
        shares.setdefault(name, []).append(of["share"])
    return [
        f"{f'{len(each)} × ' if len(each) > 1 else ''}{name} ({sum(each):.0%})"
        for name, each in shares.items()
    ]


def _place(source: dict[str, Any]) -> str:
    if source["rank"] is None:
        return f"{source['source']} (among what is allowed)"
    return f"{source['source']} at {source['rank']} ({source['score']:.4g})"
