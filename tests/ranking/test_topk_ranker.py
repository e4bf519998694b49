import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.brute import assert_same, brute_scores, brute_top_k, random_exclusion
from recsys_cli import compiled
from recsys_cli.progress import Silent
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.ranking.topk.search import SortedItems, search


@st.composite
def cases(draw):
    """Vectors with duplicates, zero rows and coarse values, and every kind of limit."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, n_items = draw(st.integers(1, 8)), draw(st.integers(1, 40))
    factors = draw(st.sampled_from([1, 2, 7, 16]))
    scale = draw(st.sampled_from([1.0, 1e-30, 1e18]))
    users, items = (rng.normal(size=(m, factors)).astype(np.float32) for m in (n, n_items))
    if draw(st.booleans()):
        users, items = np.round(users), np.round(items)
    items = items[rng.integers(0, n_items, n_items)]
    users[rng.random(n) < 0.2] = 0
    items[rng.random(n_items) < 0.2] = 0
    share = draw(st.sampled_from([None, 0.3, 0.95, 1.0]))
    allowed, candidates = (draw(st.sampled_from([None, 0.5])) for _ in range(2))
    limits = {
        "k": draw(st.integers(1, 50)),
        "exclude": None if share is None else random_exclusion(rng, n, n_items, share),
        "allow": None if allowed is None else rng.random(n_items) < allowed,
    }
    mask = None if candidates is None else rng.random(n_items) < candidates
    return users * np.float32(scale), items * np.float32(scale), mask, limits


METHODS = pytest.mark.parametrize("method", ["numpy", "compiled"])


@METHODS
@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_lists_match_sorting_exact_scores(method, case):
    users, items, candidates, limits = case
    ranker = FactorRanker(items, candidates=candidates, method=method, threads=1)
    scores = brute_scores(users, items)
    if candidates is not None:
        scores[:, ~candidates] = -np.inf
    assert_same(ranker.top_k(users, **limits), brute_top_k(scores, **limits))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([0.0, 1.0]), k=st.integers(1, 30))
def test_many_users_equal_one_at_a_time(seed, spread, k):
    rng = np.random.default_rng(seed)
    users = rng.normal(size=(1500, 8)).astype(np.float32)
    items = rng.normal(size=(5000, 8)).astype(np.float32)
    if spread:
        items *= rng.lognormal(0, spread, (5000, 1)).astype(np.float32)
    else:
        items /= np.linalg.norm(items, axis=1, keepdims=True)
    items[rng.integers(0, 5000, 1000)] = items[rng.integers(0, 5000, 1000)]
    exclude = random_exclusion(rng, 1500, 5000, 0.01)
    lists = FactorRanker(items, method="compiled").top_k(users, k=k, exclude=exclude)
    rows = rng.integers(0, 1500, 40)
    single = FactorRanker(items, method="numpy")
    part = single.top_k(users[rows], k=k, exclude=exclude.take(rows))
    assert_same(part, (lists[0][rows], lists[1][rows]))


def test_more_ties_than_there_is_room_for_are_settled_by_id():
    rng = np.random.default_rng(8)
    users, items = (rng.integers(-1, 2, (n, 4)).astype(np.float32) for n in (300, 3000))
    exclude = random_exclusion(rng, 300, 3000, 0.1)
    limits = {"k": 5, "exclude": exclude}
    *lists, report = search(
        users, SortedItems.of(items, None, users), threads=2, progress=Silent(), **limits
    )
    assert report.searched_twice > 100
    assert_same(lists, FactorRanker(items, method="numpy").top_k(users, **limits))


def test_early_exit_is_used_where_norms_differ_and_given_up_where_they_do_not(monkeypatch):
    monkeypatch.setattr("recsys_cli.ranking.topk.search._BLOCK", 16)
    monkeypatch.setattr("recsys_cli.ranking.topk.search._SCORES", 16 * 32)
    rng = np.random.default_rng(9)
    users, items = (rng.normal(size=(n, 24)).astype(np.float32) for n in (400, 4000))
    reports = []
    for lengths in (rng.lognormal(0, 2, (4000, 1)), 1 / np.linalg.norm(items, axis=1)[:, None]):
        scaled = (items * lengths).astype(np.float32)
        catalogue = SortedItems.of(scaled, None, users)
        *lists, report = search(users, catalogue, k=3, exclude=None, threads=1, progress=Silent())
        assert_same(lists, FactorRanker(scaled, method="numpy").top_k(users, k=3))
        reports.append(report)
    assert reports[0].share < 0.1
    assert reports[0].pays
    assert not reports[1].pays


def test_work_that_is_too_small_or_overflows_stays_in_numpy(monkeypatch):
    used = []
    monkeypatch.setattr(FactorRanker, "_search", lambda *_: used.append("compiled"))
    monkeypatch.setattr(FactorRanker, "_one_by_one", lambda *_: used.append("numpy"))
    monkeypatch.setattr("recsys_cli.ranking.topk.ranker._LITTLE_WORK", 1000)
    items = np.ones((2000, 2), np.float32)
    for users, k in [
        (np.ones((33, 2)), 3),
        (np.ones((32, 2)), 3),
        (np.full((33, 2), 3e37), 3),
        (np.ones((33, 2)), 1999),
    ]:
        FactorRanker(items).top_k(users.astype(np.float32), k=k)
    assert used == ["compiled", "numpy", "numpy", "numpy"]


def test_compiling_goes_on_where_no_cache_can_be_written(monkeypatch):
    real, asked = numba.njit, []

    def njit(*args, cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(*args, **options)

    monkeypatch.setattr(compiled.numba, "njit", njit)
    double = compiled.compiled(numba.int64(numba.int64))(lambda n: 2 * n)
    assert double(21) == 42
    assert asked == [True, False]


def test_zero_user_gets_candidates_by_id():
    items = np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32)
    lists, scores = FactorRanker(items).top_k(np.zeros((1, 4), np.float32), k=3)
    assert lists.tolist() == [[0, 1, 2]]
    assert scores.tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_refused(bad):
    good = np.ones((3, 2), np.float32)
    broken = good.copy()
    broken[1, 1] = bad
    with pytest.raises(ValueError, match="item vectors hold NaN or infinity"):
        FactorRanker(broken)
    with pytest.raises(ValueError, match="user vectors hold NaN or infinity"):
        FactorRanker(good).top_k(broken, k=1)


def test_factors_of_different_rank_are_refused():
    with pytest.raises(ValueError, match="users have 3 factors, items 2"):
        FactorRanker(np.ones((4, 2), np.float32)).top_k(np.ones((1, 3), np.float32), k=1)


def test_one_user_needs_numpy_only():
    code = """
import sys, numpy as np
from recsys_cli.ranking.topk import FactorRanker
FactorRanker(np.eye(5, dtype=np.float32)).top_k(np.ones((1, 5), np.float32), k=2)
heavy = {"scipy", "numba", "polars", "implicit", "threadpoolctl"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_one_ranker_answers_with_and_without_an_allow_list():
    rng = np.random.default_rng(4)
    users, items = (rng.normal(size=(n, 3)).astype(np.float32) for n in (40, 60))
    candidates, allow = rng.random(60) < 0.8, rng.random(60) < 0.5
    ranker = FactorRanker(items, candidates=candidates, method="compiled")
    scores = brute_scores(users, items)
    scores[:, ~candidates] = -np.inf
    for mask in (None, allow, None):
        assert_same(ranker.top_k(users, k=5, allow=mask), brute_top_k(scores, k=5, allow=mask))
