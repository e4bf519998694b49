"""The pipeline's stages.

Each function reads its declared inputs, calls the library and writes its declared outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_cli.build.graph import Graph
from recsys_cli.build.stage import Context, Facts, Stage
from recsys_cli.store.idtable import fingerprints_of
from recsys_cli.store.snapshot import start_of
from recsys_cli.strategies.content.stages import content_stages
from recsys_cli.strategies.hybrid.stages import hybrid_stages
from recsys_cli.strategies.twotower.stages import two_tower_stages

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.events.interactions import Interactions


def default_graph() -> Graph:
    """All stages of `recsys build all`."""
    return Graph(
        [
            Stage(
                name="ingest",
                summary="raw files to events, items and users with integer ids",
                inputs=(),
                outputs=("events", "items", "users", "ids", "spec"),
                sections=(),
                run=_ingest,
                version=2,
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
            Stage(
                name="als.train",
                summary="interactions to user and item factors",
                inputs=("interactions",),
                outputs=("als",),
                sections=("als", "spark.regularization"),
                run=_als,
            ),
            Stage(
                name="popular",
                summary="recent popularity, overall and per user segment",
                inputs=("events", "users", "ids", "spec", "interactions"),
                outputs=("popular",),
                sections=("popular",),
                run=_popular,
            ),
            Stage(
                name="itemknn",
                summary="interactions to each item's most similar items",
                inputs=("interactions",),
                outputs=("itemknn",),
                sections=("itemknn",),
                version=2,
                run=_itemknn,
            ),
            Stage(
                name="graph",
                summary="interactions to the filters of their graph",
                inputs=("interactions",),
                outputs=("graph",),
                sections=("graph",),
                version=2,
                run=_graph,
            ),
            *content_stages(),
            *two_tower_stages(),
            *hybrid_stages(),
        ]
    )


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


def _events(context: Context) -> pl.LazyFrame:
    import polars as pl

    return context.snapshot.filter(pl.scan_parquet(context.input("events")))


def _load_interactions(context: Context) -> Interactions:
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.store.packs import load_pack

    return Interactions.from_pack(load_pack(context.input("interactions")))


def _interactions(context: Context) -> Facts:
    from recsys_cli.events.interactions import build_interactions
    from recsys_cli.store.packs import load_pack, save_pack

    ids = load_pack(context.input("ids"))
    fingerprints = fingerprints_of(ids)
    as_of = context.snapshot.as_of
    interactions = build_interactions(
        _events(context),
        n_users=len(ids["user_offsets"]) - 1,
        n_items=len(ids["item_offsets"]) - 1,
        spec=context.spec,
        config=context.section("interactions"),
        reference=start_of(as_of) if as_of else None,
    )
    save_pack(context.output("interactions"), interactions.to_pack(**fingerprints))
    return {
        "users": interactions.n_users,
        "items": interactions.n_items,
        "pairs": len(interactions.indices),
        **fingerprints,
    }


def _als(context: Context) -> Facts:
    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.collab.als import train_als
    from recsys_cli.strategies.collab.spark import train_on_spark

    pack = load_pack(context.input("interactions"))
    fingerprints = fingerprints_of(pack)
    config = context.section("als")
    if config.backend == "spark":
        factors = train_on_spark(_load_interactions(context), context)
    else:
        factors = train_als(
            _load_interactions(context), config, threads=context.threads, progress=context.progress
        )
    made = factors.to_pack(**fingerprints) | {"reference": pack["reference"]}
    save_pack(context.output("als"), made)
    return {
        "factors": config.factors,
        "origin": factors.origin,
        "seed": config.seed,
        "threads": context.threads,
        "users_with_factors": int(factors.user_known.sum()),
        "items_with_factors": int(factors.item_known.sum()),
        **fingerprints,
    }


def _itemknn(context: Context) -> Facts:
    import numpy as np

    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.itemknn.train import train_itemknn

    interactions = _load_interactions(context)
    fingerprints = fingerprints_of(load_pack(context.input("interactions")))
    model = train_itemknn(interactions, context.section("itemknn"), threads=context.threads)
    save_pack(context.output("itemknn"), model.to_pack(**fingerprints))
    return {
        "neighbours": model.neighbours.nnz,
        "items_with_neighbours": int((np.diff(model.neighbours.indptr) > 0).sum()),
        **fingerprints,
    }


def _graph(context: Context) -> Facts:
    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.graph.train import build_graph_filter

    interactions = _load_interactions(context)
    fingerprints = fingerprints_of(load_pack(context.input("interactions")))
    model = build_graph_filter(interactions, context.section("graph"), threads=context.threads)
    save_pack(context.output("graph"), model.to_pack(**fingerprints))
    return {
        "links": model.neighbours.nnz,
        "vectors": int(model.item_side.shape[1]),
        **fingerprints,
    }


def _popular(context: Context) -> Facts:
    import polars as pl

    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.popular.train import build_popularity

    interactions = load_pack(context.input("interactions"))
    popularity = build_popularity(
        _events(context),
        n_items=interactions["n_items"],
        n_users=interactions["n_users"],
        users=pl.read_parquet(context.input("users"), columns=context.spec.segment_columns),
        spec=context.spec,
        config=context.section("popular"),
        reference=interactions["reference"],
    )
    fingerprints = fingerprints_of(interactions)
    save_pack(context.output("popular"), popularity.to_pack() | fingerprints)
    return {"segments": popularity.segments, **fingerprints}
