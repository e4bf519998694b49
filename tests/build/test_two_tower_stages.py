"""The two-tower's stages: pairs split as evaluation would, artifacts that say what made them."""

import json
import shutil
import sys
from datetime import datetime
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from conftest import build
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.build.freshness import Freshness
from recsys_cli.build.stage import FITTED
from recsys_cli.build.timeline import Timeline
from recsys_cli.errors import RecsysError, in_words
from recsys_cli.moments import seconds_at
from recsys_cli.store.files import sha256
from recsys_cli.store.kinds import ALL
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.twotower import runs as twotower_runs

SPLITS = ("train", "validation")


def pairs(root, dataset="hm", snapshot=NOW):
    workspace = Workspace(root)
    return [
        pl.read_parquet(workspace.path(f"{split}_pairs", dataset, snapshot)) for split in SPLITS
    ]


def trained_at(workspace, dataset, snapshot=NOW):
    """The snapshot whose towers are applied to another."""
    return Timeline(workspace).extent(dataset).past(snapshot, FITTED, 28)


def seconds(table):
    return table["time"].dt.epoch("s").to_numpy()


@pytest.mark.parametrize("dataset", ["hm", "rr"])
def test_pairs_are_all_events_split_where_the_window_before_the_snapshot_starts(built, dataset):
    train, validation = pairs(built, dataset)
    events = pl.read_parquet(Workspace(built).path("events", dataset))
    assert len(train) + len(validation) == len(events)
    start = seconds_at(Timeline(Workspace(built)).earlier(dataset, NOW, 1).as_of)
    assert seconds(train).max() < start <= seconds(validation).min()
    for split, table in zip(SPLITS, (train, validation), strict=True):
        assert table.schema == {
            "user": pl.Int32, "item": pl.Int32, "time": pl.Datetime("ms"),
            "weight": pl.Float32, "split": pl.String,
        }  # fmt: skip
        assert table["split"].unique().to_list() == [split]
        order = np.lexsort((seconds(table), table["user"].to_numpy()))
        assert (order == np.arange(len(table))).all()


def test_leave_last_out_validates_on_the_last_event_that_it_may_see(workspace):
    snapshot = Snapshot(leave_last=1)
    build(workspace, "twotower.pairs", snapshot=snapshot)
    train, validation = pairs(workspace, "rr", snapshot)
    events = pl.read_parquet(Workspace(workspace).path("events", "rr"))
    counts = np.bincount(events["user"].to_numpy())
    held = np.bincount(validation["user"].to_numpy(), minlength=len(counts))
    kept = np.bincount(train["user"].to_numpy(), minlength=len(counts))
    assert (held == (counts > 1)).all()
    assert (kept == np.maximum(counts - 2, 0)).all()


def test_pairs_of_all_datasets_lie_together(built):
    workspace = Workspace(built)
    for split in SPLITS:
        path = workspace.path(f"all_{split}_pairs", ALL)
        assert path == built / "artifacts" / "train_pairs_all" / f"{split}.parquet"
        together = pl.read_parquet(path)
        for dataset in ("hm", "rr"):
            own = together.filter(pl.col("dataset") == dataset).drop("dataset")
            assert own.equals(pl.read_parquet(workspace.path(f"{split}_pairs", dataset)))


@pytest.mark.parametrize("dataset", ["hm", "rr"])
def test_vectors_and_curve_belong_to_the_dataset(built, dataset):
    artifacts = Artifacts(Workspace(built), dataset)
    pack = artifacts.pack("two_tower_vectors")
    assert len(pack["user_vectors"]) == len(artifacts.users)
    assert len(pack["item_vectors"]) == len(artifacts.items)
    assert pack["user_vectors"].shape[1] == pack["item_vectors"].shape[1]
    assert pack["reference"] == artifacts.pack("interactions")["reference"]
    assert np.isfinite(pack["user_vectors"]).all()
    workspace = Workspace(built)
    curve = json.loads(workspace.path("two_tower_curve", dataset).read_text())
    facts = workspace.manifest("twotower.train", dataset).facts
    if curve["checks"]:
        best = max(check["metric"] for check in curve["checks"])
        assert curve["best"] == best
        assert (facts["serves"] == "ALS") == (curve["als"] > best)
    picture = ElementTree.parse(workspace.path("two_tower_plot", dataset)).getroot()
    texts = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert ({"ALS", "kept", "step"} <= texts) == bool(curve["checks"])
    assert not list((built / "artifacts" / "cache" / "twotower").iterdir())


def test_training_again_gives_the_same_bytes(workspace):
    opened = Workspace(workspace)
    kinds = (
        "two_tower", "two_tower_vectors", "two_tower_user_side", "two_tower_curve",
        "two_tower_plot",
    )  # fmt: skip
    before = [opened.path(kind, "hm").read_bytes() for kind in kinds]
    build(workspace, "twotower.train", force=True)
    assert [opened.path(kind, "hm").read_bytes() for kind in kinds] == before


def test_the_same_towers_serve_all_moments_until_they_are_trained_anew(built, tmp_path):
    opened = Workspace(built)
    for dataset in ("hm", "rr"):
        fitted = trained_at(opened, dataset)
        weights = opened.path("two_tower_weights", dataset, fitted).read_bytes()
        assert opened.path("two_tower", dataset).read_bytes() == weights
        assert not opened.path("two_tower_vectors", dataset, fitted).exists()
    root = tmp_path / "workspace"
    shutil.copytree(built, root)
    earlier = Timeline(opened).earlier("hm", NOW, 1)
    assert trained_at(opened, "hm", earlier) == trained_at(opened, "hm")
    steps = build(root, "twotower.train", snapshot=earlier)
    ran = [step.stage for step in steps if step.action == "ran" and step.dataset == "hm"]
    assert "twotower.fit" not in ran
    assert ran[-1] == "twotower.train"
    steps = build(root, "twotower.fit", "twotower.train", force=True)
    assert "twotower.fit" in [step.stage for step in steps if step.action == "ran"]


def test_nothing_after_the_cutoff_reaches_the_towers(workspace):
    """With the events after a day gone, the snapshot of that day has the same vectors."""
    snapshot = Snapshot(as_of=datetime(2020, 9, 9))
    build(workspace, "twotower.train", snapshot=snapshot)
    opened = Workspace(workspace)
    path = opened.path("two_tower_vectors", "hm", snapshot)
    before = path.read_bytes()
    raw = workspace / "data" / "hm_raw" / "transactions_train.csv"
    header, *lines = raw.read_text().splitlines()
    seen = {cell for line in lines if line < "2020-09-09" for cell in line.split(",")[1:3]}
    # The first purchases of users and items stay, which number them.
    kept = [
        line for line in lines if line < "2020-09-09" or not seen.issuperset(line.split(",")[1:3])
    ]
    assert len(kept) < len(lines)
    raw.write_text("\n".join([header, *kept]) + "\n")
    build(workspace, "twotower.train", snapshot=snapshot)
    assert path.read_bytes() == before


def test_weights_of_another_dataset_are_part_of_the_recipe(workspace):
    config = workspace / "recsys.toml"
    start = "\n[datasets.{}]\nkind = '{}'\npath = 'data/{}_raw'\n"
    config.write_text(
        config.read_text()
        + start.format("hm", "hm", "hm")
        + start.format("rr", "retailrocket", "rr")
        + "[datasets.rr.twotower]\ninit_from = 'start.pt'\n"
    )
    opened, weights = Workspace(workspace), workspace / "start.pt"
    weights.write_bytes(opened.path("two_tower", "hm").read_bytes())
    build(workspace, "twotower.train")
    made = {
        name: opened.manifest("twotower.fit", name, trained_at(opened, name))
        for name in ("hm", "rr")
    }
    assert made["rr"].recipe.inputs["init_from"] == sha256(weights)
    assert "init_from" not in made["hm"].recipe.inputs
    weights.unlink()
    with pytest.raises(RecsysError, match=r"start.pt does not exist"):
        build(workspace, "twotower.train")


def test_where_the_libraries_are_missing_builds_leave_it_out_and_say_how_to_get_it(
    built, monkeypatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    graph, config = default_graph(), load_config(built)
    names = {stage.name for stage, _ in graph.plan(set(graph.stages), ["hm", "rr"], config)}
    assert not any(name.startswith("twotower") for name in names)
    left_out = map(in_words, graph.left_out(["hm", "rr"], config))
    (said,) = [line for line in left_out if "two-tower" in line]
    assert f"{sys.executable} -m pip install 'recsys-cli[twotower]'" in said
    assert "https://pytorch.org/get-started/locally/" in said
    with pytest.raises(RecsysError, match="two-tower is off"):
        graph.refuse_off(["twotower.train"], ["hm", "rr"], config)
    on = load_config(built, ["twotower.enabled=true"])
    assert "twotower.train" in {s.name for s, _ in graph.plan(set(graph.stages), ["hm"], on)}
    with pytest.raises(RecsysError, match="needs torch") as caught:
        twotower_runs.fit(None)
    assert caught.value.hint in said


def test_settings_that_say_where_to_train_make_nothing_stale(built):
    config = load_config(built, ["twotower.device=cpu", "twotower.checkpoint_steps=7"])
    freshness = Freshness(Workspace(built), config, default_graph())
    stage = default_graph().stages["twotower.train"]
    assert freshness.check(stage, "hm", NOW).state == "fresh"
