"""From what is known at a moment to trained towers.

The towers are trained on a past moment, the reference, one test window before the moment that is
served. They learn from events before the reference and are validated on the window after it,
with everybody's state and all trends as of the reference. Vectors for the served moment come
from the same towers, with the factors of that moment rotated onto those of the reference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_cli.progress import Progress, Silent
from recsys_cli.strategies.collab.als import AlsFactors
from recsys_cli.strategies.twotower import TwoTowerConfig
from recsys_cli.strategies.twotower.batches import Feeder
from recsys_cli.strategies.twotower.inputs import Facts
from recsys_cli.strategies.twotower.model import TwoTower
from recsys_cli.strategies.twotower.moments import (
    Pairs,
    final_states,
    folds_of_users,
    training_pairs,
)
from recsys_cli.strategies.twotower.start import has_features, starting_model
from recsys_cli.strategies.twotower.train import Outcome, Trainer
from recsys_cli.strategies.twotower.vectors import item_vectors, user_vectors
from recsys_cli.strategies.twotower.view import Settings, View
from recsys_cli.strategies.twotower.weights import start_from

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Lists = Callable[[Vectors, Vectors, Mask, npt.NDArray[np.int64]], npt.NDArray[np.float64]]
"""Measures the lists of some users, (n,): takes user vectors (n, D), item vectors (n_items, D),
the items that may be ranked (n_items,), and which of the validation users they are (n,)."""

_BLOCK = 1 << 14


@dataclass(frozen=True, slots=True)
class Validation:
    """The users of the validation window, and how their lists are measured.

    Attributes:
        users: (n,) ascending rows of users with events in the window.
        lists: measures their lists.
        metric: its name.
    """

    users: npt.NDArray[np.int64]
    lists: Lists
    metric: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """Trained towers.

    Attributes:
        model: the towers, with the best weights.
        outcome: what training did.
        als: validation metric of ALS, with what sells for users that it does not know.
        new_users: whether users without events are better served by the towers than by what
            sells.
        als_only: whether nothing was better than ALS, which is then served as it is.
    """

    model: TwoTower
    outcome: Outcome
    als: float
    new_users: bool
    als_only: bool


def pairs_before(
    view: View, facts: Facts, settings: Settings, *, folder: Path | None, threads: int,
    progress: Progress, start: AlsFactors | None = None,
) -> Pairs:  # fmt: skip
    """Training pairs from the events before a view's moment.

    `start` holds the factors that the view is of, from which those of parts of the events start.
    """
    config = settings.tower
    return training_pairs(
        view.history,
        view.shelf.trends,
        folds_of_users(view.history, folds=config.folds),
        view.items,
        als=settings.als.model_copy(update={"factors": view.items.factors.shape[1]}),
        interactions=settings.interactions,
        content=facts.content,
        half_life_days=config.half_life_days,
        last_items=config.last_items,
        max_pairs=config.max_pairs,
        repurchase=settings.repurchase,
        start=start,
        folder=folder,
        threads=threads,
        progress=progress,
    )


def fit_towers(
    view: View,
    pairs: Pairs,
    facts: Facts,
    settings: Settings,
    validation: Validation,
    *,
    init_from: Path | None = None,
    folder: Path | None = None,
    checkpoint: Path | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Fitted:
    """Train towers on the pairs before a moment, validated on the window after it.

    Args:
        view: of the reference moment.
        pairs: from `pairs_before`.
        facts: of users and items.
        settings: how.
        validation: the window after the moment.
        init_from: weights to start from, in place of ALS alone.
        folder: for memory-mapped tables; None keeps them in memory.
        checkpoint: see `Trainer`.
        device: cpu or cuda.
        progress: told how far it is.

    Raises:
        ConfigError: `init_from` does not fit.
        TrainingError: training diverged.
    """
    config = settings.tower
    if not len(pairs) or not len(validation.users):
        what = "train" if not len(pairs) else "validate"
        (progress or Silent()).warn(
            f"there is nothing to {what} the two-tower on, so ALS is served in its place"
        )
        return Fitted(_start(view, facts, settings), Outcome(), 0.0, new_users=False, als_only=True)
    model = _start(view, facts, settings)
    if init_from is not None:
        start_from(model, init_from)
    numbers, sales = view.shelf.tables(int(pairs.window.max()) + 1, folder=folder)
    feeder = Feeder(
        pairs, facts, numbers, sales, size=config.batch_size, negatives=config.uniform_negatives,
        seed=config.seed, device=device,
    )  # fmt: skip
    rows = np.arange(len(validation.users))
    rankable = view.items.known | has_features(facts.content, facts.items)

    def judge(trained: TwoTower) -> npt.NDArray[np.float64]:
        users = user_vectors(trained, view, facts, settings, validation.users)
        return validation.lists(users, item_vectors(trained, view, facts), rankable, rows)

    trainer = Trainer(
        model,
        feeder,
        lambda trained: float(judge(trained).mean()),
        config,
        checkpoint=checkpoint,
        key=_key(pairs, model, config),
        device=device,
        progress=progress,
    )
    outcome = trainer.run()
    als = _baseline(view, validation)
    if als.mean() > outcome.best:
        start = _start(view, facts, settings).to(device)
        return Fitted(start, outcome, float(als.mean()), new_users=False, als_only=True)
    new = np.diff(view.history.indptr)[validation.users] == 0
    better = bool(new.any()) and bool(judge(model)[new].mean() >= als[new].mean())
    return Fitted(model, outcome, float(als.mean()), new_users=better, als_only=False)


def _start(view: View, facts: Facts, settings: Settings) -> TwoTower:
    config = settings.tower
    everybody = np.flatnonzero(view.users.known)
    taste = np.zeros((view.history.n_users, facts.content.shape[1]), np.float32)
    for start in range(0, len(everybody), _BLOCK):
        some = everybody[start : start + _BLOCK]
        first, last = int(some[0]), int(some[-1])
        taste[some] = final_states(
            view.history.of_users(first, last + 1), view.walk, settings.interactions,
            reference=view.reference, users=some - first,
        ).taste  # fmt: skip
    return starting_model(
        facts, users=view.users, items=view.items, taste=taste, hidden=config.hidden,
        extra=config.extra, dropout=config.dropout, seed=config.seed,
    )  # fmt: skip


def _baseline(view: View, validation: Validation) -> npt.NDArray[np.float64]:
    """(n,) metric of ALS; of what sells for users that it does not know."""
    users = validation.users
    known = view.users.known[users]
    out = np.zeros(len(users))
    warm, new = np.flatnonzero(known), np.flatnonzero(~known)
    if len(warm):
        out[warm] = validation.lists(
            view.users.factors[users[warm]], view.items.factors, view.items.known, warm
        )
    if len(new):
        # The third trend is the log of sales that count half per window of age.
        sells = np.ascontiguousarray(view.shelf.numbers(0)[:, 2:3])
        everything = np.ones(len(sells), np.bool_)
        out[new] = validation.lists(np.ones((len(new), 1), np.float32), sells, everything, new)
    return out


def _key(pairs: Pairs, model: TwoTower, config: TwoTowerConfig) -> str:
    """What a run is made from, so that a checkpoint of another one is not gone on from."""
    digest = hashlib.sha256(
        json.dumps([config.model_dump(mode="json"), model.shape.to_json()]).encode()
    )
    for values in (pairs.event, pairs.history.item, *(m.factors for m in pairs.moments)):
        digest.update(np.ascontiguousarray(values).data)
    for _, weights in sorted(model.state_dict().items()):
        digest.update(weights.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
