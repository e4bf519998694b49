"""Steps of sessions: what is a target, what comes before it, what is drawn."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE
from recsys_cli.csr import CSR
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import DataError
from recsys_cli.evaluation.splits import temporal_truth
from recsys_cli.evaluation.steps import next_in_session
from recsys_cli.evaluation.truth import NEXT_IN_SESSION, Truth, without_seen
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
    **options: int,
) -> Truth:
    """User, item, time on the day of the test, and kind of each event."""
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
    spec = SPEC.model_copy(update={"truth_events": list(truth_events)})
    window = events_between(events, Snapshot(as_of=START), Snapshot(as_of=START + LENGTH))
    return next_in_session(
        temporal_truth(events, spec=spec, n_items=N_ITEMS, cutoff=START, horizon=LENGTH),
        window,
        spec=spec,
        gap=timedelta(minutes=30),
        **options,
    )


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
