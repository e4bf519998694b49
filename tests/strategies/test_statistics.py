"""Statistics against counts spelled out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsys_cli.config.models import InteractionsConfig
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.events.interactions import build_interactions
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.strategies.hybrid.statistics import Statistics, build_statistics

DAY = 86_400
REFERENCE = 1_600_000_000
SPEC = DatasetSpec(
    name="shop",
    source="shop",
    kind="generic",
    events=["purchase"],
    weights={"purchase": 1.0},
    truth_events=["purchase"],
    repurchase=True,
    horizon_days=7,
    has_time=True,
    category_columns=["colour", "model"],
    variant_column="model",
)
ITEMS = pl.DataFrame({"colour": ["red", None, "blue"], "model": ["b", "a", "b"]})
# user, item, days ago, value
EVENTS = [(0, 0, 0.5, 10.0), (0, 0, 40, 20.0), (1, 0, 6, 30.0), (1, 1, 29, None), (0, 1, 90, 4.0)]


def frame(rows: list[tuple[int, int, float, float | None]]) -> pl.LazyFrame:
    return pl.LazyFrame(
        {
            "user": [r[0] for r in rows],
            "item": [r[1] for r in rows],
            "time": [int((REFERENCE - r[2] * DAY) * 1000) for r in rows],
            "event": [0] * len(rows),
            "value": [r[3] for r in rows],
        },
        schema_overrides={
            "user": pl.Int32, "item": pl.Int32, "event": pl.UInt8, "value": pl.Float32,
        },
    ).with_columns(pl.col("time").cast(pl.Datetime("ms")))  # fmt: skip


def made(rows: list[tuple[int, int, float, float | None]]) -> Statistics:
    events = frame(rows)
    interactions = build_interactions(
        events, n_users=3, n_items=3, spec=SPEC, config=InteractionsConfig(), reference=REFERENCE
    )
    return build_statistics(events, ITEMS, interactions=interactions, spec=SPEC)


def test_counts_windows_and_moments() -> None:
    found = made(EVENTS)
    assert found.items.events.tolist() == [3, 2, 0]
    assert found.items.recent.tolist() == [[1, 2, 2], [0, 0, 1], [0, 0, 0]]
    assert found.users.recent.tolist() == [[1, 1, 1], [0, 1, 2], [0, 0, 0]]
    assert (REFERENCE - found.items.last[0].astype(int)) / DAY == 0.5
    assert (REFERENCE - found.items.first[0].astype(int)) / DAY == 40
    assert found.items.first[2] == found.items.last[2] == 0
    assert found.buyers.tolist() == [2, 2, 0]
    assert found.repeated.tolist() == [0.5, 0, 0]


def test_values_are_means_and_recent_ones_fall_back_on_all() -> None:
    found = made(EVENTS)
    np.testing.assert_allclose(found.items.value, [20, 4, np.nan])
    np.testing.assert_allclose(found.items.recent_value, [20, 4, np.nan])
    np.testing.assert_allclose(found.users.value, [34 / 3, 30, np.nan], rtol=1e-6)
    np.testing.assert_allclose(found.users.recent_value, [10, 30, np.nan])


def test_the_order_of_events_changes_no_bit() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (int(u), int(i), float(d), float(v))
        for u, i, d, v in zip(
            rng.integers(0, 3, 500),
            rng.integers(0, 3, 500),
            rng.uniform(0, 100, 500),
            rng.lognormal(0, 3, 500),
            strict=True,
        )
    ]
    first = made(rows)
    second = made([rows[i] for i in rng.permutation(500)])
    for name in ("value", "recent_value"):
        for side in ("items", "users"):
            a, b = (getattr(getattr(found, side), name) for found in (first, second))
            np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))


def test_categories_are_codes_and_variants_stand_apart() -> None:
    found = made(EVENTS)
    assert list(found.categories) == ["colour"]
    assert found.codes.tolist() == [[1], [-1], [0]]
    assert found.variant.tolist() == [1, 0, 1]


def test_an_item_has_the_share_of_what_its_category_sells_a_day() -> None:
    red_and_blue = [(0, 0, 0.5, 1.0), (0, 2, 3, 1.0), (1, 2, 20, 1.0), (1, 1, 2, 1.0)]
    items = ITEMS.with_columns(pl.Series("colour", ["red", None, "red"]))
    events = frame(red_and_blue)
    interactions = build_interactions(
        events, n_users=3, n_items=3, spec=SPEC, config=InteractionsConfig(), reference=REFERENCE
    )
    found = build_statistics(events, items, interactions=interactions, spec=SPEC)
    first, second = 1 / 7 + 1 / 30, 1 / 7 + 2 / 30
    expected = [[first / (first + second)], [np.nan], [second / (first + second)]]
    np.testing.assert_allclose(found.shares, expected, rtol=1e-6)
    old = made([(0, 0, 40, 1.0)])
    np.testing.assert_array_equal(old.shares, [[0], [np.nan], [0]])


def test_packs_come_back_as_they_were(tmp_path) -> None:
    found = made(EVENTS)
    save_pack(tmp_path / "s.joblib", found.to_pack(users_fingerprint="u", items_fingerprint="i"))
    back = Statistics.from_pack(load_pack(tmp_path / "s.joblib"))
    np.testing.assert_array_equal(back.items.recent, found.items.recent)
    np.testing.assert_array_equal(back.users.value, found.users.value)
    assert (back.reference, back.repurchase, list(back.categories)) == (REFERENCE, True, ["colour"])


def test_an_event_after_the_snapshot_is_refused() -> None:
    interactions = build_interactions(
        frame(EVENTS), n_users=3, n_items=3, spec=SPEC, config=InteractionsConfig(),
        reference=REFERENCE,
    )  # fmt: skip
    with pytest.raises(ValueError, match="there are events up to"):
        build_statistics(
            frame([*EVENTS, (0, 0, -1, 1.0)]), ITEMS, interactions=interactions, spec=SPEC
        )
