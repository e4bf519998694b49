"""docs/extending.md, done to the letter in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import REPOSITORY

TEXT = (REPOSITORY / "docs/extending.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
LISTS = ["strategies/__init__.py", "datasets/adapters.py"]


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with what the page adds."""
    root = tmp_path_factory.mktemp("extended")
    shutil.copytree(REPOSITORY / "src", root / "src")
    for language, block in BLOCKS:
        if language == "python":
            path = root / re.match(r"# (\S+)\n", block)[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.split("\n", 1)[1])
    changes = [block for language, block in BLOCKS if language == "diff"]
    for name, change in zip(LISTS, changes, strict=True):
        path = root / "src/recsys_cli" / name
        *imports, old, new = change.splitlines()
        text = path.read_text()
        assert text.count(f"\n{old[1:]}\n") == 1
        last = max(text.rfind("\nfrom recsys_cli."), 0) + 1
        added = "".join(f"{line[1:]}\n" for line in imports)
        kept = f"{old[1:]}\n" if old.startswith(" ") else ""
        rest = text[last:].replace(f"{old[1:]}\n", f"{kept}{new[1:]}\n")
        path.write_text(f"{text[:last]}{added}{rest}")
    return root


@pytest.fixture
def recsys(extended, tmp_path):
    """Runs a command of the copy."""
    environment = os.environ | {"PYTHONPATH": str(extended / "src")}

    def run(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "recsys_cli", *map(str, arguments)],
            env=environment, capture_output=True, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_a_strategy(recsys, workspace, tmp_path):
    assert "latest" in recsys("recommend", "--help")
    console = next(block for language, block in BLOCKS if language == "console")
    said = [recsys(*line[9:].split(), "-w", workspace) for line in console.splitlines()]
    assert "latest" in said[1]
    asked = ["recommend", "-u", "123", "--dataset", "rr", "--json", "-w", workspace]
    lists = json.loads(recsys(*asked, "-s", "latest"))
    assert lists["strategy_used"] == "latest"
    assert len(lists["items"]) == 12
    assert re.search(r"latest +-?\.\d", said[2])
    recsys("build", "hybrid.blend", "-w", workspace)
    found = json.loads(recsys(*asked, "-s", "hybrid", "-k", 300, "--explain"))
    names = {source for item in found["items"] for source in item["sources"]}
    explained = {s["source"] for item in found["items"] for s in item["explanation"]["sources"]}
    assert "latest" in names | explained
    recsys("init", "--full", "--force", "-w", workspace)
    assert "[latest]" in (workspace / "recsys.toml").read_text()


@pytest.mark.slow
def test_what_it_adds_is_as_strict_as_the_rest(extended):
    for check in (["ruff", "check", "--config", REPOSITORY / "pyproject.toml"],):
        tool = Path(sys.executable).parent / check[0]
        folders = ["strategies/latest", "datasets/visits.py"]
        paths = [extended / "src/recsys_cli" / folder for folder in folders]
        done = subprocess.run(
            [tool, *check[1:], *paths], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_kind_of_dataset(recsys, tmp_path):
    shop = tmp_path / "shop"
    folder = shop / "data/museum_raw"
    folder.mkdir(parents=True)
    rows = [f"v{i % 7},r{i % 5},2024-03-{i % 28 + 1:02d}" for i in range(40)]
    (folder / "visits.csv").write_text("visitor,room,day\n" + "\n".join(rows) + "\n")
    assert "museum" in recsys("init", "-w", shop)
    recsys("ingest", "-w", shop)
    recsys("build", "popular", "-w", shop)
    answer = json.loads(recsys("recommend", "-u", "v3", "-s", "popular", "--json", "-w", shop))
    assert {item["item"] for item in answer["items"]} <= {f"r{i}" for i in range(5)}
