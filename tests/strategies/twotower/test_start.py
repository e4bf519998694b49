"""At step zero the towers are ALS, and whoever has no factors gets some from features."""

import numpy as np

from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.strategies.twotower.fit import _start
from recsys_cli.strategies.twotower.vectors import item_vectors, user_vectors
from strategies.twotower import world


def vectors(view):
    model = _start(view, world.facts(), world.SETTINGS)
    users = np.arange(world.N_USERS)
    return (
        user_vectors(model, view, world.facts(), world.SETTINGS, users),
        item_vectors(model, view, world.facts()),
    )


def test_lists_at_step_zero_are_those_of_als_bit_by_bit():
    view = world.view(world.events())
    users, items = vectors(view)
    known = np.flatnonzero(view.users.known)
    wanted = FactorRanker(view.items.factors, candidates=view.items.known).top_k(
        view.users.factors[known], k=20
    )
    got = FactorRanker(items, candidates=view.items.known).top_k(users[known], k=20)
    np.testing.assert_array_equal(got[0], wanted[0])
    np.testing.assert_array_equal(got[1], wanted[1])


def test_items_and_users_without_factors_are_placed_by_their_features():
    view = world.view(world.events())
    users, items = vectors(view)
    cold = np.flatnonzero(~view.items.known)
    assert len(cold) >= 2
    factors = items[:, :8]
    for item in cold:
        # Content tells parity, and so do users' tastes: the guess must lie with its own kind.
        alike = view.items.known & (np.arange(world.N_ITEMS) % 2 == item % 2)
        other = view.items.known & ~alike
        own = factors[item]
        assert own @ factors[alike].mean(axis=0) > own @ factors[other].mean(axis=0)
    assert users[-1].any()
