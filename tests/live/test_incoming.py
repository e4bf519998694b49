"""What is understood of events that somebody sends, and what is refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import FieldsError, UnknownIdError
from recsys_cli.live.contract import Event
from recsys_cli.live.incoming import read_events
from recsys_cli.moments import now_ms

SPEC = DatasetSpec(
    name="rr",
    source="rr",
    kind="generic",
    events=["view", "cart", "buy"],
    weights={"view": 1.0, "cart": 5.0, "buy": 3.0},
    truth_events=["buy", "view"],
    repurchase=False,
    horizon_days=7,
    has_time=True,
)


def spec_of(user, dataset):
    if user == "stranger" or dataset == "none":
        raise UnknownIdError(f"nobody knows {user}")
    return SPEC


def read(*records):
    return read_events(records, spec_of, place=lambda n: f"events.{n}.")


def refused(*records) -> dict:
    with pytest.raises(FieldsError) as error:
        read(*records)
    return dict(error.value.fields)


def ago(**length) -> datetime:
    return datetime.now(UTC) - timedelta(**length)


def test_an_event_says_at_least_who_and_what():
    before = now_ms()
    (event,) = read({"user": " 0108", "item": "ü🙂"})
    assert before <= event.time <= now_ms()
    assert event == Event("rr", " 0108", "ü🙂", "buy", event.time)


def test_all_that_it_may_say_is_kept():
    more = {"event": "cart", "value": 2, "id": "1", "request": "r", "dataset": "rr"}
    (event,) = read({"user": "u", "item": "i", "time": 1_700_000_000_000, **more})
    assert event == Event("rr", "u", "i", "cart", 1_700_000_000_000, 2.0, "1", "r")


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        (0, 0),
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000.25, 1_700_000_000_250),
        (1_700_000_000_123, 1_700_000_000_123),
        (1_700_000_000_123_456, 1_700_000_000_123),
        (1_700_000_000_123_456_789, 1_700_000_000_123),
        ("1700000000", 1_700_000_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14T23:13:20.5+01:00", 1_700_000_000_500),
        ("2023-11-14 22:13:20", 1_700_000_000_000),
        ("2023-11-14", 1_699_920_000_000),
        ("0001-01-01", -62_135_596_800_000),
    ],
)
def test_times_are_read_as_raw_files_have_them(written, ms):
    assert read({"user": "u", "item": "i", "time": written})[0].time == ms


@pytest.mark.parametrize(
    "written",
    [
        "", "x", "2023-13-01", "nan", "inf", "1e400", True, [], {}, -1e300, 1e300,
        float("nan"), float("inf"), 10**400, "0000-01-01", "9" * 5000, "9999-12-31T23:59:59-12:00",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(written):
    why = refused({"user": "u", "item": "i", "time": written})["events.0.time"]
    assert "it is no time" in why or "future" in why


def test_clocks_may_be_a_little_ahead():
    read({"user": "u", "item": "i", "time": ago(seconds=-50).isoformat()})
    far = refused({"user": "u", "item": "i", "time": ago(seconds=-70).isoformat()})
    assert far == {"events.0.time": "it lies in the future"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(field, bad) for field in ("user", "item", "id", "request", "event", "dataset")
          for bad in ("", "x" * 257, "a\0b", "\ud800", 5, True, [], {})],
        ("user", None), ("item", None),
        *[("value", bad)
          for bad in ("1", True, float("nan"), float("inf"), -float("inf"), 10**400, [])],
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(field, value):
    fields = refused({"user": "u", "item": "i", field: value})
    assert [*fields] == [f"events.0.{field}"]
    assert json.dumps([*fields.values()]).isascii()


def test_what_is_wrong_is_said_in_words():
    assert refused(
        {"user": "u", "item": ""},
        {"user": "u", "item": "i", "event": "click", "id": "1"},
        {"user": "stranger", "item": "i"},
        {"user": "u", "item": "i", "dataset": "none"},
        {"user": 5, "item": "i", "kind": "view"},
        "event",
    ) == {
        "events.0.item": "it is empty",
        "events.1.event": "rr has no kind of event 'click'; one of: view, cart, buy",
        "events.2.user": "nobody knows stranger",
        "events.3.dataset": "nobody knows u",
        "events.4.user": "it is no text",
        "events.4.kind": "there is no such field; those of an event are user, item, event, time, "
        "value, id, request and dataset",
        "events.5": "it is no JSON object",
    }


def test_one_that_is_wrong_keeps_all_out_and_twenty_are_named():
    bad = {"user": "", "item": "", "time": "x"}
    assert [*refused({"user": "u", "item": "i"}, bad)] == [
        f"events.1.{field}" for field in ("item", "time", "user")
    ]
    assert len(refused(*[bad] * 30)) == 20
