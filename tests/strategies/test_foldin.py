import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from recsys_cli.csr import CSR
from recsys_cli.ranking.gram import gram_matrix
from recsys_cli.strategies.collab import foldin
from recsys_cli.strategies.collab.foldin import fold_in


def brute(item_factors, ids, weights, *, regularization, alpha):
    """Equation 4 of the paper with the full confidence matrix."""
    y = item_factors.astype(np.float64)
    w, p = np.zeros(len(y)), np.zeros(len(y))
    w[ids], p[ids] = weights, np.asarray(weights) > 0
    c = np.diag(1 + alpha * w)
    left = y.T @ c @ y + regularization * np.eye(y.shape[1])
    return np.linalg.solve(left, y.T @ c @ p)


@pytest.fixture
def case():
    rng = np.random.default_rng(7)
    factors = rng.normal(size=(40, 6)).astype(np.float32)
    rows = [rng.choice(40, size, replace=False).astype(np.int32) for size in (5, 0, 1, 40, 12)]
    items = CSR.from_rows(rows, 40)
    return factors, CSR(items.indptr, items.indices, 40, rng.random(items.nnz).astype(np.float32))


def test_equals_the_normal_equations_written_out(case):
    factors, items = case
    got = fold_in(factors, items, regularization=0.3, alpha=4.0)
    for row in range(items.n_rows):
        span = slice(items.indptr[row], items.indptr[row + 1])
        want = brute(factors, items.row(row), items.data[span], regularization=0.3, alpha=4.0)
        np.testing.assert_allclose(got[row], want, rtol=1e-4, atol=1e-5)
    assert not got[1].any()


def test_equals_implicit(case):
    factors, items = case
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=6, regularization=0.3, alpha=1.0)
        model.item_factors = factors
        confidence = CSR(items.indptr, items.indices, 40, 1 + np.float32(4) * items.data)
        want = model.recalculate_user(np.arange(items.n_rows), confidence.to_scipy())
    got = fold_in(factors, items, regularization=0.3, alpha=4.0)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


def test_batch_equals_single(case, monkeypatch):
    factors, items = case
    options = {"regularization": 0.1, "alpha": 2.0, "gram": gram_matrix(factors)}
    monkeypatch.setattr(foldin, "_ENTRIES", 100)
    batch = fold_in(factors, items, **options)
    for row in range(items.n_rows):
        single = fold_in(factors, items.take(np.array([row])), **options)
        np.testing.assert_allclose(single[0], batch[row], rtol=1e-5, atol=1e-7)


def test_missing_weights_are_ones_and_zero_weights_are_no_items(case):
    factors, items = case
    options = {"regularization": 0.1, "alpha": 2.0}
    ones = CSR(items.indptr, items.indices, 40, np.ones(items.nnz, np.float32))
    pattern = CSR(items.indptr, items.indices, 40)
    np.testing.assert_array_equal(
        fold_in(factors, pattern, **options), fold_in(factors, ones, **options)
    )
    zeros = CSR(items.indptr, items.indices, 40, np.zeros(items.nnz, np.float32))
    assert not fold_in(factors, zeros, **options).any()


def test_scaled_penalty_grows_with_the_number_of_items(case):
    factors, items = case
    three = items.take(np.array([0]))  # five items
    scaled = fold_in(factors, three, regularization=0.2, alpha=2.0, scale_by_count=True)
    plain = fold_in(factors, three, regularization=1.0, alpha=2.0)
    np.testing.assert_allclose(scaled, plain, rtol=1e-6)


def test_impossible_input_is_refused(case):
    factors, items = case
    with pytest.raises(ValueError, match="40 columns, not 39"):
        fold_in(factors[:39], items, regularization=0.1, alpha=1.0)
    negative = CSR(items.indptr, items.indices, 40, -items.data)
    with pytest.raises(ValueError, match="at least 0"):
        fold_in(factors, negative, regularization=0.1, alpha=1.0)
    zeros = np.zeros_like(factors)
    with pytest.raises(ValueError, match="above 0"):
        fold_in(zeros, items, regularization=0.0, alpha=1.0)
