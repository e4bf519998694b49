"""The stage from interactions to neighbours."""

from __future__ import annotations

from recsys_cli.build.stage import Context, Facts, Stage
from recsys_cli.store.idtable import fingerprints_of


def stages() -> list[Stage]:
    """Itemknn."""
    return [
        Stage(
            name="itemknn",
            summary="interactions to each item's most similar items",
            inputs=("interactions",),
            outputs=("itemknn",),
            sections=("itemknn",),
            version=3,
            run=_itemknn,
        ),
    ]


def _itemknn(context: Context) -> Facts:
    import numpy as np

    from recsys_cli.events.interactions import Interactions
    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.itemknn.train import train_itemknn

    interactions = Interactions.from_pack(load_pack(context.input("interactions")))
    fingerprints = fingerprints_of(load_pack(context.input("interactions")))
    model = train_itemknn(interactions, context.section("itemknn"), threads=context.threads)
    save_pack(context.output("itemknn"), model.to_pack(**fingerprints))
    return {
        "neighbours": len(model.indices),
        "items_with_neighbours": int((np.diff(model.indptr) > 0).sum()),
        **fingerprints,
    }
