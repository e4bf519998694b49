"""Words of a search that columns have: which are heard, as what, and how well items have them."""

import numpy as np
import polars as pl
import pytest

from recsys_cli.engine.attributes import Attributes, _groups

COLUMNS = {
    "colour": ["Red", "Dark Red", "Light Blue", "Blue", "Light", None] * 4,
    "kind": ["Dress", "Dresses/Skirts", "T-shirt", "Trousers", "Men's socks", "Dress"] * 4,
    "genres": ["Action|Comedy", "Comedy", "Drama", "Sci-Fi|Drama", "Comedy|Drama|War", ""] * 4,
}


def attributes(columns=None) -> Attributes:
    return Attributes({name: pl.Series(name, v) for name, v in (columns or COLUMNS).items()})


def shares(query: str, encode=None) -> list[float]:
    heard = attributes().heard(query, encode)
    return [] if heard is None else heard.share[:6].tolist()


def test_a_query_without_any_is_not_heard():
    for query in ("", "something nice", "12 0108775015", "é 日本語 – !?", "omen womens"):
        assert attributes().heard(query) is None
    assert Attributes({}).heard("red") is None


def test_a_value_that_is_said_whole_comes_first():
    red = shares("red")
    assert red[0] > red[1] > 0
    assert red[2:] == [0, 0, 0, 0]
    light = shares("light blue")
    assert light[2] == max(light)
    assert light[2] > light[3]
    assert light[2] > light[4]


def test_lists_of_values_are_taken_apart():
    comedy = shares("comedies")
    assert comedy[0] == comedy[1] == comedy[4] > 0
    assert attributes().heard("drama").of(4) == ["genres=Comedy|Drama|War"]


@pytest.mark.parametrize(
    ("said", "value"),
    [("dresses", "Dress"), ("DRESS", "Dress"), ("red's", "Red"), ("trouser", "Trousers"),
     ("trousres", "Trousers"), ("mens", "Men's socks"), ("men’s", "Men's socks"),
     ("comedy", "Comedy")],
)  # fmt: skip
def test_words_are_heard_by_stem_and_spelling(said, value):
    heard = attributes().heard(said)
    assert heard is not None
    assert any(value in one for one in heard.words[said.lower().replace("’", "'")])


def test_short_words_are_not_guessed():
    assert attributes().heard("rad") is None
    assert attributes().heard("bed") is None


def test_what_is_rare_counts_more_and_what_all_have_nothing():
    columns = {"a": ["Common"] * 18 + ["Rare"] * 6, "b": ["Every"] * 24}
    heard = attributes(columns).heard("common rare every")
    assert list(heard.words) == ["rare"]
    columns["a"] = ["Common"] * 12 + ["Rare"] * 6 + ["Other"] * 6
    share = attributes(columns).heard("common rare").share
    assert share[12] > share[0] > share[23] == 0


def test_words_that_nobody_hears_take_from_what_is_heard():
    assert shares("red thing")[0] == pytest.approx(shares("red")[0] / 2)
    assert shares("red red")[0] == shares("red")[0]
    assert 0 < max(shares("red dress")) <= 1


def test_the_encoder_is_asked_about_other_words_alone():
    asked = []

    def encode(texts):
        asked.append(list(texts))
        near = {"scarlet": "red", "pants": "trousers"}
        words = ["red", "trousers", "scarlet", "pants"]
        vectors = np.zeros((len(texts), 4), np.float32)
        for row, text in enumerate(texts):
            word = near.get(text, text)
            if word in words:
                vectors[row, words.index(word)] = 1
        return vectors

    heard = attributes()
    assert heard.heard("red dress", encode) is not None
    assert asked == []
    found = heard.heard("scarlet pants", encode)
    assert found.words["scarlet"] == heard.heard("red").words["red"]
    assert any("Trousers" in value for value in found.words["pants"])
    assert asked[1] == ["scarlet", "pants"]
    heard.heard("pants", encode)
    assert len(asked) == 3
    assert heard.heard("nothing", encode) is None


def test_items_say_what_they_have():
    heard = attributes().heard("red dress")
    assert heard.of(0) == ["colour=Red", "kind=Dress"]
    assert heard.of(1) == ["colour=Dark Red", "kind=Dresses/Skirts"]
    assert heard.of(3) == []
    assert heard.words["red"] == ["colour=Red", "colour=Dark Red"]


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        (["Red", "Blue"] * 6, True),
        ([f"Name {n}" for n in range(12)], False),
        (["1", "2"] * 6, False),
        (["Red"] * 12, False),
        ([None] * 12, False),
        ([1.5, 2.5] * 6, False),
        ([], False),
    ],
)
def test_columns_that_group_items(values, groups):
    assert _groups(pl.Series("c", values), at_all=False) is groups


def test_a_category_of_few_items_each_is_one_all_the_same():
    names = pl.Series("brand", [f"Brand {'ab'[n % 2]}{n}" for n in range(12)])
    assert _groups(names, at_all=True)
