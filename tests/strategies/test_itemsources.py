import numpy as np
import pytest

from recsys_cli.errors import ArtifactError
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.strategies.content.fusion import fuse
from recsys_cli.strategies.content.itemindex_build import build_index
from recsys_cli.strategies.content.itemsources import SourceRows, fuse_sources


def embeddings(n, dim, *, seed, missing=(), encoder="toy", fingerprint="ids"):
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    has = np.ones(n, np.bool_)
    has[list(missing)] = False
    return {
        "vectors": vectors,
        "has": has,
        "encoder": encoder,
        "dim": dim,
        "items_fingerprint": fingerprint,
    }


@pytest.fixture
def text():
    return {
        "rr": embeddings(6, 4, seed=1, missing=[0, 3], fingerprint="r"),
        "hm": embeddings(9, 4, seed=2, fingerprint="h"),
    }


@pytest.fixture
def image():
    return {"hm": embeddings(9, 3, seed=3, missing=[5], fingerprint="h")}


def test_numbers_and_what_they_stand_for(text, image):
    vectors, rows = fuse_sources(text, image)
    assert vectors.shape == (9 + 4, 7)
    assert rows.datasets == ["hm", "rr"]
    assert rows.row.tolist() == [*range(9), 1, 2, 4, 5]
    assert [rows.number("hm", r) for r in range(9)] == list(range(9))
    assert [rows.number("rr", r) for r in range(6)] == [-1, 9, 10, -1, 11, 12]
    assert rows.number("movies", 0) == rows.number("hm", 9) == -1
    assert np.flatnonzero(rows.only("rr")).tolist() == [9, 10, 11, 12]
    assert not rows.only("movies").any()


def test_products_across_datasets_are_those_of_one_catalogue(text, image):
    vectors, rows = fuse_sources(text, image, text_weight=0.7, image_weight=0.3)
    hm = fuse(text["hm"], image["hm"], text_weight=0.7, image_weight=0.3)
    np.testing.assert_allclose(vectors[:9], hm.vectors, atol=1e-6)
    # Items of the other dataset are items without a picture.
    guess = (image["hm"]["vectors"] @ image["hm"]["vectors"].T)[:, image["hm"]["has"]].mean(axis=1)
    cosine = text["hm"]["vectors"] @ text["rr"]["vectors"][4]
    want = 0.7 * cosine + 0.3 * guess
    got = vectors[:9] @ vectors[rows.number("rr", 4)]
    np.testing.assert_allclose(np.delete(got, 5), np.delete(want, 5), atol=1e-6)


def test_one_index_over_all_filtered_to_one_dataset(text, image):
    vectors, rows = fuse_sources(text, image)
    index = build_index(
        vectors,
        np.arange(len(vectors)),
        encoders=rows.space.encoders,
        items_fingerprint=rows.items_fingerprint,
    )
    asked = rows.number("rr", 2)
    query = index.vector(asked)[None]
    everywhere, _ = index.search(query, k=20, skip=[asked])
    assert sorted(everywhere[0, :12].tolist()) == [i for i in range(13) if i != asked]
    only, _ = index.search(query, k=20, skip=[asked], allow=rows.only("hm"))
    listed = only[0][only[0] >= 0]
    assert {rows.datasets[c] for c in rows.dataset[listed]} == {"hm"}
    assert listed.tolist() == [i for i in everywhere[0] if 0 <= i < 9]


def test_fingerprint_follows_every_dataset(text, image):
    first = fuse_sources(text, image)[1].items_fingerprint
    assert fuse_sources(text, {})[1].items_fingerprint == first
    text["rr"]["items_fingerprint"] = "new"
    assert fuse_sources(text, image)[1].items_fingerprint != first


def test_what_does_not_go_together_is_refused(text, image):
    with pytest.raises(ArtifactError, match="hm were made for different items"):
        fuse_sources(text, {"hm": embeddings(9, 3, seed=3, fingerprint="other")})
    text["rr"]["encoder"] = "lsa"
    with pytest.raises(ArtifactError, match="text embeddings differ: hm with toy and rr with lsa"):
        fuse_sources(text, image)
    with pytest.raises(ArtifactError, match="no item has"):
        fuse_sources({}, {})


def test_pack_round_trip(text, image, tmp_path):
    rows = fuse_sources(text, image)[1]
    save_pack(tmp_path / "rows.joblib", rows.to_pack())
    back = SourceRows.from_pack(load_pack(tmp_path / "rows.joblib"))
    assert (back.datasets, back.space) == (rows.datasets, rows.space)
    assert back.items_fingerprint == rows.items_fingerprint
    assert back.number("rr", 4) == 11
