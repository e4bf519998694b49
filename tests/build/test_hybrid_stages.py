"""The ranker through the pipeline: trained on earlier snapshots, served, explained, left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_cli.assembly import default_graph, load_config
from recsys_cli.build.run import Builder, Step
from recsys_cli.build.timeline import Timeline
from recsys_cli.cli.app import app
from recsys_cli.errors import in_words
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

QUICK = [
    "hybrid.enabled=true", "hybrid.windows=1", "hybrid.rounds=20", "hybrid.min_in_leaf=20",
    "als.iterations=2",
]  # fmt: skip
WITHOUT_TOWER = [*QUICK, "twotower.enabled=false"]


def train(root: Path, *, snapshot: Snapshot = NOW, overrides: list[str] = QUICK) -> list[Step]:
    config = load_config(root, overrides)
    builder = Builder(Workspace(root), config, default_graph())
    targets = ["hybrid.blend", "hybrid.train"]
    steps = list(builder.build(targets, datasets=["hm"], snapshot=snapshot))
    for step in steps:
        if step.error:
            raise step.error
    return steps


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result.stdout


def customer(root: Path) -> str:
    lines = (root / "data/hm_raw/transactions_train.csv").read_text().splitlines()
    return lines[-1].split(",")[1]


@pytest.mark.slow
def test_train_serve_and_explain(workspace: Path) -> None:
    steps = train(workspace)
    made = steps[-1]
    assert (made.stage, made.action) == ("hybrid.train", "ran")
    # Mondays that the ranker looks back to, and four weeks before what these start from.
    assert {str(s.snapshot) for s in steps if s.stage == "als.train"} == {
        "now", "asof=2020-09-14", "asof=2020-09-07", "asof=2020-08-10",
    }  # fmt: skip
    folder = workspace / "artifacts"
    assert (folder / "ranker_hm.txt").read_text().startswith("tree\n")
    facts = json.loads((folder / "ranker_hm.json").read_text())
    assert dict(facts["sources"]).keys() >= {"repurchase", "collab", "content", "variants"}
    assert 0 < facts["windows"][-1]["recall"] <= 1
    assert set(dict(facts["gains"])) <= set(facts["features"])
    assert {s.action for s in train(workspace)} == {"skipped"}

    options = ["-u", customer(workspace), "-d", "hm", "-s", "hybrid", "-k", 4, "-w", workspace]
    off = json.loads(run("recommend", *options, "--set", "hybrid.enabled=false", "--json"))
    assert (off["strategy_used"], off["ranked_by"]) == ("hybrid", "blend")
    options += ["--set", "hybrid.enabled=true"]
    answer = json.loads(run("recommend", *options, "--explain", "--json"))
    assert (answer["strategy_used"], answer["ranked_by"]) == ("hybrid", "ranker")
    for item in answer["items"]:
        why = item["explanation"]
        assert item["sources"] == [source["source"] for source in why["sources"]]
        assert "hybrid" not in item["sources"]
        assert {part["feature"] for part in why["features"]} <= set(facts["features"])
    shown = run("recommend", *options, "--explain")
    assert "ordered by the ranker" in shown
    assert "found by" in shown


def test_without_a_ranker_the_blend_serves_and_says_so(built: Path) -> None:
    options = ["-u", customer(built), "-d", "hm", "-s", "hybrid", "-k", 3, "-w", built]
    answer = json.loads(run("recommend", *options, "--json"))
    assert (answer["strategy_used"], answer["ranked_by"]) == ("hybrid", "blend")
    assert "ordered by the blend" in run("recommend", *options)
    single = json.loads(
        run("recommend", *options[:4], "-s", "collab", "-k", 2, "--explain", "--json", "-w", built)
    )
    assert single["ranked_by"] is None
    first = single["items"][0]
    assert first["explanation"]["sources"] == [
        {"source": "collab", "rank": 1, "score": first["score"]}
    ]


@pytest.mark.slow
def test_leave_last_out_learns_from_the_events_before_the_last(workspace: Path) -> None:
    steps = train(workspace, snapshot=Snapshot(leave_last=1), overrides=WITHOUT_TOWER)
    assert steps[-1].action == "ran"
    assert {s.snapshot.leave_last for s in steps if s.stage == "statistics"} == {1, 2, 3}


def test_what_content_left_behind_is_no_source_once_it_is_off(workspace: Path) -> None:
    text = (workspace / "recsys.toml").read_text()
    kept = [line for line in text.splitlines() if "encoder" not in line]
    (workspace / "recsys.toml").write_text("\n".join(kept) + "\n")
    train(workspace, overrides=WITHOUT_TOWER)
    facts = json.loads((workspace / "artifacts/ranker_hm.json").read_text())
    assert "content" not in dict(facts["sources"])
    assert not [name for name in facts["features"] if "content" in name]


def test_off_it_is_left_out_and_the_build_says_how_to_get_it(raw: Path) -> None:
    config = load_config(raw)
    said = [in_words(parts) for parts in default_graph().left_out(["hm", "rr"], config)]
    assert any("hybrid.train is off" in each and "hybrid.enabled = true" in each for each in said)
    on = load_config(raw, ["hybrid.enabled=auto"])
    assert not any("hybrid" in in_words(each) for each in default_graph().left_out(["hm"], on))


@pytest.mark.parametrize("windows", [1, 3])
def test_the_config_says_how_far_it_looks_back(built: Path, windows: int) -> None:
    config = load_config(built, ["hybrid.enabled=true", f"hybrid.windows={windows}"])
    graph = default_graph()
    extent = Timeline(Workspace(built)).extent("hm")
    past = graph.past_reads(graph.stages["hybrid.train"], NOW, config, extent)
    assert {ago for _, ago, _ in past} == set(range(1, windows + 2))
