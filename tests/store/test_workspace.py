"""Commits happen whole or not at all, wherever the writer is killed."""

import json
import multiprocessing
import os
import signal
from datetime import datetime
from pathlib import Path

import pytest

from recsys_cli.errors import LockedError, UsageError
from recsys_cli.store import files
from recsys_cli.store.files import HashMemo, atomic_path, sha256
from recsys_cli.store.manifest import Manifest, Recipe
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import Workspace


def manifest(version: int) -> Manifest:
    return Manifest("stage", "d", Recipe(version, {}, {}, "now"), {})


def stage_and_commit(workspace: Workspace, text: str, version: int) -> None:
    with workspace.writing(), workspace.staging() as staging:
        made = {}
        for kind in ("events", "items"):
            made[kind] = staging / workspace.path(kind, "d").name
            made[kind].write_text(text)
        outputs = workspace.describe(made, "d")
        workspace.commit(made, Manifest("stage", "d", Recipe(version, {}, {}, "now"), outputs))


def state(workspace: Workspace) -> tuple[str, str, int]:
    found = workspace.manifest("stage", "d")
    assert found is not None
    for name, output in found.outputs.items():
        assert sha256(workspace.root / name) == output.sha256
    texts = [workspace.path(kind, "d").read_text() for kind in ("events", "items")]
    return texts[0], texts[1], found.recipe.version


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it and clean up."""


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> list[int]:
    """Make the step-th rename or fsync of a commit the last thing that happens."""
    count = [0]

    def counted(original):
        def wrapper(*args, **kwargs):
            count[0] += 1
            if count[0] == step:
                raise Killed
            return original(*args, **kwargs)

        return wrapper

    monkeypatch.setattr(Path, "replace", counted(Path.replace))
    monkeypatch.setattr(files.os, "fsync", counted(os.fsync))
    # A killed process removes nothing.
    monkeypatch.setattr(Path, "unlink", lambda *a, **k: None)
    monkeypatch.setattr("shutil.rmtree", lambda *a, **k: None)
    return count


@pytest.mark.parametrize("step", range(1, 25))
def test_killed_at_any_step_the_old_or_the_new_artifacts_are_whole(tmp_path, monkeypatch, step):
    workspace = Workspace(tmp_path)
    stage_and_commit(workspace, "old", 1)
    with monkeypatch.context() as patched:
        kill_at(patched, step)
        try:
            stage_and_commit(workspace, "new", 2)
            killed = False
        except Killed:
            killed = True
    workspace.recover()
    assert state(workspace) in (("old", "old", 1), ("new", "new", 2))
    if not killed:
        assert state(workspace) == ("new", "new", 2)
    with workspace.writing():
        pass
    left = [p.name for p in workspace.artifacts.iterdir() if p.name.startswith((".staging", ".j"))]
    assert left == []


def test_the_kills_cover_the_whole_commit(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    with monkeypatch.context() as patched:
        count = kill_at(patched, -1)
        stage_and_commit(workspace, "new", 2)
    assert 8 < count[0] < 25


def test_a_failed_stage_leaves_the_previous_artifact(tmp_path):
    workspace = Workspace(tmp_path)
    stage_and_commit(workspace, "old", 1)
    with pytest.raises(RuntimeError), workspace.writing(), workspace.staging() as staging:
        (staging / "events_d.parquet").write_text("half")
        raise RuntimeError
    assert state(workspace) == ("old", "old", 1)
    assert not list(workspace.artifacts.glob(".staging-*"))


def hold(root: str, ready, done) -> None:
    with Workspace(Path(root)).writing():
        ready.set()
        done.wait(30)


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=hold, args=(str(tmp_path), ready, done))
    process.start()
    assert ready.wait(30)
    workspace = Workspace(tmp_path)
    with pytest.raises(LockedError, match=f"process {process.pid} on"), workspace.writing():
        pass
    # Reading goes on while somebody writes.
    workspace.recover()
    assert workspace.manifest("stage", "d") is None
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with workspace.writing():
        pass


def test_damaged_manifests_count_as_missing(tmp_path):
    workspace = Workspace(tmp_path)
    stage_and_commit(workspace, "old", 1)
    path = workspace.manifest_path("stage", "d")
    for text in ("", "{", "[]", json.dumps({"stage": "stage"}), json.dumps({"recipe": 1})):
        path.write_text(text)
        assert workspace.manifest("stage", "d") is None


def test_recipes_say_what_changed():
    old = Recipe(1, {"als": {"factors": 64}}, {"events": "a"}, "now")
    assert Recipe(2, {}, {}, "now").difference(old) == "the code of this stage changed"
    assert Recipe(1, {}, {"events": "b"}, "now").difference(old) == "events changed"
    assert Recipe(1, {}, {"events": "a", "x": "b"}, "now").difference(old) == "x is new"
    new = Recipe(1, {"als": {"factors": 32}}, {"events": "a"}, "now")
    assert new.difference(old) == "config changed: als.factors 64 → 32"
    assert new.key() != old.key()


def test_hashes_are_computed_once_per_change(tmp_path, monkeypatch):
    file, calls = tmp_path / "raw.csv", []
    monkeypatch.setattr(files, "sha256", lambda path: calls.append(path) or sha256(path))
    file.write_text("one")
    first = HashMemo(tmp_path / "memo.json").sha256(file)
    assert HashMemo(tmp_path / "memo.json").sha256(file) == first
    assert len(calls) == 1
    file.write_text("two")
    assert HashMemo(tmp_path / "memo.json").sha256(file) == sha256(file) != first
    (tmp_path / "memo.json").write_text("not json")
    assert HashMemo(tmp_path / "memo.json").sha256(file) == sha256(file)


def test_atomic_paths_leave_nothing_behind_on_failure(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_snapshots_name_their_folders(tmp_path):
    workspace = Workspace(tmp_path)
    past = Snapshot(as_of=datetime(2020, 9, 16))
    assert workspace.path("als", "hm").name == "als_hm.joblib"
    assert workspace.path("als", "hm", past).parent.name == "asof=2020-09-16"
    assert workspace.path("events", "hm", past) == workspace.path("events", "hm")
    with pytest.raises(UsageError, match="not a folder"):
        Workspace(tmp_path / "nowhere")
