"""Ids of items or users: from the catalogue first, then those that only the events have.

In goes a raw catalogue, out come the ids by row and the finished Parquet table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_cli.columns import IMAGE, IN_CATALOGUE, ITEM, NAME
from recsys_cli.datasets.diagnosis import Defect, Place, defect, occurrences, report
from recsys_cli.datasets.findings import Findings
from recsys_cli.datasets.rawfile import ROW
from recsys_cli.datasets.tables import RawCatalogue

COMPRESSION: Literal["zstd"] = "zstd"
COMPRESSION_LEVEL = 1


@dataclass(slots=True)
class Ids:
    """The external ids of one table by row.

    Attributes:
        column: canonical name, `user` or `item`.
        listed: ids of the catalogue; empty where there is none.
        extra: ids that only the events have, ascending.
        has_catalogue: whether anything lists these ids.
        dirty: whether catalogue rows without an id or with a repeated one were left out.
        order: (n,) int32 the rows so far in the order that they are written in; None for theirs.
        first: (n,) int64 seconds since 1970 of the first event, in that order; `NEVER` for none.
    """

    column: str
    listed: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.String))
    extra: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.String))
    has_catalogue: bool = False
    dirty: bool = False
    order: npt.NDArray[np.int32] | None = None
    first: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.listed) + len(self.extra)

    def all(self) -> pl.Series:
        """Every id, those of the catalogue first."""
        return pl.concat([self.listed, self.extra]).alias(self.column)

    def ordered(self) -> pl.Series:
        """Every id in the order that rows are written in."""
        return self.all() if self.order is None else self.all().gather(self.order)


def load_ids(raw: RawCatalogue | None, column: str, findings: Findings) -> Ids:
    """Read and check the ids of a catalogue; without one, an empty table."""
    if raw is None:
        return Ids(column)
    ids = raw.frame.select(raw.id).collect(engine="streaming").to_series()
    present = ids.drop_nulls()
    listed = present.unique(maintain_order=True) if present.n_unique() < len(present) else present
    known = _id_defects(raw, repeated=len(listed) < len(present))
    found = occurrences(ids.to_frame().with_row_index(ROW).lazy(), known)
    report(found, Place(raw.label, raw.file, len(ids)), findings)
    dirty = len(listed) != len(ids)
    return Ids(column, listed.alias(column), has_catalogue=True, dirty=dirty)


def _id_defects(raw: RawCatalogue, *, repeated: bool) -> list[Defect]:
    ids, width = pl.col(raw.id), raw.id_width
    again = ids.is_not_null() & ~ids.is_first_distinct()
    wrong = {
        "empty_ids": ids.is_null(),
        "id_spaces": ids.str.strip_chars() != ids,
        # Finding out where takes longer than whether.
        "duplicate_ids": again if repeated else pl.lit(False),
    }
    if width is not None:
        wrong["leading_zeros"] = ids.str.len_chars() != width
    return [
        defect(
            f"{raw.table}.{name}",
            rows,
            said=f"catalogue.{name}",
            cell=raw.id,
            column=raw.id_name or raw.id,
            width=str(width),
        )
        for name, rows in wrong.items()
    ]


def write_table(raw: RawCatalogue | None, ids: Ids, path: Path, *, source: str | None) -> list[str]:
    """Write items (given a `source` tag) or users as Parquet in row order.

    Returns:
        The names of the columns written.
    """
    extra = pl.LazyFrame({ids.column: ids.extra}).with_columns(
        # Where nothing lists the ids, none is missing from the list.
        pl.lit(not ids.has_catalogue).alias(IN_CATALOGUE)
    )
    frame = extra
    if raw is not None:
        listed = raw.frame
        if ids.dirty:
            listed = listed.filter(pl.col(raw.id).is_not_null())
            listed = listed.unique(subset=raw.id, keep="first", maintain_order=True)
        listed = listed.rename({raw.id: ids.column}).with_columns(pl.lit(True).alias(IN_CATALOGUE))
        frame = pl.concat([listed, extra], how="diagonal") if len(ids.extra) else listed
        frame = raw.finish(frame)
    columns = [ids.column]
    if source is not None:
        frame = _with_item_columns(frame, source)
        columns += ["source", NAME, IN_CATALOGUE, IMAGE]
    else:
        columns.append(IN_CATALOGUE)
    rest = [c for c in frame.collect_schema() if c not in columns and c != ROW]
    frame = frame.select(*columns, *rest)
    if ids.order is not None:
        frame = frame.collect(engine="streaming")[ids.order].lazy()
    frame.sink_parquet(path, compression=COMPRESSION, compression_level=COMPRESSION_LEVEL)
    return columns + rest


def _with_item_columns(frame: pl.LazyFrame, source: str) -> pl.LazyFrame:
    have = frame.collect_schema()
    name = pl.coalesce(NAME, ITEM) if NAME in have else pl.col(ITEM)
    image = pl.col(IMAGE) if IMAGE in have else pl.lit(None, pl.String)
    return frame.with_columns(pl.lit(source).alias("source"), name.alias(NAME), image.alias(IMAGE))
