"""Vectors of visitors are those that the tower makes, of the state after all their events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys_cli.config.models import InteractionsConfig
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later, Visitors
from recsys_cli.strategies.twotower.fit import Fitted, _start
from recsys_cli.strategies.twotower.history import OrderedEvents, steps
from recsys_cli.strategies.twotower.inputs import user_batch
from recsys_cli.strategies.twotower.moments import interactions_of
from recsys_cli.strategies.twotower.prefix import UserStates, user_states
from recsys_cli.strategies.twotower.train import Outcome
from recsys_cli.strategies.twotower.userside import UserSide, UserTower, user_side
from recsys_cli.strategies.twotower.view import View
from strategies.twotower import world


@pytest.fixture(scope="module")
def history() -> OrderedEvents:
    """Of a user and an item the first event alone, in an order that times tell."""
    every = world.events()
    key = every.users.astype(np.int64) * world.N_ITEMS + every.item
    first = np.zeros(len(key), np.bool_)
    first[np.unique(key, return_index=True)[1]] = True
    once = every.only(first)
    return replace(once, time=once.time + np.arange(len(once.time)))


@pytest.fixture(scope="module")
def view(history: OrderedEvents) -> View:
    return world.view(history)


@pytest.fixture(scope="module")
def fitted(view: View) -> Fitted:
    """Towers with weights in every place."""
    model = _start(view, world.facts(), world.SETTINGS)
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return Fitted(model.eval(), Outcome(), 0.0, new_users=True, als_only=False)


def side_of(fitted: Fitted, view: View) -> UserSide:
    als = world.als_of(view.history)
    return user_side(fitted, view, world.facts(), als, world.SETTINGS.tower)


def by_the_tower(fitted: Fitted, view: View, users: np.ndarray) -> np.ndarray:
    history = view.history
    out = UserStates.allocate(len(users), factors=8, content=5, folder=None)
    user_states(
        history, steps(history), view.walk, users, history.indptr[users + 1], out=out
    )  # fmt: skip
    batch = user_batch(
        out, np.arange(len(users)), users, world.REFERENCE, world.facts(), device="cpu"
    )
    with torch.no_grad():
        return fitted.model.users(batch).numpy()


def taken_apart(history: OrderedEvents, last: int) -> tuple[Interactions, Later]:
    """What users had before their last events, and these."""
    place = np.arange(len(history.item)) - history.indptr[history.users]
    is_last = place >= np.diff(history.indptr)[history.users] - last
    before, after = history.only(~is_last), history.only(is_last)
    had = replace(
        interactions_of(before, InteractionsConfig()),
        last=before.time[np.lexsort((before.item, before.users))].astype(np.uint32),
        reference=world.REFERENCE,
    )
    later = Later(
        after.indptr[:-1], after.indptr[1:], after.item, after.time.astype(np.uint32),
        after.weight, np.full(len(after.item), np.nan, np.float32),
    )  # fmt: skip
    return had, later


@pytest.mark.parametrize("last", [0, 1, 4])
def test_they_are_those_of_the_tower(
    history: OrderedEvents, view: View, fitted: Fitted, last: int
) -> None:
    users = np.arange(world.N_USERS, dtype=np.int32)
    had, later = taken_apart(history, last)
    got = UserTower(side_of(fitted, view)).vectors_of(Visitors.of(had, users, later))
    want = by_the_tower(fitted, view, users)
    shown = (np.diff(history.indptr) > 0) | (world.facts().users.codes[:, 0] > 0)
    np.testing.assert_allclose(got[shown], want[shown], rtol=1e-3, atol=1e-4)
    assert not got[~shown].any()


def test_a_guest_has_no_columns_and_a_vector_from_the_first_event_on(
    view: View, fitted: Fitted
) -> None:
    side = side_of(fitted, view)
    had, _ = taken_apart(view.history, 1)
    nobody = np.array([-1], np.int32)
    nothing = UserTower(side).vectors_of(Visitors.of(had, nobody, Later.nothing(1)))
    assert not nothing.any()
    one = Later(
        np.zeros(1, np.int64), np.ones(1, np.int64), np.array([3], np.int32),
        np.array([world.REFERENCE + 5], np.uint32), np.ones(1, np.float32),
        np.full(1, np.nan, np.float32),
    )  # fmt: skip
    assert UserTower(side).vectors_of(Visitors.of(had, nobody, one)).any()
