"""Workspaces shared by all tests: sample data made once per run, and built once."""

import os
import shutil
from pathlib import Path

import pytest

from recsys_cli.assembly import default_graph, load_config
from recsys_cli.build.run import Builder
from recsys_cli.config import Config
from recsys_cli.datasets.demo import make_demo
from recsys_cli.store.workspace import Workspace

REPOSITORY = Path(__file__).parent.parent
REALDATA = Path(os.environ.get("RECSYS_REALDATA", REPOSITORY / ".." / "shared" / "data"))

SMALL = {"customers": 300, "transactions": 6000, "articles": 250}
CONFIG = """
[als]
factors = 16
iterations = 5
[text]
encoder = "lsa:32"
[image]
encoder = "histogram"
[hybrid]
enabled = false
[twotower]
folds = 2
epochs = 1
content_dim = 16
"""
PICTURES = 48


def build(root: Path, *targets: str, **options) -> list:
    """Build in this process; raise what failed."""
    workspace, config = Workspace(root), load_config(root)
    builder = Builder(workspace, config, default_graph())
    steps = list(builder.build(targets or ("all",), datasets=list(config.datasets), **options))
    for step in steps:
        if step.error:
            raise step.error
    return steps


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with small sample data of both kinds and nothing built. Do not write to it."""
    root = tmp_path_factory.mktemp("raw")
    make_demo(root, **SMALL, seed=7, max_images=PICTURES)
    (root / "recsys.toml").write_text(CONFIG)
    return root


@pytest.fixture(scope="session")
def built(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, built. Do not write to it."""
    root = tmp_path_factory.mktemp("built") / "workspace"
    shutil.copytree(raw, root)
    build(root)
    return root


@pytest.fixture
def workspace(built: Path, tmp_path: Path) -> Path:
    """A copy of the built workspace that a test may change."""
    root = tmp_path / "workspace"
    shutil.copytree(built, root)
    return root


@pytest.fixture
def config(built: Path) -> Config:
    return load_config(built)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of the real data sets; skips where there is none."""
    if not REALDATA.is_dir():
        pytest.skip(f"no real data in {REALDATA}; set RECSYS_REALDATA")
    return REALDATA
