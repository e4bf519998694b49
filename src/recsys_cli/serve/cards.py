"""What the page says of an item under its name: its category, and what it costs.

The category is the first of the dataset's category columns that is not the same for all variants of
a product. The price is a column of the items table that is called so; else, where the value of an
event is a price, what was paid last.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_cli.columns import ITEM, TIME, VALUE
from recsys_cli.datasets.guess import PRICES, guess_first
from recsys_cli.errors import ArtifactError
from recsys_cli.store.tables import told

if TYPE_CHECKING:
    from recsys_cli.build.artifacts import Artifacts
    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.serve.items import ItemsTable
    from recsys_cli.store.scratch import Scratch

log = logging.getLogger("recsys.serve")

PRICE = "price"


class Cards:
    """What is said of one dataset's items, by row."""

    def __init__(self, artifacts: Artifacts, table: ItemsTable, scratch: Scratch) -> None:
        """Look for columns; prices of events are looked up once for all processes."""
        spec, self._table = artifacts.spec, table
        self._columns = category_columns(spec, table.columns)[:1]
        self._paid: npt.NDArray[np.float32] | None = None
        column = guess_first(table.columns, PRICES)
        if column is not None:
            self._columns.append(column)
        elif spec.worth == PRICE:
            file = artifacts.workspace.file("events", artifacts.dataset)
            try:
                key = _key(file, len(artifacts.items))
                pack = scratch.pack(key, lambda: {PRICE: _last_paid(file, artifacts)})
                self._paid = np.asarray(pack[PRICE])
            except (ArtifactError, OSError) as error:
                log.warning("%s: items have no prices: %s", artifacts.dataset, error)

    def of(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """What is known of each item, by what it is called."""
        found = self._table.cells(self._columns, rows) if self._columns else [{} for _ in rows]
        for about, row in zip(found, rows, strict=True):
            if self._paid is not None and not np.isnan(self._paid[row]):
                # The shortest decimal that stands for the float32.
                about[PRICE] = float(str(self._paid[row]))
        return [{k: v for k, v in about.items() if v is not None} for about in found]


def category_columns(spec: DatasetSpec, there: Sequence[str]) -> list[str]:
    """The columns of an items table that group it, in order; those of variants say no more."""
    return [c for c in spec.category_columns if c in there and c != spec.variant_column]


def _key(file: Path, n_items: int) -> str:
    stat = file.stat()
    about = f"paid {file.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino} {n_items}"
    return hashlib.sha256(about.encode()).hexdigest()[:32]


def _last_paid(file: Path, artifacts: Artifacts) -> npt.NDArray[np.float32]:
    """(n_items,) the largest value of each item's last events that have one; NaN for none."""
    paid = np.full(len(artifacts.items), np.nan, np.float32)
    with told(file):
        sold = pl.scan_parquet(file).filter(pl.col(VALUE).is_finite() & (pl.col(VALUE) > 0))
        if artifacts.spec.has_time:
            # In two steps, neither of which holds all events.
            last = sold.group_by(ITEM).agg(pl.col(TIME).max()).collect(engine="streaming")
            sold = sold.join(last.lazy(), on=[ITEM, TIME], how="semi")
        each = sold.group_by(ITEM).agg(pl.col(VALUE).max()).collect(engine="streaming")
    known = each.filter(pl.col(ITEM).is_between(0, len(paid) - 1))
    paid[known[ITEM].to_numpy()] = known[VALUE].to_numpy()
    return paid
