"""What recommends, a folder each, best first: `auto` prefers them in this order."""

from dataclasses import replace

from recsys_cli.store.kinds import declare
from recsys_cli.strategies.base import Packs, Source, Space, Strategy
from recsys_cli.strategies.collab import COLLAB
from recsys_cli.strategies.content import CONTENT
from recsys_cli.strategies.graph import GRAPH
from recsys_cli.strategies.hybrid import HYBRID
from recsys_cli.strategies.itemknn import ITEMKNN
from recsys_cli.strategies.popular import POPULAR
from recsys_cli.strategies.repurchase import REPURCHASE
from recsys_cli.strategies.sessions import SESSIONS
from recsys_cli.strategies.transitions import TRANSITIONS
from recsys_cli.strategies.twotower import TWOTOWER

_ALL = (
    HYBRID,
    TWOTOWER,
    TRANSITIONS,
    SESSIONS,
    GRAPH,
    ITEMKNN,
    COLLAB,
    CONTENT,
    REPURCHASE,
    POPULAR,
)

_OFFERED = dict.fromkeys(kind for one in _ALL for source in one.sources for kind in source.needs)

STRATEGIES: dict[str, Strategy] = {
    # The hybrid uses whatever any of them offers.
    one.name: replace(one, uses=(*_OFFERED, *one.uses)) if one is HYBRID else one
    for one in _ALL
}
"""Every strategy by name."""

for _strategy in _ALL:
    declare(_strategy.artifacts)

__all__ = ["STRATEGIES", "Packs", "Source", "Space", "Strategy"]
