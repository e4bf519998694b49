"""What was returned is taken back from what was bought, and no past moment knows of it before."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.datasets.returns import as_known, subtract_returns
from recsys_cli.store.snapshot import NOW, Snapshot

START = datetime(2024, 5, 1)
Known = tuple[pl.LazyFrame, pl.LazyFrame]
TYPES = {
    USER: pl.Int32(), ITEM: pl.Int32(), TIME: pl.Datetime("ms"), EVENT: pl.UInt8(),
    VALUE: pl.Float32(),
}  # fmt: skip


def table(path: Path, rows: list[tuple], *, timed: bool = True) -> tuple[Known, int]:
    """Events (user, item, day, kind, value) without returns, and how many rows went."""
    moments = [(u, i, START + timedelta(days=d) if timed else None, k, v) for u, i, d, k, v in rows]
    pl.DataFrame(moments, schema=TYPES, orient="row").write_parquet(path)
    former = path.with_suffix(".former")
    went = subtract_returns(path, former, wanted=True).rows
    return (pl.scan_parquet(path), pl.scan_parquet(former)), went


def seen(tables: Known, day: float | None = None) -> list[tuple]:
    """What is known of them before a day: (user, item, value)."""
    at = None if day is None else START + timedelta(days=day)
    snapshot = NOW if at is None else Snapshot(as_of=at)
    found = snapshot.filter(tables[0] if at is None else as_known(*tables, at)).collect()
    assert found.columns == list(TYPES)
    return sorted(found.select(USER, ITEM, VALUE).iter_rows(), key=str)


def test_a_return_is_known_from_its_day_on(tmp_path):
    events, went = table(tmp_path / "e", [(0, 0, 1, 0, 2.0), (1, 5, 2, 0, 1.0), (0, 0, 4, 0, -2.0)])
    assert went == 2
    assert seen(events, 3) == [(0, 0, 2.0), (1, 5, 1.0)]
    # Before a moment is before it: at the very moment of the return it is not known yet.
    assert seen(events, 4) == [(0, 0, 2.0), (1, 5, 1.0)]
    assert seen(events, 4.1) == seen(events) == [(1, 5, 1.0)]


def test_parts_are_taken_back_one_after_the_other_and_an_event_stays_one(tmp_path):
    rows = [(0, 0, 1, 0, 3.0), (0, 0, 2, 0, 2.0), (0, 0, 3, 0, -1.0), (0, 0, 5, 0, -3.0)]
    events, went = table(tmp_path / "e", rows)
    assert went == 3
    assert seen(events, 2.5) == [(0, 0, 2.0), (0, 0, 3.0)]
    assert seen(events, 4) == [(0, 0, 1.0), (0, 0, 3.0)]
    assert seen(events) == [(0, 0, 1.0)]


def test_a_return_without_what_was_bought_is_taken_from_what_comes(tmp_path):
    rows = [(0, 0, 1, 0, -1.0), (0, 0, 2, 0, 3.0), (1, 0, 1, 0, 1.0), (2, 0, 3, 0, -5.0)]
    events, went = table(tmp_path / "e", rows)
    assert went == 2
    assert seen(events) == seen(events, 3) == [(0, 0, 2.0), (1, 0, 1.0)]
    assert seen(events, 2) == [(1, 0, 1.0)]


def test_what_was_bought_again_after_a_return_stays(tmp_path):
    rows = [(0, 0, 1, 0, 6.0), (0, 0, 2, 0, -6.0), (0, 0, 3, 0, 12.0)]
    events, _ = table(tmp_path / "e", rows)
    assert seen(events) == [(0, 0, 12.0)]
    assert seen(events, 1.5) == [(0, 0, 6.0)]


def test_at_one_time_what_was_bought_comes_first(tmp_path):
    events, _ = table(tmp_path / "e", [(0, 0, 1, 0, -1.0), (0, 0, 1, 0, 1.0), (0, 1, 1, 0, 1.0)])
    assert seen(events) == [(0, 1, 1.0)]
    # It was never known otherwise.
    assert events[1].collect().is_empty()


def test_views_stay_and_a_kind_of_its_own_takes_back_any(tmp_path):
    view, buy, refund = 0, 1, 2
    rows = [(0, 0, 1, buy, 1.0), (0, 0, 2, view, None), (0, 0, 3, buy, -1.0)]
    events, _ = table(tmp_path / "e", rows)
    assert seen(events) == [(0, 0, None)]
    rows = [(0, 0, 1, buy, 1.0), (0, 1, 2, buy, 2.0), (0, 1, 3, refund, -1.0)]
    events, _ = table(tmp_path / "f", rows)
    assert seen(events) == [(0, 0, 1.0), (0, 1, 1.0)]


def test_a_row_without_a_number_is_one_piece(tmp_path):
    events, went = table(
        tmp_path / "e", [(0, 0, 1, 0, None), (0, 0, 2, 0, -1.0), (0, 1, 2, 0, 1.0)]
    )
    assert went == 2
    assert seen(events, 1.5) == [(0, 0, None)]
    assert seen(events) == [(0, 1, 1.0)]


def test_an_event_of_nothing_stays(tmp_path):
    rows = [(0, 0, 1, 0, 0.0), (0, 0, 2, 0, 1.0), (0, 0, 3, 0, -2.0)]
    events, went = table(tmp_path / "e", rows)
    assert went == 2
    assert seen(events) == [(0, 0, 0.0)]
    assert seen(events, 2.5) == [(0, 0, 0.0), (0, 0, 1.0)]


def test_refunds_leave_views_alone(tmp_path):
    view, buy, refund = 0, 1, 2
    rows = [(0, 0, 1, buy, 1.0), (0, 0, 2, view, None), (0, 0, 3, refund, -1.0)]
    events, _ = table(tmp_path / "e", rows)
    assert seen(events) == [(0, 0, None)]


def test_without_times_all_is_as_in_the_end(tmp_path):
    rows = [(0, 0, 0, 0, -1.0), (0, 0, 0, 0, 3.0), (0, 1, 0, 0, 1.0)]
    events, went = table(tmp_path / "e", rows, timed=False)
    assert went == 1
    assert seen(events) == [(0, 0, 2.0), (0, 1, 1.0)]


def test_a_table_without_returns_stays_as_it_is(tmp_path):
    events, went = table(tmp_path / "e", [(0, 0, 1, 0, 2.0)])
    assert went == 0
    assert events[1].collect().is_empty()


@pytest.mark.parametrize("seed", range(3))
def test_many_pairs_against_a_plain_count(tmp_path, seed):
    rng = np.random.default_rng(seed)
    rows = [
        (int(rng.integers(5)), int(rng.integers(3)), int(rng.integers(10)), 0,
         float(rng.integers(1, 4) * rng.choice([1, -1], p=[0.7, 0.3])))
        for _ in range(300)
    ]  # fmt: skip
    events, _ = table(tmp_path / "e", rows)
    check(events, rows)


ROW = st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 4), st.just(0),
                st.integers(-3, 3).filter(bool).map(float))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12))
def test_any_events_against_a_plain_count(tmp_path_factory, rows):
    events, _ = table(tmp_path_factory.mktemp("r") / "e", rows)
    check(events, rows)


def check(events: Known, rows: list[tuple]) -> None:
    """In the end all have what they bought less what they returned, and before each day, too."""
    assert had(seen(events)) == had(seen(events, 11)) == net(rows, 11)
    for day in range(11):
        whole = {pair for pair, least in lowest(rows).items() if least >= 0}
        found, expected = had(seen(events, day)), net(rows, day)
        assert {pair: found.get(pair) for pair in whole} == {
            pair: expected.get(pair) for pair in whole
        }


def had(found: list[tuple]) -> dict[tuple, float]:
    totals: dict[tuple, float] = {}
    for user, item, value in found:
        assert value > 0
        totals[user, item] = totals.get((user, item), 0.0) + value
    return totals


def net(rows: list[tuple], day: int) -> dict[tuple, float]:
    totals: dict[tuple, float] = {}
    for user, item, on, _, value in rows:
        if on < day:
            totals[user, item] = totals.get((user, item), 0.0) + value
    return {pair: left for pair, left in totals.items() if left > 0}


def lowest(rows: list[tuple]) -> dict[tuple, float]:
    """The least that anybody would have had of an item at any time, were returns just summed up."""
    totals: dict[tuple, float] = {}
    least: dict[tuple, float] = {}
    for user, item, _, _, value in sorted(rows, key=lambda row: (row[2], row[4] < 0)):
        totals[user, item] = totals.get((user, item), 0.0) + value
        least[user, item] = min(least.get((user, item), 0.0), totals[user, item])
    return least
