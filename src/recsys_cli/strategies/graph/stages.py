"""The stage from interactions to filters of their graph."""

from __future__ import annotations

from recsys_cli.build.stage import Context, Facts, Stage
from recsys_cli.store.idtable import fingerprints_of


def stages() -> list[Stage]:
    """Graph."""
    return [
        Stage(
            name="graph",
            summary="interactions to the filters of their graph",
            inputs=("interactions",),
            outputs=("graph",),
            sections=("graph",),
            version=3,
            run=_graph,
        ),
    ]


def _graph(context: Context) -> Facts:
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.graph.train import build_graph_filter

    interactions = Interactions.from_pack(load_pack(context.input("interactions")))
    fingerprints = fingerprints_of(load_pack(context.input("interactions")))
    model = build_graph_filter(interactions, context.section("graph"), threads=context.threads)
    save_pack(context.output("graph"), model.to_pack(**fingerprints))
    return {
        "links": len(model.indices),
        "vectors": int(model.item_side.shape[1]),
        **fingerprints,
    }
