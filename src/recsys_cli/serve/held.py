"""Artifacts and engines as a server holds them: opened once, and without what cannot be loaded."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Self

import numpy as np

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.config import Config
from recsys_cli.config.rules import RulesConfig
from recsys_cli.csr import CSR
from recsys_cli.engine.engine import Engine, Filters
from recsys_cli.engine.registry import AUTO
from recsys_cli.engine.since import Since
from recsys_cli.errors import ArtifactError, LogError, RecsysError
from recsys_cli.live.contract import EventLog
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.vectors import Mask, Users
from recsys_cli.serve.items import ItemsTable
from recsys_cli.store.packs import Pack
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger("recsys.serve")

_MASKS = 64
MASK_BYTES = 16 << 20
"""Filters whose masks are kept, and how large these may be together."""


class Absent:
    """Stands in a chain for a strategy that fails: it knows nobody, so the next one answers."""

    unknown_reason = "it failed when it was loaded"
    reference = None

    def __init__(self, name: str, n_items: int) -> None:
        self.name = name
        self.n_items = n_items

    def knows(self, users: Users) -> Mask:
        """Nobody."""
        return np.zeros(len(users), np.bool_)

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """Empty lists; see `Recommender.recommend`."""
        return Recommendations.empty(len(users), k, self.name)


class HeldArtifacts(Artifacts):
    """Artifacts as they were when opened; the items table is read once."""

    table: ItemsTable

    def __init__(self, workspace: Workspace, dataset: str, *, config: Config) -> None:
        super().__init__(workspace, dataset, config=config)
        self._unusable: dict[str, RecsysError] = {}

    def give_up(self, kind: str, why: RecsysError) -> None:
        """Use an artifact no more."""
        self._unusable.setdefault(kind, why)
        self._packs.pop(kind, None)

    def has(self, kind: str) -> bool:
        """See `Artifacts.has`; what could not be loaded is not there, so that others answer."""
        try:
            return kind not in self._unusable and super().has(kind)
        except ArtifactError as error:
            log.warning("%s: %s", self.dataset, error.message)
            self.give_up(kind, error)
            return False

    def pack(self, kind: str) -> Pack:
        """See `Artifacts.pack`; arrays are plain views of the maps, which are quicker to slice."""
        if kind in self._unusable:
            raise self._unusable[kind]
        if kind not in self._packs:
            try:
                mapped = super().pack(kind)
            except RecsysError as error:
                self.give_up(kind, error)
                raise
            self._packs[kind] = {
                key: np.asarray(value) if isinstance(value, np.ndarray) else value
                for key, value in mapped.items()
            }
        return self._packs[kind]

    @property
    def item_columns(self) -> list[str]:
        """Names of the columns of the items table."""
        return self.table.columns

    def item_table(self, columns: Sequence[str]) -> pl.DataFrame:
        """Columns of the items table; raises UsageError for one that there is not."""
        return self.table.frame(columns)


def _unread(error: LogError) -> None:
    log.warning("answered without live events: %s", error.message)


class ServedEngine(Engine):
    """An engine that knows masks it made before."""

    def __init__(
        self, artifacts: HeldArtifacts, *, threads: int, config: Config, log_of: EventLog | None
    ) -> None:
        super().__init__(
            artifacts.workspace,
            artifacts.dataset,
            threads=threads,
            config=config,
            artifacts=artifacts,
            since=None if log_of is None else partial(Since, log_of, failed=_unread),
        )
        self._masks: OrderedDict[tuple[tuple[str, ...], tuple[str, ...]], Mask] = OrderedDict()

    def under(self, config: RulesConfig) -> Self:
        """See `Engine.under`."""
        other = super().under(config)
        other._masks = OrderedDict()
        return other

    def leave_out(self, strategy: str) -> None:
        """Have others answer where a chain would ask this one."""
        self._strategies.pop(strategy, None)
        if strategy != AUTO:
            self._built[strategy] = Absent(strategy, len(self.artifacts.items))

    def allowed(self, filters: Filters) -> Mask | None:
        """See `Engine.allowed`."""
        key = (tuple(filters.exclude), tuple(filters.where))
        mask = self._masks.get(key)
        if mask is None:
            mask = super().allowed(filters)
            if mask is not None:
                self._masks[key] = mask
                while len(self._masks) > max(1, min(_MASKS, MASK_BYTES // len(mask))):
                    self._masks.popitem(last=False)
        return mask
