"""A few test users: what they had, what they went on to have, and what each strategy showed.

An engine over the last test window's snapshot comes in; items with names, pictures and hits
marked go out. The lists are those that were measured, since the same engine makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import ITEM, TIME, USER
from recsys_cli.recommend.contract import UNKNOWN_USER

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.evaluation.harness import Measured
    from recsys_cli.recommend.engine import Engine

USERS = 10
DEPTH = 12

Rows = npt.NDArray[np.int32]


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


def sample_examples(
    engine: Engine, window: Measured, *, many: int = USERS, depth: int = DEPTH, seed: int = 42
) -> list[Example]:
    """Draw test users and gather what to show of them.

    Args:
        engine: the strategies as they were measured in `window`.
        window: the last test window.
        many: how many users; all where there are fewer.
        depth: items of each list.
        seed: equal seeds draw the same users.
    """
    known = np.flatnonzero(window.truth.users != UNKNOWN_USER)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(known, size=min(many, len(known)), replace=False)
    users = window.truth.users[drawn]
    catalogue = _Catalogue(engine)
    history = _latest(engine, users, depth)
    lists = {
        name: engine.answer(users, strategy=name, k=depth, exclude_seen=window.exclude_seen)
        for name in window.strategies
    }
    examples = []
    for row, (at, user) in enumerate(zip(drawn.tolist(), users.tolist(), strict=True)):
        relevant, had = window.truth.items.row(at), engine.history.row(user)
        examples.append(
            Example(
                user=engine.artifacts.users[user],
                had=len(had),
                history=[catalogue.shown(i) for i in history.get(user, [])],
                relevant=len(relevant),
                truth=[catalogue.shown(i, had=had) for i in relevant[:depth].tolist()],
                lists=[
                    ExampleList(
                        name,
                        [
                            catalogue.shown(i, relevant=relevant, had=had)
                            for i in answer.recommendations.items[row].tolist()
                            if i >= 0
                        ],
                        answer.fallback_reason(row),
                    )
                    for name, answer in lists.items()
                ],
            )
        )
    return examples


_NOTHING: Rows = np.empty(0, np.int32)


class _Catalogue:
    """Names and pictures of items by row; rows beyond the catalogue have only a number."""

    def __init__(self, engine: Engine) -> None:
        from recsys_cli.encoders.items import item_pictures
        from recsys_cli.store.tables import read_table

        self._ids, self._names = engine.artifacts.items, engine.artifacts.names
        artifacts = engine.artifacts
        table = read_table(artifacts.workspace.file("items", engine.dataset))
        self._pictures = item_pictures(
            table, artifacts.spec, workspace=artifacts.workspace.root, named=artifacts.raw_path
        )

    def shown(self, row: int, *, relevant: Rows = _NOTHING, had: Rows = _NOTHING) -> Shown:
        if row >= len(self._ids):
            return Shown("?", "not in the catalogue", None)
        item = self._ids[row]
        return Shown(
            item,
            self._names[row] or item,
            self._pictures[row],
            hit=bool((relevant == row).any()),
            again=bool((had == row).any()),
        )


def _latest(engine: Engine, users: Rows, depth: int) -> dict[int, list[int]]:
    """The different items of each user in the snapshot, the one of the last event first."""
    import polars as pl

    path = engine.artifacts.workspace.file("events", engine.dataset)
    theirs = pl.scan_parquet(path).filter(pl.col(USER).is_in(users.tolist()))
    seen: pl.DataFrame = (
        engine.artifacts.snapshot.filter(theirs).select(USER, ITEM, TIME).with_row_index().collect()
    )
    newest = seen.sort(TIME, "index", descending=True, nulls_last=True)
    distinct = newest.unique([USER, ITEM], keep="first", maintain_order=True)
    grouped = distinct.group_by(USER, maintain_order=True).agg(pl.col(ITEM).head(depth))
    return dict(zip(grouped[USER].to_list(), grouped[ITEM].to_list(), strict=True))
