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
_DAY_SAID = {"1": "on the last day", "7": "in the last 7 days", "30": "in the last 30 days"}


def said(feature: str, value: float | None) -> str:
    """A feature of one of `Features.names` and its value; None is unknown.

    Example:
        >>> said("item_repeated", 0.325)
        'bought again by a third of its buyers'
    """
    for pattern, words in _WORDS:
        if match := re.fullmatch(pattern, feature):
            return _unknown(feature) if value is None else words(value, *match.groups())
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
    return f"{100 * value:.0f}%" if abs(value) >= _WHOLE_PERCENT else f"{100 * value:.2g}%"


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
    (r"relative_(.+)", lambda v, source: f"scores {_share(v)} of the first of {source}"),
    (r"sources", lambda v: f"found by {_number(v)} sources"),
    (r"item_events", lambda v: f"had {_times(v)} by everybody"),
    (r"item_events_(\d+)d", lambda v, days: f"had {_times(v)} {_DAY_SAID[days]}"),
    (r"item_trend_1d", lambda v: f"had {_rough(v)} times as often as usual on the last day"),
    (r"item_trend_7d", lambda v: f"had {_rough(v)} times as often as usual in the last 7 days"),
    (r"item_users", lambda v: f"had by {_number(v)} users"),
    (r"item_repeated", lambda v: f"bought again by {_share(v)} of its buyers"),
    (r"item_age_days", lambda v: f"first had {_days(v)} ago"),
    (r"item_idle_days", lambda v: f"last had {_days(v)} ago"),
    (r"item_value", lambda v: f"its value is {_number(v)} on average"),
    (r"item_recent_value", lambda v: f"its value is {_number(v)} lately"),
    (r"item_value_change", lambda v: f"its value is {_share(v)} of what it was"),
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
