"""Moments and lengths as they are written, and what is none."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from recsys_cli.errors import UsageError
from recsys_cli.moments import (
    after,
    days_in,
    iso,
    length_from,
    moment_from,
    said,
    seconds_at,
    spoken,
)

AFTERNOON = datetime(2014, 4, 3, 14)


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2014-04-03", datetime(2014, 4, 3)),
        ("2014-04-03T14:00", AFTERNOON),
        ("2014-04-03 14:00:00", AFTERNOON),
        ("2014-04-03T14:00:00Z", AFTERNOON),
        ("2014-04-03T16:00+02:00", AFTERNOON),
        ("2014-04-03T23:00-02:00", datetime(2014, 4, 4, 1)),
        ("2014-04-03T14:00:00.0019", AFTERNOON.replace(microsecond=1000)),
        (date(2014, 4, 3), datetime(2014, 4, 3)),
        (AFTERNOON, AFTERNOON),
        (AFTERNOON.replace(tzinfo=timezone(timedelta(hours=2))), datetime(2014, 4, 3, 12)),
        (AFTERNOON.replace(tzinfo=UTC), AFTERNOON),
    ],
)
def test_moments_are_read_as_utc(given, moment):
    assert moment_from(given, option="--cutoff") == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "14:00", "2014-04-31", "2014-04-03T25:00", "0001-01-01T00:00+05:00"]
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(UsageError, match=r"--cutoff .* is not a date or time"):
        moment_from(text, option="--cutoff")


@pytest.mark.parametrize(
    ("given", "length", "words"),
    [
        ("90m", timedelta(minutes=90), "90 minutes"),
        ("6h", timedelta(hours=6), "6 hours"),
        ("1h", timedelta(hours=1), "1 hour"),
        ("24h", timedelta(days=1), "1 day"),
        ("2 w", timedelta(days=14), "14 days"),
        ("7d", timedelta(days=7), "7 days"),
        ("7", timedelta(days=7), "7 days"),
        (7, timedelta(days=7), "7 days"),
    ],
)
def test_lengths_are_read_and_said(given, length, words):
    assert length_from(given, option="--horizon") == length
    assert spoken(length) == words
    assert timedelta(days=days_in(length)) == length


@pytest.mark.parametrize("text", ["soon", "0d", "", "-1h", "1.5d", "6 hours", "9999999w", "٣d"])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(UsageError, match=r"--horizon .* number of minutes, hours, days or weeks"):
        length_from(text, option="--horizon")


@pytest.mark.parametrize(
    ("moment", "machine", "people"),
    [
        (datetime(2014, 4, 3), "2014-04-03", "2014-04-03"),
        (AFTERNOON, "2014-04-03T14:00:00", "2014-04-03 14:00"),
        (AFTERNOON.replace(second=7), "2014-04-03T14:00:07", "2014-04-03 14:00:07"),
        (AFTERNOON.replace(microsecond=5000), "2014-04-03T14:00:00.005", "2014-04-03 14:00:00.005"),
    ],
)
def test_moments_are_written_as_short_as_they_can_be(moment, machine, people):
    assert (iso(moment), said(moment)) == (machine, people)
    assert moment_from(machine, option="") == moment_from(people, option="") == moment


def test_seconds_are_rounded_up_so_that_what_lies_before_is_less():
    assert seconds_at(datetime(1970, 1, 2)) == 86_400
    assert seconds_at(datetime(1970, 1, 2, 0, 0, 0, 1000)) == 86_401


def test_what_ends_with_an_event_includes_it():
    last = datetime(2014, 4, 6, 22, 59, 41, 500_000)
    assert after(last, days=False) == datetime(2014, 4, 6, 22, 59, 42)
    assert after(last, days=True) == datetime(2014, 4, 7)
    midnight = datetime(2014, 4, 6)
    assert after(midnight, days=False) > midnight
    assert after(midnight, days=True) == datetime(2014, 4, 7)
