"""A few hundred changes of a workspace's files; see `fuzz` for more."""

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import CONFIG, REPOSITORY, build
from recsys_cli.datasets.demo import make_demo

CHANGES = 120


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny workspace with every kind of artifact. Do not write to it."""
    root = tmp_path_factory.mktemp("everything")
    make_demo(root, customers=120, transactions=2500, articles=120, seed=7, max_images=20)
    (root / "recsys.toml").write_text(CONFIG.replace("enabled = false", "windows = 1"))
    build(root)
    return root


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_changed_files_are_refused_or_said(everything, seed):
    command = [
        sys.executable, "-W", "ignore", "-m", "hostile.fuzz",
        "--workspace", str(everything), "--count", str(CHANGES), "--seed", str(seed),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=REPOSITORY / "tests", capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
