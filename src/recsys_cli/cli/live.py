"""`recsys events add`, `export`, `status`, `report` and `drop`."""

from __future__ import annotations

import json as encoder
from pathlib import Path
from typing import Annotated

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import print_json, print_line, print_table, print_text
from recsys_cli.counted import counted, sized
from recsys_cli.moments import said, utc


def add(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|-",
            help="JSON lines, or a table: user, item, and perhaps time, event, value, id; - is"
            " standard input.",
        ),
    ],
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    json: options.Json = False,
) -> None:
    """Add events to the log of live events."""
    from recsys_cli.apps.live import add_events
    from recsys_cli.apps.opened import Opened

    added = add_events(Opened(workspace, overrides=overrides or ()), file, dataset=dataset)
    if json:
        print_json(added._asdict())
        return
    total = added.accepted + added.duplicates
    told = counted(added.accepted, "events were added")
    if added.duplicates:
        told += f", {counted(added.duplicates, 'duplicates were there before')}"
    if total > added.known_items:
        told += f"; {counted(total - added.known_items, 'events are of items that no build has')}"
    print_text(f"{told}.")


def export(
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write.", show_default="standard output")
    ] = None,
) -> None:
    """Write live events as JSON lines, which `add` reads."""
    from recsys_cli.apps.live import live_log
    from recsys_cli.apps.opened import Opened
    from recsys_cli.cli.session import check_folder
    from recsys_cli.config import chosen_datasets
    from recsys_cli.live.files import record_of
    from recsys_cli.store.files import atomic_path

    opened = Opened(workspace, overrides=overrides or ())
    named = dataset and chosen_datasets(opened.config, dataset)
    only = named[0] if named and dataset != "all" else None
    with live_log(opened) as log:
        lines = (encoder.dumps(record_of(e)) for e in log.export(only))
        if out is None:
            for line in lines:
                print_line(line)
            return
        check_folder(out)
        with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)


def status(
    workspace: options.Workspace = options.HERE,
    overrides: options.Settings = None,
    json: options.Json = False,
) -> None:
    """Show what there is of live events, and what is new."""
    from recsys_cli.apps.live import live_log, live_status
    from recsys_cli.apps.opened import Opened

    opened = Opened(workspace, overrides=overrides or ())
    with live_log(opened) as log:
        found, size = live_status(opened, log), log.size()
    if json:
        datasets = [
            each._asdict() | {"first": utc(each.first), "last": utc(each.last)} for each in found
        ]
        print_json({"datasets": datasets, "bytes": size})
        return
    if not found:
        print_line("There are no live events.")
        return
    print_table(
        ["dataset", "events", "users", "first", "last", "newer than the build", "unknown items"],
        [
            [each.dataset, f"{each.events:,}", f"{each.users:,}", said(each.first), said(each.last)]
            + ["" if n is None else f"{n:,}" for n in (each.newer, each.unknown_items)]
            for each in found
        ],
        right=["events", "users", "newer than the build", "unknown items"],
    )
    print_text(f"The log takes {sized(size)}.")


def report(
    since: Annotated[
        str | None,
        typer.Option(
            metavar=options.MOMENT, help="Only lists from this moment on (UTC).", show_default="all"
        ),
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(
            help="Kind of event that counts as a click. May be repeated.", show_default="any"
        ),
    ] = None,
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    json: options.Json = False,
) -> None:
    """Show who clicked on lists that were shown, by strategy and position, with 95% intervals."""
    from recsys_cli.apps.live import live_log
    from recsys_cli.apps.opened import Opened
    from recsys_cli.apps.shown import what_became_of_lists
    from recsys_cli.cli.evaltables import cell, difference
    from recsys_cli.config import chosen_datasets
    from recsys_cli.moments import milliseconds, moment_from

    opened = Opened(workspace, overrides=overrides or ())
    start = None if since is None else milliseconds(moment_from(since, option="--since"))
    with live_log(opened) as log:
        found = {
            name: what_became_of_lists(log, name, since=start, events=event or ())
            for name in chosen_datasets(opened.config, dataset)
        }
    if json:
        whole = {d: {s: shown.to_json() for s, shown in of.items()} for d, of in found.items()}
        print_json({"datasets": whole})
        return
    if not any(found.values()):
        print_text(
            "No lists are logged: serve.log_lists = true has `recsys serve` log them, and events "
            "name the answer they followed by its request_id."
        )
    for name, of in found.items():
        if not of:
            continue
        rows = [
            [
                strategy,
                *(f"{n:,}" for n in (shown.lists, shown.users, shown.clicked)),
                cell(shown.rate),
                "–" if shown.difference is None else difference(shown.difference),
            ]
            for strategy, shown in of.items()
        ]
        first = next(iter(of))
        headers = ["strategy", "lists", "users", "clicked", "rate", f"less {first}"]
        print_table(headers, rows, title=f"{name}: lists clicked", right=headers[1:])
        deep = max(len(shown.positions) for shown in of.values())
        rows = [
            [str(place + 1)]
            + [cell(s.positions[place]) if place < len(s.positions) else "" for s in of.values()]
            for place in range(deep)
        ]
        print_table(
            ["position", *of], rows, title=f"{name}: items clicked", right=["position", *of]
        )


def drop(
    before: Annotated[
        str, typer.Option(metavar=options.MOMENT, help="Drop events before this (UTC).")
    ],
    workspace: options.Workspace = options.HERE,
    overrides: options.Settings = None,
    json: options.Json = False,
) -> None:
    """Drop live events, and lists that were shown, before a day."""
    from recsys_cli.apps.live import live_log
    from recsys_cli.apps.opened import Opened
    from recsys_cli.moments import milliseconds, moment_from

    moment = milliseconds(moment_from(before, option="--before"))
    with live_log(Opened(workspace, overrides=overrides or ())) as log:
        dropped = log.drop(moment)
    if json:
        print_json({"dropped": dropped})
    else:
        print_text(f"{counted(dropped, 'events were dropped')}.")
