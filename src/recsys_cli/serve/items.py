"""The items table as the server keeps it: columns to filter by, rows to show, pictures.

A copy in small row groups, which a later ingest does not touch, is read where it is asked for:
half a millisecond for a row, and nothing that every process would have to hold in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from recsys_cli.columns import IMAGE, ITEM
from recsys_cli.datasets.idpack import id_table
from recsys_cli.datasets.spec import picture_folder
from recsys_cli.encoders.pictures import media_type
from recsys_cli.errors import ArtifactError, no_column
from recsys_cli.store.tables import read_table

if TYPE_CHECKING:
    from recsys_cli.build.artifacts import Artifacts
    from recsys_cli.store.scratch import Scratch

_ROWS = 1024


class ItemsTable:
    """One dataset's items by row."""

    def __init__(self, artifacts: Artifacts, scratch: Scratch) -> None:
        """Read the table, and check that the ids belong to it.

        Raises:
            ArtifactError: there is no table, or it is of another ingest than the ids.
        """
        path = artifacts.workspace.file("items", artifacts.dataset)
        stat = path.stat()
        fingerprint = str(artifacts.pack("ids")["items_fingerprint"])
        about = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino} {fingerprint}"
        name = f"{hashlib.sha256(about.encode()).hexdigest()[:32]}.parquet"
        self._dataset = artifacts.dataset

        def write(to: Path) -> None:
            frame = read_table(path)
            known = frame.schema.get(ITEM) == pl.String and not frame[ITEM].has_nulls()
            if not known or id_table(frame[ITEM], search=False).fingerprint() != fingerprint:
                raise ArtifactError(
                    f"{path.name} is of another ingest than the item ids",
                    hint=artifacts.build_command(),
                )
            frame.write_parquet(to, compression="lz4", row_group_size=_ROWS)

        self._file = scratch.file(name, write)
        self._table = pl.scan_parquet(self._file)
        self.columns = list(self._table.collect_schema())
        self._pictures = picture_folder(
            artifacts.spec, artifacts.workspace.root, artifacts.raw_path
        )
        named = IMAGE in self.columns and self._pictures is not None
        self.pictured: bool = named and not self.column(IMAGE).is_null().all()
        """Whether any item names a picture."""

    def column(self, name: str) -> pl.Series:
        """A column.

        Raises:
            UsageError: there is none of that name.
        """
        return self.frame([name])[name]

    def frame(self, names: Sequence[str]) -> pl.DataFrame:
        """Several columns; raises as `column`."""
        for name in names:
            if name not in self.columns:
                raise no_column(self._dataset, name, self.columns)
        return self._table.select(names).collect()

    def cells(self, columns: Sequence[str], rows: Sequence[int]) -> list[dict[str, Any]]:
        """Some columns of several items, in one look at the table."""
        picked = [pl.col(column).gather(list(rows)) for column in columns]
        return self._table.select(picked).collect().to_dicts()

    def row(self, row: int) -> dict[str, Any]:
        """What the table says about an item, empty fields left out."""
        found = self._table.slice(row, 1).collect().row(0, named=True)
        return {k: v for k, v in found.items() if v is not None}

    def picture(self, row: int) -> Path | None:
        """The file of an item's picture; None where there is none that may be shown.

        Links are followed first: what lies outside the folder of pictures is not shown.
        """
        if not self.pictured:
            return None
        return self._shown(self._table.select(IMAGE).slice(row, 1).collect().item())

    def pictures(self, rows: Sequence[int]) -> list[Path | None]:
        """The same for several items, in one look at the table."""
        if not self.pictured:
            return [None] * len(rows)
        return [self._shown(one[IMAGE]) for one in self.cells([IMAGE], rows)]

    def _shown(self, named: str | None) -> Path | None:
        if self._pictures is None or not named:
            return None
        root = self._pictures.resolve()
        try:
            file = (root / named).resolve()
            fits = file.is_relative_to(root) and file.is_file() and kind_of(file)
            return file if fits else None
        except (OSError, ValueError):
            return None


def kind_of(file: Path) -> str | None:
    """What a picture is sent as, by its content; None where it is of no kind that is shown."""
    with file.open("rb") as opened:
        return media_type(opened.read(12))
