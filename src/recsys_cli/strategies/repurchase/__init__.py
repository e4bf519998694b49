"""What the user had before, often and lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_cli.strategies.base import Packs, Source, Strategy

if TYPE_CHECKING:
    from recsys_cli.ranking.contract import Serving


def _open(packs: Packs, _threads: int) -> Serving:
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.strategies.repurchase.serve import Repurchase

    return Repurchase(Interactions.from_pack(packs.pack("interactions")))


REPURCHASE = Strategy(
    name="repurchase",
    summary="what the user had before, often and lately",
    needs=("interactions",),
    open=_open,
    sources=(
        Source(
            name="repurchase",
            needs=("interactions",),
            open=_open,
            candidates=30,
            weight=2,
            place=1,
            suits=lambda statistics: bool(statistics["repurchase"]),
        ),
    ),
    # A list of what the user already has is an answer to a narrower question than auto's.
    auto=None,
    seen_only=True,
    cost=2,
)
