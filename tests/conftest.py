"""Workspaces shared by all tests and all workers of pytest-xdist: made and built once per run."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

import postgres as servers
from evaluation.ranx_process import Ranx
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
max_pairs = 1000
"""
PICTURES = 48
QUICK = "[hybrid]\nenabled = false\n[twotower]\nenabled = false\n"
"""What takes longest to build is left out."""


def build(root: Path, *targets: str, **options) -> list:
    """Build in this process; raise what failed."""
    workspace, config = Workspace(root), load_config(root)
    builder = Builder(workspace, config, default_graph())
    steps = list(builder.build(targets or ("all",), datasets=list(config.datasets), **options))
    for step in steps:
        if step.error:
            raise step.error
    return steps


def last_sale_first(root: Path) -> tuple[str, str]:
    """Have the last sale of hm come before all others too: rows of users and items move.

    Returns:
        Its customer and article, which have the first rows.
    """
    path = root / "data/hm_raw/transactions_train.csv"
    header, *sales = path.read_text().splitlines()
    _, customer, article, *rest = sales[-1].split(",")
    first = ",".join(["2010-01-01", customer, article, *rest])
    path.write_text("\n".join([header, first, *sales]) + "\n")
    return customer, article


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a workspace by its name, in the first process of the run that asks for it.

    Its content is what `make` writes into it, on top of a copy of `start`. Do not write to it.
    """
    here = tmp_path_factory.getbasetemp()
    shared = (here.parent if "PYTEST_XDIST_WORKER" in os.environ else here) / "shared"
    shared.mkdir(exist_ok=True)

    def made(name: str, make: Callable[[Path], object], start: Path | None = None) -> Path:
        root, done = shared / name / "workspace", shared / name / "done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(root.parent, ignore_errors=True)
                root.parent.mkdir()
                if start is None:
                    root.mkdir()
                else:
                    shutil.copytree(start, root)
                make(root)
                done.touch()
        return root

    return made


@pytest.fixture(scope="session")
def raw(made_once: Callable[..., Path]) -> Path:
    """A workspace with small sample data of both kinds and nothing built. Do not write to it."""

    def make(root: Path) -> None:
        make_demo(root, **SMALL, seed=7, max_images=PICTURES)
        (root / "recsys.toml").write_text(CONFIG)

    return made_once("raw", make)


@pytest.fixture(scope="session")
def built(made_once: Callable[..., Path], raw: Path) -> Path:
    """The same, built. Do not write to it."""
    return made_once("built", build, raw)


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
def ranx() -> Iterator[Ranx]:
    """The independent library, which takes seconds to start."""
    library = Ranx()
    yield library
    library.process.communicate()


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """A PostgreSQL server; skips where none is installed. Tests share it: use `database`."""
    programs = servers.programs()
    if programs is None:
        pytest.skip(f"no PostgreSQL server in {servers.SERVERS} (Debian: apt install postgresql)")
    with servers.running(programs) as server:
        yield server


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of the real data sets; skips where there is none."""
    if not REALDATA.is_dir():
        pytest.skip(f"no real data in {REALDATA}; set RECSYS_REALDATA")
    return REALDATA
