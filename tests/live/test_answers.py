"""What the log of live events holds changes answers at once, and is never counted twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

import recsys_cli
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.engine.since import built_until
from recsys_cli.live.contract import Event, EventLog
from recsys_cli.live.opening import open_log
from recsys_cli.live.sqlite import FOLDER
from recsys_cli.shop import Shop
from recsys_cli.store.workspace import Workspace

HOUR = 3_600_000


@pytest.fixture
def shop(workspace: Path) -> Shop:
    return recsys_cli.open(workspace)


@pytest.fixture
def log(workspace: Path, shop: Shop) -> EventLog:
    return open_log(workspace, shop._opened.config.live)


def end(workspace: Path, dataset: str = "rr") -> int:
    found = built_until(Artifacts(Workspace(workspace), dataset))
    assert found is not None
    return found


def event(user: str, item: str, time: int, kind: str = "view") -> Event:
    return Event("rr", user, item, kind, time)


def some_items(workspace: Path, many: int) -> list[str]:
    ids = Artifacts(Workspace(workspace), "rr").items
    return [ids[row] for row in range(20, 20 + many)]


def test_the_next_answer_knows_it(workspace: Path, shop: Shop, log: EventLog) -> None:
    one, two = some_items(workspace, 2)
    user = Artifacts(Workspace(workspace), "rr").users[3]
    before = shop.recommend(user, dataset="rr")
    assert before["live"] == 0
    log.append([event(user, one, end(workspace) + 1), event(user, two, end(workspace) + HOUR)])
    after = shop.recommend(user, dataset="rr")
    assert after["live"] == 2
    assert after["items"] != before["items"]
    had = shop.history(user, dataset="rr")["items"]
    assert [i["item"] for i in had[:2]] == [two, one]
    assert [i["live"] for i in had[:3]] == [True, True, False]
    given = [{"item": one, "event": "view", "time": end(workspace) + 1}]
    given += [{"item": two, "event": "view", "time": end(workspace) + HOUR}]
    shutil.rmtree(workspace / FOLDER)
    assert shop.recommend(user, dataset="rr", events=given)["items"] == after["items"]


def test_somebody_new_is_found_and_no_fallback(workspace: Path, shop: Shop, log: EventLog) -> None:
    log.append(
        [event("somebody new", item, end(workspace) + 5) for item in some_items(workspace, 3)]
    )
    answer = shop.recommend("somebody new")
    assert (answer["dataset"], answer["live"], answer["fallback_reason"]) == ("rr", 3, None)
    assert shop.history("somebody new")["total"] == 3


def test_what_the_build_may_have_seen_is_not_used(
    workspace: Path, shop: Shop, log: EventLog
) -> None:
    user = Artifacts(Workspace(workspace), "rr").users[3]
    log.append([event(user, some_items(workspace, 1)[0], end(workspace))])
    assert shop.recommend(user, dataset="rr")["live"] == 0
    log.append([event(user, "unheard of", end(workspace) + 1)])
    answer = shop.recommend(user, dataset="rr")
    assert (answer["live"], answer["unknown"]) == (0, ["unheard of"])


def test_a_log_that_cannot_be_read_is_told_and_answers_go_on(
    workspace: Path, shop: Shop, log: EventLog
) -> None:
    user = Artifacts(Workspace(workspace), "rr").users[3]
    before = shop.recommend(user, dataset="rr")
    (workspace / FOLDER).mkdir()
    (workspace / FOLDER / "events.sqlite").write_bytes(b"something else" * 99)
    with pytest.warns(recsys_cli.RecsysWarning, match="answered without live events"):
        after = shop.recommend(user, dataset="rr")
    assert after == before | {"live": None}


def test_switched_off_nobody_looks(workspace: Path, log: EventLog) -> None:
    user = Artifacts(Workspace(workspace), "rr").users[3]
    log.append([event(user, some_items(workspace, 1)[0], end(workspace) + 1)])
    off = recsys_cli.open(workspace, overrides="live.enabled=false")
    assert off.recommend(user, dataset="rr")["live"] == 0


def test_an_ingest_that_takes_them_in_counts_them_once(workspace: Path, log: EventLog) -> None:
    """Behind the shop's own files; what these may hold already, and other kinds, stay out."""
    user = Artifacts(Workspace(workspace), "rr").users[3]
    item, last = some_items(workspace, 1)[0], end(workspace)
    shop = recsys_cli.open(workspace, overrides="live.merge=true")
    shop.build("als.export", dataset="rr")
    events = Workspace(workspace).path("events", "rr")
    before = pl.read_parquet(events)
    log.append(
        [
            event(user, item, last),
            event(user, item, last + HOUR),
            event("somebody new", "a new item", last + 2 * HOUR, "transaction"),
            event(user, item, last + 3 * HOUR, "wish"),
        ]
    )
    with pytest.warns(recsys_cli.RecsysWarning, match="2 live events .* 1 more of other kinds"):
        steps = shop.build("als.export", dataset="rr")
    ran = steps.filter(pl.col("action") == "ran")
    assert ran["stage"].to_list() == ["ingest", "als.export"]
    assert "live" in ran["reason"][0]
    after = pl.read_parquet(events)
    assert after.head(len(before)).equals(before)
    artifacts = Artifacts(Workspace(workspace), "rr")
    added = after.tail(len(after) - len(before))
    users, items = artifacts.users, artifacts.items
    shown = [(users[u], items[i], k) for u, i, k in added["user", "item", "event"].iter_rows()]
    kinds = artifacts.spec.events
    assert shown == [
        (user, item, kinds.index("view")),
        ("somebody new", "a new item", kinds.index("transaction")),
    ]
    assert end(workspace) == last + 2 * HOUR
    assert shop.build("ingest", dataset="rr")["action"].to_list() == ["skipped"]
    shop.build("popular", dataset="rr")
    with pytest.warns(recsys_cli.RecsysWarning, match="out of date"):
        # A wish is later, and of a kind that the build knows nothing of.
        assert shop.recommend(user, dataset="rr", strategy="popular")["live"] == 0


def test_what_sells_now_is_popular_where_popularity_follows(
    workspace: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item that nobody looked at leads the list, and leaves it again with its events."""
    monkeypatch.setattr("recsys_cli.engine.since._FRESH_SECONDS", 0.0)
    item, last = some_items(workspace, 1)[0], end(workspace)
    shop = recsys_cli.open(workspace, overrides="popular.live=true")
    asked = {"dataset": "rr", "strategy": "popular", "k": 5}
    before = shop.recommend("nobody", **asked)
    assert item not in [each["item"] for each in before["items"]]
    log.append([event(f"somebody {n}", item, last + HOUR) for n in range(500)])
    after = shop.recommend("nobody", **asked)
    assert after["items"][0]["item"] == item
    assert (after["live"], after["fallback_reason"]) == (0, before["fallback_reason"])
    hybrid = {"dataset": "rr", "strategy": "hybrid"}
    user = Artifacts(Workspace(workspace), "rr").users[3]
    still = recsys_cli.open(workspace)
    assert still.recommend("nobody", **asked) == before
    assert shop.recommend(user, **hybrid)["items"] != still.recommend(user, **hybrid)["items"]
    log.drop(last + 2 * HOUR)
    assert shop.recommend("nobody", **asked) == before
