import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.brute import assert_same, brute_top_k, random_exclusion
from recsys_cli.csr import CSR
from recsys_cli.ranking.topk import rank_items, top_k_shared, top_k_sparse


@st.composite
def cases(draw):
    """Scores with ties (few levels) and non-candidates, an exclusion and an allow-list."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, n_items = draw(st.integers(0, 6)), draw(st.integers(1, 30))
    levels = draw(st.sampled_from([1, 3, 1000]))
    share = draw(st.sampled_from([None, 0.0, 0.3, 1.0]))
    allowed = draw(st.sampled_from([None, 0.0, 0.5]))
    scores = rng.integers(-levels, levels, (n, n_items)).astype(np.float32)
    scores[rng.random((n, n_items)) < 0.2] = -np.inf
    limits = {
        "k": draw(st.integers(1, 40)),
        "exclude": None if share is None else random_exclusion(rng, n, n_items, share),
        "allow": None if allowed is None else rng.random(n_items) < allowed,
    }
    return scores, limits


many = settings(max_examples=150, deadline=None)


@many
@given(cases())
def test_shared_row_equals_that_row_for_every_user(case):
    scores, limits = case
    row = scores[0] if len(scores) else np.zeros(scores.shape[1], np.float32)
    got = top_k_shared(row, n=len(scores), **limits)
    want = brute_top_k(np.broadcast_to(row, scores.shape), **limits)
    assert_same(got, want)


@many
@given(cases())
def test_short_lists_equal_the_same_scores_as_a_matrix(case):
    scores, limits = case
    rows = [np.flatnonzero(row > -np.inf).astype(np.int32) for row in scores]
    pattern = CSR.from_rows(rows, scores.shape[1])
    candidates = CSR(pattern.indptr, pattern.indices, scores.shape[1], scores[scores > -np.inf])
    assert_same(top_k_sparse(candidates, **limits), brute_top_k(scores, **limits))


@pytest.mark.parametrize("levels", [1, 3, 1000])
@pytest.mark.parametrize("k", [1, 5, 24, 26])
def test_one_long_list_equals_the_same_scores_as_a_matrix(levels, k):
    scores = np.random.default_rng(k).integers(-levels, levels, (1, 200)).astype(np.float32)
    pattern = CSR.from_rows([np.arange(200, dtype=np.int32)], 200)
    candidates = CSR(pattern.indptr, pattern.indices, 200, scores[0])
    assert_same(top_k_sparse(candidates, k=k), brute_top_k(scores, k=k))


@pytest.mark.parametrize("compiled", [False, True])
def test_many_entries_equal_the_same_scores_as_a_matrix(monkeypatch, compiled):
    monkeypatch.setattr("recsys_cli.ranking.topk.lists._FEW_ENTRIES", 0 if compiled else 1 << 30)
    rng = np.random.default_rng(5)
    scores = rng.integers(-4, 4, (300, 90)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.3] = -np.inf
    scores[17] = -np.inf
    rows = [np.flatnonzero(row > -np.inf).astype(np.int32) for row in scores]
    pattern = CSR.from_rows(rows, 90)
    candidates = CSR(pattern.indptr, pattern.indices, 90, scores[scores > -np.inf])
    limits = {"k": 12, "exclude": random_exclusion(rng, 300, 90, 0.4), "allow": None}
    assert_same(top_k_sparse(candidates, **limits), brute_top_k(scores, **limits))


def test_ties_go_to_the_lower_id_and_lists_are_refilled():
    scores = np.array([1, 2, 2, 2, 0], np.float32)
    exclude = CSR.from_rows([np.array([1], np.int32)], 5)
    items, values = top_k_shared(scores, n=1, k=3, exclude=exclude)
    assert items.tolist() == [[2, 3, 0]]
    assert values.tolist() == [[2, 2, 1]]


def test_blocks_of_users_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(3)
    scores = rng.random(20).astype(np.float32)
    exclude = random_exclusion(rng, 50, 20, 0.4)
    want = top_k_shared(scores, n=50, k=4, exclude=exclude)
    monkeypatch.setattr("recsys_cli.ranking.topk.lists._BLOCK_USERS", 7)
    assert_same(top_k_shared(scores, n=50, k=4, exclude=exclude), want)


def test_a_known_order_gives_the_same_lists():
    scores = np.array([3, -np.inf, 5, 5], np.float64)
    order = rank_items(scores)
    assert order.tolist() == [2, 3, 0]
    assert_same(top_k_shared(scores, n=2, k=4, order=order), top_k_shared(scores, n=2, k=4))


NAN_ROW = np.array([1, np.nan], np.float32)
NAN_CANDIDATES = CSR(np.array([0, 2]), np.array([0, 1], np.int32), 2, NAN_ROW)


@pytest.mark.parametrize(
    "call",
    [
        lambda: top_k_shared(NAN_ROW, n=1, k=1),
        lambda: top_k_sparse(NAN_CANDIDATES, k=1),
    ],
)
def test_nan_is_refused(call):
    with pytest.raises(ValueError, match="NaN"):
        call()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"k": 0}, "at least 1"),
        ({"k": 1, "allow": np.ones(4, np.bool_)}, "3 booleans"),
        ({"k": 1, "allow": np.ones(3, np.int8)}, "int8"),
        ({"k": 1, "exclude": CSR(np.zeros(3, np.int64), np.empty(0, np.int32), 3)}, "2 × 3"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        top_k_shared(np.ones(3, np.float32), n=1, **arguments)
