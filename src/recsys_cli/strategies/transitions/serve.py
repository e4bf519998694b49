"""What follows the user's items, the latest first; see `train` for the score."""

from __future__ import annotations

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.vectors import Users
from recsys_cli.strategies.base import Packs
from recsys_cli.strategies.linked import Linked, along
from recsys_cli.strategies.transitions.train import Transitions

_LAST = 1e-6
"""A half-life at which what was had before the last items decides only among equals."""


def open_transitions(packs: Packs, *, last_only: bool = False) -> Linked:
    """The strategy over one dataset's artifacts.

    Args:
        packs: interactions and transitions.
        last_only: whether only what was had last counts.
    """
    history = Interactions.from_pack(packs.pack("interactions"))
    model = Transitions.from_pack(packs.pack("transitions"))
    half_life = _LAST if last_only else model.half_life_events

    def weighed(had: Interactions, users: Users) -> CSR:
        return had.in_order(users, half_life_events=half_life)

    return along(
        model.matrix,
        "transitions",
        history,
        weighed=weighed,
        reference=model.reference,
        unknown_reason="no history with items that others went on from",
    )
