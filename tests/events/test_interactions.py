import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.config.models import InteractionsConfig
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import ArtifactError
from recsys_cli.events import pairs as eventpairs
from recsys_cli.events.interactions import Interactions, build_interactions
from recsys_cli.store.packs import load_pack, save_pack

DAY = 86_400
START = 1_600_000_000
ARRAYS = ("indptr", "indices", "weight", "count", "last")


def spec(**changes):
    facts = {
        "name": "shop",
        "source": "shop",
        "kind": "generic",
        "events": ["view", "buy"],
        "weights": {"view": 1.0, "buy": 5.0},
        "truth_events": ["buy"],
        "repurchase": False,
        "horizon_days": 7,
        "has_time": True,
    }
    return DatasetSpec(**(facts | changes))


def events(rows):
    """Canonical events from (user, item, day or None, kind, value or None)."""
    users, items, days, kinds, values = zip(*rows, strict=True) if rows else ((),) * 5
    seconds = [None if d is None else (START + d * DAY) * 1000 for d in days]
    return pl.LazyFrame(
        {
            "user": pl.Series(users, dtype=pl.Int32),
            "item": pl.Series(items, dtype=pl.Int32),
            "time": pl.Series(seconds, dtype=pl.Int64).cast(pl.Datetime("ms")),
            "event": pl.Series(kinds, dtype=pl.UInt8),
            "value": pl.Series(values, dtype=pl.Float32),
        }
    )


def build(rows, *, n_users=4, n_items=5, facts=None, reference=None, **config):
    return build_interactions(
        events(rows),
        n_users=n_users,
        n_items=n_items,
        spec=spec(**(facts or {})),
        config=InteractionsConfig(**config),
        reference=reference,
    )


def test_one_row_per_pair_with_weight_count_and_last_time():
    made = build([(2, 4, 0, 0, None), (0, 1, 3, 1, None), (2, 4, 2, 1, None), (2, 0, 1, 0, None)])
    assert made.indptr.tolist() == [0, 1, 1, 3, 3]
    assert made.indices.tolist() == [1, 0, 4]
    assert made.weight.tolist() == [5, 1, 6]
    assert made.count.tolist() == [1, 1, 2]
    assert made.last.tolist() == [START + 3 * DAY, START + DAY, START + 2 * DAY]
    assert made.reference == START + 3 * DAY + 1
    assert made.users.tolist() == [0, 2, 2]


def test_weight_halves_with_every_half_life():
    rows = [(0, 0, 10, 0, None), (0, 1, 5, 0, None), (0, 2, 0, 1, None), (0, 2, 10, 1, None)]
    made = build(rows, half_life_days=5, reference=START + 15 * DAY)
    assert made.weight.tolist() == [0.5, 0.25, 5 * 0.125 + 5 * 0.5]


@pytest.mark.parametrize("half_life", [None, 5])
def test_an_event_at_or_after_the_reference_is_a_leak(half_life):
    rows = [(0, 0, 3, 0, None), (0, 1, 10, 0, None), (0, 2, None, 0, None)]
    assert build(rows, half_life_days=half_life, reference=START + 10 * DAY + 1).reference
    for day in (10, 4):
        with pytest.raises(ValueError, match="the snapshot ends before"):
            build(rows, half_life_days=half_life, reference=START + day * DAY)


def test_a_weight_is_rounded_once():
    facts = {"value_as_weight": True, "weights": {"view": 0.1, "buy": 0.3}}
    rows = [(0, item, 0, item % 2, 0.1 * item) for item in range(5)]
    made = build(rows, facts=facts)
    exact = [np.float64((0.1, 0.3)[i % 2]) * np.float32(0.1 * i) for i in range(5)]
    assert made.weight.tolist() == np.array(exact, np.float32).tolist()


def test_events_without_time_keep_their_weight():
    made = build([(0, 0, None, 0, None), (0, 1, None, 1, None)], half_life_days=5)
    assert made.weight.tolist() == [1, 5]
    assert (made.last.tolist(), made.reference) == ([0, 0], 0)


def test_value_multiplies_where_the_dataset_says_so():
    rows = [(0, 0, 0, 0, 3.0), (0, 1, 0, 1, None), (0, 2, 0, 1, -2.0), (0, 3, 0, 0, np.nan)]
    assert build(rows).weight.tolist() == [1, 5, 5, 1]
    rated = build(rows, facts={"value_as_weight": True})
    assert rated.weight.tolist() == [3, 5, 0, 1]
    assert rated.indices.tolist() == [0, 1, 2, 3]


def test_cap_holds_for_the_sum():
    rows = [(0, 0, 0, 1, None), (0, 0, 1, 1, None), (0, 1, 1, 0, None)]
    assert build(rows, max_weight=7).weight.tolist() == [7, 1]
    same = [(0, 0, 0, 0, None)] * 3
    assert build(same, max_weight=2).weight.tolist() == [2]


def test_a_kind_that_was_not_named_weighs_one():
    rows = [(0, 0, 0, 0, None), (0, 1, 0, 1, None), (0, 1, 1, 1, None)]
    made = build(rows, facts={"weights": {"view": 0.1}})
    assert made.weight.tolist() == [np.float32(0.1), 2]
    alone = {"events": ["view"], "weights": {"view": 0.1}}
    thrice = build([rows[0]] * 3, facts=alone)
    assert thrice.weight.tolist() == [np.float32(3) * np.float32(0.1)]
    ages = build([(0, 0, 0, 0, None), (0, 1, 5, 0, None)], facts=alone, half_life_days=5)
    assert ages.weight[0] == pytest.approx(ages.weight[1] / 2)


def test_no_events_give_an_empty_matrix():
    made = build([])
    assert made.indptr.tolist() == [0] * 5
    assert len(made.indices) == len(made.weight) == len(made.last) == 0


@pytest.mark.parametrize(
    ("user", "item", "what"), [(4, 0, "user"), (0, 5, "item"), (-1, 0, "user")]
)
def test_rows_beyond_the_tables_are_refused(user, item, what):
    with pytest.raises(ArtifactError, match=f"1 event is of {what}s beyond"):
        build([(user, item, 0, 0, None), (0, 0, 0, 0, None)])


rows_strategy = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 4),
        st.one_of(st.none(), st.integers(0, 50)),
        st.integers(0, 1),
        st.one_of(st.none(), st.floats(0, 5, width=32)),
    ),
    max_size=60,
)


def group_plainly(rows, reference, half_life):
    pairs = {}
    for user, item, day, kind, value in rows:
        weight = (1.0, 5.0)[kind] * (1.0 if value is None else value)
        if day is not None:
            weight *= 0.5 ** ((reference - START - day * DAY) / DAY / half_life)
        total, count, last = pairs.get((user, item), (0.0, 0, 0))
        time = 0 if day is None else START + day * DAY
        pairs[user, item] = total + weight, count + 1, max(last, time)
    return dict(sorted(pairs.items()))


@pytest.mark.parametrize(("key_bits", "chunk"), [(64, 1 << 18), (64, 2), (4, 3)])
@settings(max_examples=40, deadline=None)
@given(rows=rows_strategy)
def test_equals_a_plain_loop(key_bits, chunk, rows):
    reference = START + 60 * DAY
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eventpairs, "_KEY_BITS", key_bits)
        patch.setattr(eventpairs, "CHUNK", chunk)
        made = build(rows, facts={"value_as_weight": True}, half_life_days=9, reference=reference)
    want = group_plainly(rows, reference, 9)
    pairs = zip(made.users.tolist(), made.indices.tolist(), strict=True)
    assert list(pairs) == list(want)
    # Below the smallest normal float32 a weight may vanish.
    weights = [weight for weight, _, _ in want.values()]
    np.testing.assert_allclose(made.weight, weights, rtol=1e-5, atol=1e-37)
    assert made.count.tolist() == [c for _, c, _ in want.values()]
    assert made.last.tolist() == [t for _, _, t in want.values()]


def test_bytes_do_not_depend_on_how_events_are_read(tmp_path):
    rng = np.random.default_rng(2)
    n = 5000
    table = events([(0, 0, 0, 0, None)] * n).with_columns(
        pl.Series("user", rng.integers(0, 4, n), pl.Int32),
        pl.Series("item", rng.integers(0, 5, n), pl.Int32),
        pl.Series("time", (START + np.sort(rng.integers(0, 9**6, n))) * 1000).cast(
            pl.Datetime("ms")
        ),
    )
    table.collect().write_parquet(tmp_path / "events.parquet", row_group_size=64)
    first, second = (
        build_interactions(
            source,
            n_users=4,
            n_items=5,
            spec=spec(),
            config=InteractionsConfig(half_life_days=0.5),
        )
        for source in (table, pl.scan_parquet(tmp_path / "events.parquet"))
    )
    for name in ARRAYS:
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


def test_survives_saving_and_loading(tmp_path):
    made = build([(2, 4, 0, 0, None), (0, 1, 3, 1, None)])
    pack = made.to_pack(users_fingerprint="u", items_fingerprint="i")
    save_pack(tmp_path / "i.joblib", pack)
    again = Interactions.from_pack(load_pack(tmp_path / "i.joblib"))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
    assert (again.reference, again.n_users, again.n_items) == (made.reference, 4, 5)


def test_the_table_for_other_trainers_leaves_out_zeros():
    made = build([(2, 4, 0, 0, 2.0), (0, 1, 3, 1, 0.0)], facts={"value_as_weight": True})
    table = made.to_frame()
    assert table.schema == {"user": pl.Int32, "item": pl.Int32, "weight": pl.Float32}
    assert table.rows() == [(2, 4, 2.0)]
