"""Answers have ids, lists go to the log, users stay with their strategy, and clicks are told."""

import json

import numpy as np
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from recsys_cli.apps.shown import what_became_of_lists
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.cli import app as recsys
from recsys_cli.config.models import LiveConfig
from recsys_cli.errors import UsageError
from recsys_cli.live.contract import Event, ShownList
from recsys_cli.live.opening import open_log
from recsys_cli.serve.shown import strategy_of
from recsys_cli.store.workspace import Workspace

from .conftest import app_over

SPLIT = {"transitions": 75, "popular": 25}


def test_users_stay_with_a_strategy_and_parts_are_kept():
    users = [f"u{n}" for n in range(4000)]
    first = [strategy_of(user, SPLIT) for user in users]
    assert first == [strategy_of(user, SPLIT) for user in users]
    assert abs(first.count("popular") / len(first) - 0.25) < 0.03


def test_a_split_names_strategies_that_there_are(built, tmp_path):
    with pytest.raises(UsageError, match="no strategy 'transition'"):
        app_over(built, tmp_path, split={"transition": 1})


def test_lists_are_logged_with_the_id_that_the_answer_carries(workspace, tmp_path):
    users = [Artifacts(Workspace(workspace), "rr").users[row] for row in range(40)]
    app = app_over(workspace, tmp_path, split=SPLIT, log_lists=True)
    shown = {}
    with TestClient(app) as client:
        for user in users:
            answer = client.get(f"/recommend/user/{user}", params={"dataset": "rr"}).json()
            assert answer["strategy"] == strategy_of(user, SPLIT)
            shown[answer["request_id"]] = answer
        asked = {"dataset": "rr", "strategy": "graph"}
        answer = client.get(f"/recommend/user/{users[0]}", params=asked).json()
        shown[answer["request_id"]] = answer
        guest = client.post("/recommend/session", json={"events": [], "dataset": "rr"}).json()
        shown[guest["request_id"]] = guest
        assert guest["strategy"] == "auto"
        clicked = [
            {
                "user": one["user"], "item": one["items"][2]["item"], "event": "view",
                "request": one["request_id"], "id": one["request_id"],
            }
            for one in shown.values() if one["strategy"] == "transitions"
        ]  # fmt: skip
        taken = client.post("/events", json={"events": clicked, "dataset": "rr"})
        assert taken.status_code == 202
        assert "recsys_lists_total" in client.get("/metrics").text
    logged = {each.request: each for each in open_log(workspace, LiveConfig()).lists("rr")}
    assert logged.keys() == shown.keys()
    for request, answer in shown.items():
        assert logged[request].items == [item["item"] for item in answer["items"]]
        assert logged[request].user == answer["user"]
    assert logged[guest["request_id"]].strategy == guest["strategy_used"]
    told = CliRunner().invoke(
        recsys.app, ["events", "report", "-d", "rr", "--json", "-w", str(workspace)]
    )
    of = json.loads(told.stdout)["datasets"]["rr"]
    assert of["transitions"]["rate"]["value"] == 1
    assert [p["value"] for p in of["transitions"]["positions"][:4]] == [0, 0, 1, 0]
    assert of["popular"]["difference"]["value"] == -1
    shown_to = CliRunner().invoke(recsys.app, ["events", "report", "-w", str(workspace)])
    assert "rr: lists clicked" in shown_to.stdout


def test_nothing_is_logged_unless_asked_for(workspace, tmp_path):
    with TestClient(app_over(workspace, tmp_path)) as client:
        client.get("/recommend/user/nobody", params={"dataset": "rr"})
    assert not (workspace / "live").exists()
    told = CliRunner().invoke(recsys.app, ["events", "report", "-w", str(workspace)])
    assert "serve.log_lists" in told.stdout


def test_intervals_of_rates_hold_the_truth(tmp_path):
    """Two strategies, clicked one time in two and one in four, by users with several lists."""
    log, rng = open_log(tmp_path, LiveConfig()), np.random.default_rng(5)
    lists, events = [], []
    for n in range(2000):
        user, strategy = f"u{n % 500}", ("a", "b")[n % 500 % 2]
        lists.append(ShownList(f"r{n}", "shop", user, strategy, 1000 + n, ["x", "y"]))
        if rng.random() < (0.5 if strategy == "a" else 0.25):
            events.append(Event("shop", user, "y", "view", 2000 + n, request=f"r{n}"))
    events.append(Event("shop", "u0", "not shown", "view", 9000, request="r0"))
    log.append(events[:1000])
    log.append_lists(lists)
    found = what_became_of_lists(log, "shop")
    assert found["a"].lists == found["b"].lists == 1000
    assert found["a"].rate.low < 0.5 < found["a"].rate.high
    assert found["b"].rate.low < 0.25 < found["b"].rate.high
    difference = found["b"].difference
    assert difference is not None
    assert difference.low < -0.25 < difference.high < 0
    assert [round(p.value) for p in found["a"].positions][:1] == [0]
    late = what_became_of_lists(log, "shop", since=1000 + 1900)
    assert late["a"].lists == 50
    assert what_became_of_lists(log, "shop", events=["buy"])["a"].clicked == 0
