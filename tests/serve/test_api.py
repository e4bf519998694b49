"""What each path answers."""

import io

import numpy as np
import pytest
from PIL import Image

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.serve import answers, lookups
from recsys_cli.store.workspace import Workspace


@pytest.fixture(scope="module")
def hm(built) -> Artifacts:
    return Artifacts(Workspace(built), "hm")


def picture_file(size=(40, 60), kind="PNG", colour="red") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, kind)
    return data.getvalue()


def test_health_and_readiness(client):
    assert client.get("/health").json()["status"] == "ok"
    ready = client.get("/ready").json()
    answers.Ready.model_validate(ready)
    assert set(ready["datasets"]) == {"hm", "rr"}
    assert {"collab", "content", "popular", "auto"} <= set(ready["datasets"]["hm"]["strategies"])


def test_every_answer_has_the_shape_that_is_described(client, hm):
    user, item = hm.users[1], hm.items[1]
    files = {"image": ("a.png", picture_file(), "image/png")}
    hm_only = {"params": {"dataset": "hm"}}
    catalogue = [{"id": "a", "text": "red dress"}, {"id": "b", "text": "black boots"}]
    for shape, answer in [
        (answers.Recommended, client.get(f"/recommend/user/{user}")),
        (answers.SimilarItems, client.get(f"/recommend/item/{item}", **hm_only)),
        (
            answers.Recommended,
            client.post("/recommend/cold", json={"liked": [item], "dataset": "hm"}),
        ),
        (
            answers.Found,
            client.post("/recommend/from_text", json={"text": "dress", "dataset": "hm"}),
        ),
        (answers.Found, client.post("/recommend/from_image", files=files, **hm_only)),
        (answers.Embedded, client.post("/embed/image", files=files, **hm_only)),
        (
            answers.Ranked,
            client.post(
                "/recommend/catalog",
                json={"catalogue": catalogue, "liked": ["dress"], "dataset": "hm"},
            ),
        ),
        (lookups.Item, client.get(f"/items/{item}", **hm_only)),
        (lookups.History, client.get(f"/users/{user}/history", **hm_only)),
        (lookups.Users, client.get("/users", **hm_only)),
        (lookups.Evaluations, client.get("/eval")),
    ]:
        assert answer.status_code == 200, answer.text
        shape.model_validate(answer.json())


def test_unknown_users_are_served_or_refused_as_asked(client):
    served = client.get("/recommend/user/nobody", params={"dataset": "hm"}).json()
    assert (served["strategy_used"], served["fallback_reason"]) == ("popular", "unknown user")
    refused = client.get("/recommend/user/nobody", params={"dataset": "hm", "fallback": "false"})
    assert refused.status_code == 404
    assert refused.json()["error"] == "hm has no user 'nobody'"
    assert client.get("/recommend/user/nobody").status_code == 404
    for path in ("/recommend/item/x", "/items/x", "/items/x/image", "/users/x/history"):
        assert client.get(path, params={"dataset": "hm"}).status_code == 404
    assert client.get("/users", params={"dataset": "nope"}).status_code == 404


def test_a_picture_finds_its_item(client, hm, built):
    listed = next(
        item
        for item in (hm.items[row] for row in range(len(hm.items)))
        if client.get(f"/items/{item}", params={"dataset": "hm"}).json()["image"]
    )
    link = client.get(f"/items/{listed}", params={"dataset": "hm"}).json()["image"]
    shown = client.get(link)
    assert shown.headers["content-type"] == "image/jpeg"
    found = client.post(
        "/recommend/from_image", params={"dataset": "hm"}, files={"image": shown.content}
    ).json()
    assert found["items"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert found["items"][0]["item"] == listed


def test_likes_pull_and_dislikes_push(client, hm):
    pack = hm.pack("content")
    vectors = np.asarray(pack["vectors"])
    liked = hm.items[0]
    plain = client.post("/recommend/cold", json={"liked": [liked], "dataset": "hm"}).json()
    assert plain["strategy_used"] in {"collab+content", "content", "collab"}
    assert liked not in [i["item"] for i in plain["items"]]
    first = plain["items"][0]["item"]
    near = [hm.items.find(first), *np.argsort(-(vectors @ vectors[hm.items.find(first)]))[1:4]]
    disliked = [hm.items[int(row)] for row in near if hm.items[int(row)] != liked]
    body = {"liked": [liked], "disliked": disliked, "dataset": "hm", "top_k": 100}
    pushed = [i["item"] for i in client.post("/recommend/cold", json=body).json()["items"]]
    assert not set(disliked) & set(pushed)
    row = hm.items.find(first)
    alike = hm.items[int(np.argsort(-(vectors @ vectors[row]))[5])]
    before = client.post(
        "/recommend/cold", json={"liked": [liked], "dataset": "hm", "top_k": 100}
    ).json()
    places = [[i["item"] for i in before["items"]], pushed]
    at = [where.index(alike) if alike in where else len(where) for where in places]
    assert at[1] >= at[0]


def test_who_gives_nothing_to_go_by_is_served_and_told(client):
    for body, reason in [
        ({}, "nothing liked"),
        ({"liked": ["nothing"]}, "none of it has factors or vectors"),
    ]:
        answer = client.post("/recommend/cold", json=body | {"dataset": "hm"}).json()
        assert (answer["strategy_used"], answer["fallback_reason"]) == ("popular", reason)
        assert answer["unknown"] == body.get("liked", [])
    strict = {"liked": ["nothing"], "dataset": "hm", "fallback": False}
    assert client.post("/recommend/cold", json=strict).status_code == 404


def test_words_join_what_is_liked(client, hm):
    body = {"liked": [hm.items[0]], "dataset": "hm", "text": "trousers"}
    with_words = client.post("/recommend/cold", json=body).json()
    without = client.post("/recommend/cold", json=body | {"text": None}).json()
    assert with_words["items"] != without["items"]


def test_a_catalogue_of_the_callers_is_ranked(client):
    body = {
        "catalogue": [
            {"id": "boots", "text": "black boots"},
            {"id": "dress", "text": "red dress"},
            {"id": "none", "text": "zzqqx"},
        ],
        "liked": ["dress"],
        "dataset": "hm",
    }
    ranked = client.post("/recommend/catalog", json=body).json()
    assert [i["item"] for i in ranked["items"]] == ["dress", "boots"]
    assert ranked["left_out"] == ["none"]
    first = client.post("/recommend/catalog", json=body | {"top_k": 1}).json()
    assert (len(first["items"]), first["left_out"]) == (1, ["none"])
    unknown = client.post("/recommend/catalog", json=body | {"liked": ["zzqqx"]}).json()
    assert unknown["left_out"] == ["none"]
    assert unknown["items"] == []
    assert unknown["fallback_reason"]


def test_an_id_twice_is_named(client):
    catalogue = [{"id": name, "text": "red dress"} for name in ("a", "b", "c", "b")]
    body = {"catalogue": catalogue, "liked": ["dress"], "dataset": "hm"}
    answer = client.post("/recommend/catalog", json=body)
    assert answer.status_code == 422
    assert "'b' is there twice" in answer.json()["error"]


def test_history_is_newest_first_and_counts_everything(client, hm):
    pack = hm.pack("interactions")
    row = int(np.argmax(np.diff(pack["indptr"])))
    user = hm.users[row]
    answer = client.get(f"/users/{user}/history", params={"limit": 3}).json()
    assert answer["total"] == pack["indptr"][row + 1] - pack["indptr"][row]
    times = [i["last"] for i in answer["items"]]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)


def test_users_are_found_by_how_they_begin(client, hm):
    some = hm.users[7]
    found = client.get("/users", params={"query": some[:5], "dataset": "hm"}).json()["users"]
    assert some in found
    assert all(user.startswith(some[:5]) for user in found)
    assert client.get("/users", params={"query": "~", "dataset": "hm"}).json()["users"] == []


def test_evaluations_are_listed(workspace, tmp_path):
    from starlette.testclient import TestClient

    from serve.conftest import app_over

    (workspace / "eval").mkdir()
    (workspace / "eval/one.json").write_text('{"dataset": "hm", "strategies": {}}')
    (workspace / "eval/other.json").write_text("[[[")
    with TestClient(app_over(workspace, tmp_path)) as client:
        found = client.get("/eval").json()["evaluations"]
    assert [one["file"] for one in found] == ["one.json"]


def test_metrics_count_routes_and_not_ids(client, hm):
    client.get(f"/recommend/user/{hm.users[0]}", params={"strategy": "popular"})
    text = client.get("/metrics").text
    assert 'route="/recommend/user/{user:path}"' in text
    assert hm.users[0] not in text
    assert 'strategy="popular"' in text
