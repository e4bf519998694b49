"""The two filters of GF-CF against the formula spelled out, and lists against all scores."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from recsys_cli.csr import CSR
from recsys_cli.errors import TrainingError
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.topk import rough
from recsys_cli.ranking.topk.scoring import exact_scores, float32_slack
from recsys_cli.strategies.graph import GraphConfig
from recsys_cli.strategies.graph import train as graph
from recsys_cli.strategies.graph.serve import GraphFiltering
from recsys_cli.strategies.graph.train import GraphFilter, build_graph_filter

REFERENCE = 1_600_000_000
N_USERS, N_ITEMS = 80, 30
AGES = 365 * 86_400


def random_interactions(seed: int = 5, *, shape: tuple[int, int] = (N_USERS, N_ITEMS)):
    rng = np.random.default_rng(seed)
    had = rng.random(shape) < rng.random(shape[1]) * 0.4
    had[:, -1] = False  # an item that nobody has
    had[-1] = False  # a user without history
    pattern = CSR.from_rows([np.flatnonzero(r).astype(np.int32) for r in had], shape[1])
    return Interactions(
        indptr=pattern.indptr,
        indices=pattern.indices,
        weight=rng.integers(1, 4, pattern.nnz).astype(np.float32),
        count=np.ones(pattern.nnz, np.uint32),
        last=(REFERENCE - rng.integers(0, AGES, pattern.nnz)).astype(np.uint32),
        reference=REFERENCE,
        n_users=shape[0],
        n_items=shape[1],
    )


def dense_history(interactions: Interactions, config: GraphConfig) -> np.ndarray:
    age = (REFERENCE - interactions.last.astype(float)) / 86_400
    weight = interactions.weight * 0.5 ** (age / config.half_life_days)
    users, last = interactions.users, interactions.last
    since = np.array([(last[users == u] > t).sum() for u, t in zip(users, last, strict=True)])
    dense = np.zeros((interactions.n_users, interactions.n_items))
    dense[users, interactions.indices] = weight / (1 + since / config.half_life_events)
    return dense


def expected(interactions: Interactions, config: GraphConfig) -> np.ndarray:
    """All scores by the formula, with a full singular value decomposition."""
    r = (dense_history(interactions, config) > 0).astype(float)
    by_user, by_item = r.sum(1, keepdims=True), r.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        normalised = np.nan_to_num(r / np.sqrt(by_user) / np.sqrt(by_item))
        inverse = np.nan_to_num(1 / np.sqrt(by_item), posinf=0)
    _, _, v = np.linalg.svd(normalised)
    v = v[: config.vectors].T
    history = dense_history(interactions, config)
    low_pass = (history * inverse) @ v @ v.T * np.sqrt(by_item)
    both = r.T @ r
    links = normalised.T @ normalised * both / np.maximum(both + config.shrinkage, 1e-9)
    return history @ links + config.alpha * low_pass


def strategy(interactions: Interactions, config: GraphConfig) -> GraphFiltering:
    model = build_graph_filter(interactions, config, threads=1)
    pack = model.to_pack(users_fingerprint="u", items_fingerprint="i")
    return GraphFiltering(interactions, GraphFilter.from_pack(pack))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 5.0])
def test_lists_are_the_best_of_all_scores(alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # Random interactions have no leading vectors to speak of, so finding these takes patience.
    monkeypatch.setattr(graph, "_ITERATIONS", 60)
    config = GraphConfig(vectors=6, alpha=alpha, half_life_days=60.0)
    interactions = random_interactions()
    scores = expected(interactions, config)
    users = np.arange(N_USERS - 1, dtype=np.int32)
    got = strategy(interactions, config).recommend(users, k=8)
    for user, items, values in zip(users, got.items, got.scores, strict=True):
        best = np.sort(scores[user, :-1])[::-1][:8]
        np.testing.assert_allclose(values, best, rtol=2e-3, atol=1e-6)
        np.testing.assert_allclose(scores[user, items], values, rtol=2e-3, atol=1e-6)


def test_an_item_without_links_to_the_user_can_lead() -> None:
    """Pruned links leave it to the low-pass filter, whose best must not be lost."""
    config = GraphConfig(vectors=6, alpha=5.0, neighbours=1)
    interactions = random_interactions()
    model = strategy(interactions, config)
    users = np.arange(N_USERS - 1, dtype=np.int32)
    got = model.recommend(users, k=N_ITEMS)
    assert (got.items[:, : N_ITEMS - 1] >= 0).all()
    for k in (1, 3):
        short = model.recommend(users, k=k)
        np.testing.assert_array_equal(short.items, got.items[:, :k])
        np.testing.assert_array_equal(short.scores, got.scores[:, :k])


def test_exclusion_and_allow_list_leave_the_best_of_the_rest() -> None:
    interactions = random_interactions()
    model = strategy(interactions, GraphConfig(vectors=6))
    users = np.arange(N_USERS - 1, dtype=np.int32)
    everything = model.recommend(users, k=N_ITEMS)
    exclude = CSR(interactions.indptr, interactions.indices, N_ITEMS).take(users)
    allow = np.arange(N_ITEMS) % 3 > 0
    got = model.recommend(users, k=5, exclude=exclude, allow=allow)
    for user, row in enumerate(got.items):
        barred = set(exclude.row(user).tolist()) | set(np.flatnonzero(~allow).tolist())
        rest = [i for i in everything.items[user].tolist() if i >= 0 and i not in barred][:5]
        assert row.tolist() == rest + [-1] * (5 - len(rest))


def test_one_user_gets_the_same_bits_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    interactions = random_interactions(shape=(300, 120))
    model = strategy(interactions, GraphConfig(vectors=16))
    users = np.arange(299, dtype=np.int32)
    monkeypatch.setattr(rough, "_is_compiled", lambda: True)
    together = model.recommend(users, k=10)
    monkeypatch.setattr(rough, "_is_compiled", lambda: False)
    for user in (0, 7, 298):
        alone = model.recommend(users[[user]], k=10)
        np.testing.assert_array_equal(alone.items[0], together.items[user])
        np.testing.assert_array_equal(alone.scores[0], together.scores[user])


def test_rough_scores_lie_within_their_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    user = rng.normal(size=33).astype(np.float32)
    vectors = rng.normal(size=(50, 33)).astype(np.float32)
    items = rng.permutation(50)[:40].astype(np.int32)
    slack = float32_slack(33, float(np.abs(user).sum()), float(np.abs(vectors).max()))
    for compiled in (False, True):
        monkeypatch.setattr(rough, "_is_compiled", lambda value=compiled: value)
        off = rough.rough_scores(vectors, items, user) - exact_scores(vectors, items, user)
        assert np.abs(off).max() <= slack


def test_a_user_without_history_is_not_known() -> None:
    model = strategy(random_interactions(), GraphConfig(vectors=6))
    users = np.array([0, N_USERS - 1, -1], np.int32)
    assert model.knows(users).tolist() == [True, False, False]
    assert (model.recommend(users, k=3).items[1:] == -1).all()


def test_the_pack_gives_the_filter_back_and_seeds_decide() -> None:
    interactions, config = random_interactions(shape=(300, 120)), GraphConfig(vectors=6)
    first, again = (build_graph_filter(interactions, config, threads=t) for t in (1, 2))
    pack = first.to_pack(users_fingerprint="u", items_fingerprint="i")
    back = GraphFilter.from_pack(pack)
    for made in (again, back):
        np.testing.assert_array_equal(made.item_side, first.item_side)
        np.testing.assert_array_equal(made.links.indices, first.links.indices)
        np.testing.assert_array_equal(made.links.data, first.links.data)
    assert (back.half_life_days, back.reference) == (config.half_life_days, REFERENCE)


def test_few_steps_find_vectors_that_hold_nearly_as_much_as_the_best() -> None:
    """On purchases by taste, whose spectrum falls as that of real ones does."""
    rng = np.random.default_rng(2)
    taste = rng.integers(0, 40, 3000)
    items = np.where(rng.random((3000, 20)) < 0.6, 0, 1) * rng.integers(0, 400, (3000, 20))
    items = np.where(items > 0, items, taste[:, None] * 10 + rng.integers(0, 10, (3000, 20)))
    rows = np.repeat(np.arange(3000), 20)
    pairs = CSR.from_pairs(rows, items.ravel(), n_rows=3000, n_columns=400)
    data = dataclasses.replace(
        random_interactions(),
        indptr=pairs.indptr,
        indices=pairs.indices,
        weight=np.ones(pairs.nnz, np.float32),
        n_users=3000,
        n_items=400,
    )
    matrix, degrees = graph._normalised(data)
    model = build_graph_filter(data, GraphConfig(vectors=40, alpha=1.0), threads=2)
    vectors = model.item_side / np.sqrt(degrees)[:, None]
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(40), atol=1e-5)
    held = ((matrix @ vectors) ** 2).sum()
    best = (np.linalg.svd(matrix.toarray(), compute_uv=False)[:40] ** 2).sum()
    assert 0.99 < held / best <= 1 + 1e-6


def test_more_vectors_than_there_are_items_and_no_interactions_at_all() -> None:
    interactions = random_interactions()
    model = build_graph_filter(interactions, GraphConfig(vectors=512), threads=1)
    # One item is nobody's, so it is in no vector.
    assert model.item_side.shape == (N_ITEMS, N_ITEMS - 1)
    empty = random_interactions(shape=(1, 1))
    with pytest.raises(TrainingError, match="no interactions"):
        build_graph_filter(empty, GraphConfig(), threads=1)
