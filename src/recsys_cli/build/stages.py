"""The stages that every workspace has: raw files to tables, and events to interactions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from recsys_cli.build.stage import Context, Facts, Stage, Surroundings
from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.moments import seconds_at
from recsys_cli.store.idtable import FINGERPRINTS, IdTable, fingerprints_of

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from recsys_cli.datasets.later import LaterEvents

_AT_ONCE = 1 << 17


def base_stages() -> list[Stage]:
    """Ingest and als.export."""
    return [
        Stage(
            name="ingest",
            summary="raw files to events, items and users with integer ids",
            inputs=(),
            outputs=("events", "returned", "items", "users", "ids", "spec"),
            sections=(),
            run=_ingest,
            version=4,
            reads_raw=True,
            beyond=_live_identity,
            per_snapshot=False,
        ),
        Stage(
            name="als.export",
            summary="events to one weighted row per user and item",
            inputs=("events", "returned", "ids", "spec"),
            outputs=("interactions",),
            sections=("interactions",),
            run=_interactions,
            version=2,
        ),
    ]


def _ingest(context: Context) -> Facts:
    from recsys_cli.config.load import dataset_config
    from recsys_cli.datasets.ingest import ingest
    from recsys_cli.store.packs import load_pack

    report = ingest(
        context.dataset,
        dataset_config(context.config, context.dataset),
        workspace=context.workspace.root,
        out=context.staging,
        later=_later(context) if context.config.live.merge else None,
        progress=context.progress,
    )
    for finding in report.findings:
        if finding.status == "warn":
            context.progress.warn(str(finding))
    return {
        "events": report.events,
        "users": report.users,
        "items": report.items,
        "pairs": report.pairs,
        "skipped": report.skipped,
        "first": report.first,
        "last": report.last,
        **fingerprints_of(load_pack(context.output("ids"))),
    }


def _live_identity(around: Surroundings) -> Mapping[str, str]:
    """How far the log of live events is, where it is ingested too."""
    from recsys_cli.live.opening import open_log

    live = around.config.live
    return {"live": str(open_log(around.workspace.root, live).last_seq())} if live.merge else {}


def _later(context: Context) -> LaterEvents:
    """The events of the log, from a moment on."""

    def events(after: datetime) -> pl.DataFrame:
        import polars as pl

        from recsys_cli.live.opening import open_log
        from recsys_cli.moments import milliseconds

        log = open_log(context.workspace.root, context.config.live)
        columns = {USER: pl.String, ITEM: pl.String, EVENT: pl.String, TIME: pl.Int64}
        schema = columns | {VALUE: pl.Float64}
        parts = [pl.DataFrame(schema=schema)]
        since = milliseconds(after)
        found = (event for event in log.export(context.dataset) if event.time > since)
        while some := list(islice(found, _AT_ONCE)):
            rows = [(e.user, e.item, e.kind, e.time, e.value) for e in some]
            parts.append(pl.DataFrame(rows, schema=schema, orient="row"))
        return pl.concat(parts)

    return events


def _interactions(context: Context) -> Facts:
    from recsys_cli.events.interactions import build_interactions
    from recsys_cli.store.packs import load_pack, save_pack

    ids = load_pack(context.input("ids"))
    as_of = context.snapshot.as_of
    events = context.snapshot.filter(context.events())
    users, items = (IdTable.from_pack(ids, side) for side in (USER, ITEM))
    seen = _seen(events)
    # Of a past day are only those who were there by then, however many have come since.
    n_users, n_items = (seen.users, seen.items) if as_of else (len(users), len(items))
    interactions = build_interactions(
        events,
        n_users=n_users,
        n_items=n_items,
        spec=context.spec,
        config=context.section("interactions"),
        reference=seconds_at(as_of) if as_of else None,
    )
    made = (table.fingerprint(n) for table, n in ((users, n_users), (items, n_items)))
    fingerprints = dict(zip(FINGERPRINTS, made, strict=True))
    pack = interactions.to_pack(**fingerprints) | {"events_seen": seen.digest}
    save_pack(context.output("interactions"), pack)
    return {
        "users": interactions.n_users,
        "items": interactions.n_items,
        "pairs": len(interactions.indices),
        **fingerprints,
    }


class _Seen(NamedTuple):
    """Of the events of a snapshot: rows from the first to the last, and what they are."""

    users: int
    items: int
    digest: str


def _seen(events: pl.LazyFrame) -> _Seen:
    """What a snapshot sees; equal events in whatever order have the same digest."""
    import polars as pl

    found = events.select(
        pl.col(USER).max().fill_null(-1).alias(USER),
        pl.col(ITEM).max().fill_null(-1).alias(ITEM),
        pl.len().alias("events"),
        pl.struct(pl.all()).hash().sum().alias("hashes"),
    )
    row = found.collect(engine="streaming").row(0, named=True)
    return _Seen(row[USER] + 1, row[ITEM] + 1, f"{row['events']}-{row['hashes'] or 0:016x}")
