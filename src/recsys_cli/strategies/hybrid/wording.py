"""What a feature says of an item, in words."""

from __future__ import annotations

import re
from collections.abc import Callable

_FRACTIONS = {
    "nine tenths": 0.9,
    "three quarters": 3 / 4,
    "two thirds": 2 / 3,
    "half": 1 / 2,
    "a third": 1 / 3,
    "a quarter": 1 / 4,
    "a fifth": 1 / 5,
    "a tenth": 1 / 10,
}
_NEAR = 0.04
_WHOLE_PERCENT = 0.1
_LARGE = 100
_HARDLY = 0.05
_OF_VALUES = {"item_value", "item_recent_value", "item_value_change", "user_value", "value_ratio"}
_DAY_SAID = {"1": "on the last day", "7": "in the last 7 days", "30": "in the last 30 days"}


def said(feature: str, value: float | None, *, worth: str = "value") -> str:
    """A feature of one of `Features.names` and its value; None is unknown.

    Args:
        feature: its name.
        value: its value.
        worth: what the value of an event is, such as price.

    Example:
        >>> said("item_repeated", 0.325)
        'bought again by a third of its buyers'
    """
    for pattern, words in _WORDS:
        if match := re.fullmatch(pattern, feature):
            spoken = [part.replace("_", " ") for part in match.groups()]
            known = _unknown(feature) if value is None else words(value, *spoken)
            return known.replace("value", worth) if feature in _OF_VALUES else known
    return f"{feature.replace('_', ' ')} {_number(value)}"


def _unknown(feature: str) -> str:
    source = re.fullmatch(r"(?:rank|score|relative)_(.+)", feature)
    if source:
        return f"not found by {source[1]}"
    if feature in {"times_had", "idle_days"}:
        return "not had before"
    return f"{feature.replace('_', ' ')} not known"


def _number(value: float | None) -> str:
    if value is None:
        return "not known"
    whole = value == round(value) or abs(value) >= _LARGE
    return f"{value:,.0f}" if whole else f"{value:.3g}"


def _rough(value: float) -> str:
    return f"{value:.2g}" if abs(value) < _LARGE else f"{value:,.0f}"


def _share(value: float) -> str:
    near = min(_FRACTIONS, key=lambda name: abs(_FRACTIONS[name] - value))
    if abs(_FRACTIONS[near] - value) <= _NEAR * _FRACTIONS[near]:
        return near
    if round(100 * value) == _LARGE:
        return "all"
    return f"{100 * value:.0f}%" if abs(value) >= _WHOLE_PERCENT else f"{100 * value:.2g}%"


def _beside(value: float, source: str) -> str:
    """How an item scores beside the first of a source's list."""
    if value <= _HARDLY:
        return f"{source} hardly thinks of it"
    if value >= 1 - _HARDLY / 2:
        return f"scores as much as the first of {source}"
    return f"scores {_share(value)} of the first of {source}"


def _trend(value: float, when: str) -> str:
    return (
        f"had {_share(value)} as often as usual {when}"
        if value < 1
        else (f"had {_rough(value)} times as often as usual {when}")
    )


def _change(value: float) -> str:
    percent = round(100 * (value - 1))
    if not percent:
        return "its value is what it was"
    return f"its value is {abs(percent)}% {'above' if percent > 0 else 'below'} what it was"


def _days(value: float) -> str:
    if value < 1:
        return "less than a day"
    return "a day" if round(value) == 1 else f"{value:,.0f} days"


def _times(value: float) -> str:
    return {1: "once", 2: "twice"}.get(round(value), f"{value:,.0f} times")


def _place(rank: float) -> str:
    whole = round(rank)
    ends = {1: "st", 2: "nd", 3: "rd"}
    end = "th" if whole % 100 in {11, 12, 13} else ends.get(whole % 10, "th")
    return f"{whole}{end}"


Words = Callable[..., str]
_WORDS: tuple[tuple[str, Words], ...] = (
    (r"rank_fusion", lambda v: f"ranked by several sources ({_rough(v)})"),
    (r"rank_(.+)", lambda v, source: f"{_place(v)} of {source}"),
    (r"score_(.+)", lambda v, source: f"scores {_rough(v)} in {source}"),
    (r"relative_(.+)", _beside),
    (r"sources", lambda v: f"found by {_number(v)} sources"),
    (r"item_events", lambda v: f"had {_times(v)} in all"),
    (r"item_events_(\d+)d", lambda v, days: f"had {_times(v)} {_DAY_SAID[days]}"),
    (r"item_trend_1d", lambda v: _trend(v, _DAY_SAID["1"])),
    (r"item_trend_7d", lambda v: _trend(v, _DAY_SAID["7"])),
    (r"item_users", lambda v: f"had by {_number(v)} users"),
    (r"item_repeated", lambda v: f"bought again by {_share(v)} of its buyers"),
    (r"item_age_days", lambda v: f"first had {_days(v)} ago"),
    (r"item_idle_days", lambda v: f"last had {_days(v)} ago"),
    (r"item_value", lambda v: f"its value is {_number(v)} on average"),
    (r"item_recent_value", lambda v: f"its value is {_number(v)} lately"),
    (r"item_value_change", _change),
    (r"popular_everyone", lambda v: f"{_share(v)} as popular as the best seller"),
    (r"popular_segment", lambda v: f"{_share(v)} as popular as the best seller of such users"),
    (r"segment_affinity", lambda v: f"{_rough(v)} times as popular with such users as with all"),
    (r"user_events", lambda v: f"the user has {_number(v)} events"),
    (r"user_items", lambda v: f"the user has {_number(v)} items"),
    (r"user_events_per_item", lambda v: f"the user has each item {_rough(v)} times"),
    (r"user_events_(\d+)d", lambda v, days: f"the user has {_number(v)} events {_DAY_SAID[days]}"),
    (r"user_age_days", lambda v: f"the user came {_days(v)} ago"),
    (r"user_idle_days", lambda v: f"the user was last here {_days(v)} ago"),
    (r"user_value", lambda v: f"the user's values are {_number(v)} on average"),
    (r"value_ratio", lambda v: f"its value is {_share(v)} of the user's usual one"),
    (r"times_had", lambda v: "not had before" if v == 0 else f"had {_times(v)} before"),
    (r"idle_days", lambda v: f"had {_days(v)} ago"),
    (r"affinity_(.+)", lambda v, column: f"{_share(v)} of what the user had is of its {column}"),
    (r"share_(.+)", lambda v, column: f"{_share(v)} of what its {column} sells"),
    (
        r"expected_(.+)",
        lambda v, column: f"{_share(v)} of what this user takes, going by {column} alone",
    ),
    (
        r"similar_(.+)_max",
        lambda v, space: f"like one of the user's last items ({space} {_rough(v)})",
    ),
    (r"similar_(.+)_mean", lambda v, space: f"like the user's last items ({space} {_rough(v)})"),
)
