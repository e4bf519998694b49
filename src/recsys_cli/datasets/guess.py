"""Which column plays which part, and which file holds what, from names that names.toml knows.

Names are compared in lower case without `_`, `-`, spaces and a RecBole type (`user_id:token`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

_NAMES = tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))
IDS: dict[str, list[list[str]]] = _NAMES["ids"]
"""By role, tiers of names: the first tier with a match decides, and two in it are ambiguous."""
OTHERS: dict[str, list[str]] = _NAMES["others"]
"""By role, names of which the earlier wins."""
TITLES: list[str] = _NAMES["titles"]
WEIGHTS: dict[str, float] = _NAMES["weights"]
"""What kinds of event that go by these names weigh; any other counts 1."""
ROLES = (*IDS, *OTHERS)
SKIP = ""
"""Setting a column or a file to this means that there is none."""


class AmbiguousError(ValueError):
    """Several columns could play the part; they are the argument."""


def normal(name: str) -> str:
    """A column name reduced to what is compared."""
    return re.sub(r"[\s_\-.]", "", bare(name).lower())


def bare(name: str) -> str:
    """A column name without its RecBole type."""
    return name.partition(":")[0]


def guess_role(columns: Sequence[str], role: str) -> str | None:
    """The column for a role of the events; None without one.

    Raises:
        AmbiguousError: two columns could be the id of the user or the item.
    """
    if role in OTHERS:
        return guess_first(columns, OTHERS[role])
    for tier in IDS[role]:
        matches = [c for c in columns if normal(c) in tier]
        if len(matches) > 1:
            raise AmbiguousError(matches)
        if matches:
            return matches[0]
    return None


def guess_first(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The column whose name comes first in `names`; None without a match."""
    ranked = {name: rank for rank, name in reversed(list(enumerate(names)))}
    matches = [c for c in columns if normal(c) in ranked]
    return min(matches, key=lambda c: ranked[normal(c)], default=None)


def has_role(columns: Sequence[str], role: str, asked: str | None) -> bool:
    """Whether any column is the one asked for, or named like one for this role."""
    tiers = IDS.get(role) or (OTHERS[role],)
    named = any(normal(c) in tier for c in columns for tier in tiers)
    return named or (asked or SKIP) in columns
