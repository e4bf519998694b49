"""A build killed at any moment leaves a workspace that tells the truth and can be finished."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import CONFIG
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.build.stage import Stage
from recsys_cli.store.files import sha256
from recsys_cli.store.kinds import ALL
from recsys_cli.store.workspace import Workspace

pytestmark = pytest.mark.slow

KILLS = 6
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))]


@pytest.fixture(scope="module")
def raw(raw: Path, tmp_path_factory) -> Path:
    """Without the two-tower, whose training is killed and resumed in a test of its own."""
    root = tmp_path_factory.mktemp("raw") / "workspace"
    shutil.copytree(raw, root)
    settings = CONFIG.replace("[twotower]", "[twotower]\nenabled = false")
    (root / "recsys.toml").write_text(settings)
    return root


def recsys(*arguments: str, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "recsys_cli", *arguments, "-w", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def owners(stage: Stage) -> list[str]:
    return [ALL] if stage.whole else ["hm", "rr"]


def digests(root: Path) -> dict[str, str]:
    workspace = Workspace(root)
    return {
        workspace.relative(path): sha256(path)
        for stage in default_graph().stages.values()
        for dataset in owners(stage)
        for path in (workspace.path(kind, dataset) for kind in stage.outputs)
        if path.exists()
    }


def assert_status_is_true(root: Path, expected: dict[str, str]) -> None:
    """What status calls fresh is whole and right, and what is right it does not call damaged."""
    process = recsys("status", "--check", "--json", root=root)
    out, error = process.communicate(timeout=120)
    stages = json.loads(out)["stages"]
    assert process.returncode == (0 if all(s["state"] == "fresh" for s in stages) else 3), error
    found, workspace = digests(root), Workspace(root)
    for stage in stages:
        kinds = default_graph().stages[stage["name"]].outputs
        paths = [workspace.relative(workspace.path(kind, stage["dataset"])) for kind in kinds]
        whole = all(found.get(path) == expected[path] for path in paths)
        if stage["state"] == "fresh":
            assert whole, stage
        assert "changed by something else" not in stage["reason"], stage


@pytest.fixture(scope="module")
def undisturbed(raw: Path, tmp_path_factory) -> tuple[dict[str, str], float]:
    """Artifacts of a build that nobody kills, and how long it takes."""
    root = tmp_path_factory.mktemp("undisturbed") / "workspace"
    shutil.copytree(raw, root)
    start = time.monotonic()
    process = recsys("build", "all", root=root)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    seconds = time.monotonic() - start
    config = load_config(root)
    stages = [s for s in default_graph().stages.values() if s.enabled(config, owners(s)[0])]
    assert len(digests(root)) == sum(len(owners(s)) * len(s.outputs) for s in stages)
    return digests(root), seconds


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_builds_can_be_finished(raw, tmp_path, undisturbed, seed):
    expected, seconds = undisturbed
    root, moments = tmp_path / "workspace", random.Random(seed)
    shutil.copytree(raw, root)
    for kill in range(KILLS):
        # Later kills hit builds that replace what earlier ones left.
        process = recsys("build", "all", *(["--force"] if kill % 2 else []), root=root)
        time.sleep(moments.uniform(0.2, 1.0) * seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert_status_is_true(root, expected)
    process = recsys("build", "all", root=root)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert digests(root) == expected
    process = recsys("status", "--check", root=root)
    process.communicate(timeout=120)
    assert process.returncode == 0
    left = {p.name for p in (root / "artifacts").iterdir() if p.name.startswith(".")}
    assert left <= {".lock", ".hashes.json", ".checked.json"}


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_ctrl_c_ends_with_a_sentence_and_can_be_resumed(raw, tmp_path, undisturbed, delay):
    expected, _ = undisturbed
    root = tmp_path / "workspace"
    shutil.copytree(raw, root)
    process = recsys("build", "all", root=root)
    # After the first stage a dozen are left, so the build is in the middle of one.
    assert process.stdout is not None
    assert "ingest" in process.stdout.readline()
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert "run the same command to go on" in error
    assert_status_is_true(root, expected)
    process = recsys("build", "all", root=root)
    process.communicate(timeout=300)
    assert digests(root) == expected
