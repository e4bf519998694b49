"""Opens one dataset's artifacts for reading, memory-mapped, and refuses mixtures.

Rows are integer ids, so factors made for one set of ids mean nothing for another. Every pack
carries the fingerprints of the ids it was made for, and they are compared here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import ITEM, NAME, USER
from recsys_cli.config import Config
from recsys_cli.config.load import raw_path
from recsys_cli.datasets.spec import DatasetSpec, read_spec
from recsys_cli.errors import ArtifactError, Command, no_column
from recsys_cli.store.idtable import FINGERPRINTS, IdTable
from recsys_cli.store.kinds import ARTIFACTS
from recsys_cli.store.layout import Wrong, grown
from recsys_cli.store.manifest import Manifest
from recsys_cli.store.packs import Pack
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.tables import column_names, read_table
from recsys_cli.store.workspace import OTHER_IDS, Workspace, build_command, sizes_of

if TYPE_CHECKING:
    import polars as pl


class Artifacts:
    """The packs of one dataset in one snapshot, each loaded once, when first asked for."""

    def __init__(
        self,
        workspace: Workspace,
        dataset: str,
        snapshot: Snapshot = NOW,
        *,
        config: Config | None = None,
    ) -> None:
        """Load nothing yet.

        Args:
            workspace: where the packs are.
            dataset: whose.
            snapshot: of which events.
            config: what it switches off counts as missing, since no build keeps it up to date.
        """
        self.workspace = workspace
        self._config = config
        self.dataset = dataset
        self.snapshot = snapshot
        self._packs: dict[str, Pack] = {}
        workspace.settle()

    def has(self, kind: str) -> bool:
        """Whether the artifact exists, and is not one that is switched off.

        Raises:
            ArtifactError: it was built, and is gone.
        """
        if kind not in ARTIFACTS or not self._live(kind):
            return False
        if self._path(kind).exists():
            return True
        if any(self._shown(kind) in made.outputs for made in self.manifests.values()):
            raise ArtifactError(f"{self._shown(kind)} is gone", hint=self.build_command())
        return False

    def pack(self, kind: str) -> Pack:
        """A pack made for this dataset's ids.

        Raises:
            ArtifactError: it is missing, damaged, or was made for other ids.
        """
        if kind not in self._packs:
            self._need(kind)
            pack = self.workspace.pack(kind, self.dataset, self.snapshot)
            self._packs[kind] = pack if kind == "ids" else self._of_all(kind, pack)
        return self._packs[kind]

    def text(self, kind: str) -> str:
        """The text of an artifact that is one.

        Raises:
            ArtifactError: it is missing, or no text.
        """
        self._need(kind)
        try:
            file = self.workspace.file(kind, self.dataset, self.snapshot)
            return file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise self._refused(kind, "is no text") from None

    def _need(self, kind: str) -> None:
        if not self.has(kind):
            raise self._refused(kind, "does not exist")

    def _refused(self, kind: str, why: str) -> ArtifactError:
        return ArtifactError(f"{self._shown(kind)} {why}", hint=self.build_command())

    @cached_property
    def manifests(self) -> dict[str, Manifest]:
        """What builds have made, by stage."""
        return self.workspace.manifests(self.dataset, self.snapshot)

    @property
    def item_columns(self) -> list[str]:
        """Names of the columns of the items table."""
        return column_names(self.workspace.file("items", self.dataset))

    def item_column(self, column: str) -> pl.Series:
        """A column of the items table; raises as `item_table`."""
        return self.item_table([column])[column]

    def item_table(self, columns: Sequence[str]) -> pl.DataFrame:
        """Columns of the items table, checked to be the one that the ids belong to.

        Raises:
            UsageError: there is no such column.
            ArtifactError: the table is of another ingest than the ids.
        """
        there = self.item_columns
        for column in columns:
            if column not in there:
                raise no_column(self.dataset, column, there)
        table = read_table(self.workspace.file("items", self.dataset), {ITEM, *columns})
        if table[ITEM].to_list() != self.items.to_list():
            raise self._refused("items", "is of another ingest than the item ids")
        return table.select(columns)

    def build_command(self) -> Command:
        """The command that makes what is missing or stale."""
        return build_command(self.dataset, self.snapshot)

    def _path(self, kind: str) -> Path:
        return self.workspace.path(kind, self.dataset, self.snapshot)

    def _shown(self, kind: str) -> str:
        return self.workspace.relative(self._path(kind))

    def _of_all(self, kind: str, pack: Pack) -> Pack:
        """A pack that knows of those users and items too that have come since a past moment."""
        ids, layout = self.pack("ids"), ARTIFACTS[kind].layout
        keys = [key for key in FINGERPRINTS if key in pack]
        if all(pack[key] == ids[key] for key in keys):
            return pack
        try:
            sizes_of(pack, ids, keys)
        except Wrong:
            raise self._refused(kind, OTHER_IDS) from None
        if layout is None or self.snapshot == NOW:
            raise self._refused(kind, OTHER_IDS)
        made = grown(pack, layout, sizes_of(ids, ids))
        return made | {key: ids[key] for key in keys}

    @property
    def raw_path(self) -> str | None:
        """Where recsys.toml says that the raw files are; None where it does not."""
        return None if self._config is None else raw_path(self._config, self.dataset)

    def refuse_off(self, kinds: Sequence[str]) -> None:
        """Refuse artifacts that are switched off, though they may be there still.

        Raises:
            ConfigError: says what to write into recsys.toml.
        """
        for kind in kinds:
            switch = ARTIFACTS[kind].switch
            if switch is not None and not self._live(kind):
                raise switch.refusal()

    def _live(self, kind: str) -> bool:
        return self._config is None or ARTIFACTS[kind].live(self._config, self.dataset)

    @cached_property
    def users(self) -> IdTable:
        """External user ids by row."""
        return IdTable.from_pack(self.pack("ids"), USER)

    @cached_property
    def items(self) -> IdTable:
        """External item ids by row."""
        return IdTable.from_pack(self.pack("ids"), ITEM)

    @cached_property
    def names(self) -> IdTable:
        """Item names by row."""
        return IdTable.from_pack(self.pack("ids"), NAME)

    @cached_property
    def still_there(self) -> npt.NDArray[np.bool_] | None:
        """(n_items,) items that have not left the catalogue; None where all may be listed."""
        gone = self.pack("ids").get("item_gone")
        return None if gone is None else ~np.asarray(gone)

    @cached_property
    def spec(self) -> DatasetSpec:
        """The dataset's spec."""
        return read_spec(self.workspace.file("spec", self.dataset))
