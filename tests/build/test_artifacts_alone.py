"""Artifacts that came without raw files and recsys.toml can be recommended from, and served."""

import json
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from recsys_cli.assembly import load_config
from recsys_cli.cli.app import app
from serve.conftest import app_over


def run(*arguments, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def alone(built: Path, tmp_path: Path) -> Path:
    root = tmp_path / "alone"
    shutil.copytree(built / "artifacts", root / "artifacts")
    return root


@pytest.mark.parametrize("dataset", ["hm", "rr"])
def test_answers_are_those_of_the_whole_workspace(built, alone, dataset):
    for strategy in ("auto", "collab", "content", "hybrid"):
        options = ["--user", 123, "--dataset", dataset, "-s", strategy, "--json"]
        if strategy == "hybrid":
            # The one of the whole workspace is switched off there.
            run("recommend", *options, "-w", alone)
            continue
        assert run("recommend", *options, "-w", alone) == run("recommend", *options, "-w", built)
    words = ["search", "dress", "--dataset", dataset, "--json", "-w"]
    assert run(*words, alone) == run(*words, built)


@pytest.mark.slow
def test_it_is_served(alone, tmp_path):
    with TestClient(app_over(alone, tmp_path / "s")) as client:
        assert set(client.get("/ready").json()["datasets"]) == {"hm", "rr"}
        assert client.get("/recommend/user/123?dataset=rr").json()["items"]


def test_building_says_what_is_missing(alone):
    assert "the raw folder" in run("build", "all", "-w", alone, code=1)


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("dataset", {"kind": "hm", "path": "/etc"}),
        ("dataset", {"kind": "hm", "path": "../other"}),
        ("dataset", {"kind": "no such kind"}),
        ("dataset", [1]),
        ("text", {"encoder": "sentence-transformers:/home/somebody/model"}),
        ("text", {"encoder": "sentence-transformers:../model"}),
        ("als", {"factors": -3}),
        ("als", {"no such": 1}),
        ("als", 3),
    ],
)
def test_what_manifests_state_stays_in_the_workspace(alone, section, values):
    path = alone / "artifacts/manifests/ingest_hm.json"
    manifest = json.loads(path.read_text())
    manifest["recipe"]["config"][section] = values
    path.write_text(json.dumps(manifest))
    config = load_config(alone)
    for own in config.datasets.values():
        assert own.path.startswith("data/")
        assert "model" not in str(own.text.get("encoder"))
    assert config.datasets["rr"].kind == "retailrocket"


def test_what_lies_in_data_goes_before(alone):
    (alone / "data/hm_raw").mkdir(parents=True)
    assert load_config(alone).datasets["hm"].als == {}
    assert load_config(alone).datasets["rr"].als != {}
