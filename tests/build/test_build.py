"""Builds run what is missing or stale, in order, say why, and survive failures."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from conftest import build, last_sale_first
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.status import status_of
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.build.graph import Graph
from recsys_cli.build.run import Builder
from recsys_cli.errors import ConfigError, DataError
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

PAST = Snapshot(as_of=datetime(2020, 9, 16))


def actions(steps) -> dict[str, str]:
    return {f"{s.dataset} {s.stage}": s.action for s in steps}


def reasons(steps) -> dict[str, str]:
    return {f"{s.dataset} {s.stage}": s.reason for s in steps}


def plan(root: Path, *targets: str, overrides=(), **options):
    config = load_config(root, overrides)
    builder = Builder(Workspace(root), config, default_graph())
    datasets = options.pop("datasets", list(config.datasets))
    return list(builder.build(targets or ("all",), datasets=datasets, dry_run=True, **options))


def states(root: Path, *, thorough: bool = False) -> dict[str, str]:
    found = status_of(Opened(root), thorough=thorough).stages
    return {f"{s.dataset} {s.name}": s.state for s in found if s.current}


def test_a_second_build_runs_nothing_and_writes_nothing(workspace):
    before = {p: p.stat().st_mtime_ns for p in (workspace / "artifacts").rglob("*") if p.is_file()}
    steps = build(workspace)
    assert set(actions(steps).values()) == {"skipped"}
    after = {p: p.stat().st_mtime_ns for p in (workspace / "artifacts").rglob("*") if p.is_file()}
    memos = {".hashes.json", ".checked.json"}
    assert {p: t for p, t in after.items() if p.name not in memos} == {
        p: t for p, t in before.items() if p.name not in memos
    }


def test_a_changed_setting_makes_exactly_its_readers_stale(workspace):
    steps = plan(workspace, overrides=["als.factors=8"])
    assert {name for name, action in actions(steps).items() if action == "would run"} == {
        f"{dataset} {stage}"
        for dataset in ("hm", "rr")
        for stage in ("als.train", "twotower.fit", "twotower.train")
    }
    # What the factors start from comes first.
    said = [s.reason for s in steps if (s.dataset, s.stage) == ("hm", "als.train")]
    assert said == ["config changed: als.factors 16 → 8", "after als.train"]
    steps = plan(workspace, overrides=["datasets.hm.als.factors=8"])
    made = actions(steps)
    for stage in ("als.train", "twotower.fit", "twotower.train"):
        assert made.pop(f"hm {stage}") == "would run"
    assert set(made.values()) == {"skipped"}
    graph, stages = default_graph(), default_graph().stages.values()
    off = [stage for stage in stages if stage.name == "hybrid.train"]
    assert len(made) + 3 == 2 * (len(stages) - len(off)) - sum(s.whole for s in stages)
    assert set(graph.descendants("als.train")) == {
        "als.train", "twotower.fit", "twotower.train", "hybrid.train",
    }  # fmt: skip


def test_settings_that_say_where_to_run_do_not_make_anything_stale(workspace):
    steps = plan(workspace, overrides=["als.backend=cpu", "threads=1"])
    assert set(actions(steps).values()) == {"skipped"}


def test_changed_raw_files_rebuild_and_equal_outputs_stop_the_wave(workspace):
    raw = workspace / "data" / "rr_raw" / "category_tree.csv"
    raw.write_text(raw.read_text() + "\n" if not raw.read_text().endswith("\n\n") else "")
    steps = plan(workspace, datasets=["rr"])
    assert reasons(steps)["rr ingest"] == "data/rr_raw/category_tree.csv changed"
    steps = build(workspace)
    made = actions(steps)
    assert made["rr ingest"] == "ran"
    # The blank line changed no table, so nothing after ingest had to run.
    assert made["rr als.train"] == "skipped"
    assert made["hm ingest"] == "skipped"


@pytest.mark.parametrize("harm", ["delete", "truncate", "flip"])
def test_damaged_artifacts_are_noticed_and_built_again(workspace, harm):
    path = workspace / "artifacts" / "als_hm.joblib"
    whole = path.read_bytes()
    if harm == "delete":
        path.unlink()
    elif harm == "truncate":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert states(workspace, thorough=True)["hm als.train"] in ("missing", "stale")
    build(workspace)
    assert path.read_bytes() == whole
    assert set(states(workspace, thorough=True).values()) == {"fresh"}


def test_a_copied_workspace_is_fresh(workspace, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(workspace, copy, copy_function=shutil.copy)
    assert set(actions(build(copy)).values()) == {"skipped"}


def test_force_runs_the_named_stage_alone(workspace):
    steps = build(workspace, "als.export", force=True)
    assert actions(steps)["hm als.export"] == "ran"
    assert actions(steps)["hm ingest"] == "skipped"


@pytest.mark.slow
def test_snapshots_share_the_tables_and_nothing_after_the_cutoff(workspace):
    steps = build(workspace, snapshot=PAST)
    assert actions(steps)["hm ingest"] == "skipped"
    assert actions(steps)["hm als.train"] == "ran"
    from recsys_cli.build.artifacts import Artifacts

    opened = Workspace(workspace)
    past, now = Artifacts(opened, "hm", PAST), Artifacts(opened, "hm", NOW)
    cutoff = past.pack("interactions")["reference"]
    assert past.pack("interactions")["last"].max() < cutoff
    assert now.pack("interactions")["last"].max() >= cutoff
    assert past.pack("als")["reference"] == cutoff
    manifest = opened.manifest("als.train", "hm", PAST)
    assert manifest
    assert manifest.recipe.snapshot == "asof=2020-09-16"


def failing_graph(dataset: str, error: Exception) -> Graph:
    """The real stages, with an interaction stage that fails for one dataset."""
    from dataclasses import replace

    def run(context):
        if context.dataset == dataset:
            raise error
        return original.run(context)

    original = default_graph().stages["als.export"]
    stages = [replace(s, run=run, version=99) if s.name == "als.export" else s
              for s in default_graph().stages.values()]  # fmt: skip
    return Graph(stages)


@pytest.mark.parametrize("error", [DataError("it broke"), OSError(28, "No space left"), KeyError()])
@pytest.mark.parametrize("keep_going", [False, True])
def test_failures_block_what_needs_them_and_nothing_else(workspace, keep_going, error):
    before = (workspace / "artifacts" / "interactions_hm.joblib").read_bytes()
    config = load_config(workspace)
    builder = Builder(Workspace(workspace), config, failing_graph("hm", error))
    steps = list(builder.build(datasets=["hm", "rr"], keep_going=keep_going))
    made = actions(steps)
    assert made["hm als.export"] == "failed"
    known = next(s.error for s in steps if s.error)
    assert known is error or known.__cause__ is error
    if keep_going:
        assert made["hm als.train"] == "blocked"
        assert made["rr als.export"] == "ran"
    else:
        assert steps[-1].stage == "als.export"
        assert "rr als.export" not in made
    assert (workspace / "artifacts" / "interactions_hm.joblib").read_bytes() == before


@pytest.mark.slow
def test_equal_builds_make_equal_bytes(built, raw, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(raw, again)
    build(again)
    for path in sorted((built / "artifacts").glob("*_*.*")):
        assert (again / "artifacts" / path.name).read_bytes() == path.read_bytes(), path.name


def test_manifests_record_what_made_the_artifact(built):
    manifest = json.loads((built / "artifacts/manifests/als.train_hm.json").read_text())
    assert manifest["recipe"]["config"]["als"]["factors"] == 16
    assert manifest["facts"]["seed"] == 42
    assert manifest["facts"]["origin"] == "implicit-cpu"
    assert manifest["libraries"]["implicit"]
    assert manifest["seconds"] > 0
    assert manifest["peak_memory_mb"] > 0
    assert set(manifest["outputs"]) == {"artifacts/als_hm.joblib"}


def test_a_workspace_without_data_says_what_to_do(tmp_path):
    from recsys_cli.config import chosen_datasets

    with pytest.raises(ConfigError, match="no datasets") as error:
        chosen_datasets(load_config(tmp_path))
    assert "recsys demo" in (error.value.hint or "")


@pytest.mark.slow
def test_past_snapshots_are_stale_when_their_data_is(workspace):
    build(workspace, snapshot=PAST)
    raw = workspace / "data/hm_raw/transactions_train.csv"
    lines = raw.read_text().splitlines()
    raw.write_text("\n".join(lines[:-1]) + "\n")
    found = status_of(Opened(workspace)).stages
    past = {s.name: s.state for s in found if s.snapshot == str(PAST) and s.dataset == "hm"}
    assert past == {
        "als.export": "stale", "als.train": "stale", "graph": "stale", "itemknn": "stale",
        "popular": "stale", "usermodel": "stale", "statistics": "stale", "hybrid.blend": "stale",
        "twotower.pairs": "stale", "twotower.train": "stale", "transitions": "stale",
        "sessions": "stale",
    }  # fmt: skip
    # The text encoder is fitted on all datasets' texts, so what follows from it waits for hm.
    waiting = default_graph().descendants("embed.text")
    for state in found:
        if state.dataset == "rr":
            assert (state.state == "stale") == (state.name in waiting), state


def test_a_manifest_that_lacks_an_output_is_not_fresh(workspace):
    path = workspace / "artifacts/manifests/popular_hm.json"
    manifest = json.loads(path.read_text())
    manifest["outputs"] = {}
    path.write_text(json.dumps(manifest))
    assert states(workspace)["hm popular"] == "stale"


def test_readers_finish_what_a_killed_writer_committed(workspace, monkeypatch):
    """A reader never sees some files of one ingest and some of another."""
    from recsys_cli.build.artifacts import Artifacts

    customer, _ = last_sale_first(workspace)
    replaced, original = [], Path.replace

    def replace(self, target):
        if ".staging" in str(self):
            replaced.append(target)
            if len(replaced) == 3:
                raise KeyboardInterrupt
        return original(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            build(workspace, "ingest")
    artifacts = Artifacts(Workspace(workspace), "hm")
    users = pl.read_parquet(workspace / "artifacts/users_hm.parquet")["user"]
    assert users.to_list() == artifacts.users.to_list()
    assert users[0] == customer
