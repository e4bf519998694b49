"""A new build takes over without a restart and without a failed request."""

import json
import threading

import numpy as np
import pytest
from starlette.testclient import TestClient

from committed import commit_pack
from conftest import build
from recsys_cli.config import load_config
from recsys_cli.errors import ArtifactError
from recsys_cli.serve.current import Current
from recsys_cli.store.packs import load_pack
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
    assert current.pending


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
