"""Snapshots: what each sees, which lies before which, and the window between two."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from recsys_cli.store.snapshot import NOW, Snapshot, events_between, is_last_event

END = datetime(2020, 9, 23)
WEEK = timedelta(days=7)
EVENTS = pl.LazyFrame(
    {
        "user": [0, 1, 0, 1, 0, 2],
        "time": [datetime(2020, 9, day) for day in (1, 2, 10, 10, 20, 22)],
        "row": range(6),
    },
    schema_overrides={"time": pl.Datetime("ms")},
)


def rows(events: pl.LazyFrame) -> list[int]:
    return events.collect()["row"].to_list()


def test_earlier_snapshots_are_whole_windows_before():
    past = NOW.earlier(1, length=WEEK, end=END)
    assert past == Snapshot(as_of=datetime(2020, 9, 16))
    assert past.earlier(2, length=WEEK, end=END) == NOW.earlier(3, length=WEEK, end=END)
    assert Snapshot(leave_last=1).earlier(2, length=WEEK, end=END) == Snapshot(leave_last=3)


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


def test_earlier_snapshots_of_a_moment_are_whole_windows_before_it():
    past = Snapshot(as_of=datetime(2020, 9, 16, 14))
    six = timedelta(hours=6)
    assert past.earlier(3, length=six, end=END) == Snapshot(as_of=datetime(2020, 9, 15, 20))
