"""The [rules] of recsys.toml: what a merchandiser decides of every list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

_EXACT = ConfigDict(extra="forbid", frozen=True, defer_build=True, strict=True)
"""Rules come in requests too, where a number is no text."""


class _Rule(BaseModel):
    model_config = _EXACT

    name: str | None = None
    """What answers and `recsys eval --rules` call it; by default by its kind and what it is of."""


class BoostRule(_Rule):
    """Items that count as if they stood further up, or down, in every list."""

    where: str | list[str]
    """Conditions on the items table that all have to hold, as for `--where`."""
    by: float = Field(ge=0.001, le=1000)
    """By how much: an item in place 6 counts as in place 6 / by; below 1 it goes down."""

    @field_validator("where")
    @classmethod
    def _says_something(cls, where: str | list[str]) -> str | list[str]:
        if not where:
            raise ValueError("it names no condition")
        return where


class CapRule(_Rule):
    """How many items of one list may have the same value."""

    column: str
    """Of the items table; items without a value are not counted."""
    most: PositiveInt
    """Items in a list, however long that is."""


class PinRule(_Rule):
    """An item that stands in one place of every list that it may be in."""

    item: str
    """Its id."""
    rank: PositiveInt = 1
    """The place, from 1."""


class DiversityRule(BaseModel):
    """How much an item loses for being like those before it."""

    model_config = _EXACT

    weight: float = Field(ge=0, le=1)
    """0 is not at all; 1 looks at nothing else."""

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return self.weight > 0


class RulesConfig(BaseModel):
    """What is decided of every list, whoever ranks it (docs/rules.md).

    Conditions are those of `--where`. A dataset has its own in [datasets.NAME.rules].
    """

    model_config = _EXACT

    where: list[str] = []
    """Conditions that every listed item meets: ["in_catalogue=true", "price<200"]."""
    boost: list[BoostRule] = []
    """Items to move up or down: [{ name = "own brand", where = "brand=X", by = 1.3 }]."""
    cap: list[CapRule] = []
    """How many items of a list may share a value: [{ column = "colour", most = 3 }]."""
    pin: list[PinRule] = []
    """Items with a place of their own: [{ item = "0108775015", rank = 1 }]."""
    diversity: DiversityRule | None = Field(default=None, examples=[{"weight": 0.2}])
    """Maximal marginal relevance (Carbonell and Goldstein 1998) on the vectors of content."""

    @model_validator(mode="after")
    def _told_apart(self) -> RulesConfig:
        for what, values in (
            ("are called", self.names()),
            ("pin item", [pin.item for pin in self.pin]),
            ("pin something to rank", [pin.rank for pin in self.pin]),
        ):
            twice = [value for value, count in Counter(values).items() if count > 1]
            if twice:
                raise ValueError(f"two rules {what} {twice[0]!r}")
        return self

    def names(self) -> list[str]:
        """Of the rules: conditions, boosts, caps, diversity, pins."""
        return [
            *(f"where {n}" for n in range(1, len(self.where) + 1)),
            *(rule.name or f"boost {n}" for n, rule in enumerate(self.boost, 1)),
            *(rule.name or f"cap {rule.column}" for rule in self.cap),
            *(["diversity"] if self.diversity else []),
            *(rule.name or f"pin {rule.item}" for rule in self.pin),
        ]

    def conditions(self) -> list[str]:
        """All conditions of all rules."""
        boosts = (rule.where for rule in self.boost)
        return [*self.where, *(t for of in boosts for t in ([of] if isinstance(of, str) else of))]

    def to_toml(self, header: Sequence[str], *, over: RulesConfig | None = None) -> str:
        """The rules as lines of recsys.toml.

        Args:
            header: names of the section, such as `rules`, or `datasets`, `hm` and `rules`.
            over: more general rules, of which those that are not here have to be taken away.
        """
        import tomlkit

        own: dict[str, Any] = {}
        for key, value in self.model_dump(exclude_none=True).items():
            if value or (over is not None and getattr(over, key)):
                own[key] = value
        if over is not None and over.diversity and not self.diversity:
            own["diversity"] = {"weight": 0.0}
        document: Any = tomlkit.document()
        table = document
        for name in header:
            table[name] = tomlkit.table(is_super_table=True)
            table = table[name]
        # What has no tables of its own comes first.
        for key in sorted(own, key=lambda key: bool(own[key]) and key != "where"):
            table[key] = own[key]
        return tomlkit.dumps(document).strip() + "\n"
