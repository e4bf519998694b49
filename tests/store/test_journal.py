"""Journals that no commit of ours wrote move nothing, and can be put aside."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from committed import commit
from recsys_cli.cli.app import app
from recsys_cli.errors import LockedError, UnsafeWorkspaceError
from recsys_cli.store.journal import is_artifact, is_manifest
from recsys_cli.store.manifest import Manifest, Recipe
from recsys_cli.store.workspace import Workspace

MANIFEST = Manifest("ingest", "d", Recipe(1, {}, {}, "now"), {}).to_json()
HONEST = {
    "moves": [["artifacts/.staging-x/events_d.parquet", "artifacts/events_d.parquet"]],
    "manifest": MANIFEST,
    "manifest_path": "artifacts/manifests/ingest_d.json",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with a staged file, beside a folder that is none of its business."""
    root = tmp_path / "workspace"
    staging = root / "artifacts/.staging-x"
    staging.mkdir(parents=True)
    (staging / "events_d.parquet").write_text("staged")
    (root / "artifacts/payload").write_text("payload")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "bashrc").write_text("mine")
    (elsewhere / "secret").write_text("secret")
    return Workspace(root)


def leave(workspace: Workspace, journal: object) -> None:
    text = journal if isinstance(journal, str) else json.dumps(journal)
    (workspace.artifacts / ".journal.json").write_text(text)


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith((".lock", ".journal", ".checked"))
    }


def with_moves(*moves: list[str]) -> dict:
    return HONEST | {"moves": list(moves)}


STAGED = "artifacts/.staging-x/events_d.parquet"
UNSAFE = {
    "the one of a stranger": {
        "moves": [["artifacts/payload", "{}/bashrc"], ["{}/secret", "artifacts/stolen"]],
        "manifest": {"x": 1},
        "manifest_path": "../elsewhere/new.json",
    },
    "to an absolute path": with_moves([STAGED, "{}/bashrc"]),
    "out by dots": with_moves([STAGED, "artifacts/../../elsewhere/bashrc"]),
    "out by dots below a snapshot": with_moves(
        [STAGED, "artifacts/asof=2020-01-01/../../recsys.toml"]
    ),
    "to no artifact": with_moves([STAGED, "artifacts/stolen"]),
    "to recsys.toml": with_moves([STAGED, "recsys.toml"]),
    "to the raw data": with_moves([STAGED, "data/hm_raw/articles.csv"]),
    "to a manifest": with_moves([STAGED, "artifacts/manifests/ingest_d.json"]),
    "to the cache": with_moves([STAGED, "artifacts/cache/als_d.joblib"]),
    "from elsewhere": with_moves(["{}/secret", "artifacts/events_d.parquet"]),
    "from the artifacts": with_moves(["artifacts/payload", "artifacts/events_d.parquet"]),
    "from below the staging": with_moves(
        ["artifacts/.staging-x/a/events_d.parquet", "artifacts/events_d.parquet"]
    ),
    "under another name": with_moves(["artifacts/.staging-x/a", "artifacts/events_d.parquet"]),
    "from two stagings": with_moves(
        [STAGED, "artifacts/events_d.parquet"],
        ["artifacts/.staging-y/items_d.parquet", "artifacts/items_d.parquet"],
    ),
    "out by dots of the staging": with_moves(
        ["artifacts/.staging-x/../payload", "artifacts/events_d.parquet"]
    ),
    "a manifest elsewhere": HONEST | {"manifest_path": "../elsewhere/new.json"},
    "a manifest that is none": HONEST | {"manifest_path": "artifacts/manifests/x.txt"},
    "a manifest in the place of an artifact": HONEST | {"manifest_path": "artifacts/spec_d.json"},
    "a manifest of no dataset": HONEST | {"manifest_path": "artifacts/manifests/ingest_a b.json"},
    "no manifest": HONEST | {"manifest": {"x": 1}},
    "moves that are none": HONEST | {"moves": {"a": "b"}},
    "a move of three": with_moves([STAGED, "artifacts/events_d.parquet", "x"]),
    "a move of numbers": with_moves([1, 2]),
    "a path that cannot be": with_moves([STAGED + "\0", "artifacts/events_d.parquet"]),
    "a path that is too long": with_moves(
        [f"artifacts/.staging-{'x' * 5000}/events_d.parquet", "artifacts/events_d.parquet"]
    ),
    "an empty one": {},
    "more than a journal": HONEST | {"more": 1},
    "a list": [],
    "a number": 3,
    "nothing": "",
    "no JSON": "{",
    "brackets": "[" * 200_000,
}  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE)
def test_nothing_is_moved_by_a_journal_that_no_commit_wrote(workspace, name, tmp_path):
    text = UNSAFE[name] if isinstance(UNSAFE[name], str) else json.dumps(UNSAFE[name])
    leave(workspace, text.replace("{}/", f"{tmp_path}/elsewhere/") if "{}/" in text else text)
    before = tree(tmp_path)
    for read in (workspace.settle, workspace.recover, lambda: workspace.writing().__enter__()):
        with pytest.raises(UnsafeWorkspaceError) as caught:
            read()
        assert "recsys recover" in str(caught.value.hint)
    assert tree(tmp_path) == before
    result = CliRunner().invoke(app, ["recover", "-w", str(workspace.root)])
    assert result.exit_code == 0, result.output
    assert "Nothing was moved" in result.output
    after = tree(tmp_path)
    # The staging folder is nobody's now, and went.
    assert {k: v for k, v in before.items() if ".staging-" not in k} == after
    assert list(workspace.artifacts.glob(".journal.json.aside-*"))
    workspace.settle()


def test_an_honest_journal_is_finished(workspace):
    leave(workspace, HONEST)
    workspace.settle()
    assert workspace.path("events", "d").read_text() == "staged"
    assert workspace.manifest("ingest", "d") is not None
    result = CliRunner().invoke(app, ["recover", "-w", str(workspace.root)])
    assert (result.exit_code, "nothing left" in result.output) == (0, True)


@pytest.mark.parametrize("place", ["artifacts/manifests", "artifacts/asof=2020-01-01", STAGED])
def test_links_are_followed_before_anything_is_moved(workspace, tmp_path, place):
    link = workspace.root / place
    moves = [[STAGED, "artifacts/asof=2020-01-01/events_d.parquet"]]
    if link.exists():
        link.unlink()
        link.symlink_to(tmp_path / "elsewhere/secret")
    else:
        link.symlink_to(tmp_path / "elsewhere")
    leave(workspace, HONEST | {"moves": moves})
    with pytest.raises(UnsafeWorkspaceError, match="link"):
        workspace.settle()
    assert tree(tmp_path / "elsewhere") == {"bashrc": "mine", "secret": "secret"}


def test_artifacts_may_lie_on_another_disk(workspace, tmp_path):
    (tmp_path / "disk").mkdir()
    workspace.artifacts.rename(tmp_path / "disk/artifacts")
    workspace.artifacts.symlink_to(tmp_path / "disk/artifacts")
    leave(workspace, HONEST)
    workspace.settle()
    assert workspace.path("events", "d").read_text() == "staged"


def test_a_commit_does_not_follow_links_out(workspace, tmp_path):
    (workspace.artifacts / "manifests").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeWorkspaceError, match="leads out"):
        commit(workspace, "ingest", "d", {"events": lambda path: path.write_text("x")})
    assert tree(tmp_path / "elsewhere") == {"bashrc": "mine", "secret": "secret"}


def test_a_journal_that_is_no_file_hangs_nobody(workspace):
    os.mkfifo(workspace.artifacts / ".journal.json")
    with pytest.raises(UnsafeWorkspaceError):
        workspace.settle()
    assert workspace.put_right() is not None
    workspace.settle()


def test_nothing_is_put_aside_while_a_writer_is_alive(workspace):
    with workspace.writing():
        leave(workspace, {})
        with pytest.raises(LockedError):
            Workspace(workspace.root).put_right()


def test_what_artifacts_and_manifests_can_be_named():
    yes = [
        "artifacts/als_hm.joblib", "artifacts/asof=2020-09-16/als_my_shop.joblib",
        "artifacts/faiss_items.faiss", "artifacts/faiss_items_rows.joblib",
        "artifacts/train_pairs_hm/train.parquet", "artifacts/train_pairs_all/validation.parquet",
        "artifacts/leave-last-out/popular_x.joblib",
        "artifacts/asof=2020-09-16T14-00-00/als_hm.joblib",
    ]  # fmt: skip
    assert [name for name in yes if not is_artifact(name)] == []
    no = [
        "artifacts/als.joblib.txt", "artifacts/als_.joblib", "artifacts/als_A.joblib",
        "artifacts/x/als_hm.joblib", "artifacts/asof=x/als_hm.joblib", "als_hm.joblib",
        "artifacts/train_pairs_hm/other.parquet", "artifacts", "", "/artifacts/als_hm.joblib",
        "artifacts/asof=2020-09-16", "artifacts/asof=2020-09-16/x/als_hm.joblib",
        "artifacts/asof=2020-09-16T14:00:00/als_hm.joblib", "artifacts/asof=20200916/als_hm.joblib",
    ]  # fmt: skip
    assert [name for name in no if is_artifact(name)] == []
    assert is_manifest("artifacts/manifests/als.train_hm.json")
    assert is_manifest("artifacts/asof=2020-09-16/manifests/index.all_all.json")
    for name in (
        "artifacts/manifests/hm.json",
        "artifacts/manifests/a/b_c.json",
        "manifests/a_b.json",
    ):
        assert not is_manifest(name)
