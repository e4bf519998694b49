"""The order of rows: by the time of the first event, then by id; what has no events comes last.

So rows are not renumbered as a shop grows: new users and items stand behind those that were there,
and all that was known at a moment is the first rows. Models of the past stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_cli.columns import ITEM, TIME, USER
from recsys_cli.datasets.catalogue import COMPRESSION, COMPRESSION_LEVEL, Ids
from recsys_cli.datasets.events import ROW_GROUP
from recsys_cli.datasets.idpack import id_table
from recsys_cli.store.kinds import NEVER

Rows = npt.NDArray[np.int32]


def order_by_first_event(paths: Sequence[Path], users: Ids, items: Ids) -> None:
    """Settle the order of both tables, and write the events with rows in that order.

    Args:
        paths: tables of events, with times.
        users: whose order is set.
        items: likewise.
    """
    rows = {}
    for ids in (users, items):
        ids.order, ids.first = _by_first_event(paths, ids)
        place = np.empty(len(ids), np.int32)
        place[ids.order] = np.arange(len(ids), dtype=np.int32)
        rows[ids.column] = place
    for path in paths:
        ordered = path.with_suffix(".ordered")
        pl.scan_parquet(path).with_columns(
            _placed(name, rows[name]) for name in (USER, ITEM)
        ).sink_parquet(
            ordered,
            compression=COMPRESSION,
            compression_level=COMPRESSION_LEVEL,
            row_group_size=ROW_GROUP,
            maintain_order=True,
        )
        ordered.replace(path)


def _by_first_event(paths: Sequence[Path], ids: Ids) -> tuple[Rows, npt.NDArray[np.int64]]:
    """(n,) rows as the catalogue has them, in their new order, and the times of their events."""
    first = np.full(len(ids), NEVER)
    every = pl.concat([pl.scan_parquet(path).select(ids.column, TIME) for path in paths])
    events = every.group_by(ids.column).agg(pl.col(TIME).min().to_physical())
    found = events.collect(engine="streaming")
    first[found[ids.column].to_numpy()] = found[TIME].to_numpy() // 1000
    rank = np.empty(len(ids), np.int64)
    rank[id_table(ids.all(), search=True).order] = np.arange(len(ids))
    order = np.lexsort((rank, first)).astype(np.int32)
    return order, first[order]


def _placed(column: str, place: Rows) -> pl.Expr:
    def look_up(rows: pl.Series) -> pl.Series:
        return pl.Series(place[rows.to_numpy()])

    return pl.col(column).map_batches(look_up, return_dtype=pl.Int32, is_elementwise=True)
