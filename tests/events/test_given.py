"""Events as callers give them."""

from __future__ import annotations

import pytest

from recsys_cli.errors import UsageError
from recsys_cli.events.given import MOST, Given, events_of_lines, given_from


def test_lines_are_events_in_their_order() -> None:
    lines = [
        '{"item": "0108775015", "event": "view", "time": "2026-11-30T08:00:00Z", "value": 1}',
        "",
        '{"item": "b", "time": 1764489600001}',
        '{"item": "c", "time": "2026-11-30T09:00:00+01:00"}',
    ]
    assert events_of_lines(lines, source="a") == [
        Given("0108775015", "view", 1796025600000, 1.0),
        Given("b", None, 1764489600001, None),
        Given("c", None, 1796025600000, None),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "a, line 2: it is no JSON"),
        ("3", "a, line 2: "),
        ('{"event": "view"}', "a, line 2: item: Field required"),
        ('{"item": ""}', "a, line 2: item: "),
        ('{"item": 3}', "a, line 2: item: "),
        ('{"item": "a\\u0000"}', "a, line 2: item: it contains a NUL character"),
        ('{"item": "a", "time": "soon"}', "a, line 2: time: it is no date and time"),
        ('{"item": "a", "time": 1.5}', "a, line 2: time: it is neither"),
        ('{"item": "a", "time": -1}', "a, line 2: time: it lies before 1970"),
        ('{"item": "a", "time": true}', "a, line 2: time: it is neither"),
        ('{"item": "a", "value": NaN}', "a, line 2: value: "),
        ('{"item": "a", "valeu": 1}', "a, line 2: valeu: "),
        ("1" * 5000, "a, line 2: it is no JSON"),
    ],
)
def test_what_is_no_event_is_refused_by_line_and_field(line: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        events_of_lines(['{"item": "a"}', line], source="a")
    assert refused.value.message.startswith(says)
    assert len(refused.value.message) < 300


def test_there_may_be_only_so_many() -> None:
    line = '{"item": "a"}'
    assert len(events_of_lines([line] * MOST, source="a")) == MOST
    with pytest.raises(UsageError, match="at most 1,000"):
        events_of_lines([line] * (MOST + 1), source="a")


def test_callers_in_python_give_dicts() -> None:
    assert given_from({"item": "a"}, 0) == Given("a")
    with pytest.raises(UsageError, match="event 3: item"):
        given_from({"item": None}, 2)
