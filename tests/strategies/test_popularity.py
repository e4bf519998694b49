"""Popularity scores against the formula, by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.strategies.popular import PopularConfig
from recsys_cli.strategies.popular import train as module
from recsys_cli.strategies.popular.train import Popularity, build_popularity

NOW = datetime(2020, 9, 1)
REFERENCE = int((NOW - datetime(1970, 1, 1)).total_seconds())
N_USERS, N_ITEMS = 6, 5
CONFIG = PopularConfig(window_days=28, half_life_days=7, segment_prior=2)


def spec(**changes) -> DatasetSpec:
    fields = {
        "name": "x",
        "source": "x",
        "kind": "generic",
        "events": ["view", "buy"],
        "weights": {"view": 1.0, "buy": 4.0},
        "truth_events": ["buy"],
        "repurchase": False,
        "horizon_days": 7,
        "has_time": True,
    }
    return DatasetSpec(**(fields | changes))


def events(*rows: tuple[int, int, float, int], values: list[float] | None = None) -> pl.LazyFrame:
    """Rows of user, item, age in days (0 being just now), kind."""
    times = [NOW - max(timedelta(days=r[2]), timedelta(milliseconds=1)) for r in rows]
    return pl.LazyFrame(
        {
            USER: pl.Series([r[0] for r in rows], dtype=pl.Int32),
            ITEM: pl.Series([r[1] for r in rows], dtype=pl.Int32),
            TIME: pl.Series(times, dtype=pl.Datetime("ms")),
            EVENT: pl.Series([r[3] for r in rows], dtype=pl.UInt8),
            VALUE: pl.Series(values or [None] * len(rows), dtype=pl.Float32),
        }
    )


def build(frame: pl.LazyFrame, *, users=None, config=CONFIG, **changes) -> Popularity:
    return build_popularity(
        frame,
        n_items=N_ITEMS,
        n_users=N_USERS,
        users=users,
        spec=spec(**changes),
        config=config,
        reference=REFERENCE,
    )


def test_weights_and_half_life() -> None:
    got = build(events((0, 0, 0, 1), (1, 1, 7, 1), (2, 1, 14, 0), (3, 2, 0, 0)))
    np.testing.assert_allclose(got.scores[0, :3], [4, 4 / 2 + 1 / 4, 1], rtol=1e-6)
    assert got.segments == []
    assert got.user_segment.tolist() == [0] * N_USERS


def test_old_items_come_after_recent_ones_by_all_time_count_and_unseen_last() -> None:
    old = [(u, 3, 300, 1) for u in range(5)] + [(0, 2, 200, 1)]
    got = build(events((0, 0, 27.9, 0), *old)).scores[0]
    assert got[0] > got[3] > got[2] > got[1] == got[4] == 0


def test_nothing_in_the_window_ranks_by_all_time_count() -> None:
    got = build(events((0, 1, 90, 0), (1, 1, 90, 0), (2, 4, 60, 0))).scores[0]
    assert got.tolist() == [0, 2, 0, 0, 1]


def test_no_events_at_all() -> None:
    got = build(events().clear())
    assert got.scores.tolist() == [[0.0] * N_ITEMS]


def test_without_times_every_event_counts_alike() -> None:
    frame = events((0, 0, 0, 1), (1, 1, 7, 1), (2, 1, 900, 1))
    timeless = frame.with_columns(pl.lit(None, pl.Datetime("ms")).alias(TIME))
    got = build(timeless, has_time=False)
    assert got.scores[0].tolist() == [4, 8, 0, 0, 0]


def test_values_multiply_where_the_dataset_says_so() -> None:
    frame = events((0, 0, 0, 0), (1, 1, 0, 0), (2, 2, 0, 0), values=[2.5, 0.5, None])
    assert build(frame, value_as_weight=True).scores[0, :3].tolist() == [2.5, 0.5, 1.0]


def test_values_multiply_in_the_all_time_order_too() -> None:
    old = events((0, 0, 90, 0), (1, 0, 90, 0), (2, 1, 80, 0), (3, 2, 70, 1), values=[1, 1, 5, 0])
    assert build(old, value_as_weight=True).scores[0].tolist() == [2, 5, 0, 0, 0]
    assert build(old).scores[0].tolist() == [2, 1, 4, 0, 0]


def test_bytes_do_not_depend_on_how_events_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    n = 4000
    rows = [(int(u), int(u) % N_ITEMS, 30 + a, 0) for u, a in enumerate(rng.random(n))]
    frame = events(*((u % N_USERS, i, a, k) for u, i, a, k in rows), values=rng.random(n).tolist())
    frame.collect().write_parquet(tmp_path / "events.parquet", row_group_size=64)
    first, *others = (
        build(source, value_as_weight=True).scores.tobytes()
        for source in [frame] + [pl.scan_parquet(tmp_path / "events.parquet")] * 3
    )
    assert others == [first] * 3


def test_an_event_at_or_after_the_reference_is_a_leak() -> None:
    build(events((0, 0, 0, 0)))
    for late in (0, 20):
        frame = events((0, 0, 3, 0), (1, 1, 0, 0)).with_columns(
            pl.col(TIME) + pl.duration(milliseconds=1 + late)
        )
        with pytest.raises(ValueError, match="the snapshot ends before 2020-09-01 00:00:00"):
            build(frame)


def test_segments_shrink_towards_everyone() -> None:
    users = pl.DataFrame({"region": ["n", "n", "s", "s", None, "s"]})
    frame = events((0, 0, 0, 0), (1, 0, 0, 0), (2, 1, 0, 0), (4, 2, 0, 0))
    got = build(frame, users=users, segment_columns=["region"])
    assert got.segments == ["n", "s"]
    assert got.user_segment.tolist() == [1, 1, 2, 2, 0, 2]
    everyone = np.array([2, 1, 1])
    np.testing.assert_allclose(got.scores[0, :3], everyone, rtol=1e-6)
    np.testing.assert_allclose(got.scores[1, :3], [2, 0, 0] + 2 * everyone / 4, rtol=1e-6)
    np.testing.assert_allclose(got.scores[2, :3], [0, 1, 0] + 2 * everyone / 4, rtol=1e-6)


def test_a_column_with_many_groups_keeps_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SEGMENTS", 2)
    users = pl.DataFrame({"region": ["a", "b", "b", "c", "c", "d"]})
    got = build(events((0, 0, 0, 0)), users=users, segment_columns=["region"])
    assert got.segments == ["b", "c"]
    assert got.user_segment.tolist() == [0, 1, 1, 2, 2, 0]


def test_events_just_outside_the_window_do_not_count_as_recent() -> None:
    got = build(events((0, 0, 28, 0), (1, 1, 28.01, 0))).scores[0]
    assert got[0] == pytest.approx(2**-4)
    assert 0 < got[1] < got[0]


def test_parts_of_the_table_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    frame = events(*[(int(u), int(i), float(a), 0) for u, i, a in rng.integers(0, 5, (50, 3))])
    whole = build(frame).scores
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(build(frame).scores, whole, rtol=1e-6)


def test_pack_round_trip() -> None:
    users = pl.DataFrame({"region": list("nnssss")})
    got = build(events((0, 0, 0, 0)), users=users, segment_columns=["region"])
    back = Popularity.from_pack(got.to_pack())
    np.testing.assert_array_equal(back.scores, got.scores)
    np.testing.assert_array_equal(back.user_segment, got.user_segment)
    assert (back.segments, back.reference) == (got.segments, REFERENCE)
    assert (back.scores.dtype, back.user_segment.dtype) == (np.float32, np.int16)
