"""Users' events in order, against sorting in Python."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import ArtifactError
from recsys_cli.events.decay import decay_in_order, had_since
from recsys_cli.events.sequences import LARGEST_BASKET, Sequences, build_sequences

SPEC = DatasetSpec(
    name="shop",
    source="shop",
    kind="generic",
    events=["view", "dislike"],
    weights={"view": 1.0, "dislike": 0.0},
    truth_events=["view"],
    repurchase=False,
    horizon_days=7,
    has_time=True,
)
N_USERS, N_ITEMS, REFERENCE = 5, 7, 1_600_000_000
Row = tuple[int, int, int]


def frame(rows: list[Row], kinds: list[int] | None = None) -> pl.LazyFrame:
    """Canonical events of (user, item, seconds)."""
    return pl.LazyFrame(
        {
            USER: pl.Series([r[0] for r in rows], dtype=pl.Int32),
            ITEM: pl.Series([r[1] for r in rows], dtype=pl.Int32),
            TIME: pl.Series([r[2] * 1000 for r in rows], dtype=pl.Int64).cast(pl.Datetime("ms")),
            EVENT: pl.Series(kinds or [0] * len(rows), dtype=pl.UInt8),
            VALUE: pl.Series([None] * len(rows), dtype=pl.Float32),
        }
    )


def sequences(events: pl.LazyFrame, *, threads: int = 1) -> Sequences:
    return build_sequences(
        events,
        n_users=N_USERS,
        n_items=N_ITEMS,
        spec=SPEC,
        reference=REFERENCE,
        threads=threads,
    )


ROWS = st.lists(
    st.tuples(
        st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 1), st.integers(1, REFERENCE - 1)
    ),
    max_size=60,
)


@settings(deadline=None)
@given(rows=ROWS, seed=st.integers(0, 9))
def test_by_user_time_and_item_whatever_the_order_of_the_file(rows: list[Row], seed: int) -> None:
    shuffled = [rows[at] for at in np.random.default_rng(seed).permutation(len(rows))]
    got = sequences(frame(shuffled), threads=2)
    users = np.repeat(np.arange(N_USERS), np.diff(got.indptr))
    found = list(zip(users.tolist(), got.times.tolist(), got.items.tolist(), strict=True))
    assert found == sorted((user, time, item) for user, item, time in rows)


def test_what_weighs_nothing_and_what_was_imported_at_once_is_left_out() -> None:
    rows = [(1, 2, 10), (1, 3, 20), (1, 4, 30)]
    bulk = [(1, at % N_ITEMS, 25) for at in range(LARGEST_BASKET + 1)]
    visit = [(2, at % N_ITEMS, 25) for at in range(LARGEST_BASKET)]
    got = sequences(frame([*rows, *bulk, *visit], [0, 1, 0] + [0] * (len(bulk) + len(visit))))
    assert got.items[: got.indptr[2]].tolist() == [2, 4]
    assert np.diff(got.indptr).tolist() == [0, 2, LARGEST_BASKET, 0, 0]


def test_rows_that_there_are_not_and_events_after_the_snapshot_are_refused() -> None:
    with pytest.raises(ArtifactError, match="beyond"):
        sequences(frame([(0, N_ITEMS, 1)]))
    with pytest.raises(ValueError, match="snapshot"):
        sequences(frame([(0, 1, REFERENCE)]))


def test_an_item_counts_half_after_as_many_others_as_the_half_life() -> None:
    """Of three rows: four items of which two came together, none, and one."""
    last = np.array([30, 10, 20, 20, 5], np.uint32)
    rows = np.array([0, 4, 4, 5])
    assert had_since(last, rows).tolist() == [0, 3, 1, 1, 0]
    assert decay_in_order(last, rows, half_life_events=3.0).tolist() == [1, 0.5, 0.75, 0.75, 1]
