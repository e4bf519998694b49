"""Items of the sessions most similar to what the user had; see `train` for the score."""

from __future__ import annotations

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.topk.warm import warm_scratch
from recsys_cli.ranking.vectors import Users
from recsys_cli.strategies.base import Packs
from recsys_cli.strategies.linked import Linked
from recsys_cli.strategies.sessions.nearest import Nearest
from recsys_cli.strategies.sessions.train import Sessions


def open_sessions(packs: Packs) -> Linked:
    """The strategy over one dataset's artifacts: interactions and sessions."""
    history = Interactions.from_pack(packs.pack("interactions"))
    pack = packs.pack("sessions")
    # Plain arrays, since numba is slow to recognise memory maps.
    plain = {name: np.asarray(v) for name, v in pack.items() if isinstance(v, np.ndarray)}
    model = Sessions.from_pack({**pack, **plain})
    nearest = Nearest(model, compiled=warm_scratch() is not None)

    def weighed(had: Interactions, users: Users) -> CSR:
        return had.in_order(users, half_life_events=model.half_life_events)

    return Linked(
        "sessions",
        history,
        weighed=weighed,
        scores=nearest.score_blocks,
        among=np.diff(model.item_starts) > 0,
        reference=model.reference,
        unknown_reason="no history with items that sessions have",
        parts=nearest.parts,
    )
