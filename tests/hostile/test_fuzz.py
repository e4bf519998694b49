"""Changes of a workspace's files; see `fuzz` for more."""

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import CONFIG, REPOSITORY, build
from recsys_cli.datasets.demo import make_demo

CHANGES = 60


@pytest.fixture(scope="session")
def everything(made_once) -> Path:
    """A tiny workspace with every kind of artifact. Do not write to it."""

    def make(root: Path) -> None:
        make_demo(root, customers=120, transactions=2500, articles=120, seed=7, max_images=20)
        ranker = "windows = 1\nrounds = 10\nmin_in_leaf = 20"
        (root / "recsys.toml").write_text(CONFIG.replace("enabled = false", ranker))
        build(root)

    return made_once("everything", make)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "first"), [(1, 0), (2, CHANGES)])
def test_changed_files_are_refused_or_said(everything, seed, first):
    command = [
        sys.executable, "-W", "ignore", "-m", "hostile.fuzz",
        "--workspace", str(everything), "--count", str(CHANGES), "--seed", str(seed),
        "--first", str(first),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=REPOSITORY / "tests", capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
