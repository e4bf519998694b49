"""What somebody dislikes leaves list and history, and what is like it falls, whoever ranks."""

import numpy as np
import pytest

import recsys_cli
from recsys_cli.assembly import load_config
from recsys_cli.engine.dislikes import nearness
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.registry import available
from recsys_cli.engine.similar import Neighbours
from recsys_cli.errors import UsageError
from recsys_cli.live.contract import Given
from recsys_cli.store.workspace import Workspace

K = 12


@pytest.fixture(scope="module")
def engine(built):
    return Engine(Workspace(built), "hm", config=load_config(built))


@pytest.fixture(scope="module")
def space(engine):
    pack = engine.artifacts.pack("content")
    return Neighbours(pack["vectors"], pack["has_text"] | pack["has_image"], source="content")


@pytest.fixture(scope="module")
def users(engine):
    rows = np.flatnonzero(np.diff(engine.history.indptr) > 4)[:12]
    return [engine.artifacts.users[int(row)] for row in rows]


def ids(answer: dict) -> list[str]:
    return [item["item"] for item in answer["items"]]


def near(engine, space, item: str, listed: list[str]) -> float:
    of = nearness(space, engine.artifacts.items.find(item))
    return float(np.mean([of[engine.artifacts.items.find(one)] for one in listed]))


def test_what_is_like_it_falls_in_every_strategy(engine, space, users):
    for strategy in [*available(engine.artifacts), "auto"]:
        before, after = [], []
        for user in users:
            plain = ids(engine.recommend_one(user, strategy=strategy, k=K))
            answer = engine.recommend_one(user, strategy=strategy, k=K, disliked=plain[:1])
            assert plain[0] not in ids(answer)
            assert len(answer["items"]) == K
            assert answer["rules"] == []
            before.append(near(engine, space, plain[0], plain[1:]))
            after.append(near(engine, space, plain[0], ids(answer)))
        assert np.mean(after) < 0.9 * np.mean(before), strategy


def test_without_dislikes_nothing_changes(engine, users):
    for user in users[:3]:
        one = engine.recommend_one(user, strategy="auto", k=K)
        assert engine.recommend_one(user, strategy="auto", k=K, disliked=[]) == one
        same = engine.recommend_one(user, strategy="auto", k=K, disliked=["nothing"])
        assert same.pop("unknown") == ["nothing"]
        assert same == one


def test_what_is_disliked_pulls_no_more(engine, users):
    """Whether it was in the history or came just now: a dislike has the last word."""
    user = users[0]
    row = engine.artifacts.users.find(user)
    had = engine.artifacts.items[int(engine.history.row(row)[0])]
    answer = engine.recommend_one(user, strategy="itemknn", k=K, disliked=[had], explain=True)
    reasons = [of["item"] for one in answer["items"] for of in one["explanation"]["because"]]
    assert had not in reasons
    other = engine.artifacts.items[7]
    events = [Given(had), Given(other)]
    guest = engine.recommend_one(None, strategy="itemknn", k=K, events=events, disliked=[had])
    alone = engine.recommend_one(None, strategy="itemknn", k=200, events=events[1:])
    scores = {one["item"]: one["score"] for one in alone["items"]}
    assert guest["strategy_used"] == "itemknn"
    assert all(one["score"] == pytest.approx(scores[one["item"]]) for one in guest["items"])


def test_a_guest_who_only_dislikes_gets_what_sells(engine, space):
    plain = ids(engine.recommend_one(None, strategy="auto", k=K))
    answer = engine.recommend_one(None, strategy="auto", k=K, disliked=plain[:2])
    assert not set(plain[:2]) & set(ids(answer))
    assert answer["strategy_used"] == "popular"
    assert answer["live"] == 0


def test_nearness_is_between_nothing_and_the_item_itself(engine, space):
    row = int(np.flatnonzero(space.known)[3])
    of = nearness(space, row)
    assert of[row] == pytest.approx(1)
    assert (of >= 0).all()
    assert np.mean(of == 0) > 0.2
    assert (of[~space.known] == 0).all()


def test_the_shop_takes_dislikes_of_one(built, users):
    shop = recsys_cli.open(built)
    first = shop.recommend(users[0], dataset="hm", k=K)["items"][0]["item"]
    one = shop.recommend(users[0], dataset="hm", k=K, disliked=first)
    assert first not in ids(one)
    guest = shop.recommend(disliked=[first], dataset="hm", k=K)
    assert first not in ids(guest)
    with pytest.raises(UsageError, match="about one user"):
        shop.recommend(users, dataset="hm", disliked=[first])
