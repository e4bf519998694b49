"""Snapshots: what each sees, which lies before which, and the window between two."""

from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from recsys_cli.store.snapshot import (
    FIRST_ROUND,
    NOW,
    Snapshot,
    events_between,
    in_random_rounds,
    is_last_event,
)

END = datetime(2020, 9, 23)
WEEK = timedelta(days=7)
EVENTS = pl.LazyFrame(
    {
        "user": [0, 1, 0, 1, 0, 2],
        "item": [4, 1, 2, 3, 7, 5],
        "time": [datetime(2020, 9, day) for day in (1, 2, 10, 10, 20, 22)],
        "row": range(6),
    },
    schema_overrides={"time": pl.Datetime("ms")},
)


def rows(events: pl.LazyFrame) -> list[int]:
    return events.collect()["row"].to_list()


def test_earlier_snapshots_are_mondays_a_window_back_and_more():
    past = NOW.earlier(1, length=WEEK, end=END)
    assert past == Snapshot(as_of=datetime(2020, 9, 14))
    assert past.earlier(2, length=WEEK, end=END) == NOW.earlier(3, length=WEEK, end=END)
    assert Snapshot(leave_last=1).earlier(2, length=WEEK, end=END) == Snapshot(leave_last=3)
    assert NOW.earlier(2, length=WEEK, end=None) == Snapshot(leave_random=(2,))
    assert FIRST_ROUND.earlier(2, length=WEEK, end=END) == Snapshot(leave_random=(1, 3))


@pytest.mark.parametrize("length", [WEEK, timedelta(days=5), timedelta(days=1), timedelta(hours=6)])
def test_earlier_snapshots_stay_until_a_window_has_passed(length):
    ends = [END + timedelta(hours=hours) for hours in range(24 * 30)]
    for windows in (1, 3):
        found = [NOW.earlier(windows, length=length, end=end).as_of for end in ends]
        for past, end in zip(found, ends, strict=True):
            assert length <= end - past - (windows - 1) * length < 2 * length
        moved = {later - sooner for sooner, later in pairwise(found)}
        assert moved == {timedelta(0), length}
        assert len(set(found)) <= timedelta(days=30) / length + 1


@pytest.mark.parametrize(
    ("snapshot", "folder"),
    [
        (Snapshot(as_of=END), "asof=2020-09-23"),
        (Snapshot(as_of=datetime(2020, 9, 16, 14)), "asof=2020-09-16T14-00-00"),
        (
            Snapshot(as_of=datetime(2020, 9, 16, 14, 0, 0, 5000)),
            "asof=2020-09-16T14-00-00.005",
        ),
        (Snapshot(leave_last=1), "leave-last-out"),
        (Snapshot(leave_last=12), "leave-last-12-out"),
        (FIRST_ROUND, "leave-random-1-out"),
        (Snapshot(leave_random=(1, 12)), "leave-random-1-12-out"),
    ],
)
def test_a_snapshot_is_found_again_by_its_folder(snapshot, folder):
    assert snapshot.folder == folder
    assert Snapshot.from_folder(folder) == snapshot


@pytest.mark.parametrize(
    "name",
    [
        "", "cache", "manifests", "asof=", "asof=soon", "asof=20200916", "asof=2020-W38-3",
        "asof=2020-09-16T14:00:00", "asof=2020-09-16T14-00", "asof=2020-09-16T00-00-00",
        "asof=2020-09-16T14-00-00+02-00", "asof=2020-09-16T14-00-00Z", "asof=2020-09-16 14-00-00",
        "asof=2020-09-16T14-00-00.5", "asof=0001-01-01T00-00-00+05-00", "asof=2020-09-16/..",
        "leave-last-x-out", "leave-last-1-out", "leave-last-0-out", "leave-last-²-out",
        "leave-last-" + "9" * 5000 + "-out",
        "leave-random-out", "leave-random-0-out", "leave-random-3-1-out", "leave-random-1-1-out",
        "leave-random-1-x-out", "leave-random-" + "9" * 5000 + "-out",
    ],
)  # fmt: skip
def test_other_folders_are_no_snapshots(name):
    assert Snapshot.from_folder(name) is None


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (Snapshot(as_of=datetime(2020, 9, 2)), Snapshot(as_of=datetime(2020, 9, 20))),
        (Snapshot(as_of=datetime(2020, 9, 10)), NOW),
        (Snapshot(leave_last=1), NOW),
        (Snapshot(leave_last=3), Snapshot(leave_last=1)),
        (FIRST_ROUND, NOW),
        (Snapshot(leave_random=(2,)), FIRST_ROUND),
    ],
)
def test_a_window_is_what_its_end_sees_and_its_start_does_not(start, end):
    window = rows(events_between(EVENTS, start, end))
    before, after = rows(start.filter(EVENTS)), rows(end.filter(EVENTS))
    assert window == [row for row in after if row not in before]
    assert window


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOW, NOW),
        (Snapshot(leave_last=1), Snapshot(as_of=END)),
        (Snapshot(as_of=END), Snapshot(leave_last=1)),
        (FIRST_ROUND, Snapshot(leave_last=1)),
        (Snapshot(as_of=END), FIRST_ROUND),
    ],
)
def test_there_is_no_window_between_snapshots_of_two_kinds(start, end):
    with pytest.raises(ValueError, match=r"no window|nothing comes"):
        events_between(EVENTS, start, end)


def test_of_events_at_one_time_the_later_row_is_the_last():
    together = EVENTS.with_columns(user=0, time=datetime(2020, 1, 1))
    assert rows(together.filter(is_last_event(2))) == [4, 5]
    assert rows(together.filter(is_last_event(9))) == [0, 1, 2, 3, 4, 5]
    assert rows(EVENTS.with_columns(time=None).filter(is_last_event())) == [3, 4, 5]


def test_a_moment_parts_what_is_a_millisecond_before_it_from_what_is_at_it():
    at = datetime(2020, 9, 16, 14, 0, 0, 5000)
    times = pl.Series([at - timedelta(milliseconds=1), at], dtype=pl.Datetime("ms"))
    events = pl.LazyFrame({"user": [0, 0], "time": times, "row": [0, 1]})
    assert rows(Snapshot(as_of=at).filter(events)) == [0]
    assert rows(events_between(events, Snapshot(as_of=at), NOW)) == [1]


def test_earlier_snapshots_of_a_moment_are_on_the_grid_of_the_windows_too():
    past = Snapshot(as_of=datetime(2020, 9, 16, 14))
    six = timedelta(hours=6)
    assert past.earlier(3, length=six, end=END) == Snapshot(as_of=datetime(2020, 9, 15, 18))
    on_it = Snapshot(as_of=datetime(2020, 9, 16, 12))
    assert on_it.earlier(3, length=six, end=END) == Snapshot(as_of=datetime(2020, 9, 15, 18))


def test_snapshots_sort_by_how_much_they_see():
    later = [Snapshot(as_of=END), Snapshot(as_of=END + WEEK), NOW]
    assert sorted(reversed(later), key=lambda each: each.age) == later
    kept = [Snapshot(leave_last=3), Snapshot(leave_last=1), NOW]
    assert sorted(reversed(kept), key=lambda each: each.age) == kept


def pairs_of_many() -> pl.DataFrame:
    """User u has u + 1 items."""
    had = [(user, 3 * item + user) for user in range(60) for item in range(user + 1)]
    return pl.DataFrame(had, schema={"user": pl.Int32, "item": pl.Int32}, orient="row")


def held_out(table: pl.DataFrame, *rounds: int) -> set[tuple[int, ...]]:
    return set(table.filter(in_random_rounds(rounds)).select("user", "item").rows())


def test_random_pairs_are_the_same_whatever_the_order_and_number_of_rows():
    table = pairs_of_many()
    base = held_out(table, 1, 3)
    assert held_out(table.reverse(), 1, 3) == base
    assert held_out(pl.concat([table, table.sample(fraction=0.5, seed=1)]), 1, 3) == base
    # Other versions of libraries hold out the same.
    few = pl.DataFrame({"user": [0] * 5, "item": range(5)})
    order = [next(iter(held_out(few, own)))[1] for own in (1, 2, 3, 4, 5)]
    assert order == [1, 4, 0, 3, 2]


def test_rounds_of_random_pairs_are_a_tenth_of_a_users_pairs_and_one_at_least():
    table = pairs_of_many()
    for user in (1, 5, 18, 19, 39, 59):
        own = table.filter(pl.col("user") == user)
        rounds = [held_out(own, number) for number in range(1, 70)]
        together = [pair for one in rounds for pair in one]
        assert len(together) == len(set(together)) == len(own)
        assert len(rounds[0]) == max(len(own) // 10, 1)
    assert held_out(table.filter(pl.col("user") == 0), 1) == set()


def test_users_keep_at_least_half_of_their_pairs():
    table = pairs_of_many()
    for rounds in [(1,), (4,), (1, 3), (1, 2, 3), (1, 4, 5, 9, 10, 11)]:
        out = held_out(table, *rounds)
        for user in range(60):
            of_theirs = sum(pair[0] == user for pair in out)
            assert 2 * of_theirs <= user + 1
    assert {user for user, _ in held_out(table, 1)} == set(range(1, 60))


def test_an_earlier_snapshot_holds_out_what_its_own_does_and_more():
    table = pairs_of_many()
    for own in (FIRST_ROUND, Snapshot(leave_random=(1, 3))):
        for windows in (1, 2, 4):
            before = own.earlier(windows, length=WEEK, end=None)
            more = held_out(table, *before.leave_random)
            assert more > held_out(table, *own.leave_random)


def test_chance_favours_no_item_in_the_order_of_a_users_items():
    table = pl.DataFrame({"user": [u for u in range(2000) for _ in range(10)]}).with_columns(
        item=pl.int_range(pl.len()).mod(10)
    )
    times = table.filter(in_random_rounds((1,)))["item"].value_counts()["count"]
    assert len(times) == 10
    assert times.is_between(150, 250).all()
