"""What is linked to the user's items, by graph filtering (Shen et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from recsys_cli.config.models import Section
from recsys_cli.store.kinds import pack_kind
from recsys_cli.store.layout import ITEMS, floats, matrix
from recsys_cli.strategies.base import Packs, Source, Strategy
from recsys_cli.strategies.links import LINKS
from recsys_cli.strategies.tunable import Choice, Span, Target

if TYPE_CHECKING:
    from recsys_cli.build.stage import Stage
    from recsys_cli.ranking.contract import Serving


class GraphConfig(Section):
    """Filters of the graph of users and items, GF-CF (Shen et al. 2021)."""

    vectors: PositiveInt = 256
    """Leading singular vectors of the normalised interactions: the low-pass filter."""
    alpha: NonNegativeFloat = 0.3
    """Weight of the low-pass filter beside the links between items."""
    neighbours: PositiveInt = 200
    """Strongest links kept for each item."""
    shrinkage: NonNegativeFloat = 2.0
    """Users of both items at which a link counts half, so that few users say less."""
    half_life_days: PositiveFloat = 90.0
    """Age at which an item of a user's history counts half."""
    half_life_events: PositiveFloat = 5.0
    """Items had since at which it counts half, in its turn."""
    seed: int = 42
    """Seed of the randomised singular value decomposition."""


def _open(packs: Packs, threads: int) -> Serving:
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.strategies.graph.serve import GraphFiltering
    from recsys_cli.strategies.graph.train import GraphFilter

    history = Interactions.from_pack(packs.pack("interactions"))
    return GraphFiltering(history, GraphFilter.from_pack(packs.pack("graph")), threads=threads)


def _stages() -> list[Stage]:
    from recsys_cli.strategies.graph.stages import stages

    return stages()


GRAPH = Strategy(
    name="graph",
    summary="what is linked to the user's items, by graph filtering (GF-CF)",
    needs=("interactions", "graph"),
    open=_open,
    artifacts={
        "graph": pack_kind(
            True,
            {
                **matrix(ITEMS, ITEMS),
                "weight": floats("entries"),
                "user_side": floats(ITEMS, "vectors"),
                "item_side": floats(ITEMS, "vectors"),
                **LINKS,
            },
        ),
    },
    stages=_stages,
    sections={"graph": GraphConfig},
    sources=(
        Source(
            name="graph",
            needs=("interactions", "graph"),
            open=_open,
            candidates=50,
            weight=0.6,
            place=5,
        ),
    ),
    tune=Target(
        "graph",
        {
            "graph.vectors": Choice((32, 64, 128, 256, 512)),
            "graph.alpha": Span(0.03, 3.0, log=True),
            "graph.neighbours": Span(20, 500, log=True),
            "graph.shrinkage": Span(0.1, 100.0, log=True),
            "graph.half_life_days": Span(1.0, 2000.0, log=True),
            "graph.half_life_events": Span(0.5, 200.0, log=True),
        },
    ),
    cost=12,
)
