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
    assert said("relative_twotower", 0.9999) == "scores 100% of the first of twotower"
    assert said("rank_transitions", 2) == "2nd of transitions"
    assert said("rank_transitions", 11) == "11th of transitions"
    assert said("times_had", 0) == "not had before"
    assert said("times_had", 2) == "had twice before"
    assert said("item_idle_days", 0.2) == "last had less than a day ago"
    assert said("something new", math.pi) == "something new 3.14"
