"""POST /events: what is kept, what is refused, and what the server says meanwhile."""

import sqlite3
from contextlib import closing

import pytest
from starlette.testclient import TestClient

from recsys_cli.config.models import LiveConfig
from recsys_cli.live.opening import open_log
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.packs import load_pack
from serve.conftest import app_over


@pytest.fixture
def posted(workspace, tmp_path):
    """Posts a body to an application over a workspace of its own."""
    with TestClient(app_over(workspace, tmp_path), raise_server_exceptions=False) as asked:
        yield lambda **body: asked.post("/events", json=body)


@pytest.fixture
def log(workspace):
    log = open_log(workspace, LiveConfig())
    yield log
    log.close()


@pytest.fixture
def known(workspace):
    """A user and an item of hm."""
    pack = load_pack(workspace / "artifacts/ids_hm.joblib")
    user, item = (IdTable.from_pack(pack, name).to_list(0, 1)[0] for name in ("user", "item"))
    return {"user": user, "item": item}


def test_events_are_kept_before_they_are_answered(posted, log, known):
    answer = posted(events=[known | {"id": "1"}, known | {"item": "new"}])
    assert (answer.status_code, answer.json()) == (
        202,
        {"accepted": 2, "known_items": 1, "duplicates": 0},
    )
    assert [each.item for each in log.of_user("hm", known["user"])] == [known["item"], "new"]
    again = posted(events=[known | {"id": "1"}])
    assert again.json() == {"accepted": 0, "known_items": 1, "duplicates": 1}


def test_no_file_is_made_without_an_event(posted, workspace):
    assert posted(events=[]).json() == {"accepted": 0, "known_items": 0, "duplicates": 0}
    assert not (workspace / "live").exists()


def test_a_user_whom_no_dataset_has_needs_one_to_be_named(posted, log):
    new = {"user": "new", "item": "new"}
    refused = posted(events=[new])
    assert refused.status_code == 422
    assert [one["field"] for one in refused.json()["fields"]] == ["body.events.0.user"]
    assert posted(events=[new], dataset="rr").status_code == 202
    assert posted(events=[new | {"dataset": "hm"}], dataset="rr").status_code == 202
    assert posted(events=[new], dataset="none").status_code == 404
    assert {name: one.events for name, one in log.counts().items()} == {"hm": 1, "rr": 1}


def test_a_batch_with_an_event_that_is_wrong_is_refused_whole(posted, log, known):
    answer = posted(events=[known, known | {"event": "click"}, {"user": known["user"]}])
    assert answer.status_code == 422
    fields = {one["field"]: one["problem"] for one in answer.json()["fields"]}
    assert [*fields] == ["body.events.1.event", "body.events.2.item"]
    assert "one of: purchase" in fields["body.events.1.event"]
    assert list(log.export()) == []


@pytest.mark.parametrize(
    "body",
    [{}, {"events": {}}, {"events": None}, {"events": [], "more": 1}, {"events": [{}] * 1001}],
    ids=["nothing", "object", "null", "more", "too many"],
)
def test_a_body_that_is_wrong_is_refused_by_field(posted, body):
    answer = posted(**body)
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["field"].startswith("body.")


def test_a_thousand_events_at_a_time(posted, log, known):
    answer = posted(events=[known | {"id": str(n)} for n in range(1000)])
    assert answer.json()["accepted"] == 1000
    assert log.counts()["hm"].events == 1000


def test_a_log_that_cannot_be_written_is_said(posted, workspace, known):
    posted(events=[known])
    file = workspace / "live/events.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = posted(events=[known])
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "locked" in answer.json()["error"]
    assert posted(events=[known]).status_code == 202
    file.unlink()
    file.write_bytes(b"x" * 5000)
    answer = posted(events=[known])
    assert (answer.status_code, "not a database" in answer.json()["error"]) == (503, True)


def test_what_is_taken_is_counted(posted, workspace, tmp_path, known):
    with TestClient(app_over(workspace, tmp_path / "other")) as asked:
        asked.post("/events", json={"events": [known | {"id": "1"}, known | {"id": "1"}]})
        told = asked.get("/metrics").text
    assert 'recsys_events_total{result="accepted"} 1.0' in told
    assert 'recsys_events_total{result="duplicates"} 1.0' in told


def test_who_switches_live_events_off_has_no_such_path(workspace, tmp_path):
    (workspace / "recsys.toml").write_text(
        (workspace / "recsys.toml").read_text() + "\n[live]\nenabled = false\n"
    )
    with TestClient(app_over(workspace, tmp_path)) as asked:
        assert asked.post("/events", json={"events": []}).status_code == 404
        assert "/events" not in asked.get("/openapi.json").json()["paths"]
