import numpy as np
import pytest

from recsys_cli.errors import ArtifactError, ConfigError
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.strategies.content import fusion
from recsys_cli.strategies.content.fusion import ContentVectors, fuse

N, TEXT_DIM, IMAGE_DIM = 60, 5, 3


def embeddings(dim, *, seed, missing=(), encoder="toy", n=N, fingerprint="ids"):
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(n, dim)) + 0.6).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    has = np.ones(n, np.bool_)
    has[list(missing)] = False
    vectors[~has] = 0
    return {
        "vectors": vectors,
        "has": has,
        "encoder": encoder,
        "dim": dim,
        "items_fingerprint": fingerprint,
    }


@pytest.fixture
def text():
    return embeddings(TEXT_DIM, seed=1, missing=[7, 9], encoder="lsa")


@pytest.fixture
def image():
    return embeddings(IMAGE_DIM, seed=2, missing=[3, 4, 9], encoder="histogram")


def cosines(pack):
    return pack["vectors"] @ pack["vectors"].T


def test_products_are_the_weighted_sum_of_the_cosines(text, image):
    got = fuse(text, image, text_weight=3, image_weight=1)
    both = np.flatnonzero(text["has"] & image["has"])
    want = 0.75 * cosines(text) + 0.25 * cosines(image)
    products = got.vectors @ got.vectors.T
    np.testing.assert_allclose(products[np.ix_(both, both)], want[np.ix_(both, both)], atol=1e-6)
    np.testing.assert_allclose(products.diagonal()[both], 1, atol=1e-6)
    assert (got.space.text_weight, got.space.image_weight) == (0.75, 0.25)
    assert (got.space.text_dim, got.space.image_dim, got.space.dim) == (
        TEXT_DIM,
        IMAGE_DIM,
        TEXT_DIM + IMAGE_DIM,
    )
    assert got.vectors.dtype == np.float32
    assert got.space.encoders == {"text": "lsa", "image": "histogram"}


def test_a_missing_picture_counts_as_the_other_items_mean_cosine_with_all_pictures(text, image):
    got = fuse(text, image, text_weight=0.6, image_weight=0.4)
    guess = cosines(image)[:, image["has"]].mean(axis=1)
    full = np.flatnonzero(text["has"] & image["has"])
    want = 0.6 * cosines(text)[3] + 0.4 * guess
    np.testing.assert_allclose(got.vectors[full] @ got.vectors[3], want[full], atol=1e-6)


def test_a_missing_text_counts_as_the_mean_cosine_with_all_texts(text, image):
    got = fuse(text, image, text_weight=0.6, image_weight=0.4)
    guess = cosines(text)[:, text["has"]].mean(axis=1)
    full = np.flatnonzero(text["has"] & image["has"])
    want = 0.6 * guess + 0.4 * cosines(image)[7]
    np.testing.assert_allclose(got.vectors[full] @ got.vectors[7], want[full], atol=1e-6)


def test_items_without_pictures_are_neither_favoured_nor_buried():
    """Which items have a picture is chance here, so it must not show in the scores on average."""
    n, without = 2000, np.random.default_rng(0).random(2000) < 0.5
    text = embeddings(16, seed=3, n=n)
    image = embeddings(16, seed=4, n=n, missing=np.flatnonzero(without))
    got = fuse(text, image, text_weight=0.5, image_weight=0.5)
    scores = got.vectors @ got.vectors.T
    np.fill_diagonal(scores, np.nan)
    for asking in (without, ~without):
        means = [np.nanmean(scores[np.ix_(asking, asked)]) for asked in (without, ~without)]
        assert means[0] == pytest.approx(means[1], abs=0.005)
    by_text = np.stack([got.space.query_vector(text=v) for v in text["vectors"][:100]])
    best = np.argsort(-(by_text @ got.vectors.T), axis=1)[:, :200]
    assert without[best].mean() == pytest.approx(without.mean(), abs=0.03)


def test_items_without_any_part_have_no_vector(text, image):
    got = fuse(text, image)
    assert not got.vectors[9].any()
    assert np.flatnonzero(~got.has).tolist() == [9]
    assert np.flatnonzero(~got.has_text).tolist() == [7, 9]
    assert np.flatnonzero(~got.has_image).tolist() == [3, 4, 9]


@pytest.mark.parametrize("how", ["no pack", "no picture", "weight 0"])
def test_one_part_alone_is_plain_cosine(text, image, how):
    other = {"no pack": None, "no picture": embeddings(3, seed=5, missing=range(N))}
    image = other.get(how, image)
    got = fuse(text, image, text_weight=0.2, image_weight=0 if how == "weight 0" else 1)
    np.testing.assert_allclose(got.vectors, text["vectors"], atol=1e-7)
    assert (got.space.text_weight, got.space.image_weight, got.space.image_dim) == (1, 0, 0)
    np.testing.assert_array_equal(got.has, text["has"])
    assert not got.has_image.any()
    assert got.space.encoders == {"text": "lsa"}


def test_embeddings_of_other_lengths_and_in_half_precision(text, image):
    half = {**text, "vectors": (5 * text["vectors"]).astype(np.float16)}
    got, want = fuse(half, image).vectors, fuse(text, image).vectors
    np.testing.assert_allclose(got, want, atol=1e-3)
    full = text["has"] & image["has"]
    np.testing.assert_allclose(np.linalg.norm(got[full], axis=1), 1, atol=1e-6)


def test_blocks_give_the_same_vectors(text, image, monkeypatch):
    want = fuse(text, image).vectors
    monkeypatch.setattr(fusion, "_ROWS", 7)
    np.testing.assert_allclose(fuse(text, image).vectors, want, atol=1e-7)


def test_query_by_text_and_by_picture(text, image):
    got = fuse(text, image, text_weight=0.8, image_weight=0.2)
    full = np.flatnonzero(text["has"] & image["has"])
    words, picture = 3 * text["vectors"][0], 0.5 * image["vectors"][1]
    by_text = (got.vectors @ got.space.query_vector(text=words))[full]
    np.testing.assert_allclose(by_text, cosines(text)[0, full], atol=1e-6)
    by_image = (got.vectors @ got.space.query_vector(image=picture))[full]
    np.testing.assert_allclose(by_image, cosines(image)[1, full], atol=1e-6)
    by_both = (got.vectors @ got.space.query_vector(text=words, image=picture))[full]
    np.testing.assert_allclose(by_both, 0.8 * by_text + 0.2 * by_image, atol=1e-6)


def test_queries_that_cannot_be_answered(text):
    got = fuse(text, None)
    with pytest.raises(ArtifactError, match="no image part"):
        got.space.query_vector(image=np.ones(3, np.float32))
    with pytest.raises(ArtifactError, match="no such part"):
        got.space.query_vector()
    with pytest.raises(ValueError, match="shape"):
        got.space.query_vector(text=np.ones(4, np.float32))
    with pytest.raises(ValueError, match="zero or not finite"):
        got.space.query_vector(text=np.zeros(TEXT_DIM, np.float32))


def test_what_does_not_go_together_is_refused(text, image):
    with pytest.raises(ArtifactError, match="different items"):
        fuse(text, embeddings(3, seed=2, fingerprint="others"))
    with pytest.raises(ArtifactError, match="no item has"):
        fuse(None, None)
    with pytest.raises(ConfigError, match="at least 0"):
        fuse(text, image, text_weight=-1)
    with pytest.raises(ConfigError, match="weight 0"):
        fuse(text, None, text_weight=0)
    text["vectors"][2] = np.nan
    with pytest.raises(ArtifactError, match="text embedding of item row 2"):
        fuse(text, image)


def test_pack_round_trip(text, image, tmp_path):
    got = fuse(text, image, text_weight=0.7, image_weight=0.3)
    save_pack(tmp_path / "content.joblib", got.to_pack())
    back = ContentVectors.from_pack(load_pack(tmp_path / "content.joblib"))
    for field in ("vectors", "has_text", "has_image"):
        np.testing.assert_array_equal(getattr(back, field), getattr(got, field))
    assert (back.space, back.items_fingerprint) == (got.space, "ids")
