"""Vectors of all users and items from trained towers, as of a moment: what is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from recsys_cli.strategies.twotower.inputs import Facts, item_batch, user_batch
from recsys_cli.strategies.twotower.model import TwoTower
from recsys_cli.strategies.twotower.moments import final_states
from recsys_cli.strategies.twotower.start import has_features
from recsys_cli.strategies.twotower.threads import settle_threads
from recsys_cli.strategies.twotower.view import Settings, View

if TYPE_CHECKING:
    from recsys_cli.strategies.twotower.fit import Fitted

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_BLOCK = 1 << 14


@dataclass(frozen=True, slots=True)
class TowerVectors:
    """What is served.

    Attributes:
        users: (n_users, D) float32; zero rows where not known.
        items: (n_items, D) float32; zero rows where not known.
        user_known: (n_users,) users with anything known of them.
        item_known: (n_items,) items with factors or features.
        reference: seconds since 1970 before which all events lie that were seen.
    """

    users: Vectors
    items: Vectors
    user_known: Mask
    item_known: Mask
    reference: int


def user_vectors(
    model: TwoTower, view: View, facts: Facts, settings: Settings, users: npt.NDArray[np.int64],
    *, out: Vectors | None = None,
) -> Vectors:  # fmt: skip
    """(n, D) vectors of `users` (n,), ascending, in blocks."""
    found = np.empty((len(users), model.shape.vector), np.float32) if out is None else out
    device = str(model.scale.device)
    model.eval()
    with torch.no_grad():
        for start in range(0, len(users), _BLOCK):
            some = users[start : start + _BLOCK]
            first, last = int(some[0]), int(some[-1])
            states = final_states(
                view.history.of_users(first, last + 1), view.walk, settings.interactions,
                reference=view.reference, users=some - first,
            )  # fmt: skip
            settle_threads()
            batch = user_batch(
                states, np.arange(len(some)), some, view.reference, facts, device=device,
                trained=view.users,
            )  # fmt: skip
            found[start : start + len(some)] = model.users(batch).float().cpu().numpy()
    return found


def item_vectors(model: TwoTower, view: View, facts: Facts) -> Vectors:
    """(n_items, D) vectors of all items."""
    numbers, sales = view.shelf.numbers(0), view.shelf.sales(0)
    found = np.empty((len(numbers), model.shape.vector), np.float32)
    device = str(model.scale.device)
    model.eval()
    with torch.no_grad():
        for start in range(0, len(numbers), _BLOCK):
            some = np.arange(start, min(start + _BLOCK, len(numbers)))
            batch = item_batch(some, view.items, numbers, sales, facts, device=device)
            found[some] = model.items(batch).float().cpu().numpy()
    return found


def serve(
    fitted: Fitted, view: View, facts: Facts, settings: Settings, *, out: Vectors | None = None
) -> TowerVectors:
    """Vectors of all users and items as of a moment.

    Args:
        fitted: the towers.
        view: of the moment, in the basis that they were trained in.
        facts: of users and items.
        settings: how they were trained.
        out: (n_users, D) float32 to put the users' vectors in, such as a memory map.
    """
    everybody = np.arange(view.history.n_users)
    users = user_vectors(fitted.model, view, facts, settings, everybody, out=out)
    items = item_vectors(fitted.model, view, facts)
    if fitted.als_only:
        user_known, item_known = view.users.known, view.items.known
    else:
        user_known = np.diff(view.history.indptr) > 0
        if fitted.new_users:
            user_known = user_known | (facts.users.codes > 0).any(axis=1)
        item_known = view.items.known | has_features(facts.content, facts.items)
    users[~user_known] = 0
    items[~item_known] = 0
    return TowerVectors(users, items, user_known, item_known, view.reference)
