import json
import subprocess
import sys

import numpy as np
import pytest

from recsys_cli.errors import ArtifactError, ConfigError
from recsys_cli.progress import Silent
from recsys_cli.strategies.content import itemindex_build
from recsys_cli.strategies.content.itemindex import load_index
from recsys_cli.strategies.content.itemindex_build import build_index

DIM = 30  # no multiple of what pq cuts vectors into
MADE_OF = {"encoders": {"text": "lsa"}, "items_fingerprint": "ids"}


def clustered(n, *, dim=DIM, clusters=40, seed=0):
    """Rows of unit length around as many centres."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(clusters, dim))
    rows = centres[rng.integers(0, clusters, n)] + 0.7 * rng.normal(size=(n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def near(vectors, n, *, seed):
    """Queries like the vectors, but none of them."""
    rng = np.random.default_rng(seed)
    moved = vectors[rng.integers(0, len(vectors), n)] + 0.05 * rng.normal(size=(n, DIM))
    return moved.astype(np.float32)


def brute(vectors, ids, queries, *, k, skip=None, allow=None):
    """Numbers of the k best, by sorting everything."""
    out = np.full((len(queries), k), -1)
    for row, query in enumerate(queries):
        scores = vectors.astype(np.float64) @ query
        ranked = [
            ids[i]
            for i in np.lexsort((ids, -scores))
            if (allow is None or allow[ids[i]]) and (skip is None or ids[i] != skip[row])
        ][:k]
        out[row, : len(ranked)] = ranked
    return out


class Log(Silent):
    def __init__(self):
        self.logs, self.warnings = [], []

    def log(self, message):
        self.logs.append(message)

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture(scope="module")
def vectors():
    return clustered(3000)


@pytest.fixture(scope="module")
def ids():
    """Numbers with gaps, as where some items have no vector."""
    return np.flatnonzero(np.random.default_rng(1).random(4000) < 0.8)[:3000]


@pytest.fixture(scope="module", params=["exact", "pq", "ivf"])
def index(request, vectors, ids):
    return build_index(vectors, ids, kind=request.param, **MADE_OF)


def agreement(got, want):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(got, want, strict=True)])


def test_finds_the_nearest(index, vectors, ids):
    queries = near(vectors, 200, seed=5)
    items, scores = index.search(queries, k=10)
    assert (items.dtype, scores.dtype) == (np.int32, np.float32)
    assert agreement(items, brute(vectors, ids, queries, k=10)) >= (
        1 if index.facts.kind == "exact" else 0.99
    )
    place = np.searchsorted(ids, items)
    np.testing.assert_allclose(
        scores, np.einsum("nkd,nd->nk", vectors[place], queries), rtol=1e-5, atol=1e-6
    )
    assert (np.diff(scores, axis=1) <= 0).all()


def test_states_what_it_is_and_how_good(index):
    facts = index.facts
    assert (facts.dim, facts.vectors, facts.metric) == (DIM, 3000, "inner product")
    assert facts.recall == 1 if facts.kind == "exact" else 0.99 <= facts.recall <= 1
    assert (
        set(facts.parameters)
        == {
            "exact": set(),
            "pq": {"subspaces", "bits", "k_factor"},
            "ivf": {"clusters", "nprobe"},
        }[facts.kind]
    )


def test_an_item_does_not_find_itself(index, vectors, ids):
    rows = np.arange(0, 3000, 100)
    with_self, _ = index.search(vectors[rows], k=5)
    assert (with_self[:, 0] == ids[rows]).all()
    without, _ = index.search(vectors[rows], k=5, skip=ids[rows])
    assert not (without == ids[rows, None]).any()
    assert agreement(without, brute(vectors, ids, vectors[rows], k=5, skip=ids[rows])) >= 0.99
    some = np.where(rows % 200 == 0, ids[rows], -1)
    mixed, _ = index.search(vectors[rows], k=5, skip=some)
    np.testing.assert_array_equal(mixed, np.where((some < 0)[:, None], with_self, without))


def test_a_filtered_search_is_exact_and_full(index, vectors, ids):
    allow = np.random.default_rng(2).random(4000) < 0.01
    queries = clustered(50, seed=6)
    got, _ = index.search(queries, k=12, allow=allow)
    np.testing.assert_array_equal(got, brute(vectors, ids, queries, k=12, allow=allow))
    none, scores = index.search(queries, k=3, allow=np.zeros(4000, np.bool_))
    assert (none == -1).all()
    assert np.isnan(scores).all()


def test_k_beyond_the_index_is_padded(ids):
    few = build_index(clustered(5), ids[:5], **MADE_OF)
    items, scores = few.search(clustered(2, seed=3), k=8, skip=ids[:2])
    assert sorted(items[0, :4].tolist()) == ids[1:5].tolist()
    assert (items[:, 4:] == -1).all()
    assert np.isnan(scores[:, 4:]).all()
    assert not np.isnan(scores[:, :4]).any()


def test_ties_go_to_the_lower_number():
    same = np.repeat(clustered(1), 6, axis=0)
    items, _ = build_index(same, np.arange(10, 16), **MADE_OF).search(same[:1], k=6)
    assert items[0].tolist() == list(range(10, 16))


def test_no_items_and_no_queries():
    empty = build_index(np.empty((0, DIM), np.float32), [], **MADE_OF)
    assert (empty.search(clustered(2), k=3)[0] == -1).all()
    some = build_index(clustered(4), range(4), **MADE_OF)
    assert some.search(np.empty((0, DIM), np.float32), k=3)[0].shape == (0, 3)


def test_many_queries_equal_one(index):
    queries = clustered(20, seed=8)
    items, scores = index.search(queries, k=6)
    for row, query in enumerate(queries):
        one, value = index.search(query[None], k=6)
        np.testing.assert_array_equal(one[0], items[row])
        np.testing.assert_allclose(value[0], scores[row], rtol=1e-6)


@pytest.mark.parametrize("kind", ["exact", "pq"])
def test_gives_vectors_back(kind, vectors, ids):
    index = build_index(vectors, ids, kind=kind, **MADE_OF)
    np.testing.assert_array_equal(index.vector(int(ids[17])), vectors[17])
    missing = int(np.setdiff1d(np.arange(ids[-1]), ids)[0])
    with pytest.raises(KeyError):
        index.vector(missing)


@pytest.mark.parametrize("kind", ["exact", "pq", "ivf"])
def test_same_vectors_and_seed_same_bytes(kind, vectors, ids, tmp_path):
    for name in ("a", "b"):
        build_index(vectors, ids, kind=kind, seed=3, **MADE_OF).save(tmp_path / f"{name}.faiss")
    assert (tmp_path / "a.faiss").read_bytes() == (tmp_path / "b.faiss").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_save_and_load(index, tmp_path):
    path = tmp_path / "faiss_items_shop.faiss"
    index.save(path)
    loaded = load_index(path, dim=DIM, **MADE_OF)
    assert loaded.facts == index.facts
    queries, allow = clustered(30, seed=9), np.random.default_rng(0).random(4000) < 0.2
    for mask in (None, allow):
        before, after = (i.search(queries, k=7, allow=mask) for i in (index, loaded))
        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_array_equal(before[1], after[1])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"encoders": {"text": "other"}}, r"made with lsa \(text\), but .* with other \(text\)"),
        ({"encoders": {}}, "with no encoder"),
        ({"dim": 31}, "holds 30 dimensions, but the items' vectors have 31"),
        ({"items_fingerprint": "new"}, "other items"),
    ],
)
def test_an_index_of_other_vectors_is_refused(changed, words, vectors, ids, tmp_path):
    build_index(vectors, ids, **MADE_OF).save(tmp_path / "x.faiss")
    with pytest.raises(ArtifactError, match=words) as error:
        load_index(tmp_path / "x.faiss", **({"dim": DIM} | MADE_OF | changed))
    assert error.value.hint.startswith("recsys index")


def test_damaged_and_missing_files_are_refused(vectors, ids, tmp_path):
    path = tmp_path / "x.faiss"
    with pytest.raises(ArtifactError, match="does not exist"):
        load_index(path, dim=DIM, **MADE_OF)
    build_index(vectors, ids, **MADE_OF).save(path)
    facts = json.loads(path.with_suffix(".json").read_text())
    for wrong in ({"odd": 1}, [1], {**facts, "vectors": 7}):
        path.with_suffix(".json").write_text(json.dumps(wrong))
        with pytest.raises(ArtifactError, match="describe"):
            load_index(path, dim=DIM, **MADE_OF)
    path.with_suffix(".json").write_text(json.dumps(facts))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ArtifactError, match="damaged"):
        load_index(path, dim=DIM, **MADE_OF)
    path.with_suffix(".json").unlink()
    with pytest.raises(ArtifactError, match=r"x\.json does not exist"):
        load_index(path, dim=DIM, **MADE_OF)


def test_auto_is_exact_while_that_is_fast(vectors, ids, monkeypatch):
    assert build_index(vectors, ids, **MADE_OF).facts.kind == "exact"
    monkeypatch.setattr(itemindex_build, "_EXACT_BELOW", 3000 * 32 - 1)
    assert build_index(vectors, ids, **MADE_OF).facts.kind == "pq"


def test_too_few_items_to_train_on(ids):
    assert build_index(clustered(200), ids[:200], kind="pq", **MADE_OF).facts.kind == "exact"


def test_tries_harder_and_gives_way_to_exact(monkeypatch):
    # Vectors without any structure, and little to choose from.
    noise = np.random.default_rng(0).normal(size=(3000, DIM)).astype(np.float32)
    monkeypatch.setattr(itemindex_build, "_NPROBES", (1, 2, 10_000))
    log = Log()
    index = build_index(noise, range(3000), kind="ivf", progress=log, **MADE_OF)
    assert (index.facts.kind, index.facts.parameters["nprobe"]) == ("ivf", 10_000)
    assert sum("below the bound" in line for line in log.logs) == 2
    monkeypatch.setattr(itemindex_build, "_NPROBES", (1, 2))
    index = build_index(noise, range(3000), kind="ivf", progress=log, **MADE_OF)
    assert index.facts.kind == "exact"
    assert "it will be exact" in log.warnings[0]
    loose = build_index(noise, range(3000), kind="ivf", min_recall=0.05, **MADE_OF)
    assert loose.facts.kind == "ivf"
    assert 0.05 <= loose.facts.recall < 0.9


def test_vectors_that_differ_in_length_are_ranked_by_inner_product(vectors, ids):
    lengths = np.random.default_rng(4).uniform(0.5, 1, 3000).astype(np.float32)
    uneven = vectors * lengths[:, None]
    queries = near(vectors, 100, seed=7)
    index = build_index(uneven, ids, kind="pq", **MADE_OF)
    assert index.facts.kind == "pq"
    found = index.search(queries, k=10)[0]
    assert agreement(found, brute(uneven, ids, queries, k=10)) >= 0.99


def test_impossible_input_is_refused(vectors, ids):
    with pytest.raises(ConfigError, match="hnsw"):
        build_index(vectors, ids, kind="hnsw", **MADE_OF)
    with pytest.raises(ValueError, match="ids"):
        build_index(vectors, ids[:-1], **MADE_OF)
    with pytest.raises(ValueError, match="ascending"):
        build_index(vectors[:2], [1, 1], **MADE_OF)
    broken = vectors.copy()
    broken[5, 5] = np.nan
    with pytest.raises(ArtifactError, match="NaN"):
        build_index(broken, ids, **MADE_OF)
    index = build_index(vectors, ids, **MADE_OF)
    with pytest.raises(ValueError, match="queries"):
        index.search(vectors[:, :-1], k=3)
    with pytest.raises(ValueError, match="k must"):
        index.search(vectors, k=0)


def test_importing_the_module_leaves_faiss_out():
    script = (
        "import sys, recsys_cli.strategies.content.itemindex;"
        "import recsys_cli.strategies.content.itemindex_build;"
        "sys.exit('faiss' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
