"""A new build takes over without a restart and without a failed request."""

import json
import os
import threading
import time

import numpy as np
import pytest
from starlette.testclient import TestClient

from committed import commit_pack
from conftest import build
from recsys_cli.assembly import load_config
from recsys_cli.errors import ArtifactError
from recsys_cli.serve.current import Current
from recsys_cli.serve.state import State
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.store.workspace import Workspace
from serve.conftest import app_over


def rebuild(root, **settings) -> None:
    """Build again with other settings of ALS."""
    lines = (root / "recsys.toml").read_text().splitlines()
    lines = [line for line in lines if line.split(" = ")[0] not in settings]
    at = lines.index("[als]") + 1
    lines[at:at] = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (root / "recsys.toml").write_text("\n".join(lines))
    build(root, "als.train")


def test_requests_go_on_while_builds_commit(workspace, tmp_path):
    app = app_over(workspace, tmp_path / "s", reload_every=0.05)
    seen, failed, done = set(), [], threading.Event()
    with TestClient(app, raise_server_exceptions=False) as client:
        users = client.get("/users", params={"dataset": "hm", "limit": 20}).json()["users"]

        def hammer(start: int) -> None:
            at = start
            while not done.is_set():
                at += 1
                user = users[at % len(users)]
                asked = {"strategy": "collab", "top_k": 5}
                answer = client.get(f"/recommend/user/{user}", params=asked)
                if answer.status_code != 200 or not answer.json()["items"]:
                    failed.append(answer.text)
                elif user == users[0]:
                    seen.add(json.dumps(answer.json()["items"]))

        threads = [threading.Thread(target=hammer, args=(n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            current = app.state.context.current
            for seed in (1, 2, 3):
                before = current.state
                rebuild(workspace, seed=seed)
                waited = threading.Event()
                for _ in range(600):
                    if current.state is not before and current.state.stamp != before.stamp:
                        break
                    waited.wait(0.05)
                assert current.state is not before
        finally:
            done.set()
            for thread in threads:
                thread.join()
        fresh = client.get(f"/recommend/user/{users[0]}", params={"strategy": "collab"}).json()
    assert not failed
    assert len(seen) > 1
    assert fresh["strategy_used"] == "collab"


@pytest.fixture
def current(workspace, tmp_path) -> Current:
    config = load_config(workspace)
    return Current(Workspace(workspace), config, ["hm", "rr"], tmp_path / "s")


def test_nothing_is_loaded_while_nothing_changes(current):
    before = current.state
    assert not current.refresh()
    assert current.state is before


def test_a_build_in_the_middle_is_held_back_until_it_fits(current, workspace):
    before = current.state
    user = before.served["hm"].artifacts.users[0]
    old = before.served["hm"].engine.recommend_one(user, strategy="collab", k=5)
    raw = workspace / "data/hm_raw/customers.csv"
    lines = raw.read_text().splitlines()
    new = lines[-1].split(",")
    new[0] = "f" * 64
    raw.write_text("\n".join([*lines, ",".join(new)]) + "\n")
    build(workspace, "ingest")
    # The ids are new, the factors those of the old ones.
    assert not current.refresh()
    assert current.state is before
    assert "made for other users" in current.pending
    assert before.served["hm"].engine.recommend_one(user, strategy="collab", k=5) == old
    where = "product_group_name=Garment Upper body"
    assert len(before.served["hm"].items.column(where.partition("=")[0]))
    build(workspace)
    assert current.refresh()
    assert current.pending is None
    assert current.state.served["hm"].artifacts.users.find("f" * 64) >= 0


def test_a_damaged_artifact_is_not_adopted(current, workspace):
    before = current.state
    path = workspace / "artifacts/als_hm.joblib"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:200])
    manifest = next((workspace / "artifacts/manifests").glob("als.train_hm.json"))
    manifest.touch()
    assert not current.refresh()
    assert current.state is before
    assert "als_hm.joblib is damaged" in current.pending == current.failed


@pytest.fixture
def tries(current, monkeypatch) -> list:
    """Has every load fail, in a way that nobody foresaw, and notes them."""
    noted = []

    def fail(*_, **_options):
        noted.append(time.monotonic())
        raise FloatingPointError("overflow")

    monkeypatch.setattr(State, "load", fail)
    return noted


def touch(workspace) -> None:
    manifest = workspace / "artifacts/manifests/als.train_hm.json"
    os.utime(manifest, ns=(time.time_ns(), time.time_ns()))


def test_a_build_that_cannot_be_loaded_is_tried_once(current, workspace, tries):
    touch(workspace)
    for _ in range(5):
        assert not current.refresh()
    assert len(tries) == 1
    assert "overflow" in current.failed
    touch(workspace)
    for _ in range(5):
        assert not current.refresh()
    assert len(tries) == 2


def test_and_once_more_since_it_may_have_been_looked_at_too_early(
    current, workspace, tries, monkeypatch
):
    monkeypatch.setattr("recsys_cli.serve.current._AGAIN_SECONDS", 0.1)
    touch(workspace)
    for _ in range(5):
        assert not current.refresh()
        time.sleep(0.11)
    assert len(tries) == 2
    monkeypatch.undo()
    assert not current.refresh()
    touch(workspace)
    assert current.refresh()
    assert current.failed is current.pending is None


def test_what_was_taken_back_is_no_failure(current, workspace, tries):
    manifest = workspace / "artifacts/manifests/als.train_hm.json"
    before = manifest.stat()
    touch(workspace)
    assert not current.refresh()
    assert current.failed
    os.utime(manifest, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not current.refresh()
    assert current.failed is current.pending is None
    assert len(tries) == 1


def test_a_failure_is_told_to_whoever_watches(workspace, tmp_path, caplog):
    app = app_over(workspace, tmp_path / "s", reload_every=0.05)
    with TestClient(app) as client:
        assert client.get("/ready").json()["failed"] is None
        assert "recsys_build_failed 0.0" in client.get("/metrics").text
        path = workspace / "artifacts/als_hm.joblib"
        path.unlink()
        path.write_bytes(b"damaged")
        touch(workspace)
        for _ in range(200):
            if "recsys_build_failed 1.0" in client.get("/metrics").text:
                break
            time.sleep(0.1)
        ready = client.get("/ready").json()
        assert "als_hm.joblib is damaged" in ready["failed"] == ready["pending"]
        assert "als_hm.joblib is damaged" in caplog.text
        assert client.get("/recommend/user/x?dataset=hm&strategy=collab").status_code == 200


def spoil(workspace, kind: str, **arrays) -> None:
    """Put arrays that do not fit into an artifact."""
    path = workspace / f"artifacts/{kind}_hm.joblib"
    pack = load_pack(path, mmap=False)
    save_pack(workspace / "new", pack | arrays)
    (workspace / "new").replace(path)


@pytest.mark.parametrize("how", ["cut off", "too few rows", "of another kind", "not there"])
def test_a_strategy_that_fails_leaves_the_others_answering(workspace, tmp_path, how, caplog):
    path = workspace / "artifacts/als_hm.joblib"
    if how == "cut off":
        path.write_bytes(path.read_bytes()[:300])
    elif how == "too few rows":
        spoil(workspace, "als", user_factors=np.ones((1, 16), np.float32))
    elif how == "of another kind":
        spoil(workspace, "als", item_factors=np.ones(3, np.int8))
    else:
        path.unlink()
    app = app_over(workspace, tmp_path / "s")
    with TestClient(app, raise_server_exceptions=False) as client:
        ready = client.get("/ready").json()
        hm = app.state.context.state.served["hm"]
        users = [hm.artifacts.users[row] for row in range(20)]
        assert "collab" not in ready["datasets"]["hm"]["strategies"]
        assert {"auto", "content", "popular"} <= set(ready["datasets"]["hm"]["strategies"])
        if how != "not there":
            assert ready["problems"]["hm"]["collab"]
            assert ready["problems"]["hm"]["collab"] in caplog.text
        for user in users:
            answer = client.get(f"/recommend/user/{user}?dataset=hm")
            assert answer.status_code == 200
            assert len(answer.json()["items"]) == 12
        assert (
            client.get(f"/recommend/user/{users[0]}?dataset=hm&strategy=collab").status_code == 409
        )
        liked = {"liked": [hm.artifacts.items[0]], "dataset": "hm"}
        item = hm.artifacts.items[0]
        if how in ("cut off", "not there"):
            assert client.post("/recommend/cold", json=liked).status_code == 200
            assert client.get(f"/recommend/item/{item}?dataset=hm").status_code == 200


def test_a_dataset_that_cannot_be_loaded_leaves_the_others_answering(workspace, tmp_path):
    (workspace / "artifacts/items_rr.parquet").write_bytes(b"PAR1 damaged PAR1")
    with TestClient(app_over(workspace, tmp_path / "s")) as client:
        ready = client.get("/ready").json()
        assert set(ready["datasets"]) == {"hm"}
        assert "items_rr.parquet is damaged" in ready["waiting"]["rr"]
        assert client.get("/recommend/user/x").json()["items"]


def test_a_computation_that_fails_at_the_start_is_one_strategys_problem(
    workspace, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise FloatingPointError("overflow in a product")

    monkeypatch.setattr("recsys_cli.strategies.content.serve.Content.recommend", fail)
    app = app_over(workspace, tmp_path / "s")
    with TestClient(app) as client:
        ready = client.get("/ready").json()
        assert "content" in ready["problems"]["hm"]
        assert "overflow in a product" in ready["problems"]["hm"]["content"]
        users = app.state.context.state.served["hm"].artifacts.users
        for row in range(10):
            answer = client.get(f"/recommend/user/{users[row]}?dataset=hm").json()
            assert answer["strategy_used"] in {"hybrid", "twotower", "collab", "popular"}
            assert "content" not in {name for item in answer["items"] for name in item["sources"]}


def test_answers_of_the_old_state_outlive_it(current, workspace):
    before = current.state
    pack = load_pack(workspace / "artifacts/als_hm.joblib", mmap=False)
    user = before.served["hm"].artifacts.users[0]
    old = before.served["hm"].engine.recommend_one(user, strategy="collab", k=5)
    changed = pack | {"item_factors": np.ascontiguousarray(pack["item_factors"][::-1])}
    commit_pack(Workspace(workspace), "als.train", "hm", "als", changed)
    assert current.refresh()
    again = before.served["hm"].engine.recommend_one(user, strategy="collab", k=5)
    new = current.state.served["hm"].engine.recommend_one(user, strategy="collab", k=5)
    assert again == old != new


def test_a_workspace_with_nothing_built_is_refused(raw, tmp_path):
    config = load_config(raw)
    with pytest.raises(ArtifactError, match="is not ingested yet"):
        Current(Workspace(raw), config, ["hm"], tmp_path)
