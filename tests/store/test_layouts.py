"""What a pack of a kind may hold: each rule refuses what breaks it, and says where."""

import os
from pathlib import Path

import numpy as np
import pytest

from committed import commit_pack
from conftest import build
from recsys_cli.assembly import load_config
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.engine.engine import Engine
from recsys_cli.errors import ArtifactError, TrainingError
from recsys_cli.store.kinds import ARTIFACTS
from recsys_cli.store.layout import ITEMS, USERS, Wrong, check
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.store.workspace import Workspace


def sizes(root: Path) -> dict[str, int]:
    ids = load_pack(root / "artifacts/ids_hm.joblib")
    return {USERS: len(ids["user_offsets"]) - 1, ITEMS: len(ids["item_offsets"]) - 1}


def test_what_stages_make_fits_its_layout(built):
    seen = set()
    for kind, about in ARTIFACTS.items():
        path = Workspace(built).path(kind, "hm")
        if about.layout is not None and path.exists():
            check(load_pack(path), about.layout, {} if kind == "ids" else sizes(built))
            seen.add(kind)
    assert {"ids", "interactions", "als", "popular", "itemknn", "graph", "content"} <= seen


def changed(pack, name, change):
    pack = dict(pack)
    pack[name] = np.array(pack[name])
    change(pack[name])
    return pack


def put(place, value):
    def change(array):
        array.reshape(-1)[place] = value

    return change


CASES = [
    ("interactions", "indices", put(0, 10**6), "goes beyond"),
    ("interactions", "indices", put(0, -1), "goes below 0"),
    ("interactions", "indices", put(slice(0, 2), [5, 5]), "does not rise"),
    ("interactions", "indptr", put(0, 1), "does not rise from 0"),
    ("interactions", "indptr", put(-1, 10**9), "entries"),
    ("interactions", "weight", put(3, np.nan), "not finite"),
    ("interactions", "weight", put(3, -1), "goes below 0"),
    ("als", "user_factors", put(3, np.inf), "not finite"),
    ("popular", "user_segment", put(3, 500), "goes beyond"),
    ("statistics", "item_value", put(3, np.inf), "not finite"),
    ("statistics", "codes", put(3, -2), "goes below -1"),
    ("ids", "item_data", lambda array: put(slice(None), array[::-1].copy())(array), "item_order"),
    ("ids", "user_order", lambda array: put(slice(None), array[::-1].copy())(array), "order"),
    ("ids", "user_order", lambda array: put(1, array[0])(array), "twice"),
    ("ids", "name_data", put(0, 0xFF), "no text"),
    ("ids", "item_offsets", put(1, -5), "rise"),
]


@pytest.mark.parametrize(("kind", "name", "change", "says"), CASES)
def test_values_out_of_range_are_refused(built, kind, name, change, says):
    pack = changed(load_pack(Workspace(built).path(kind, "hm")), name, change)
    with pytest.raises(Wrong, match=says):
        check(pack, ARTIFACTS[kind].layout, {} if kind == "ids" else sizes(built))


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (lambda pack: pack | {"more": 1}, "'more', which is not of its kind"),
        (lambda pack: {k: v for k, v in pack.items() if k != "weight"}, "lacks 'weight'"),
        (lambda pack: pack | {"weight": pack["weight"].astype("f8")}, "no array of float32"),
        (lambda pack: pack | {"weight": pack["weight"].astype(">f4")}, "no array of float32"),
        (lambda pack: pack | {"weight": pack["weight"][:, None]}, "not laid out"),
        (lambda pack: pack | {"weight": pack["weight"][1:]}, "entries"),
        (lambda pack: pack | {"weight": list(pack["weight"])}, "no array"),
        (lambda pack: pack | {"n_users": True}, "is not a whole number"),
        (lambda pack: pack | {"n_users": 3}, "users"),
        (lambda pack: pack | {"reference": 1.5}, "is not a moment"),
        (lambda pack: pack | {"reference": 2**70}, "is not a moment"),
    ],
)
def test_other_structures_are_refused(built, other, says):
    pack = other(dict(load_pack(Workspace(built).path("interactions", "hm"))))
    with pytest.raises(Wrong, match=says):
        check(pack, ARTIFACTS["interactions"].layout, sizes(built))


def test_nothing_that_is_not_finite_is_committed(workspace):
    opened = Workspace(workspace)
    before = opened.path("als", "hm").read_bytes()
    pack = changed(load_pack(opened.path("als", "hm")), "item_factors", put(0, np.nan))
    with pytest.raises(TrainingError, match=r"als is damaged: its 'item_factors' .* not finite"):
        commit_pack(opened, "als.train", "hm", "als", pack)
    assert opened.path("als", "hm").read_bytes() == before


def recommended(root: Path, strategy: str = "collab"):
    engine = Engine(Workspace(root), "hm", config=load_config(root))
    return engine.recommend_one("123", strategy=strategy, k=5)


def keep_time(path: Path, data: bytes) -> None:
    stat = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_changed_byte_is_noticed_whatever_the_time_says(workspace):
    path = workspace / "artifacts/als_hm.joblib"
    data = bytearray(path.read_bytes())
    want = recommended(workspace)
    data[len(data) // 2] ^= 1
    keep_time(path, bytes(data))
    with pytest.raises(ArtifactError, match="is damaged, or no manifest vouches for it") as caught:
        recommended(workspace)
    assert caught.value.hint == "recsys build all --dataset hm"
    build(workspace)
    assert recommended(workspace) == want


def test_another_time_alone_is_no_matter(workspace):
    want = recommended(workspace)
    for path in (workspace / "artifacts").rglob("*_hm.*"):
        os.utime(path)
    assert recommended(workspace) == want


def test_checking_is_done_once(workspace, monkeypatch):
    recommended(workspace)
    monkeypatch.setattr("recsys_cli.store.workspace.sha256", lambda _: pytest.fail("hashed again"))
    recommended(workspace)


def test_somebody_elses_memo_says_nothing(workspace, tmp_path):
    import shutil

    recommended(workspace)
    copied = tmp_path / "copied"
    shutil.copytree(workspace, copied)
    path = copied / "artifacts/als_hm.joblib"
    save_pack(path, load_pack(path, mmap=False) | {"alpha": 3.0})
    memo = copied / "artifacts/.checked.json"
    memo.write_text(memo.read_text().replace(str(workspace), str(copied)))
    with pytest.raises(ArtifactError, match="is damaged, or no manifest vouches for it"):
        recommended(copied)


@pytest.mark.parametrize("kind", ["interactions", "popular", "items", "als", "ids", "spec"])
def test_what_was_built_and_is_gone_is_missing(workspace, kind):
    Workspace(workspace).path(kind, "hm").unlink()
    with pytest.raises(ArtifactError, match=r"is gone|does not exist"):
        recommended(workspace)


@pytest.mark.parametrize("stage", ["ingest", "als.train"])
@pytest.mark.parametrize("text", [None, "{}", "[" * 100_000, '{"inputs": "x"}', "3"])
def test_what_no_manifest_vouches_for_is_refused(workspace, stage, text):
    recommended(workspace)
    manifest = Workspace(workspace).manifest_path(stage, "hm")
    if text is None:
        manifest.unlink()
    else:
        manifest.write_text(text)
    with pytest.raises(ArtifactError, match="is damaged, or no manifest vouches for it"):
        recommended(workspace)


def test_inputs_of_a_stage_are_checked_too(workspace):
    path = workspace / "artifacts/interactions_hm.joblib"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    keep_time(path, bytes(data))
    with pytest.raises(ArtifactError, match="is damaged, or no manifest vouches for it"):
        build(workspace, "itemknn", force=True)
    # Having looked, it knows what to make again.
    steps = build(workspace, "itemknn", force=True)
    ran = {(s.stage, s.dataset) for s in steps if s.action == "ran"}
    assert {("als.export", "hm"), ("itemknn", "hm")} <= ran


def test_pictures_stay_in_the_workspace_or_what_the_config_names(workspace, tmp_path):
    import json

    from committed import commit
    from recsys_cli.datasets.spec import picture_folder
    from recsys_cli.errors import UnsafeWorkspaceError

    spec = json.loads((workspace / "artifacts/spec_hm.json").read_text())
    for root in ("/etc", "../elsewhere", str(tmp_path)):
        text = json.dumps(spec | {"image_root": root})
        commit(
            Workspace(workspace), "ingest", "hm",
            {"spec": lambda path, text=text: path.write_text(text)},
        )  # fmt: skip
        made = Artifacts(Workspace(workspace), "hm").spec
        with pytest.raises(UnsafeWorkspaceError, match="neither in the workspace"):
            picture_folder(made, workspace, "data/hm_raw")
        assert picture_folder(made, workspace, root) == workspace / root
