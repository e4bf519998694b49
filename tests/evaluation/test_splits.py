"""Truth by protocol: windows, kinds of event, what is dropped, counted or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys_cli.columns import EVENT, ITEM, TIME, USER
from recsys_cli.csr import CSR
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import DataError
from recsys_cli.evaluation.splits import (
    counting_pairs,
    leave_last_out_truth,
    random_out_truth,
    temporal_truth,
    window_starts,
)
from recsys_cli.evaluation.truth import Truth, fingerprint, refuse_overlap, seen_pairs, without_seen
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.snapshot import FIRST_ROUND, Snapshot

N_ITEMS = 9
SPEC = DatasetSpec(
    name="shop",
    source="shop",
    kind="generic",
    events=["view", "buy"],
    weights={},
    truth_events=["buy"],
    repurchase=False,
    horizon_days=7,
    has_time=True,
)
VIEW, BUY = 0, 1


def events(*rows: tuple[int, int, str, int]) -> pl.LazyFrame:
    return pl.LazyFrame(
        {
            USER: pl.Series([r[0] for r in rows], dtype=pl.Int32),
            ITEM: pl.Series([r[1] for r in rows], dtype=pl.Int32),
            TIME: pl.Series([datetime.fromisoformat(r[2]) for r in rows], dtype=pl.Datetime("ms")),
            EVENT: pl.Series([r[3] for r in rows], dtype=pl.UInt8),
        }
    )


EVENTS = events(
    (0, 1, "2020-09-01", BUY),
    (1, 2, "2020-09-15T23:59:59.999", BUY),
    (0, 3, "2020-09-16", BUY),
    (0, 3, "2020-09-17", BUY),
    (2, 5, "2020-09-20T12:00", BUY),
    (2, 6, "2020-09-20T12:00", VIEW),
    (0, 4, "2020-09-22T23:00", BUY),
)


def rows(truth: Truth) -> dict[int, list[int]]:
    return {int(u): truth.items.row(i).tolist() for i, u in enumerate(truth.users)}


def test_the_default_window_is_the_last_week_by_whole_days() -> None:
    truth = temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS)
    assert (truth.cutoff, truth.horizon) == (datetime(2020, 9, 16), timedelta(days=7))
    assert rows(truth) == {0: [3, 4], 2: [5]}
    assert truth.counts["pairs"] == 3
    assert truth.warnings == ()


def test_truth_and_snapshot_share_no_event() -> None:
    truth = temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS)
    before = Snapshot(as_of=truth.cutoff).filter(EVENTS).collect()
    assert before[ITEM].to_list() == [1, 2]
    assert truth.cutoff_seconds == int(
        (datetime(2020, 9, 16) - datetime(1970, 1, 1)).total_seconds()
    )


def test_cutoff_and_horizon_bound_the_window() -> None:
    truth = temporal_truth(
        EVENTS, spec=SPEC, n_items=N_ITEMS, cutoff=datetime(2020, 9, 15), horizon=timedelta(days=2)
    )
    assert rows(truth) == {0: [3], 1: [2]}


def test_a_window_past_the_last_event_warns() -> None:
    truth = temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS, cutoff=datetime(2020, 9, 20))
    assert "2020-09-26" in truth.warnings[0]


@pytest.mark.parametrize(
    ("cutoff", "days", "message"),
    [
        (datetime(2020, 9, 1), 3, "no event lies before the cut-off 2020-09-01"),
        (datetime(2020, 9, 5), 3, "no buy event from 2020-09-05 to 2020-09-07"),
        (datetime(2021, 1, 1), 3, "no buy event from 2021-01-01"),
        (None, 365, "no event lies before the cut-off"),
    ],
)
def test_windows_without_training_or_test_events(cutoff, days, message) -> None:
    horizon = timedelta(days=days)
    with pytest.raises(DataError, match=message) as caught:
        temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS, cutoff=cutoff, horizon=horizon)
    assert "events run from 2020-09-01 to 2020-09-22 23:00" in (caught.value.hint or "")


def test_windows_follow_each_other_and_end_with_the_last_event() -> None:
    spec = SPEC.model_copy(update={"horizon_days": 3})
    starts = window_starts(EVENTS, spec=spec, windows=3)
    assert starts == [datetime(2020, 9, 14), datetime(2020, 9, 17), datetime(2020, 9, 20)]
    truths = [temporal_truth(EVENTS, spec=spec, n_items=N_ITEMS, cutoff=start) for start in starts]
    assert [rows(t) for t in truths] == [{0: [3], 1: [2]}, {0: [3]}, {0: [4], 2: [5]}]
    last = window_starts(EVENTS, spec=SPEC)
    assert last == [temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS).cutoff]
    assert window_starts(EVENTS, spec=SPEC, windows=2, cutoff=datetime(2020, 9, 15)) == [
        datetime(2020, 9, 8),
        datetime(2020, 9, 15),
    ]


@pytest.mark.parametrize(
    ("horizon", "starts"),
    [
        (timedelta(hours=6), ["2020-09-22T11:00:01", "2020-09-22T17:00:01"]),
        (timedelta(days=1), ["2020-09-20T23:00:01", "2020-09-21T23:00:01"]),
        (None, ["2020-09-09", "2020-09-16"]),
    ],
)
def test_a_horizon_counts_back_from_the_last_event(horizon, starts) -> None:
    found = window_starts(EVENTS, spec=SPEC, windows=2, horizon=horizon)
    assert found == [datetime.fromisoformat(start) for start in starts]
    truth = temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS, horizon=horizon)
    assert truth.cutoff == found[-1]
    assert rows(truth)[0][-1] == 4
    assert truth.warnings == ()


def test_where_all_times_are_days_a_horizon_of_days_is_the_last_days() -> None:
    days = EVENTS.with_columns(pl.col(TIME).dt.truncate("1d"))
    for length, start in ((1, datetime(2020, 9, 22)), (3, datetime(2020, 9, 20))):
        horizon = timedelta(days=length)
        assert window_starts(days, spec=SPEC, horizon=horizon) == [start]
        assert temporal_truth(days, spec=SPEC, n_items=N_ITEMS, horizon=horizon).warnings == ()
    # Hours hold the last day out too, since all of it is at one moment.
    last = temporal_truth(days, spec=SPEC, n_items=N_ITEMS, horizon=timedelta(hours=6))
    assert rows(last) == {0: [4]}


def test_windows_of_the_datasets_own_length_end_with_the_last_event() -> None:
    hours = SPEC.model_copy(update={"horizon_days": 0.25})
    assert window_starts(EVENTS, spec=hours) == [datetime(2020, 9, 22, 17, 0, 1)]
    truth = temporal_truth(EVENTS, spec=hours, n_items=N_ITEMS)
    assert (truth.horizon, rows(truth)) == (timedelta(hours=6), {0: [4]})


def test_a_cutoff_splits_between_milliseconds() -> None:
    moment = datetime(2020, 9, 15, 23, 59, 59, 999_000)
    horizon = timedelta(minutes=90)
    for cutoff, seen in ((moment, [1]), (moment + timedelta(milliseconds=1), [1, 2])):
        truth = temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS, cutoff=cutoff, horizon=horizon)
        before = Snapshot(as_of=cutoff).filter(EVENTS).collect()
        assert before[ITEM].to_list() == seen
        assert sorted([*seen, *(item for items in rows(truth).values() for item in items)]) == [
            1, 2, 3,
        ]  # fmt: skip
        assert before[TIME].dt.epoch("s").max() < truth.cutoff_seconds


@pytest.mark.parametrize(
    ("cutoff", "message"),
    [
        ("2020-09-01T00:00", "before the cut-off 2020-09-01,"),
        ("2020-08-31T13:00", "before the cut-off 2020-08-31 13:00,"),
        ("2020-09-20T13:00", "no buy event from 2020-09-20 13:00 to 2020-09-20 19:00 to"),
    ],
)
def test_messages_name_the_time_of_day(cutoff, message) -> None:
    at, horizon = datetime.fromisoformat(cutoff), timedelta(hours=6)
    with pytest.raises(DataError, match=message):
        temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS, cutoff=at, horizon=horizon)


def test_a_window_of_hours_past_the_last_event_warns() -> None:
    at, horizon = datetime(2020, 9, 22, 20), timedelta(hours=6)
    truth = temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS, cutoff=at, horizon=horizon)
    assert (
        "runs to 2020-09-23 02:00, but the last event is of 2020-09-22 23:00" in truth.warnings[0]
    )


def test_more_windows_than_there_is_past() -> None:
    with pytest.raises(DataError, match="no event lies before 2020-08-26") as caught:
        window_starts(EVENTS, spec=SPEC, windows=4)
    assert "--windows 3 fits" in (caught.value.hint or "")


def test_fingerprint_of_the_test_pairs() -> None:
    users, items = (IdTable.from_strings(list(ids)) for ids in ("abc", "123456789"))
    one = temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS)
    base = fingerprint([one], users=users, items=items)
    assert fingerprint([one], users=users, items=items) == base
    # Other rows for the same external ids are the same test.
    more = IdTable.from_strings(["new", *"abc"])
    moved = replace(one, users=one.users + 1)
    assert fingerprint([moved], users=more, items=items) == base
    other = temporal_truth(EVENTS, spec=SPEC, n_items=N_ITEMS, cutoff=datetime(2020, 9, 15))
    for changed in ([other], [one, one], [replace(one, users=one.users[::-1].copy())]):
        assert fingerprint(changed, users=users, items=items) != base


def test_without_times_or_events_there_is_no_window() -> None:
    timeless = SPEC.model_copy(update={"has_time": False})
    with pytest.raises(DataError) as caught:
        temporal_truth(EVENTS, spec=timeless, n_items=N_ITEMS)
    assert "--truth" in (caught.value.hint or "")
    with pytest.raises(DataError):
        leave_last_out_truth(EVENTS, spec=timeless, n_items=N_ITEMS)
    with pytest.raises(DataError, match="no events"):
        temporal_truth(events().clear(), spec=SPEC, n_items=N_ITEMS)


def test_leave_last_out_takes_each_users_last_event_if_it_counts() -> None:
    truth = leave_last_out_truth(EVENTS, spec=SPEC, n_items=N_ITEMS)
    # User 2's last event, the later row of two at the same time, is a view.
    assert rows(truth) == {0: [4], 1: [2]}
    assert "leaks time" in truth.warnings[0]
    left = Snapshot(leave_last=1).filter(EVENTS).collect()
    assert left.filter(pl.col(USER) == 0)[ITEM].to_list() == [1, 3, 3]
    with pytest.raises(DataError, match="no user's last event"):
        leave_last_out_truth(EVENTS.filter(pl.col(USER) == 2), spec=SPEC, n_items=N_ITEMS)


def test_random_out_takes_pairs_of_users_who_keep_others() -> None:
    timeless = SPEC.model_copy(update={"has_time": False})
    truth = random_out_truth(EVENTS, spec=timeless, n_items=N_ITEMS)
    seen = set(FIRST_ROUND.filter(EVENTS).select(USER, ITEM).collect().rows())
    counting = set(counting_pairs(EVENTS, SPEC).rows())
    held = {(user, item) for user, items in rows(truth).items() for item in items}
    assert held == counting - seen != set()
    assert (truth.protocol, truth.cutoff) == ("random-out", None)
    assert "random pairs are held out" in truth.warnings[0]
    with pytest.raises(DataError, match="no user has two items"):
        random_out_truth(EVENTS.unique(USER), spec=timeless, n_items=N_ITEMS)


def test_counting_pairs_are_distinct_and_of_the_kinds_that_count() -> None:
    found = counting_pairs(EVENTS, SPEC)
    assert found.schema == {USER: pl.Int32, ITEM: pl.Int32}
    assert sorted(found.rows()) == [(0, 1), (0, 3), (0, 4), (1, 2), (2, 5)]
    both = SPEC.model_copy(update={"truth_events": ["buy", "view"]})
    assert sorted(counting_pairs(EVENTS, both).rows()) == sorted([*found.rows(), (2, 6)])
    assert counting_pairs(EVENTS.filter(pl.col(EVENT) == VIEW), SPEC).is_empty()


def truth_of(users: list[int], *items: list[int], n_columns: int = N_ITEMS) -> Truth:
    relevant = CSR.from_rows([np.array(i, np.int32) for i in items], n_columns)
    return Truth(np.array(users, np.int32), relevant, protocol="temporal")


HISTORY = CSR.from_rows([np.array(r, np.int32) for r in ([1, 4], [2], [0, 8])], N_ITEMS)


def test_seen_pairs_per_entry() -> None:
    truth = truth_of([2, -1, 0], [3, 8], [0, 1], [4, 5, 9], n_columns=N_ITEMS + 1)
    assert seen_pairs(truth, HISTORY).tolist() == [False, True, False, False, True, False, False]


def test_seen_pairs_are_dropped_and_counted() -> None:
    left = without_seen(truth_of([0, 1, 2], [4, 5], [2], [3]), HISTORY)
    assert rows(left) == {0: [5], 2: [3]}
    assert left.counts == {"pairs_dropped_as_seen": 2, "users_dropped_as_seen": 1}
    untouched = truth_of([0], [5])
    assert without_seen(untouched, HISTORY) is untouched
    with pytest.raises(DataError, match="already had"):
        without_seen(truth_of([1], [2]), HISTORY)


def test_overlap_of_a_given_split_is_refused_with_an_example() -> None:
    users = IdTable.from_strings(["u0", "u1", "u2"])
    items = IdTable.from_strings([f"0{i}" for i in range(N_ITEMS)])
    refuse_overlap(truth_of([0, -1], [5], [1]), HISTORY, users=users, items=items)
    with pytest.raises(DataError, match=r"2 of 3 pairs .*'u0' and item '04'") as caught:
        refuse_overlap(truth_of([0, 1], [4, 5], [2]), HISTORY, users=users, items=items)
    assert "--include-seen" in (caught.value.hint or "")
