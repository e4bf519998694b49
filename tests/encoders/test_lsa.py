"""LSA finds what goes together, fits to the same bytes, and travels without pickle."""

import subprocess
import sys

import numpy as np
import pytest

from recsys_cli.encoders import embed_texts, load_text_encoder
from recsys_cli.encoders import lsa as lsa_module
from recsys_cli.encoders.lsa import LsaEncoder, words
from recsys_cli.store.packs import load_pack, save_pack

KINDS = {
    "dress": ["gown", "silk", "evening", "satin"],
    "shoes": ["sneakers", "laces", "rubber", "sole"],
    "jeans": ["denim", "pockets", "zip", "rivets"],
}


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    rng = np.random.default_rng(3)
    colours = ["red", "blue", "green", "black"]
    return [
        " ".join([rng.choice(colours), kind, *rng.choice(about, 3, replace=False)])
        for kind, about in KINDS.items()
        for _ in range(60)
    ]


@pytest.fixture(scope="module")
def encoder(corpus) -> LsaEncoder:
    return load_text_encoder("lsa:8").fit(corpus)


def test_words_are_folded():
    assert words("Élégant T-shirt, 100% COTTON") == ["elegant", "t", "shirt", "100", "cotton"]


def test_finds_texts_that_share_no_word_with_the_query(encoder, corpus):
    items = encoder.encode(corpus)
    assert items.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(items, axis=1), 1, atol=1e-6)
    without = [row for row, text in enumerate(corpus) if "gown" not in text]
    scores = items[without] @ encoder.encode_queries(["gown"])[0]
    best = [corpus[without[at]].split()[1] for at in np.argsort(-scores)[:20]]
    assert best == ["dress"] * 20


def test_encoding_is_what_scikit_learn_computes(encoder, corpus):
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    distinct = sorted(set(corpus))
    weights = TfidfVectorizer(sublinear_tf=True).fit_transform(distinct)
    theirs = normalize(TruncatedSVD(8, n_iter=5, random_state=42).fit_transform(weights))
    ours = encoder.encode(distinct)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=2e-3)


def test_the_same_texts_in_any_order_fit_to_the_same_bytes(encoder, corpus):
    again = LsaEncoder(dim=8).fit([None, "", *reversed(corpus), corpus[0]])
    assert again.name == encoder.name
    assert again.encode(corpus).tobytes() == encoder.encode(corpus).tobytes()
    assert LsaEncoder(dim=8).fit(corpus[1:90]).fingerprint != encoder.fingerprint


@pytest.mark.slow
def test_another_process_fits_to_the_same_bytes(encoder, corpus):
    code = f"from recsys_cli.encoders import load_text_encoder as load; \
print(load('lsa:8').fit({corpus!r}).fingerprint)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == encoder.fingerprint


def test_travels_as_a_pack_and_answers_queries_without_scikit_learn(encoder, corpus, tmp_path):
    save_pack(tmp_path / "lsa.joblib", encoder.to_pack())
    back = load_text_encoder("lsa:8", fitted=load_pack(tmp_path / "lsa.joblib"))
    assert back.name == encoder.name
    assert back.encode(corpus).tobytes() == encoder.encode(corpus).tobytes()
    code = f"""
import sys
from pathlib import Path
from recsys_cli.encoders import load_text_encoder
from recsys_cli.store.packs import load_pack
fitted = load_pack(Path({str(tmp_path / "lsa.joblib")!r}))
assert load_text_encoder("lsa", fitted=fitted).encode_queries(["gown"]).any()
assert not {{"sklearn", "scipy", "torch", "polars"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_text_without_a_known_word_has_no_vector(encoder):
    found = embed_texts(["xylophone", "red dress", None], encoder, None)
    assert found.has.tolist() == [False, True, False]
    assert not found.vectors[0].any()


@pytest.mark.parametrize(
    ("texts", "dim"),
    [(["a b c", "c d e"], 1), (["one"], 1), (["a a"], 1), ([], 1), ([None, "!?"], 1),
     (["a b c d", "b c d e", "c d e f", "d e f g"], 3)],
)  # fmt: skip
def test_small_corpora_have_small_vectors(texts, dim):
    encoder = LsaEncoder(dim=8).fit(texts)
    assert encoder.dim == dim
    assert encoder.encode(["a b", "?"]).shape == (2, dim)
    assert encoder.encode([]).shape == (0, dim)
    assert LsaEncoder.from_pack(encoder.to_pack()).name == encoder.name


def test_large_corpora_are_fitted_on_a_sample(corpus, monkeypatch):
    monkeypatch.setattr(lsa_module, "FIT_LIMIT", 40)
    encoder = LsaEncoder(dim=8).fit(corpus)
    vectors = encoder.encode(corpus)
    assert (np.linalg.norm(vectors, axis=1) > 0.99).all()
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[-1]


def test_has_to_be_fitted_first():
    with pytest.raises(ValueError, match="fitted first"):
        load_text_encoder("lsa").encode(["x"])
