"""The stage from events to popularity."""

from __future__ import annotations

from recsys_cli.build.stage import Context, Facts, Stage
from recsys_cli.store.idtable import fingerprints_of


def stages() -> list[Stage]:
    """Popular."""
    return [
        Stage(
            name="popular",
            summary="recent popularity, overall and per user segment",
            inputs=("events", "returned", "users", "ids", "spec", "interactions"),
            outputs=("popular",),
            sections=("popular",),
            run=_popular,
        ),
    ]


def _popular(context: Context) -> Facts:
    import polars as pl

    from recsys_cli.store.packs import save_pack
    from recsys_cli.strategies.popular.train import build_popularity

    interactions = context.pack("interactions")
    popularity = build_popularity(
        context.snapshot.filter(context.events()),
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
