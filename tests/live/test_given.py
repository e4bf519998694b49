"""Events of a session, as callers give them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from recsys_cli.errors import FieldsError, UsageError
from recsys_cli.live.contract import MOST_AT_ONCE, Given
from recsys_cli.live.incoming import read_given


def placed(*records: Any) -> list[tuple[str, Any]]:
    return [(f"line {n}", record) for n, record in enumerate(records, 1)]


def test_they_are_in_their_order() -> None:
    records = placed(
        {"item": "0108775015", "event": "view", "time": "2025-11-30T08:00:00Z", "value": 1},
        {"item": "b", "time": 1764489600001},
        {"item": "c", "time": "2025-11-30T09:00:00+01:00"},
        MappingProxyType({"item": "d"}),
    )
    assert read_given(records) == [
        Given("0108775015", "view", 1764489600000, 1.0),
        Given("b", None, 1764489600001, None),
        Given("c", None, 1764489600000, None),
        Given("d"),
    ]


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (3, "line 2"),
        (None, "line 2"),
        ({"event": "view"}, "line 2: item: "),
        ({"item": ""}, "line 2: item: it is empty"),
        ({"item": 3}, "line 2: item: it is no text"),
        ({"item": "a\0"}, "line 2: item: it contains a NUL character"),
        ({"item": "a", "time": "soon"}, "line 2: time: it is no time"),
        ({"item": "a", "time": "2999-01-01"}, "line 2: time: it lies in the future"),
        ({"item": "a", "time": True}, "line 2: time: it is no time"),
        ({"item": "a", "value": float("nan")}, "line 2: value: "),
        ({"item": "a", "user": "u"}, "line 2: user: there is no such field"),
    ],
)
def test_what_is_no_event_is_refused_by_place_and_field(record: Any, says: str) -> None:
    with pytest.raises(FieldsError) as refused:
        read_given(placed({"item": "a"}, record))
    assert refused.value.message.startswith(says)
    assert len(refused.value.message) < 300


def test_there_may_be_only_so_many() -> None:
    one = {"item": "a"}
    assert len(read_given(placed(*[one] * MOST_AT_ONCE))) == MOST_AT_ONCE
    with pytest.raises(UsageError, match="more than 1,000 events were given"):
        read_given(placed(*[one] * (MOST_AT_ONCE + 1)))
