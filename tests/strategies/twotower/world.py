"""A small world for the two-tower's tests: random events, facts and factors."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from recsys_cli.config.models import InteractionsConfig
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import AlsFactors, train_als
from recsys_cli.strategies.twotower import TwoTowerConfig
from recsys_cli.strategies.twotower.features import Columns
from recsys_cli.strategies.twotower.history import OrderedEvents
from recsys_cli.strategies.twotower.inputs import Facts
from recsys_cli.strategies.twotower.moments import interactions_of
from recsys_cli.strategies.twotower.view import Settings, View, view_of

DAY = 86_400
DAYS = 7
WINDOW = timedelta(days=DAYS)
REFERENCE = 200 * DAY
N_USERS, N_ITEMS = 60, 40
ALS = AlsConfig(factors=8, iterations=3, backend="cpu")
SETTINGS = Settings(
    tower=TwoTowerConfig(
        folds=2, epochs=2, batch_size=64, uniform_negatives=32, hidden=16, extra=4,
        checkpoint_steps=3, seed=5, device="cpu",
    ),
    als=ALS,
    interactions=InteractionsConfig(),
    window=WINDOW,
    repurchase=True,
)  # fmt: skip


def events(*, seed: int = 1, n: int = 1500) -> OrderedEvents:
    """Users who mostly like items of their own parity; the last user has no events."""
    rng = np.random.default_rng(seed)
    user = np.sort(rng.integers(0, N_USERS - 1, n))
    item = rng.integers(0, N_ITEMS // 2 - 1, n) * 2 + (user + (rng.random(n) < 0.1)) % 2
    time = rng.integers(REFERENCE - 150 * DAY, REFERENCE, n) // DAY * DAY
    order = np.lexsort((time, user))
    indptr = np.zeros(N_USERS + 1, np.int64)
    np.cumsum(np.bincount(user, minlength=N_USERS), out=indptr[1:])
    weight = rng.choice([1.0, 3.0], n).astype(np.float32)
    return OrderedEvents(
        indptr, item[order].astype(np.int32), time[order], weight, np.zeros(n, np.bool_), N_ITEMS
    )


def facts() -> Facts:
    """Content that tells parity, one column of items and one of users, which is a segment."""
    rng = np.random.default_rng(3)
    content = rng.normal(size=(N_ITEMS, 5)).astype(np.float32) * 0.1
    content[np.arange(N_ITEMS), np.arange(N_ITEMS) % 2] += 1
    items = Columns(("kind",), (np.arange(N_ITEMS)[:, None] % 3).astype(np.int32), (("a", "b"),))
    codes = (np.arange(N_USERS)[:, None] % 3).astype(np.int32)
    users = Columns(("group",), codes, (("x", "y"),))
    return Facts(content, items, users, codes[:, 0].astype(np.int16), 2)


def als_of(history: OrderedEvents) -> AlsFactors:
    """Factors of a history; ALS on one thread, so that nothing depends on the machine."""
    return train_als(interactions_of(history, InteractionsConfig()), ALS, threads=1)


def view(history: OrderedEvents) -> View:
    """The world at the reference moment."""
    return view_of(history, als_of(history), facts(), SETTINGS, reference=REFERENCE)
