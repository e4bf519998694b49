"""Counts of an events table do not depend on how it is cut into parts and batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys_cli.datasets import counting
from recsys_cli.datasets.counting import count_events, first_repeat


@pytest.mark.parametrize(("at_once", "batch"), [(1 << 26, 1 << 18), (100, 7)])
def test_counts_equal_plain_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, batch: int
) -> None:
    monkeypatch.setattr(counting, "_KEYS_AT_ONCE", at_once)
    monkeypatch.setattr(counting, "_BATCH", batch)
    rng, n = np.random.default_rng(3), 500
    table = pl.DataFrame(
        {
            "user": pl.Series(rng.integers(0, 30, n), dtype=pl.Int32),
            "item": pl.Series(rng.integers(0, 9, n), dtype=pl.Int32),
            "time": pl.Series(rng.integers(0, 3, n) * 86_400_000).cast(pl.Datetime("ms")),
            "event": pl.Series(np.zeros(n), dtype=pl.UInt8),
            "value": pl.Series(np.ones(n), dtype=pl.Float32),
        }
    )
    path = tmp_path / "events.parquet"
    table.write_parquet(path, row_group_size=50)
    totals = count_events(path, rows_read=n + 4, n_items=12)
    rows = table.rows()
    assert (totals.events, totals.skipped) == (n, 4)
    assert totals.pairs == len({row[:2] for row in rows})
    assert totals.users == len({row[0] for row in rows})
    assert totals.items == len({row[1] for row in rows})
    assert totals.repeats == n - len(set(rows))
    repeat = first_repeat(path, n)
    assert repeat is not None
    assert rows[repeat] in rows[:repeat]
