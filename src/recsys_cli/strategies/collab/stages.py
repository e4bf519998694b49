"""The stage from interactions to factors."""

from __future__ import annotations

from recsys_cli.build.stage import START, Context, Facts, Stage
from recsys_cli.config.load import section_for
from recsys_cli.store.idtable import fingerprints_of


def stages() -> list[Stage]:
    """als.train."""
    return [
        Stage(
            name="als.train",
            summary="interactions to user and item factors",
            inputs=("interactions",),
            outputs=("als",),
            sections=("als", "spark.regularization"),
            run=_als,
            version=2,
            earlier=(("als", START),),
            retrain_days=lambda config, dataset: section_for(config, "als", dataset).retrain_days,
        ),
    ]


def _als(context: Context) -> Facts:
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.collab.als import AlsFactors, train_als
    from recsys_cli.strategies.collab.spark import train_on_spark

    pack = load_pack(context.input("interactions"))
    fingerprints = fingerprints_of(pack)
    config = context.section("als")
    if config.backend == "spark":
        factors = train_on_spark(
            Interactions.from_pack(load_pack(context.input("interactions"))), context
        )
    else:
        before = context.past_pack("als", START, like=pack)
        factors = train_als(
            Interactions.from_pack(load_pack(context.input("interactions"))),
            config,
            start=None if before is None else AlsFactors.from_pack(before),
            threads=context.threads,
            progress=context.progress,
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
