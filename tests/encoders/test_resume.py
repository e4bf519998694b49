"""A run killed at any moment and run again ends in the bytes of an undisturbed one."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from encoders.fakes import FakeText
from recsys_cli.encoders import EmbeddingCache, embed_texts
from recsys_cli.encoders import embed as embed_module

TEXTS = [f"{'long ' * (number % 7)}text {number}" for number in range(150)]
CHUNK = 16
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))]
RUN = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from encoders.fakes import FakeText
from recsys_cli.encoders import EmbeddingCache, embed, embed_texts, load_text_encoder
import recsys_cli.store.files as files

embed.TEXTS_PER_CHUNK = {chunk}
syncs, real = 0, files.fsync
def fsync(path):
    # Between the write of a file and its rename, or just after it.
    global syncs
    syncs += 1
    if syncs == {kill_at}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(path)
files.fsync = fsync
{encoder}
embed_texts({texts!r}, encoder, EmbeddingCache(Path({folder!r})))
"""
FAKE = "encoder = FakeText(seconds=0.03)"


def start(folder: Path, *, kill_at: int = 0, encoder: str = FAKE, texts=TEXTS) -> subprocess.Popen:
    code = RUN.format(
        tests=str(Path(__file__).parent.parent),
        folder=str(folder),
        chunk=CHUNK,
        kill_at=kill_at,
        encoder=encoder,
        texts=texts,
    )
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)


def chunks(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("chunk-*.joblib")}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(embed_module, "TEXTS_PER_CHUNK", CHUNK)


@pytest.fixture
def undisturbed(tmp_path) -> tuple[bytes, dict[str, bytes]]:
    cache = EmbeddingCache(tmp_path / "undisturbed")
    vectors = embed_texts(TEXTS, FakeText(), cache).vectors.tobytes()
    return vectors, chunks(cache.folder)


# Two syncs per file: odd ones come before the rename, even ones after it. 1 and 2 are the plan's.
@pytest.mark.parametrize("kill_at", [1, 2, 3, 4, 11, 12, 22])
def test_killed_around_a_rename(tmp_path, undisturbed, kill_at):
    folder = tmp_path / "cache"
    process = start(folder, kill_at=kill_at)
    _, error = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, error
    done = len(chunks(folder))
    assert done == max((kill_at - 2) // 2, 0)
    encoder = FakeText()
    vectors = embed_texts(TEXTS, encoder, EmbeddingCache(folder)).vectors.tobytes()
    assert vectors == undisturbed[0]
    assert chunks(folder) == undisturbed[1]
    assert len(encoder.batches) == len(undisturbed[1]) - done
    assert done == len(undisturbed[1]) or not list(folder.rglob("plan*"))
    assert done == len(undisturbed[1]) or not list(folder.rglob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_again_and_again_at_random(tmp_path, undisturbed, seed):
    folder, moments, kills = tmp_path / "cache", random.Random(seed), 0
    for _ in range(30):
        before = len(chunks(folder))
        process = start(folder)
        while len(chunks(folder)) == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.08))
        process.kill()
        _, error = process.communicate(timeout=120)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, error
        kills += 1
    assert kills >= 2
    vectors = embed_texts(TEXTS, FakeText(), EmbeddingCache(folder)).vectors.tobytes()
    assert vectors == undisturbed[0]
    assert chunks(folder) == undisturbed[1]


def test_another_catalogue_after_a_kill_gets_its_own_plan(tmp_path):
    folder = tmp_path / "cache"
    process = start(folder, kill_at=8)
    process.communicate(timeout=120)
    kept = chunks(folder)
    assert len(kept) == 3
    texts = [*TEXTS[:100], *(f"new {number}" for number in range(20))]
    found = embed_texts(texts, FakeText(), EmbeddingCache(folder))
    assert found.has.all()
    assert found.encoded + found.reused == 120
    assert 0 < found.reused <= 3 * CHUNK
    assert kept.items() <= chunks(folder).items()
    again = embed_texts(texts, FakeText(), EmbeddingCache(folder))
    assert again.vectors.tobytes() == found.vectors.tobytes()


@pytest.mark.slow
def test_minilm_killed_between_chunks(tmp_path, minilm, minilm_folder):
    texts = [f"{text} in {colour}" for text in TEXTS[:40] for colour in ("red", "navy blue")]
    expected = embed_texts(texts, minilm, EmbeddingCache(tmp_path / "undisturbed"))
    spec = json.dumps(f"sentence-transformers:{minilm_folder}")
    encoder = f"encoder = load_text_encoder({spec}, dtype='bf16', device='cpu')"
    process = start(tmp_path / "cache", kill_at=7, encoder=encoder, texts=texts)
    _, error = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, error
    assert len(chunks(tmp_path / "cache")) == 2
    resumed = embed_texts(texts, minilm, EmbeddingCache(tmp_path / "cache"))
    assert resumed.encoded == 80 - 2 * CHUNK
    assert resumed.vectors.tobytes() == expected.vectors.tobytes()
    assert chunks(tmp_path / "cache") == chunks(tmp_path / "undisturbed")
