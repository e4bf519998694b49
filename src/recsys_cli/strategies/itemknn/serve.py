"""Items that users of the user's own items had too, by item-to-item similarity.

See `train` for the score.
"""

from __future__ import annotations

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.vectors import Users
from recsys_cli.strategies.base import Packs
from recsys_cli.strategies.itemknn.train import ItemNeighbours
from recsys_cli.strategies.linked import Linked, along


def open_itemknn(packs: Packs) -> Linked:
    """The strategy over one dataset's artifacts: interactions and itemknn."""
    history = Interactions.from_pack(packs.pack("interactions"))
    model = ItemNeighbours.from_pack(packs.pack("itemknn"))

    def weighed(had: Interactions, users: Users) -> CSR:
        return had.decayed(
            users,
            half_life_days=model.half_life_days,
            half_life_events=model.half_life_events,
            reference=model.reference,
        )

    return along(
        model.matrix,
        "itemknn",
        history,
        weighed=weighed,
        reference=model.reference,
        unknown_reason="no history with items that others had too",
    )
