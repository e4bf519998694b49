"""Each text is encoded once: within a catalogue, between runs, after an update."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from encoders.fakes import FakeText
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.encoders import Embeddings, embed_texts, item_pictures, item_texts
from recsys_cli.encoders import embed as embed_module
from recsys_cli.errors import ArtifactError, TrainingError

SPEC = DatasetSpec(
    name="x",
    source="x",
    kind="generic",
    events=["purchase"],
    weights={"purchase": 1.0},
    truth_events=["purchase"],
    repurchase=False,
    horizon_days=7,
    has_time=False,
    text_columns=["name", "type", "size", "description"],
    image_root="data/x/images",
)
TEXTS = [f"{'long ' * (number % 7)}text {number}" for number in range(100)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(embed_module, "TEXTS_PER_CHUNK", 16)


class Counter:
    def __init__(self):
        self.tasks, self.done, self.warnings = [], 0, []

    def start(self, what, total=None):
        self.tasks.append((what, total))

    def advance(self, steps=1):
        self.done += steps

    def log(self, message): ...

    def warn(self, message):
        self.warnings.append(message)


def test_texts_are_made_of_the_named_columns_without_nulls_and_repeats():
    items = pl.DataFrame(
        {
            "description": ["Soft.", None, None, " strap top "],
            "name": ["Strap top", " ", None, "Strap top"],
            "type": ["Vest top", None, None, "STRAP TOP"],
            "size": [3, None, None, 4],
            "colour": ["red", "red", "red", "red"],
        }
    )
    assert item_texts(items, SPEC) == ["Strap top. Vest top. 3. Soft.", None, None, "Strap top. 4"]
    assert item_texts(items, SPEC.model_copy(update={"text_columns": []})) == [None] * 4


def test_pictures_lie_below_the_image_root(tmp_path):
    items = pl.DataFrame({"item": ["a", "b"], "image": ["0/a.jpg", None]})
    first, second = item_pictures(items, SPEC, workspace=tmp_path, named=None)
    assert first.as_posix() == "data/x/images/0/a.jpg"
    assert second is None
    none = item_pictures(items.drop("image"), SPEC, workspace=tmp_path, named=None)
    assert none == [None, None]
    strange = pl.DataFrame({"image": ["/etc/passwd", "../../secret.jpg", "a/../../b.jpg", "\0"]})
    assert item_pictures(strange, SPEC, workspace=tmp_path, named=None) == [None] * 4


def test_equal_texts_are_encoded_once_and_rows_keep_their_places(cache):
    encoder, texts = FakeText(), ["b", None, "a", "b", "", "ccc"]
    found = embed_texts(texts, encoder, cache)
    assert encoder.encoded == found.encoded == 3
    assert found.has.tolist() == [True, False, True, True, False, True]
    assert not found.vectors[[1, 4]].any()
    np.testing.assert_array_equal(found.vectors[0], found.vectors[3])
    expected = FakeText().encode(["a", "b", "ccc"])
    np.testing.assert_array_equal(found.vectors[[2, 0, 5]], expected)


def test_second_run_encodes_nothing_and_gives_the_same(cache):
    first = embed_texts(TEXTS, FakeText(), cache)
    encoder = FakeText()
    second = embed_texts(TEXTS, encoder, cache)
    assert not encoder.batches
    assert (second.encoded, second.reused) == (0, 100)
    assert first.vectors.tobytes() == second.vectors.tobytes()


def test_after_changing_10_rows_10_are_encoded(cache):
    before = embed_texts(TEXTS, FakeText(), cache)
    texts = [f"{text}!" if row % 10 == 3 else text for row, text in enumerate(TEXTS)]
    encoder = FakeText()
    after = embed_texts(texts, encoder, cache)
    assert encoder.encoded == after.encoded == 10
    assert after.reused == 90
    changed = (before.vectors != after.vectors).any(axis=1)
    assert np.flatnonzero(changed).tolist() == list(range(3, 100, 10))


def test_batches_hold_texts_of_similar_length_at_an_even_rate(cache):
    encoder, progress = FakeText(), Counter()
    embed_texts(TEXTS, encoder, cache, progress=progress)
    assert progress.tasks == [("encoding texts", 100)]
    assert progress.done == 100
    spreads = [max(map(len, batch)) - min(map(len, batch)) for batch in encoder.batches]
    assert max(spreads) <= 10
    means = [np.mean([len(text) for text in batch]) for batch in encoder.batches]
    assert sorted(means) != means


def test_another_encoder_shares_nothing(cache):
    embed_texts(TEXTS, FakeText(), cache)
    other = FakeText()
    other.fingerprint = "f" * 64
    assert embed_texts(TEXTS, other, cache).encoded == 100


def test_without_a_cache_everything_is_encoded_each_time():
    found = embed_texts([*TEXTS, None], FakeText(), None)
    assert (found.encoded, found.reused) == (100, 0)
    assert found.has.sum() == 100
    assert not found.has[-1]


def test_no_texts_at_all(cache):
    found = embed_texts([None, None], FakeText(), cache)
    assert found.vectors.shape == (2, 8)
    assert not found.has.any()


def test_a_damaged_chunk_is_reported_and_made_again(cache):
    first = embed_texts(TEXTS, FakeText(), cache)
    chunk = sorted(cache.folder.rglob("chunk-*"))[2]
    chunk.write_bytes(chunk.read_bytes()[:-40])
    progress = Counter()
    again = embed_texts(TEXTS, FakeText(), cache, progress=progress)
    assert again.encoded == 16
    assert len(progress.warnings) == 1
    assert chunk.name in progress.warnings[0]
    assert first.vectors.tobytes() == again.vectors.tobytes()


def test_values_that_are_not_numbers_are_refused(cache):
    class Broken(FakeText):
        def encode(self, batch):
            from recsys_cli.encoders.contract import unit_rows

            return unit_rows(np.full((len(batch), 8), np.nan))

    with pytest.raises(TrainingError, match="not numbers"):
        embed_texts(TEXTS, Broken(), cache)
    assert embed_texts(TEXTS, FakeText(), cache).encoded == 100


def test_embeddings_survive_the_pack_and_know_their_items(cache):
    found = embed_texts(["a", None], FakeText(), cache)
    pack = found.to_pack(encoder="fake@0", items_fingerprint="abc")
    assert pack["encoder"] == "fake@0"
    assert pack["dim"] == 8
    back = Embeddings.from_pack(pack, items_fingerprint="abc")
    np.testing.assert_array_equal(back.vectors, found.vectors)
    with pytest.raises(ArtifactError, match="other items"):
        Embeddings.from_pack(pack, items_fingerprint="xyz")


@pytest.mark.slow
def test_torch_is_not_imported_when_nothing_is_missing(cache, minilm, minilm_folder):
    texts = ["red dress", "blue jeans"]
    embed_texts(texts, minilm, cache)
    code = f"""
import sys
from pathlib import Path
from recsys_cli.encoders import EmbeddingCache, embed_texts, load_text_encoder
encoder = load_text_encoder("sentence-transformers:{minilm_folder}", dtype="bf16", device="cpu")
found = embed_texts({texts!r}, encoder, EmbeddingCache(Path({str(cache.folder)!r})))
assert found.has.all() and found.encoded == 0, found
heavy = {{"torch", "sentence_transformers", "transformers", "sklearn", "scipy", "PIL"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
