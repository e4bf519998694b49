"""What users of the user's items had too, nearest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from recsys_cli.config.models import Section
from recsys_cli.store.kinds import pack_kind
from recsys_cli.store.layout import ITEMS, floats, matrix
from recsys_cli.strategies.base import Packs, Source, Strategy
from recsys_cli.strategies.links import LINKS
from recsys_cli.strategies.tunable import Choice, Span, Target

if TYPE_CHECKING:
    from recsys_cli.build.stage import Stage
    from recsys_cli.ranking.contract import Serving


class ItemKnnConfig(Section):
    """Item-to-item neighbours from who had both (Sarwar et al. 2001)."""

    similarity: Literal["cosine", "tfidf", "bm25"] = "tfidf"
    """How two items are compared: cosine of their users, with users weighed by TF-IDF or BM25."""
    neighbours: PositiveInt = 100
    """Most similar items kept for each item."""
    popularity: float = Field(default=0.4, ge=0, le=1)
    """How far similarities to popular items are damped (cosine, tfidf): 0.5 is the cosine, which
    treats both items alike; below it popular ones gain."""
    shrinkage: NonNegativeFloat = 3.0
    """Users of both items at which a similarity counts half, so that few users say less."""
    half_life_days: PositiveFloat = 90.0
    """Age at which an item of a user's history counts half."""
    half_life_events: PositiveFloat = 5.0
    """Items had since at which it counts half, in its turn."""


def _open(packs: Packs, _threads: int) -> Serving:
    from recsys_cli.strategies.itemknn.serve import open_itemknn

    return open_itemknn(packs)


def _stages() -> list[Stage]:
    from recsys_cli.strategies.itemknn.stages import stages

    return stages()


ITEMKNN = Strategy(
    name="itemknn",
    summary="what users of the user's items had too, nearest first",
    needs=("interactions", "itemknn"),
    open=_open,
    artifacts={
        "itemknn": pack_kind(
            True,
            {**matrix(ITEMS, ITEMS), "similarity": floats("entries"), **LINKS},
        ),
    },
    stages=_stages,
    sections={"itemknn": ItemKnnConfig},
    sources=(
        Source(
            name="itemknn", needs=("interactions", "itemknn"), open=_open, candidates=50, place=4
        ),
    ),
    tune=Target(
        "itemknn",
        {
            "itemknn.similarity": Choice(("cosine", "tfidf", "bm25")),
            "itemknn.neighbours": Span(10, 400, log=True),
            "itemknn.popularity": Span(0.1, 0.6),
            "itemknn.shrinkage": Span(0.1, 100.0, log=True),
            "itemknn.half_life_days": Span(1.0, 2000.0, log=True),
            "itemknn.half_life_events": Span(0.5, 200.0, log=True),
        },
    ),
    cost=4,
)
