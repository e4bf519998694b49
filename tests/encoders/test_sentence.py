"""The real MiniLM through the real sentence-transformers."""

import numpy as np
import pytest

from recsys_cli.encoders import load_text_encoder
from recsys_cli.encoders.sentence import equal_lengths

TEXTS = [
    "red dress",
    "crimson gown",
    "running shoes",
    "Strap top. Vest top. Garment Upper body. Solid. Black. Jersey top with narrow straps.",
    "Trousers in soft organic cotton with an elasticated waist and a dinosaur print. " * 3,
    "sneakers for the gym",
]


def test_meaning_counts_more_than_words(minilm):
    red_dress, crimson_gown, running_shoes, *_, sneakers = minilm.encode(TEXTS)
    assert red_dress @ crimson_gown > red_dress @ running_shoes + 0.2
    assert running_shoes @ sneakers > running_shoes @ crimson_gown + 0.2


def test_vectors_are_unit_rows_in_the_order_of_the_texts(minilm):
    vectors = minilm.encode(TEXTS)
    assert vectors.shape == (6, 384)
    assert vectors.dtype == np.float32
    assert minilm.dim == 384
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    one_by_one = np.concatenate([minilm.encode([text]) for text in TEXTS])
    assert (vectors * one_by_one).sum(axis=1).min() > 0.9999
    assert minilm.encode([]).shape == (0, 384)


def test_encoding_twice_gives_the_same_bytes(minilm):
    assert minilm.encode(TEXTS).tobytes() == minilm.encode(TEXTS).tobytes()


@pytest.mark.slow
def test_bf16_agrees_with_fp32_and_with_the_library_itself(minilm, minilm_folder):
    full = load_text_encoder(f"sentence-transformers:{minilm_folder}", dtype="fp32", device="cpu")
    exact = full.encode(TEXTS)
    assert full.facts["precision"] == "fp32"
    assert minilm.facts["precision"] == "bf16"
    assert minilm.facts["bf16_cosine"] > 0.99
    assert (exact * minilm.encode(TEXTS)).sum(axis=1).min() > 0.99
    assert full.fingerprint != minilm.fingerprint

    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(minilm_folder), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(exact, reference, atol=2e-5)


@pytest.mark.slow
def test_auto_stays_in_fp32_where_bf16_loses_too_much(minilm_folder, monkeypatch):
    from recsys_cli.encoders import torchload

    monkeypatch.setattr(torchload, "has_fast_bf16", lambda device: True)
    monkeypatch.setattr(torchload, "AGREEMENT", 0.9999999)
    encoder = load_text_encoder(f"sentence-transformers:{minilm_folder}", device="cpu")
    encoder.encode(["x"])
    assert encoder.facts["precision"] == "fp32"
    assert 0.99 < encoder.facts["bf16_cosine"] < 0.9999999


def test_queries_are_texts_for_a_model_without_roles(minilm):
    np.testing.assert_array_equal(minilm.encode_queries(TEXTS[:1]), minilm.encode(TEXTS[:1]))


def test_batches_hold_texts_of_one_length():
    lengths = np.array([5, 3, 5, 5, 3, 9])
    batches = equal_lengths(lengths, budget=10)
    assert [batch.tolist() for batch in batches] == [[1, 4], [0, 2], [3], [5]]
    assert [batch.tolist() for batch in equal_lengths(np.array([50]), budget=10)] == [[0]]


@pytest.mark.parametrize("texts", [["hello"], ["a", "b", "c"]])
def test_other_users_of_torch_keep_their_threads(minilm, texts):
    import torch

    before = torch.get_num_threads()
    minilm.encode(texts)
    assert torch.get_num_threads() == before
