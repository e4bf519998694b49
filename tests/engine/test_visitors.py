"""What somebody had just now changes the next answer, whoever they are and whoever ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recsys_cli.assembly import load_config
from recsys_cli.engine.engine import Engine, Filters
from recsys_cli.engine.registry import AUTO
from recsys_cli.errors import UsageError
from recsys_cli.live.contract import Given
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies import STRATEGIES

READS_HISTORY = [name for name in STRATEGIES if name not in {"popular", "repurchase"}]


@pytest.fixture(scope="module", params=["hm", "rr"])
def engine(request: pytest.FixtureRequest, built: Path) -> Engine:
    return Engine(Workspace(built), request.param, threads=1, config=load_config(built))


@pytest.fixture(scope="module")
def clicked(engine: Engine) -> list[Given]:
    """Three items that go together: they were had by one user."""
    row = int(np.argmax(np.diff(engine.history.indptr)))
    had = engine.history.row(row)[:3]
    return [Given(engine.artifacts.items[int(item)]) for item in had]


@pytest.mark.parametrize("name", [*READS_HISTORY, AUTO])
def test_a_guest_with_events_is_no_fallback(
    engine: Engine, clicked: list[Given], name: str
) -> None:
    if name != AUTO and not all(map(engine.artifacts.has, STRATEGIES[name].needs)):
        pytest.skip("it has not been built")
    answer = engine.recommend_one(None, strategy=name, k=8, events=clicked)
    assert answer["fallback_reason"] is None
    assert answer["strategy_used"] == (engine.strategy(name).chain[0].name)
    assert (answer["live"], answer["user"]) == (3, None)
    assert len(answer["items"]) == 8
    popular = engine.recommend_one(None, strategy="popular", k=8)
    assert [i["item"] for i in answer["items"]] != [i["item"] for i in popular["items"]]


@pytest.mark.parametrize("name", [*READS_HISTORY, AUTO])
def test_what_was_had_just_now_is_left_out_at_once(engine: Engine, name: str) -> None:
    if name != AUTO and not all(map(engine.artifacts.has, STRATEGIES[name].needs)):
        pytest.skip("it has not been built")
    filters = Filters(exclude_seen=True)
    user = engine.artifacts.users[int(np.argmax(np.diff(engine.history.indptr)))]
    before = engine.recommend_one(user, strategy=name, k=8, filters=filters)
    first = before["items"][0]["item"]
    after = engine.recommend_one(
        user, strategy=name, k=8, filters=filters, events=[Given(first)], explain=True
    )
    assert first not in [i["item"] for i in after["items"]]
    assert len(after["items"]) == 8
    assert all("explanation" in item for item in after["items"])


def test_who_had_nothing_since_gets_what_they_got(engine: Engine) -> None:
    user = engine.artifacts.users[3]
    asked = {"strategy": AUTO, "k": 8}
    assert engine.recommend_one(user, **asked, events=[]) == engine.recommend_one(user, **asked)
    with_unknown = engine.recommend_one(user, **asked, events=[Given("no such item")])
    assert with_unknown.pop("unknown") == ["no such item"]
    assert with_unknown == engine.recommend_one(user, **asked)


def test_the_order_of_events_counts_with_times_and_without(
    engine: Engine, clicked: list[Given]
) -> None:
    def items(events: list[Given]) -> list[str]:
        answer = engine.recommend_one(None, strategy="transitions", k=8, events=events)
        return [i["item"] for i in answer["items"]]

    assert items(clicked) != items(clicked[::-1])
    start = engine.had.reference * 1000
    timed = [e._replace(time=start + 60_000 * n) for n, e in enumerate(clicked, 1)]
    assert items(timed) == items(clicked)


def test_a_kind_that_there_is_not_is_refused_by_name(engine: Engine) -> None:
    with pytest.raises(UsageError, match="no kind of event 'veiw'"):
        engine.recommend_one(None, strategy=AUTO, k=3, events=[Given("a", "veiw")])


@pytest.mark.parametrize("name", ["twotower", "hybrid", "collab"])
def test_vectors_made_when_asked_rank_like_those_that_were_built(engine: Engine, name: str) -> None:
    """The last item of a user's given again is hardly news: most of the list stays."""
    if not all(map(engine.artifacts.has, STRATEGIES[name].needs)):
        pytest.skip("it has not been built")
    shared, rows = [], np.argsort(-np.diff(engine.history.indptr))[20:60]
    for row in rows:
        span = slice(*engine.had.indptr[row : row + 2])
        last = engine.had.indices[span][np.argmax(engine.had.last[span])]
        user, again = engine.artifacts.users[int(row)], engine.artifacts.items[int(last)]
        lists = [
            {i["item"] for i in engine.recommend_one(user, strategy=name, k=12, events=e)["items"]}
            for e in ([], [Given(again)])
        ]
        shared.append(len(lists[0] & lists[1]) / 12)
    assert np.mean(shared) > 0.6


@pytest.mark.parametrize("name", ["itemknn", "transitions", "sessions", "graph", "collab", AUTO])
def test_what_brought_an_item_is_told(engine: Engine, clicked: list[Given], name: str) -> None:
    """Of a guest with three items, each of a list comes because of some of these."""
    if name != AUTO and not all(map(engine.artifacts.has, STRATEGIES[name].needs)):
        pytest.skip("it has not been built")
    answer = engine.recommend_one(None, strategy=name, k=5, events=clicked, explain=True)
    told = [item["explanation"]["because"] for item in answer["items"]]
    assert any(told)
    for reasons in told:
        assert {reason["item"] for reason in reasons} <= {event.item for event in clicked}
        shares = [reason["share"] for reason in reasons]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) < 1.01
        assert all(reason["name"] for reason in reasons)
    nobody = engine.recommend_one("nobody", strategy=name, k=5, explain=True)
    assert [item["explanation"]["because"] for item in nobody["items"]] == [[]] * 5
