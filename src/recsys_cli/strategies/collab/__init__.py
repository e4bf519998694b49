"""Items that go with the user's, by matrix factorisation (Hu, Koren and Volinsky 2008)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from recsys_cli.config.models import Backend, Section
from recsys_cli.store.kinds import OF_IDS, pack_kind
from recsys_cli.store.layout import ITEMS, USERS, flags, floats, moment, number, text, truth, whole
from recsys_cli.strategies.base import Packs, Source, Space, Strategy
from recsys_cli.strategies.tunable import Choice, Span, Target

if TYPE_CHECKING:
    from recsys_cli.build.stage import Stage
    from recsys_cli.ranking.contract import Serving


class AlsConfig(Section):
    """Alternating least squares on implicit feedback (Hu, Koren and Volinsky 2008)."""

    where = frozenset({"backend", "retrain_days"})

    factors: PositiveInt = 64
    """Dimension of the user and item factors."""
    iterations: PositiveInt = 15
    """Alternations between solving for users and for items, from random factors."""
    warm_iterations: PositiveInt = 3
    """Alternations from the factors of an earlier snapshot, which later ones start from."""
    retrain_days: PositiveInt = 28
    """Age of those factors at most, rounded down to 1, 2, 4, … windows and to an eighth of the
    log."""
    regularization: NonNegativeFloat = 30.0
    """L2 penalty on the factors; Spark has its own, spark.regularization."""
    alpha: PositiveFloat = 10.0
    """Confidence c = 1 + alpha · weight of an observed pair."""
    backend: Backend = "auto"
    """cpu, gpu, or auto: the GPU where `implicit` was built for it and a device works; or spark."""
    seed: int = 42
    """Seed of the initial factors."""


def _open(packs: Packs, threads: int) -> Serving:
    from recsys_cli.strategies.collab.serve import Collab

    return Collab(packs.pack("als"), threads=threads)


def _stages() -> list[Stage]:
    from recsys_cli.strategies.collab.stages import stages

    return stages()


def _space(packs: Packs) -> Space:
    pack = packs.pack("als")
    return Space(
        "collab",
        pack["user_factors"],
        pack["item_factors"],
        pack["user_known"],
        pack["item_known"],
    )


COLLAB = Strategy(
    name="collab",
    summary="items that go with the user's, by matrix factorisation (ALS)",
    needs=("als",),
    open=_open,
    artifacts={
        "als": pack_kind(
            True,
            {
                "factors": whole(size="factors"),
                "user_factors": floats(USERS, "factors"),
                "item_factors": floats(ITEMS, "factors"),
                "user_known": flags(USERS),
                "item_known": flags(ITEMS),
                "regularization": number(0),
                "alpha": number(0),
                "origin": text(),
                "scale_by_count": truth(optional=True),
                "reference": moment(optional=True),
                **OF_IDS,
            },
        ),
    },
    stages=_stages,
    sections={"als": AlsConfig},
    sources=(Source(name="collab", needs=("als",), open=_open, candidates=30, weight=3, place=3),),
    space=_space,
    tune=Target(
        "als",
        {
            "als.factors": Choice((32, 64, 96, 128, 192, 256)),
            "als.regularization": Span(1e-3, 100.0, log=True),
            "als.alpha": Span(0.3, 300.0, log=True),
            "als.iterations": Span(6, 24),
        },
    ),
    cost=3,
)
