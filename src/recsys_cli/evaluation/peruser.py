"""Figures of single users as a Parquet file beside the results, for paired comparisons of runs.

Measured windows come in; a row per dataset, window, strategy and user goes out, with external
ids and a column per metric. A run of 100,000 users is some megabytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys_cli.columns import USER
from recsys_cli.evaluation.bootstrap import Floats, Units
from recsys_cli.moments import is_midnight

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.evaluation.harness import Measured
    from recsys_cli.store.idtable import IdTable

DATASET, CUTOFF, STRATEGY, HISTORY = "dataset", "cutoff", "strategy", "history"


def user_frame(windows: Sequence[Measured], *, dataset: str, users: IdTable) -> pl.DataFrame:
    """One dataset's figures.

    Args:
        windows: what was measured.
        dataset: its name.
        users: external ids; users that the dataset does not know have none.

    Returns:
        Columns dataset, cutoff (date, or date and time where they are not all midnights; null
        without one), user (null if unknown), strategy, history (number of items before the
        test), and a Float64 column per metric@k, null where there was nothing to measure.
    """
    import polars as pl

    starts = [window.truth.cutoff for window in windows]
    days = all(start is None or is_midnight(start) for start in starts)
    kind = pl.Date if days else pl.Datetime("ms")
    frames = []
    for window, start in zip(windows, starts, strict=True):
        ids = [users[row] if row >= 0 else None for row in window.truth.users.tolist()]
        for name, figures in window.strategies.items():
            measured = dict(zip(window.names, figures.values.T, strict=True))
            frame = pl.DataFrame(
                {
                    DATASET: pl.Series([dataset] * len(ids), dtype=pl.String),
                    CUTOFF: pl.Series([start] * len(ids), dtype=pl.Datetime("ms")).cast(kind),
                    USER: pl.Series(ids, dtype=pl.String),
                    STRATEGY: pl.Series([name] * len(ids), dtype=pl.String),
                    HISTORY: window.history.astype(np.int32),
                    **{m: np.ascontiguousarray(values) for m, values in measured.items()},
                }
            )
            frames.append(frame.with_columns(pl.col(pl.Float64).fill_nan(None)))
    return pl.concat(frames)


def write_users(frames: Sequence[pl.DataFrame], path: Path) -> None:
    """Write the figures of all datasets as one Parquet file that appears when complete."""
    import polars as pl

    from recsys_cli.store.files import atomic_path

    with atomic_path(path) as temporary:
        pl.concat(frames, how="diagonal_relaxed").write_parquet(temporary)


def paired_tables(
    one: pl.DataFrame, other: pl.DataFrame, metrics: Sequence[str]
) -> tuple[Floats, Floats, Units] | None:
    """Two runs' figures of one strategy on the same rows.

    Args:
        one: rows of the first run, as `user_frame` makes them.
        other: rows of the second.
        metrics: columns to take.

    Returns:
        Two (n, len(metrics)) tables and (n,) the number of the user that each row is of; None
        if the runs are not of the same users in the same windows.
    """
    import polars as pl

    keys = [CUTOFF, USER, "nth"]
    # Users nobody knows have no id, so they are told apart by their order.
    a, b = (
        frame.with_columns(
            pl.col(CUTOFF).cast(pl.Datetime("ms")),
            pl.int_range(pl.len()).over(CUTOFF, USER).alias("nth"),
        )
        for frame in (one, other)
    )
    both = a.join(b, on=keys, how="inner", suffix=" (b)", nulls_equal=True, maintain_order="left")
    if not len(both) == len(a) == len(b):
        return None
    first = both.select(metrics).fill_null(np.nan).to_numpy()
    second = both.select(f"{metric} (b)" for metric in metrics).fill_null(np.nan).to_numpy()
    named = pl.col(USER).is_not_null()
    label = pl.when(named).then(pl.col(USER) + "u").otherwise(pl.col("nth").cast(pl.String))
    units = both.select(label.rank("dense")).to_series().to_numpy().astype(np.int64)
    return first, second, units
