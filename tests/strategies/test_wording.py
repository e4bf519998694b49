"""Features in words: each of them, whatever its value."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

from recsys_cli.strategies.hybrid import wording
from recsys_cli.strategies.hybrid.build import open_features, sources_there
from recsys_cli.strategies.hybrid.wording import said
from strategies import shop


@pytest.fixture(scope="module")
def names() -> list[str]:
    packs = shop.all_packs()
    lengths = sources_there(packs, packs.pack("hybrid")["candidates"])
    return open_features(packs, lengths)[1].names


def test_every_feature_has_words_of_its_own(names: list[str]) -> None:
    for value in (0.0, 0.325, 1.0, 2.0, 12.0, 1234.5, -3.25, 1e9, float(np.float32(0.1))):
        told = {name: said(name, value) for name in names}
        assert len(set(told.values())) >= len(names) - 2
        for name, words in told.items():
            # What no words are known of is told by its name.
            assert not words.startswith(name.replace("_", " ")), name
            assert "_" not in words
            assert 5 < len(words) < 90
            assert "e+" not in words or value > 1e6
    for name in names:
        assert "not" in said(name, None)


def test_shares_are_said_as_people_say_them() -> None:
    assert doctest.testmod(wording).failed == 0
    assert said("item_repeated", 0.5) == "bought again by half of its buyers"
    assert said("item_repeated", 0.41) == "bought again by 41% of its buyers"
    assert said("item_repeated", 0.0123) == "bought again by 1.2% of its buyers"
    assert said("relative_twotower", 0.9999) == "scores as much as the first of twotower"
    assert said("relative_twotower", 0.41) == "scores 41% of the first of twotower"
    for hardly in (0.0018, 0.0, -0.13):
        assert said("relative_collab", hardly) == "collab hardly thinks of it"
    assert said("affinity_product_type_name", 1.0) == (
        "all of what the user had is of its product type name"
    )
    assert said("item_trend_7d", 0.35) == "had 35% as often as usual in the last 7 days"
    assert said("item_trend_7d", 2.5) == "had 2.5 times as often as usual in the last 7 days"
    assert said("rank_transitions", 2) == "2nd of transitions"
    assert said("rank_transitions", 11) == "11th of transitions"
    assert said("times_had", 0) == "not had before"
    assert said("times_had", 2) == "had twice before"
    assert said("item_idle_days", 0.2) == "last had less than a day ago"
    assert said("something new", math.pi) == "something new 3.14"


def test_values_are_called_what_they_are() -> None:
    assert said("item_value_change", 1.05, worth="price") == "its price is 5% above what it was"
    assert said("item_value_change", 0.8, worth="price") == "its price is 20% below what it was"
    assert said("item_value_change", 1.001) == "its value is what it was"
    assert said("value_ratio", 0.5, worth="rating") == "its rating is half of the user's usual one"
    assert said("user_value", 3.5, worth="rating") == "the user's ratings are 3.5 on average"
    assert said("share_value_name", 0.1, worth="price") == "a tenth of what its value name sells"
