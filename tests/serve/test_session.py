"""POST /recommend/session: what somebody had just now, in the body."""

import json

import pytest
from typer.testing import CliRunner

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.cli import app as recsys
from recsys_cli.serve import answers
from recsys_cli.store.workspace import Workspace


@pytest.fixture(scope="module")
def hm(built) -> Artifacts:
    return Artifacts(Workspace(built), "hm")


def test_it_is_what_the_command_line_answers(client, built, hm, tmp_path):
    events = [{"item": hm.items[5]}, {"item": hm.items[9], "event": "purchase"}]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    for user in (None, hm.users[3], "nobody"):
        body = {"events": events, "k": 6, "dataset": "hm"} | ({"user": user} if user else {})
        got = client.post("/recommend/session", json=body)
        assert got.status_code == 200, got.text
        answers.Recommended.model_validate(got.json())
        assert (got.json()["live"], got.json()["user"]) == (2, user)
        options = ["--events", file, "-w", built, "-d", "hm", "-k", 6, "--json"]
        options += ["--user", user] if user else []
        result = CliRunner().invoke(recsys.app, ["recommend", *map(str, options)])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) | {"request_id": got.json()["request_id"]} == got.json()


def test_options_are_those_of_a_user(client, hm):
    body = {"events": [{"item": hm.items[5]}], "dataset": "hm", "k": 5}
    first = client.post("/recommend/session", json=body).json()
    left_out = [item["item"] for item in first["items"][:2]]
    more = {"exclude": left_out, "exclude_seen": True, "explain": True, "strategy": "transitions"}
    got = client.post("/recommend/session", json=body | more).json()
    assert got["strategy_used"] == "transitions"
    assert not {hm.items[5], *left_out} & {item["item"] for item in got["items"]}
    assert all(item["explanation"]["sources"] for item in got["items"])
    where = "product_group_name=Garment Upper body"
    got = client.post("/recommend/session", json=body | {"where": [where]}).json()
    assert len(got["items"]) == 5


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"events": [{"item": "a"}] * 1001}, "body.events"),
        ({"events": [{"item": "a", "time": "soon"}]}, "body.events.0.time"),
        ({"events": [{"item": "a"}, {"item": 7}]}, "body.events.1.item"),
        ({"events": [{"item": "a", "more": 1}]}, "body.events.0.more"),
        ({"k": 0}, "body.k"),
        ({"strategy": "none"}, "body.strategy"),
        ({"user": "a\0"}, "body.user"),
        ({"top": 3}, "body.top"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(client, change, field):
    got = client.post("/recommend/session", json={"events": [], "dataset": "hm"} | change)
    assert got.status_code == 422
    assert got.json()["fields"][0]["field"] == field


def test_a_kind_of_event_that_the_dataset_lacks_is_refused(client):
    body = {"events": [{"item": "a", "event": "veiw"}], "dataset": "rr"}
    got = client.post("/recommend/session", json=body)
    assert got.status_code == 422
    assert "did you mean view?" in got.json()["error"]


def test_a_guest_has_no_dataset_of_their_own(client):
    got = client.post("/recommend/session", json={"events": []})
    assert got.status_code == 422
    assert "several datasets" in got.json()["error"]


def test_a_dislike_counts_in_a_session_as_everywhere(client, built, hm, tmp_path):
    asked = {"events": [{"item": hm.items[10]}], "dataset": "hm", "k": 7}
    plain = client.post("/recommend/session", json=asked).json()
    disliked = [one["item"] for one in plain["items"][:2]]
    answer = client.post("/recommend/session", json=asked | {"disliked": [*disliked, "?"]}).json()
    assert not {one["item"] for one in answer["items"]} & set(disliked)
    assert answer["unknown"] == ["?"]
    del answer["request_id"]
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(asked["events"][0]))
    options = ["--events", file, "-w", built, "-d", "hm", "-k", 7, "--json"]
    for item in (*disliked, "?"):
        options += ["--dislike", item]
    told = CliRunner().invoke(recsys.app, ["recommend", *map(str, options)])
    assert json.loads(told.stdout) == answer
