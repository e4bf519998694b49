"""Neighbours against the formula spelled out, scores against a dense product."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from recsys_cli.csr import CSR
from recsys_cli.errors import TrainingError
from recsys_cli.events.interactions import Interactions
from recsys_cli.strategies import neighbours as links
from recsys_cli.strategies.itemknn import ItemKnnConfig
from recsys_cli.strategies.itemknn.train import train_itemknn
from recsys_cli.strategies.neighbours import score_blocks, strongest

DAY = 86_400
REFERENCE = 1_600_000_000


def interactions(weights: np.ndarray, *, age_days: float = 0.0) -> Interactions:
    """From a dense matrix (users, items)."""
    pattern = CSR.from_rows(
        [np.flatnonzero(row).astype(np.int32) for row in weights], weights.shape[1]
    )
    n = pattern.nnz
    return Interactions(
        indptr=pattern.indptr,
        indices=pattern.indices,
        weight=weights[weights != 0].astype(np.float32),
        count=np.ones(n, np.uint32),
        last=np.full(n, REFERENCE - int(age_days * DAY), np.uint32),
        reference=REFERENCE,
        n_users=weights.shape[0],
        n_items=weights.shape[1],
    )


@pytest.fixture
def weights() -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.random((60, 20)) < 0.25) * rng.integers(1, 4, (60, 20)).astype(float)


def dense(matrix: CSR) -> np.ndarray:
    return matrix.to_scipy().toarray()


@pytest.mark.parametrize("popularity", [0.1, 0.4, 0.5, 0.9])
@pytest.mark.parametrize("shrinkage", [0.0, 3.0])
def test_cosine_of_columns_with_the_nearest_kept(
    weights: np.ndarray, popularity: float, shrinkage: float
) -> None:
    config = ItemKnnConfig(
        similarity="cosine", neighbours=5, popularity=popularity, shrinkage=shrinkage
    )
    found = train_itemknn(interactions(weights), config, threads=1).matrix
    squares = (weights**2).sum(axis=0)
    both = (weights > 0).astype(float).T @ (weights > 0)
    cosine = (
        weights.T @ weights / (squares[:, None] ** (1 - popularity) * squares[None] ** popularity)
    )
    cosine *= np.divide(both, both + shrinkage, out=np.zeros_like(both), where=both > 0)
    np.fill_diagonal(cosine, 0)
    for item in range(20):
        nearest = np.argsort(-cosine[item], kind="stable")[:5]
        assert found.row(item).tolist() == sorted(nearest[cosine[item, nearest] > 0].tolist())
        np.testing.assert_allclose(
            dense(found)[item, found.row(item)], cosine[item, found.row(item)], rtol=1e-6
        )


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("density", [0.004, 0.1])
def test_the_strongest_are_those_of_the_whole_product(density: float, own: bool) -> None:
    """Where an item reaches few others and where it reaches most, with many ties."""
    rng = np.random.default_rng(8)
    chosen = rng.random((150, 500)) < density
    matrix = scipy.sparse.csr_matrix(chosen * rng.integers(1, 3, (150, 500)).astype(float))
    found = dense(strongest(matrix, matrix, 7, own=own, threads=2))
    product = (matrix.T @ matrix).toarray()
    if not own:
        np.fill_diagonal(product, 0)
    want = np.zeros_like(product)
    for item, row in enumerate(product):
        best = np.argsort(-row, kind="stable")[: 7 + own]
        want[item, best] = row[best]
    np.testing.assert_array_equal(found, want)


def test_many_users_of_both_say_more_than_one() -> None:
    """Of item 0's users all had item 1; item 2 has one user, who had item 0."""
    weights = np.zeros((9, 4))
    weights[:8, [0, 1]] = 1
    weights[8, [0, 2]] = 1
    weights[0, 3] = 1
    found = [
        dense(train_itemknn(interactions(weights), config, threads=1).matrix)
        for config in (
            ItemKnnConfig(similarity="cosine", popularity=1.0, shrinkage=shrinkage)
            for shrinkage in (0.0, 3.0)
        )
    ]
    assert found[0][0, 2] == pytest.approx(found[0][0, 1])
    assert found[1][0, 2] < found[1][0, 1] / 2


def test_tfidf_weighs_users_of_everything_less() -> None:
    """Items 0 and 1 share a choosy user; 0 and 2 only one who has everything."""
    weights = np.zeros((3, 8))
    weights[0, [0, 1]] = 1
    weights[1, [0, 2, 3, 4, 5, 6]] = 1
    weights[2, 7] = 1
    config = ItemKnnConfig(similarity="tfidf")
    similar = dense(train_itemknn(interactions(weights), config, threads=1).matrix)
    plain = dense(
        train_itemknn(interactions(weights), ItemKnnConfig(similarity="cosine"), threads=1).matrix
    )
    assert plain[0, 1] == pytest.approx(plain[0, 2])
    assert similar[0, 1] > 2 * similar[0, 2]


@pytest.mark.parametrize("similarity", ["cosine", "tfidf", "bm25"])
def test_threads_do_not_matter_and_items_nobody_had_have_no_neighbours(
    weights: np.ndarray, similarity: str
) -> None:
    weights[:, 7] = 0
    config = ItemKnnConfig(similarity=similarity)
    one, two = (train_itemknn(interactions(weights), config, threads=t) for t in (1, 2))
    np.testing.assert_array_equal(one.matrix.indices, two.matrix.indices)
    np.testing.assert_array_equal(one.matrix.data, two.matrix.data)
    similar = dense(one.matrix)
    assert not similar[7].any()
    assert not similar[:, 7].any()
    assert not similar.diagonal().any()


def test_nothing_to_train_on() -> None:
    with pytest.raises(TrainingError, match="no interactions"):
        train_itemknn(interactions(np.zeros((3, 4))), ItemKnnConfig(), threads=1)


@pytest.mark.parametrize("few_terms", [0, 1 << 30])
@pytest.mark.parametrize("terms", [1, 200, 1 << 22])
def test_scores_are_the_product_whatever_the_blocks(
    weights: np.ndarray, monkeypatch: pytest.MonkeyPatch, few_terms: int, terms: int
) -> None:
    monkeypatch.setattr(links, "_FEW_TERMS", few_terms)
    monkeypatch.setattr(links, "_TERMS", terms)
    data = interactions(weights)
    neighbours = train_itemknn(data, ItemKnnConfig(), threads=1).matrix
    history = CSR(data.indptr, data.indices, 20, data.weight)
    got = np.zeros((60, 20))
    for start, block in score_blocks(history, neighbours):
        got[start : start + block.n_rows] += dense(block)
    want = weights @ dense(neighbours).astype(float)
    np.testing.assert_allclose(got, want.astype(np.float32), rtol=1e-6)


def test_an_item_of_one_half_life_ago_counts_half() -> None:
    data = interactions(np.array([[2.0, 0, 1]]), age_days=10)
    got = data.decayed(np.array([0, -1], np.int32), half_life_days=10)
    assert got.indptr.tolist() == [0, 2, 2]
    assert got.data is not None
    assert got.data.tolist() == [1.0, 0.5]


def test_order_counts_beside_age() -> None:
    """Items had together a day ago, but for one of today."""
    data = interactions(np.array([[1.0, 1, 1]]), age_days=1)
    data.last[1] = REFERENCE
    got = data.decayed(np.array([0], np.int32), half_life_days=1, half_life_events=2)
    assert got.data is not None
    np.testing.assert_allclose(got.data, [0.5 / 1.5, 1, 0.5 / 1.5], rtol=1e-6)
