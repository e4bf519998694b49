"""States before events are what folding in those events alone gives."""

import numpy as np
import pytest

from recsys_cli.config.models import InteractionsConfig
from recsys_cli.csr import CSR
from recsys_cli.strategies.collab.foldin import fold_in
from recsys_cli.strategies.twotower.history import steps
from recsys_cli.strategies.twotower.moments import final_states, interactions_of
from recsys_cli.strategies.twotower.prefix import UserStates, Walk, user_states
from strategies.twotower import world


def a_walk(**options) -> Walk:
    rng = np.random.default_rng(2)
    factors = rng.normal(size=(world.N_ITEMS, 8)).astype(np.float32) * 0.3
    return Walk(
        factors, 0.05, 10.0, world.facts().content,
        **({"half_life_days": 30.0, "last_items": 3} | options),
    )  # fmt: skip


@pytest.mark.parametrize("config", [InteractionsConfig(), InteractionsConfig(max_weight=4.0)])
def test_final_states_are_the_served_fold_in(config):
    history, walk = world.events(), a_walk()
    made = interactions_of(history, config)
    wanted = fold_in(
        walk.factors,
        CSR(made.indptr, made.indices, world.N_ITEMS, made.weight),
        regularization=0.05,
        alpha=10.0,
    )
    users = np.arange(world.N_USERS)
    got = UserStates.allocate(len(users), factors=8, content=5, folder=None)
    parts = steps(history, max_weight=config.max_weight)
    user_states(history, parts, walk, users, history.indptr[1:], out=got)
    np.testing.assert_allclose(got.folded, wanted, atol=2e-5)
    assert got.seen.tolist() == np.diff(history.indptr).tolist()
    assert not got.folded[-1].any()
    # What is served has factors of its own, and the rest of the state.
    served = final_states(history, walk, config, reference=world.REFERENCE, users=users)
    assert served.folded.shape == (len(users), 0)
    for name in ("recent", "taste", "seen", "last"):
        np.testing.assert_array_equal(getattr(served, name), getattr(got, name))


def test_states_before_events_see_nothing_of_them_or_later():
    history, walk = world.events(n=300), a_walk()
    at = np.arange(len(history.item))
    out = UserStates.allocate(len(at), factors=8, content=5, folder=None)
    user_states(history, steps(history), walk, history.users, at, out=out)
    for event in (0, 7, 100, 299):
        user = history.users[event]
        start = history.indptr[user]
        assert out.seen[event] == event - start
        before = history.item[start:event]
        if not len(before):
            assert not out.folded[event].any()
            continue
        weights = np.bincount(before, history.weight[start:event], minlength=world.N_ITEMS)
        items = np.flatnonzero(weights)
        row = CSR(
            np.array([0, len(items)]), items.astype(np.int32), world.N_ITEMS,
            weights[items].astype(np.float32),
        )  # fmt: skip
        wanted = fold_in(walk.factors, row, regularization=0.05, alpha=10.0)[0]
        np.testing.assert_allclose(out.folded[event], wanted, atol=2e-5)
        np.testing.assert_allclose(
            out.recent[event], walk.factors[before[-3:]].mean(axis=0), atol=1e-6
        )
        age = (history.time[event - 1] - history.time[start:event]) / world.DAY
        taste = (history.weight[start:event] * 0.5 ** (age / 30)) @ walk.content[before]
        np.testing.assert_allclose(out.taste[event], taste / np.linalg.norm(taste), atol=1e-5)
        assert out.last[event] == history.time[event - 1]


def test_large_states_go_to_files_with_the_same_values(tmp_path):
    history, walk = world.events(n=200), a_walk()
    at, made = np.arange(200), []
    for folder, kind in ((None, "float32"), (tmp_path, "float16")):
        out = UserStates.allocate(200, factors=8, content=5, dtype=kind, folder=folder)
        user_states(history, steps(history), walk, history.users, at, out=out)
        made.append(out)
    assert isinstance(made[1].folded, np.memmap)
    np.testing.assert_allclose(made[0].folded, made[1].folded, rtol=2e-3, atol=1e-3)


def test_what_events_add_sums_to_the_capped_weights_of_pairs():
    history = world.events()
    for cap in (None, 4.0):
        parts = steps(history, max_weight=cap)
        made = interactions_of(history, InteractionsConfig(max_weight=cap))
        key = history.users.astype(np.int64) * world.N_ITEMS + history.item
        summed = np.bincount(key, parts.weight, minlength=world.N_USERS * world.N_ITEMS)
        np.testing.assert_allclose(summed[summed > 0], made.weight, rtol=1e-6)
        assert parts.first.sum() == len(made.indices)
