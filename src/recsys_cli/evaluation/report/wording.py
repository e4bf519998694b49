"""How the report names metrics and groups of users, and says what a difference comes to."""

from __future__ import annotations

import math
from collections.abc import Sequence

from recsys_cli.evaluation.bootstrap import Interval
from recsys_cli.evaluation.groups import ALL, COLD_ITEMS, HISTORY, NEW, WARM

_METRICS = {"ndcg": "NDCG", "map": "MAP", "mrr": "MRR", "hitrate": "Hit rate", "gini": "Gini"}
_GROUPS = {
    ALL: "All users",
    WARM: "Users with history",
    NEW: "New users",
    COLD_ITEMS: "Items nobody had before",
}


def metric(name: str) -> str:
    """A metric's name as a heading."""
    return _METRICS.get(name, name.capitalize())


def group(name: str) -> str:
    """A group's name as the title of its panel; that of a column's value is the value."""
    return _GROUPS.get(name, name.partition("=")[2])


def column(name: str) -> str:
    """A column's name as the title of its groups."""
    if name == HISTORY:
        return "Items before the test"
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def verdict(difference: Interval) -> str:
    """Whether a difference is more than noise; empty where it is not known."""
    if math.isnan(difference.low):
        return ""
    if not difference.outside_noise:
        return "within noise"
    return "better" if difference.low > 0 else "worse"


def listed(names: Sequence[str]) -> str:
    """One or more names as a sentence has them."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def who(names: Sequence[str]) -> str:
    """Subject and verb of a sentence about one or more strategies."""
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'}"
