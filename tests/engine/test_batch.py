"""A batch that was killed goes on where it was, and writes what an undisturbed one writes."""

import signal
import subprocess
import sys

import pytest

from recsys_cli.assembly import load_config
from recsys_cli.engine import batch
from recsys_cli.engine.batch import recommend_all
from recsys_cli.engine.engine import Engine, Filters
from recsys_cli.store.workspace import Workspace

K = 5
USERS_PER_BLOCK = 40
STRATEGY = "collab"

KILLED = """
import os, signal, sys
from pathlib import Path
from recsys_cli.assembly import load_config
from recsys_cli.engine import batch
from recsys_cli.engine.engine import Engine
from recsys_cli.store.workspace import Workspace

root, out, blocks = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
batch._BLOCK_CELLS = {cells}
engine = Engine(Workspace(root), "hm", threads=1, config=load_config(root, sys.argv[4:]))
answer, calls = engine.answer, 0

def counted(*arguments, **options):
    global calls
    calls += 1
    if calls > blocks:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(*arguments, **options)

engine.answer = counted
batch.recommend_all(engine, out, strategy={strategy!r}, k={k})
"""


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(batch, "_BLOCK_CELLS", USERS_PER_BLOCK * K)


def run(root, out, *, overrides=(), **options):
    """Write a batch; the summary, and how many blocks were computed."""
    config, computed = load_config(root, overrides), []
    engine = Engine(Workspace(root), "hm", threads=1, config=config)
    answer = engine.answer

    def counted(*arguments, **rest):
        computed.append(1)
        return answer(*arguments, **rest)

    engine.answer = counted
    options = {"strategy": STRATEGY, "k": K} | options
    return recommend_all(engine, out, **options), len(computed)


def kill(root, out, blocks: int, *, overrides=()) -> None:
    code = KILLED.format(cells=USERS_PER_BLOCK * K, strategy=STRATEGY, k=K)
    done = subprocess.run(
        [sys.executable, "-c", code, str(root), str(out), str(blocks), *overrides],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_killed_batch_goes_on_and_writes_the_same_file(built, tmp_path, suffix):
    whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
    summary, blocks = run(built, whole)
    assert summary.resumed == 0
    assert blocks > 5
    kill(built, out, 2)
    assert not out.exists()
    kill(built, out, 2)
    resumed, computed = run(built, out)
    assert computed == blocks - 4
    assert resumed.resumed == 4 * USERS_PER_BLOCK
    assert (resumed.rows, resumed.fallbacks) == (summary.rows, summary.fallbacks)
    assert out.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {whole.name, out.name}


def test_blocks_of_other_arguments_or_artifacts_are_not_used(workspace, tmp_path):
    out = tmp_path / "out.parquet"
    _, blocks = run(workspace, tmp_path / "whole.parquet")
    for changed in ({"strategy": "popular"}, {"filters": Filters(exclude_seen=True)}):
        kill(workspace, out, 3)
        assert run(workspace, out, **changed)[1] == blocks
    kill(workspace, out, 3)
    (workspace / "artifacts/als_hm.joblib").touch()
    assert run(workspace, out)[1] == blocks


RULES = (
    'rules.cap=[{ column = "product_type_name", most = 1 }]',
    'rules.boost=[{ where = "colour_group_name!=Black", by = 4 }]',
)


def test_a_killed_batch_goes_on_under_its_rules_and_under_no_others(built, tmp_path):
    whole, free, out = (tmp_path / f"{name}.csv" for name in ("whole", "free", "out"))
    _, blocks = run(built, whole, overrides=RULES)
    _, of_free = run(built, free)
    assert whole.read_bytes() != free.read_bytes()
    kill(built, out, 3, overrides=RULES)
    _, computed = run(built, out, overrides=RULES)
    assert computed == blocks - 3
    assert out.read_bytes() == whole.read_bytes()
    # Rules that changed meanwhile make all lists anew.
    kill(built, out, 3, overrides=RULES)
    assert run(built, out, overrides=RULES[:1])[1] == blocks
    kill(built, out, 3, overrides=RULES)
    assert run(built, out)[1] == of_free
    assert out.read_bytes() == free.read_bytes()


def test_a_damaged_block_is_computed_again(built, tmp_path):
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    _, blocks = run(built, whole)
    kill(built, out, 3)
    first, second, _ = sorted((tmp_path / ".out.parquet.parts").rglob("*.joblib"))
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 255
    first.write_bytes(data)
    second.write_bytes(second.read_bytes()[:100])
    assert run(built, out)[1] == blocks - 1
    assert out.read_bytes() == whole.read_bytes()


def test_one_block_leaves_nothing_behind(built, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "_BLOCK_CELLS", 1 << 20)
    run(built, tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
