"""The stages that every workspace has: raw files to tables, and events to interactions."""

from __future__ import annotations

from recsys_cli.build.stage import Context, Facts, Stage
from recsys_cli.moments import seconds_at
from recsys_cli.store.idtable import fingerprints_of


def base_stages() -> list[Stage]:
    """Ingest and als.export."""
    return [
        Stage(
            name="ingest",
            summary="raw files to events, items and users with integer ids",
            inputs=(),
            outputs=("events", "items", "users", "ids", "spec"),
            sections=(),
            run=_ingest,
            version=3,
            reads_raw=True,
            per_snapshot=False,
        ),
        Stage(
            name="als.export",
            summary="events to one weighted row per user and item",
            inputs=("events", "ids", "spec"),
            outputs=("interactions",),
            sections=("interactions",),
            run=_interactions,
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


def _interactions(context: Context) -> Facts:
    from recsys_cli.events.interactions import build_interactions
    from recsys_cli.store.packs import load_pack, save_pack

    ids = load_pack(context.input("ids"))
    fingerprints = fingerprints_of(ids)
    as_of = context.snapshot.as_of
    interactions = build_interactions(
        context.snapshot.filter(context.events()),
        n_users=len(ids["user_offsets"]) - 1,
        n_items=len(ids["item_offsets"]) - 1,
        spec=context.spec,
        config=context.section("interactions"),
        reference=seconds_at(as_of) if as_of else None,
    )
    save_pack(context.output("interactions"), interactions.to_pack(**fingerprints))
    return {
        "users": interactions.n_users,
        "items": interactions.n_items,
        "pairs": len(interactions.indices),
        **fingerprints,
    }
