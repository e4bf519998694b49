"""A few test users: what they had, what they went on to have, and what each strategy showed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shown:
    """One item of a list.

    Attributes:
        item: external id.
        name: as in the catalogue; the id where it has none.
        picture: the picture's file, relative to the workspace, whether or not it exists.
        hit: whether the user went on to have it.
        again: whether the user had it before.
    """

    item: str
    name: str
    picture: Path | None
    hit: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class ExampleList:
    """What one strategy showed to one user; `fallback` is why others had a part, or None."""

    strategy: str
    items: Sequence[Shown]
    fallback: str | None

    @property
    def hits(self) -> int:
        """Items that the user went on to have."""
        return sum(item.hit for item in self.items)


@dataclass(frozen=True, slots=True)
class Example:
    """One test user.

    Attributes:
        user: external id.
        had: number of different items before the test.
        history: the latest of them, the last one first.
        relevant: number of items in the test.
        truth: the first of them.
        lists: by strategy.
    """

    user: str
    had: int
    history: Sequence[Shown]
    relevant: int
    truth: Sequence[Shown]
    lists: Sequence[ExampleList]

    @property
    def tiles(self) -> Iterable[Shown]:
        """Every item that is shown."""
        yield from (*self.history, *self.truth)
        for shown in self.lists:
            yield from shown.items
