"""The search for single users gives the lists of the other searches, bit for bit."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.brute import assert_same, brute_scores, brute_top_k, random_exclusion
from ranking.test_topk_ranker import cases
from recsys_cli.ranking.topk import FactorRanker, top_k_shared
from recsys_cli.ranking.topk.single import SingleSearch
from recsys_cli.ranking.topk.warm import warmed
from recsys_cli.store.scratch import Scratch


def warm_ranker(items, **options) -> FactorRanker:
    with tempfile.TemporaryDirectory() as folder, warmed(Scratch(Path(folder))):
        return FactorRanker(items, **options)


def split(items, users=None, folder=None) -> SingleSearch:
    like = None if users is None else lambda: users
    return SingleSearch.kept(Scratch(Path(folder)), items, None, like)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(case=cases(), known_users=st.booleans())
def test_warm_lists_match_sorting_exact_scores(case, known_users):
    users, items, candidates, limits = case
    like = (lambda: users) if known_users else None
    ranker = warm_ranker(items, candidates=candidates, like=like)
    scores = brute_scores(users, items)
    if candidates is not None:
        scores[:, ~candidates] = -np.inf
    assert_same(ranker.top_k(users, **limits), brute_top_k(scores, **limits))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([0.0, 1.0]), k=st.integers(1, 30))
def test_warm_lists_equal_plain_ones_on_many_items(seed, spread, k):
    rng = np.random.default_rng(seed)
    decay = 1 / np.sqrt(1 + np.arange(48))
    users, items = ((rng.normal(size=(n, 48)) * decay).astype(np.float32) for n in (20, 4000))
    if spread:
        items *= rng.lognormal(0, spread, (4000, 1)).astype(np.float32)
    else:
        items /= np.linalg.norm(items, axis=1, keepdims=True)
    # Equal items far apart in the order: the lower id has to come first.
    items[rng.integers(0, 4000, 800)] = items[rng.integers(0, 4000, 800)]
    limits = {"k": k, "exclude": random_exclusion(rng, 20, 4000, 0.01)}
    warm = warm_ranker(items, like=lambda: users)
    assert_same(warm.top_k(users, **limits), FactorRanker(items).top_k(users, **limits))


def test_most_of_the_work_is_left_out(tmp_path):
    rng = np.random.default_rng(3)
    decay = np.exp(-np.arange(64) / 6)
    users, items = ((rng.normal(size=(n, 64)) * decay).astype(np.float32) for n in (30, 5000))
    flat = (items / np.linalg.norm(items, axis=1, keepdims=True)).astype(np.float32)
    for vectors, heads, tails in ((items, 0.9, 0.2), (flat, 1.0, 0.2)):
        search, looked_at = split(vectors, users, tmp_path), np.zeros(2, np.int64)
        assert 0 < search.heads.shape[1] < 64
        for user in users:
            search.best(user, vectors, k=10, looked_at=looked_at)
        assert looked_at[0] <= heads * users.shape[0] * 5000
        assert looked_at[1] < tails * users.shape[0] * 5000


def test_what_one_process_prepared_another_only_maps(tmp_path, monkeypatch):
    items = np.random.default_rng(5).normal(size=(300, 20)).astype(np.float32)
    first = split(items, folder=tmp_path)

    def refuse(*_):
        raise AssertionError("prepared twice")

    monkeypatch.setattr("recsys_cli.ranking.topk.single._split", refuse)
    again = split(items, folder=tmp_path)
    np.testing.assert_array_equal(first.heads, again.heads)
    assert isinstance(again.heads.base, np.memmap) or isinstance(again.heads, np.memmap)
    with pytest.raises(AssertionError, match="prepared twice"):
        split(items + 1, folder=tmp_path)


def test_nothing_is_prepared_for_those_who_did_not_ask():
    assert FactorRanker(np.ones((3, 2), np.float32))._single is None


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 12), share=st.sampled_from([0, 0.4, 1]))
def test_one_user_of_a_shared_list_gets_what_everybody_gets(seed, k, share):
    rng = np.random.default_rng(seed)
    scores = np.where(rng.random(9) < 0.2, -np.inf, rng.integers(0, 4, 9)).astype(np.float32)
    exclude = random_exclusion(rng, 2, 9, share)
    both = top_k_shared(scores, n=2, k=k, exclude=exclude)
    one = top_k_shared(scores, n=1, k=k, exclude=exclude.take(np.array([1])))
    assert_same(one, (both[0][1:], both[1][1:]))
