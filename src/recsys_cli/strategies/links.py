"""What packs of strategies that follow links between items hold besides the links."""

from recsys_cli.store.kinds import OF_IDS
from recsys_cli.store.layout import ITEMS, Layout, above_zero, moment, whole

LINKS: Layout = {
    "n_items": whole(size=ITEMS),
    "half_life_days": above_zero(),
    "half_life_events": above_zero(),
    "reference": moment(),
    **OF_IDS,
}
