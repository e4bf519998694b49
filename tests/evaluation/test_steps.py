"""Steps of sessions: what is a target, what comes before it, what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.columns import EVENT, ITEM, SESSION, TIME, USER, VALUE
from recsys_cli.csr import CSR
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import DataError
from recsys_cli.evaluation.splits import temporal_truth
from recsys_cli.evaluation.steps import next_event, next_in_session
from recsys_cli.evaluation.truth import NEXT_EVENT, NEXT_IN_SESSION, Truth, without_seen
from recsys_cli.store.snapshot import Snapshot, events_between

N_ITEMS = 10
START, LENGTH = datetime(2020, 9, 2), timedelta(days=1)
VIEW, BUY = 0, 1
SPEC = DatasetSpec(
    name="shop",
    source="shop",
    kind="generic",
    events=["view", "buy"],
    weights={"buy": 3.0},
    truth_events=["view", "buy"],
    repurchase=False,
    horizon_days=1,
    has_time=True,
)
BEFORE = (0, 9, "2020-09-01", VIEW)
"""Something to learn from."""


def truth_of(
    *rows: tuple[int, int, str, int],
    truth_events: tuple[str, ...] = ("view", "buy"),
    sessions: Sequence[int | None] | None = None,
    gap: timedelta | None = None,
    lag: timedelta | None = None,
    **options: int,
) -> Truth:
    """User, item, time on the day of the test, and kind of each event, and its session."""
    rows = (BEFORE, *((u, i, f"2020-09-02T{t}", kind) for u, i, t, kind in rows))
    times = [datetime.fromisoformat(row[2]) for row in rows]
    events = pl.LazyFrame(
        {
            USER: pl.Series([row[0] for row in rows], dtype=pl.Int32),
            ITEM: pl.Series([row[1] for row in rows], dtype=pl.Int32),
            TIME: pl.Series(times, dtype=pl.Datetime("ms")),
            EVENT: pl.Series([row[3] for row in rows], dtype=pl.UInt8),
            VALUE: pl.Series([None] * len(rows), dtype=pl.Float32),
        }
    )
    if sessions is not None:
        numbers = pl.Series([0, *sessions], dtype=pl.Int32)
        events = events.with_columns(numbers.alias(SESSION))
    spec = SPEC.model_copy(update={"truth_events": list(truth_events)})
    window = events_between(events, Snapshot(as_of=START), Snapshot(as_of=START + LENGTH))
    temporal = temporal_truth(events, spec=spec, n_items=N_ITEMS, cutoff=START, horizon=LENGTH)
    if lag is not None:
        return next_event(temporal, window, spec=spec, lag=lag, **options)
    return next_in_session(temporal, window, spec=spec, gap=gap, **options)


def steps(truth: Truth) -> list[tuple[int, list[int], int]]:
    """User, items shown, and item to predict, of each step."""
    assert truth.steps is not None
    later = truth.steps.later
    return [
        (user, later.items[first:last].tolist(), item)
        for user, first, last, item in zip(
            truth.users.tolist(), later.first, later.last, truth.items.indices.tolist(), strict=True
        )
    ]


def test_each_further_event_of_a_session_is_a_step_after_all_before_it() -> None:
    """A pause of more than half an hour begins another session, whose first event is shown."""
    truth = truth_of(
        (1, 1, "10:00", VIEW), (1, 2, "10:10", VIEW), (1, 3, "10:40", BUY),
        (1, 4, "11:10:01", VIEW), (1, 5, "11:20", VIEW),
        (2, 6, "10:00", VIEW),
    )  # fmt: skip
    assert steps(truth) == [(1, [1], 2), (1, [1, 2], 3), (1, [1, 2, 3, 4], 5)]
    assert truth.steps is not None
    assert truth.steps.later.weights[:4].tolist() == [1, 1, 3, 1]
    assert truth.counts == {"pairs": 3, "sessions": 2}
    assert (truth.protocol, truth.cutoff, truth.horizon) == (NEXT_IN_SESSION, START, LENGTH)


def test_what_shares_a_moment_has_no_order() -> None:
    rows = [
        (1, 5, "10:00", VIEW), (1, 4, "10:00", VIEW),
        (1, 3, "10:01", VIEW), (1, 2, "10:01", VIEW), (1, 2, "10:01", BUY),
    ]  # fmt: skip
    truths = [truth_of(*rows), truth_of(*reversed(rows))]
    for truth in truths:
        assert steps(truth) == [(1, [4, 5], 2), (1, [4, 5], 3)]


def test_only_kinds_that_count_are_predicted_and_all_are_shown() -> None:
    truth = truth_of(
        (1, 1, "10:00", VIEW), (1, 2, "10:01", VIEW), (1, 2, "10:02", BUY),
        truth_events=("buy",),
    )  # fmt: skip
    assert steps(truth) == [(1, [1, 2], 2)]


def test_what_the_user_had_or_was_shown_goes_where_lists_leave_it_out() -> None:
    truth = truth_of(
        (0, 1, "10:00", VIEW), (0, 9, "10:01", VIEW), (0, 1, "10:02", VIEW), (0, 2, "10:03", VIEW)
    )
    assert [item for _, _, item in steps(truth)] == [9, 1, 2]
    history = CSR.from_rows([np.array([9], np.int32)], N_ITEMS)
    left = without_seen(truth, history)
    assert steps(left) == [(0, [1, 9, 1], 2)]
    assert left.counts["pairs_dropped_as_seen"] == 2


def test_whole_sessions_are_drawn_by_seed_where_there_are_too_many_steps() -> None:
    rows = [
        (user, item, f"10:0{item}", VIEW) for user in range(1, 9) for item in range(1 + user % 4)
    ]
    everything = truth_of(*rows)
    drawn = [truth_of(*rows, most=5, seed=seed) for seed in (1, 1, 2)]
    assert steps(drawn[0]) == steps(drawn[1]) != steps(drawn[2])
    for truth in drawn:
        assert len(truth.users) <= 5
        of = set(truth.users.tolist())
        assert steps(truth) == [step for step in steps(everything) if step[0] in of]
        assert "sessions were drawn" in truth.warnings[-1]
    assert not everything.warnings


def test_days_without_times_have_no_sessions() -> None:
    with pytest.raises(DataError, match="no session") as error:
        truth_of((1, 1, "00:00", VIEW), (1, 2, "00:00", VIEW))
    assert "temporal" in (error.value.hint or "")


BROWSED = [
    (1, 1, "10:00", VIEW), (1, 2, "10:01", VIEW), (1, 3, "10:02", VIEW), (1, 4, "11:02", VIEW),
    (2, 5, "10:02", VIEW), (2, 6, "10:03", VIEW),
]  # fmt: skip


def test_a_session_ends_where_another_is_named_and_with_no_pause() -> None:
    truth = truth_of(*BROWSED, sessions=[7, 8, 8, 8, 8, 8])
    assert steps(truth) == [(1, [1, 2], 3), (1, [1, 2, 3], 4), (2, [5], 6)]
    assert truth.counts == {"pairs": 3, "sessions": 2}


def test_a_gap_that_is_given_ends_sessions_that_are_named_too() -> None:
    half_an_hour = timedelta(minutes=30)
    truth = truth_of(*BROWSED, sessions=[7, 8, 8, 8, 8, 8], gap=half_an_hour)
    assert steps(truth) == [(1, [1, 2], 3), (2, [5], 6)]


def test_what_names_no_session_is_cut_by_pauses() -> None:
    plain = truth_of(*BROWSED)
    assert steps(plain) == [(1, [1], 2), (1, [1, 2], 3), (2, [5], 6)]
    for same in (
        truth_of(*BROWSED, gap=timedelta(minutes=30)),
        truth_of(*BROWSED, sessions=[None] * len(BROWSED)),
    ):
        assert steps(same) == steps(plain)
        assert same.counts == plain.counts
    some = truth_of(*BROWSED, sessions=[None, 8, None, 8, 8, 8])
    assert steps(some) == [(1, [1, 2], 3), (1, [1, 2, 3], 4), (2, [5], 6)]


def test_sessions_at_a_time_stay_two_and_what_was_had_in_either_is_shown() -> None:
    rows = [
        (1, 1, "10:00", VIEW), (1, 2, "10:01", VIEW), (1, 3, "10:02", VIEW),
        (1, 4, "10:03", VIEW), (1, 5, "10:03", VIEW), (1, 6, "10:03", VIEW),
    ]  # fmt: skip
    truth = truth_of(*rows, sessions=[7, 8, 7, 8, 7, 9])
    assert steps(truth) == [(1, [1, 2], 3), (1, [1, 2, 3], 4), (1, [1, 2, 3], 5)]
    assert truth.counts["sessions"] == 2


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(1, 3), st.integers(0, N_ITEMS - 1), st.integers(0, 29),
            st.none() | st.integers(0, 3),
        ),
        max_size=30,
    ),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_nothing_is_predicted_across_sessions_in_whatever_order(
    rows: list[tuple[int, int, int, int | None]], seed: int
) -> None:
    """An item counts where its session has something earlier, all before it is shown."""
    # So that there is something to predict.
    rows = [*rows, (4, 1, 0, 0), (4, 2, 1, 0)]
    wanted = {
        (user, item, minute)
        for user, item, minute, session in rows
        if any(u == user and s == session and m < minute for u, _, m, s in rows)
    }
    shuffled = [rows[at] for at in np.random.default_rng(seed).permutation(len(rows))]
    truth = truth_of(
        *((user, item, f"10:{minute:02}", VIEW) for user, item, minute, _ in shuffled),
        sessions=[session for *_, session in shuffled],
        gap=None,
    )
    had = [sorted((m, i) for u, i, m, _ in rows if u == user) for user in range(5)]
    assert steps(truth) == [
        (user, [i for m, i in had[user] if m < minute], item)
        for user, minute, item in sorted((u, m, i) for u, i, m in wanted)
    ]


DAY_OF_TWO = [
    (1, 1, "08:00:00", VIEW),
    (1, 2, "08:00:00", VIEW),
    (1, 3, "08:10:00", VIEW),
    (1, 1, "12:00:00", BUY),
    (2, 5, "08:05:00", VIEW),
    (2, 6, "08:20:00", BUY),
]


def test_every_moment_is_predicted_from_what_its_user_did_before_it() -> None:
    truth = truth_of(*DAY_OF_TWO, lag=timedelta())
    assert truth.protocol == NEXT_EVENT
    assert steps(truth) == [
        (1, [], 1),
        (1, [], 2),
        (1, [1, 2], 3),
        (1, [1, 2, 3], 1),
        (2, [], 5),
        (2, [5], 6),
    ]
    assert truth.steps is not None
    assert truth.steps.again.tolist() == [False, False, False, True, False, False]


def test_what_comes_late_is_known_later() -> None:
    ten, most = timedelta(minutes=10), timedelta(hours=6)
    assert [shown for _, shown, _ in steps(truth_of(*DAY_OF_TWO, lag=ten))] == [
        [], [], [1, 2], [1, 2, 3], [], [5],
    ]  # fmt: skip
    eleven = truth_of(*DAY_OF_TWO, lag=ten + timedelta(seconds=1))
    assert [shown for _, shown, _ in steps(eleven)] == [[], [], [], [1, 2, 3], [], [5]]
    late = truth_of(*DAY_OF_TWO, lag=most)
    assert [shown for _, shown, _ in steps(late)] == [[]] * 6


def test_only_what_counts_is_predicted_and_everything_is_shown() -> None:
    truth = truth_of(*DAY_OF_TWO, lag=timedelta(), truth_events=("buy",))
    assert steps(truth) == [(1, [1, 2, 3], 1), (2, [5], 6)]


def test_of_many_steps_users_are_drawn_whole() -> None:
    truth = truth_of(*DAY_OF_TWO, lag=timedelta(), most=4)
    assert {user for user, _, _ in steps(truth)} in ({1}, {2})
    assert "1 of 2 users was drawn" in truth.warnings[-1]
