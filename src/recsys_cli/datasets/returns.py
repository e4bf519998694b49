"""Takes returned pieces from what users bought."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsys_cli.columns import ITEM, TIME, USER, VALUE

_ROW = "row"


def subtract_returns(path: Path) -> int:
    """Take the negative values of an events table from the same user's other events of the item.

    The latest pieces are taken first; an event of which nothing is left goes, and so do the
    returns. The order of the others stays.

    Args:
        path: the table, which is written again.

    Returns:
        How many rows went.
    """
    frame = pl.scan_parquet(path).with_row_index(_ROW)
    returned = frame.filter(pl.col(VALUE) < 0).group_by(USER, ITEM)
    back = returned.agg((-pl.col(VALUE).cast(pl.Float64).sum()).alias("back"))
    kept = frame.filter(pl.col(VALUE).ge(0).fill_null(value=True))
    untouched = kept.join(back, on=[USER, ITEM], how="anti")
    value = pl.col(VALUE).cast(pl.Float64).fill_null(1.0)
    left = (value.cum_sum().over(USER, ITEM) - pl.col("back")).clip(lower_bound=0)
    touched = (
        kept.join(back, on=[USER, ITEM])
        .sort(TIME, _ROW, descending=True)
        .with_columns(pl.min_horizontal(value, left).cast(pl.Float32).alias(VALUE))
        .filter(pl.col(VALUE) > 0)
        .drop("back")
    )
    table = pl.concat([untouched, touched]).sort(_ROW).drop(_ROW).collect(engine="streaming")
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    table.write_parquet(path, compression="zstd", compression_level=1, row_group_size=1 << 18)
    return int(rows - len(table))
