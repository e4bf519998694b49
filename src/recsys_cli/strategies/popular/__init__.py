"""What sells now, in the user's segment where there are segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from recsys_cli.config.models import Section
from recsys_cli.store.kinds import OF_IDS, pack_kind
from recsys_cli.store.layout import ITEMS, USERS, Array, floats, moment, texts
from recsys_cli.strategies.base import Packs, Source, Strategy
from recsys_cli.strategies.tunable import Span, Target

if TYPE_CHECKING:
    from recsys_cli.build.stage import Stage
    from recsys_cli.ranking.contract import Serving


class PopularConfig(Section):
    """Popularity in a recent window, decayed by age."""

    where = frozenset({"live"})

    window_days: PositiveInt = 28
    """Only events this recent count."""
    half_life_days: PositiveFloat = 7.0
    """Age at which an event counts half."""
    segment_prior: NonNegativeFloat = 50.0
    """Events' worth of the overall list blended into each segment's own (shrinkage)."""
    live: bool = False
    """Whether live events of everybody count too, and in what the ranker knows of items' sales."""


def _open(packs: Packs, _threads: int) -> Serving:
    from recsys_cli.strategies.popular.serve import Popular
    from recsys_cli.strategies.popular.train import Popularity

    return Popular(Popularity.from_pack(packs.pack("popular")))


def _stages() -> list[Stage]:
    from recsys_cli.strategies.popular.stages import stages

    return stages()


POPULAR = Strategy(
    name="popular",
    summary="what sells now, in the user's segment where there are segments",
    needs=("popular",),
    open=_open,
    artifacts={
        "popular": pack_kind(
            True,
            {
                "segments": texts(size="segments"),
                "scores": floats("segments+1", ITEMS, least=0),
                "user_segment": Array(dtype="i2", shape=(USERS,), least=0, below="segments+1"),
                "reference": moment(),
                **OF_IDS,
            },
        ),
    },
    stages=_stages,
    sections={"popular": PopularConfig},
    sources=(
        Source(name="popular", needs=("popular",), open=_open, candidates=30, weight=4.5, place=2),
    ),
    fallback=(),
    tune=Target(
        "popular",
        {
            "popular.window_days": Span(3, 90, log=True),
            "popular.half_life_days": Span(1.0, 60.0, log=True),
            "popular.segment_prior": Span(1.0, 1000.0, log=True),
        },
    ),
    cost=1,
)
