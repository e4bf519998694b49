"""Training pairs: a snapshot's events by user and time, split by time into two files.

Canonical events come in; Parquet files with user, item, time, weight and split go out. What the
snapshot one test window earlier does not see is for validation, everything before it for
training. Users are sorted in ranges, so memory follows the range and not the number of events.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.columns import ITEM, TIME, USER, WEIGHT
from recsys_cli.events.weights import event_weight
from recsys_cli.strategies.twotower.history import SPLIT

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec

DATASET = "dataset"
_EVENTS_AT_ONCE = 4_000_000


def pairs_of(events: pl.LazyFrame, *, spec: DatasetSpec, split: str) -> pl.LazyFrame:
    """Events (canonical columns) as training pairs, in their order; those without a time go.

    Returns:
        user Int32, item Int32, time Datetime(ms), weight Float32, split String.
    """
    import polars as pl

    weight = event_weight(spec).cast(pl.Float32).alias(WEIGHT)
    return events.filter(pl.col(TIME).is_not_null()).select(
        pl.col(USER, ITEM), pl.col(TIME), weight, pl.lit(split).alias(SPLIT)
    )


def write_pairs(pairs: pl.LazyFrame, path: Path, *, n_users: int) -> int:
    """Sort pairs by user, then time, equal times in their order, and write them.

    Args:
        pairs: as from `pairs_of`.
        path: the Parquet file.
        n_users: size of the user table.

    Returns:
        Number of pairs.
    """
    import polars as pl

    total = int(pairs.select(pl.len()).collect(engine="streaming").item())
    ranges = max(1, -(-total // _EVENTS_AT_ONCE))
    bounds = [n_users * part // ranges for part in range(ranges + 1)]
    parts = [
        pairs.filter((pl.col(USER) >= low) & (pl.col(USER) < high)).sort(
            USER, TIME, maintain_order=True
        )
        for low, high in pairwise(bounds)
    ]
    pl.concat(parts).sink_parquet(path, maintain_order=True, row_group_size=1 << 19)
    return total


def join_pairs(parts: Mapping[str, Path], path: Path) -> int:
    """Write the pairs of several datasets one after the other.

    Rows are numbered by dataset, so the column `dataset` is part of every id.

    Args:
        parts: files that `write_pairs` made, by dataset.
        path: the Parquet file.

    Returns:
        Number of pairs.
    """
    import polars as pl

    schema = {
        USER: pl.Int32(), ITEM: pl.Int32(), TIME: pl.Datetime("ms"), WEIGHT: pl.Float32(),
        SPLIT: pl.String(), DATASET: pl.String(),
    }  # fmt: skip
    none = pl.LazyFrame(schema=schema)
    frames = [
        pl.scan_parquet(part).with_columns(pl.lit(name).alias(DATASET))
        for name, part in sorted(parts.items())
    ]
    joined = pl.concat([none, *frames])
    joined.sink_parquet(path, maintain_order=True, row_group_size=1 << 19)
    return int(joined.select(pl.len()).collect(engine="streaming").item())
