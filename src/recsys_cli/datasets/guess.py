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
KINDS: frozenset[str] = frozenset(_NAMES["kinds"])
"""Kinds of event in the singular."""
RATINGS: list[str] = _NAMES["ratings"]
"""Names of values that are opinions and no amounts."""
PRICES: list[str] = _NAMES["prices"]
"""Names of what a piece costs, of which the earlier wins."""
WORDS: dict[str, set[str]] = {of: set(words) for of, words in _NAMES["words"].items()}
"""Words for users, for items and for ids, of which names are made that no tier has."""
WEIGHTS: dict[str, float] = _NAMES["weights"]
"""What kinds of event that go by these names weigh; any other counts 1."""
ROLES = (*IDS, *OTHERS)
_ALIKE = 0.9
SKIP = ""
"""Setting a column or a file to this means that there is none."""


class AmbiguousError(ValueError):
    """Several columns could play the part; it and they are the arguments."""


def normal(name: str) -> str:
    """A column name reduced to what is compared."""
    return re.sub(r"[\s_\-.()]", "", bare(name).lower())


def bare(name: str) -> str:
    """A column name without its RecBole type."""
    return name.partition(":")[0]


_NUMBER = re.compile(r"[+-]?[$€£]?\d[\d.,]*([eE][+-]?\d+)?%?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")


def has_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether the first row of a text file names its columns rather than being data.

    It does where a name is known. It does not where it holds a number or date above others of
    its kind, or a value that is there again below.
    """
    names = [*(name for tiers in IDS.values() for tier in tiers for name in tier), *TITLES]
    known = {*names, *(name for names in OTHERS.values() for name in names)}
    if any(normal(cell) in known for cell in first):
        return True
    for place, cell in enumerate(first):
        below = [row[place].strip() for row in rest if len(row) == len(first)]
        for kind in (_NUMBER, _DATE):
            alike = sum(kind.fullmatch(other) is not None for other in below)
            if kind.fullmatch(cell.strip()) and alike >= _ALIKE * max(len(below), 1):
                return False
        if cell.strip() and cell.strip() in below:
            return False
    return True


def _in_words(column: str, role: str) -> bool:
    """Whether a name is made of words for who or what, and of such for ids: id_customer, Buyer."""
    words = re.findall(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+", bare(column).rpartition(".")[2])
    said = {word.lower() for word in words}
    return bool(said & WORDS[role]) and said <= WORDS[role] | WORDS["id"]


def guess_role(columns: Sequence[str], role: str) -> str | None:
    """The column for a role of the events; None without one.

    Raises:
        AmbiguousError: two columns could be the id of the user or the item.
    """
    if role in OTHERS:
        return guess_first(columns, OTHERS[role])
    for tier in IDS[role]:
        matches = [c for c in columns if _called(c, tier)]
        if len(matches) > 1:
            raise AmbiguousError(role, matches)
        if matches:
            return matches[0]
    made = [column for column in columns if _in_words(column, role)]
    return made[0] if len(made) == 1 else None


def guess_first(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The column whose name comes first in `names`; None without a match."""
    for name in names:
        matches = [c for c in columns if _called(c, (name,))]
        if matches:
            return matches[0]
    return None


def _called(column: str, names: Sequence[str]) -> bool:
    """Whether a column has one of the names, or its part behind the last point does."""
    return normal(column) in names or normal(column.rpartition(".")[2]) in names


def has_named(columns: Sequence[str], role: str) -> bool:
    """Whether a column is named like the id of a role."""
    return any(_called(c, tier) for c in columns for tier in IDS[role])


def resolve(wanted: str, names: Sequence[str]) -> str:
    """The column that a setting means: its exact name, or its name without a RecBole type."""
    if wanted in names:
        return wanted
    return next((name for name in names if bare(name) == wanted), wanted)
