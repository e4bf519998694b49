"""The kinds of artifact: where each lies, what a pack of it must hold, and what turns it on.

Those that every workspace has stand here; strategies declare theirs (`strategies`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from recsys_cli.errors import ConfigError, Hint
from recsys_cli.store.idtable import fingerprint, strings
from recsys_cli.store.layout import (
    ITEMS,
    USERS,
    Array,
    Layout,
    counts,
    flags,
    floats,
    matrix,
    moment,
    text,
    whole,
)

if TYPE_CHECKING:
    from recsys_cli.config import Config


@dataclass(frozen=True, slots=True)
class Switch:
    """What turns a stage and its artifacts on.

    Attributes:
        on: whether the settings of a dataset do; of a whole workspace's artifact, those of `ALL`.
        message: why it is off.
        hint: what to do to turn it on.
        announced: whether a build of everything says that it leaves this out.
        able: whether builds run its stages, which may depend on what is installed; artifacts
            that are there are used all the same.
    """

    on: Callable[[Config, str], bool]
    message: str
    hint: Hint
    announced: bool = False
    able: Callable[[Config, str], bool] = lambda _config, _dataset: True

    def refusal(self) -> ConfigError:
        """What to tell somebody who asks for what is off."""
        return ConfigError(self.message, hint=self.hint)


class ArtifactKind(NamedTuple):
    """Where the artifacts of one kind lie, and what they hold.

    Attributes:
        suffix: of the file name.
        per_snapshot: whether each snapshot has its own.
        stem: first part of the file name; empty means the kind itself.
        part: file name within a folder of that name, for artifacts of several files; empty
            means that the artifact is a single file.
        layout: what a pack holds; None where the artifact is no pack.
        or_nothing: whether a pack may hold nothing instead.
        switch: what turns it on; None is always on.
    """

    suffix: str
    per_snapshot: bool
    stem: str = ""
    part: str = ""
    layout: Layout | None = None
    or_nothing: bool = False
    switch: Switch | None = None

    def live(self, config: Config, dataset: str) -> bool:
        """Whether such an artifact is used: what is off is not, though it may be there still."""
        return self.switch is None or self.switch.on(config, dataset)


NEVER = 1 << 62
"""In place of the time of a first event of what has none."""
OF_ITEMS: Layout = {"items_fingerprint": text()}
OF_IDS: Layout = {"users_fingerprint": text(), **OF_ITEMS}


def pack_kind(
    per_snapshot: bool, layout: Layout, stem: str = "", switch: Switch | None = None
) -> ArtifactKind:
    """A kind of packs."""
    return ArtifactKind(".joblib", per_snapshot, stem, layout=layout, switch=switch)


ARTIFACTS: dict[str, ArtifactKind] = {
    "events": ArtifactKind(".parquet", False),
    "returned": ArtifactKind(".parquet", False),
    "items": ArtifactKind(".parquet", False),
    "users": ArtifactKind(".parquet", False),
    "ids": pack_kind(
        False,
        {
            **strings("user", USERS),
            "users_fingerprint": fingerprint("user"),
            **strings("item", ITEMS),
            "items_fingerprint": fingerprint("item"),
            **strings("name", ITEMS, search=False),
            "item_gone": flags(ITEMS, optional=True),
            "item_first": Array(dtype="i8", shape=(ITEMS,), optional=True),
        },
    ),
    "spec": ArtifactKind(".json", False),
    "interactions": pack_kind(
        True,
        {
            "n_users": whole(size=USERS),
            "n_items": whole(size=ITEMS),
            **matrix(USERS, ITEMS),
            "weight": floats("entries", least=0),
            "count": counts("entries"),
            "last": counts("entries"),
            "reference": moment(),
            "events_seen": text(optional=True),
            **OF_IDS,
        },
    ),
}
ALL = "all"
"""Stands in a dataset's place for artifacts of the whole workspace."""


def declare(kinds: Mapping[str, ArtifactKind]) -> None:
    """Add kinds of artifact.

    Raises:
        ValueError: there is another kind of that name.
    """
    for name, kind in kinds.items():
        if ARTIFACTS.setdefault(name, kind) != kind:
            raise ValueError(f"two kinds of artifact are called {name}")
