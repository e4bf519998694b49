"""What comes after the user's latest items, by what came after them for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from recsys_cli.config.models import Section
from recsys_cli.store.kinds import OF_IDS, pack_kind
from recsys_cli.store.layout import ITEMS, above_zero, floats, matrix, moment, whole
from recsys_cli.strategies.base import Packs, Source, Strategy
from recsys_cli.strategies.tunable import Span, Target

if TYPE_CHECKING:
    from recsys_cli.build.stage import Stage
    from recsys_cli.ranking.contract import Serving


class TransitionsConfig(Section):
    """What follows what in the order of users' events."""

    reach: PositiveInt = Field(default=20, le=1000)
    """Events after an item within which others follow it."""
    gap_power: NonNegativeFloat = 0.75
    """How much less an item counts that follows later: gap to the power of minus this."""
    backward: NonNegativeFloat = 0.5
    """What an item counts that comes before, beside one that comes after."""
    popularity: float = Field(default=0.2, ge=0, le=1)
    """How far links to popular items are damped: 0 is not at all."""
    shrinkage: NonNegativeFloat = 5.0
    """Weight that rows are shrunk by, so that few events say less than many."""
    neighbours: PositiveInt = 100
    """Strongest links kept for each item."""
    half_life_events: PositiveFloat = 1.0
    """Items had since, at which an item of a user's history counts half."""


def _open(packs: Packs, _threads: int) -> Serving:
    from recsys_cli.strategies.transitions.serve import open_transitions

    return open_transitions(packs)


def _open_last(packs: Packs, _threads: int) -> Serving:
    from recsys_cli.strategies.transitions.serve import open_transitions

    return open_transitions(packs, last_only=True)


def _stages() -> list[Stage]:
    from recsys_cli.strategies.transitions.stages import stages

    return stages()


_NEEDS = ("interactions", "transitions")

TRANSITIONS = Strategy(
    name="transitions",
    summary="what came after the user's latest items for others",
    needs=_NEEDS,
    open=_open,
    artifacts={
        "transitions": pack_kind(
            True,
            {
                **matrix(ITEMS, ITEMS),
                "weight": floats("entries"),
                "n_items": whole(size=ITEMS),
                "half_life_events": above_zero(),
                "reference": moment(),
                **OF_IDS,
            },
        ),
    },
    stages=_stages,
    sections={"transitions": TransitionsConfig},
    sources=(
        Source(name="transitions", needs=_NEEDS, open=_open, candidates=50, weight=6, place=9),
        # The score from the last items alone, which trees weigh against that of the history.
        Source(name="next", needs=_NEEDS, open=_open_last, candidates=20, weight=2.5, place=10),
    ),
    tune=Target(
        "transitions",
        {
            "transitions.reach": Span(2, 50, log=True),
            "transitions.gap_power": Span(0.0, 1.5),
            "transitions.backward": Span(0.0, 1.0),
            "transitions.popularity": Span(0.0, 0.6),
            "transitions.shrinkage": Span(0.1, 100.0, log=True),
            "transitions.half_life_events": Span(0.3, 30.0, log=True),
        },
    ),
    cost=4,
)
