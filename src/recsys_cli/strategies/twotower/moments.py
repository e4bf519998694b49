"""Moments of the past to learn at: what users had had until then, and what came next.

A model that is to be served on what it has not seen must be trained that way too. If the item
factors that a training pair is scored with had been fitted on that pair, trusting them blindly
would look right, and little else would be learned. So users are cut into folds, and the pairs of
each fold are seen through ALS factors trained on the events of the other users (out-of-fold
predictions, as in stacking: Wolpert, Neural Networks 1992). All factors are rotated onto those
of the reference moment. Items' sales are as of the start of the pair's window, and the user's
state is as of the moment before the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_cli.config.models import InteractionsConfig
from recsys_cli.events.interactions import Interactions
from recsys_cli.progress import Progress, Silent
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import AlsFactors, train_als
from recsys_cli.strategies.twotower.history import OrderedEvents, steps
from recsys_cli.strategies.twotower.prefix import UserStates, Walk, user_states
from recsys_cli.strategies.twotower.trends import Trends, aligned, windows_before

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Moment:
    """Item factors as of one moment, in the common basis.

    Attributes:
        factors: (n_items, f) float32; zero rows where not known.
        known: (n_items,).
    """

    factors: Vectors
    known: Mask


@dataclass(frozen=True, slots=True)
class Pairs:
    """Training pairs by window, newest first, then fold, then user and time.

    Attributes:
        event: (pairs,) int64 position in the history.
        state: (pairs,) int64 row of `states`.
        window: (pairs,) int32 windows between the pair and the reference.
        low: (pairs,) int64 start of the run of the history that holds no negatives of the user.
        high: (pairs,) int64 its end.
        fold: (pairs,) int32 which of `moments` the pair is seen through.
        moments: item factors by fold.
        states: of users before the pairs.
        history: the events.
    """

    event: npt.NDArray[np.int64]
    state: npt.NDArray[np.int64]
    window: npt.NDArray[np.int32]
    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int32]
    moments: tuple[Moment, ...]
    states: UserStates
    history: OrderedEvents

    def __len__(self) -> int:
        return len(self.event)


@dataclass(frozen=True, slots=True)
class Fold:
    """Events whose pairs are seen through factors that were trained without them.

    Attributes:
        learn: (events,) what the factors are trained on.
        use: (events,) whose pairs are seen through them; none of `learn`.
    """

    learn: Mask
    use: Mask


def folds_of_users(history: OrderedEvents, *, folds: int) -> list[Fold]:
    """All events, those of each part of the users to be seen through those of the others."""
    part = history.users % folds
    return [Fold(part != b, part == b) for b in range(folds)]


def training_pairs(
    history: OrderedEvents,
    trends: Trends,
    folds: Sequence[Fold],
    like: Moment,
    *,
    als: AlsConfig,
    interactions: InteractionsConfig,
    content: Vectors,
    half_life_days: float | None,
    last_items: int,
    max_pairs: int,
    repurchase: bool,
    start: AlsFactors | None = None,
    folder: Path | None = None,
    threads: int = 0,
    progress: Progress | None = None,
    train: Callable[..., AlsFactors] = train_als,
) -> Pairs:
    """Choose pairs and compute the states before them.

    Args:
        history: events to learn from, without those to validate on.
        trends: of this history; tells where windows begin.
        folds: which events are seen through factors of which others.
        like: factors whose basis all others are rotated to.
        als: how to train the factors of the folds.
        interactions: decay and cap of what they are trained on.
        content: (n_items, c) content vectors.
        half_life_days: of the taste.
        last_items: how many the mean of last items is over.
        max_pairs: pairs at most; the oldest are left out.
        repurchase: whether having an item again counts; otherwise only first times are learned.
        start: factors of all events, which those of the folds start from; None for random ones.
        folder: where to keep the states as float16 files; None keeps them in memory.
        threads: for ALS; 0 means all cores.
        progress: told what is being done.
        train: trains the factors of a fold.
    """
    report = progress or Silent()
    users = history.users
    window = windows_before(history.time, reference=trends.reference, seconds=trends.seconds)
    state_at, low, high, wanted = _runs(history, window, repurchase=repurchase)
    fold = np.full(len(users), -1, np.int64)
    for b, one in enumerate(folds):
        fold[one.use] = b
    event = np.flatnonzero(wanted & (fold >= 0))
    # Stable, so that pairs of a window stay by user and time.
    event = event[np.argsort(window[event], kind="stable")][:max_pairs]
    event = event[np.argsort(window[event] * len(folds) + fold[event], kind="stable")]
    width = len(users) + 1
    key = fold[event] * width + state_at[event]
    distinct, state = np.unique(key, return_inverse=True)
    states = UserStates.allocate(
        len(distinct),
        factors=like.factors.shape[1],
        content=content.shape[1],
        dtype="float16" if folder else "float32",
        folder=folder,
    )
    moments: list[Moment] = []

    def learn(events: OrderedEvents) -> AlsFactors:
        return train(interactions_of(events, interactions), als, start=start, threads=threads)

    parts = steps(
        history,
        max_weight=interactions.max_weight,
        half_life_days=interactions.half_life_days,
        reference=trends.reference,
    )
    for b, one in enumerate(folds):
        report.log(f"two-tower: factors {b + 1} of {len(folds)}, of other events than their pairs")
        moments.append(_moment(history.only(one.learn), like, learn))
        rows = slice(*np.searchsorted(distinct, np.array([b, b + 1]) * width))
        at = distinct[rows] - b * width
        walk = Walk(
            moments[b].factors, als.regularization, als.alpha, content, half_life_days, last_items
        )
        part = UserStates(*(getattr(states, name)[rows] for name in _STATE))
        user_states(history, parts, walk, users[at], at, out=part)
    return Pairs(
        event=event,
        state=state.astype(np.int64),
        window=window[event].astype(np.int32),
        fold=fold[event].astype(np.int32),
        low=low[event],
        high=high[event],
        moments=tuple(moments),
        states=states,
        history=history,
    )


def _moment(
    events: OrderedEvents, like: Moment, learn: Callable[[OrderedEvents], AlsFactors]
) -> Moment:
    """Factors of some events in the basis of `like`; none where there is nothing to learn."""
    if not (events.weight > 0).any():
        return Moment(np.zeros_like(like.factors), np.zeros_like(like.known))
    made = learn(events)
    rotation = aligned(made.item_factors, made.item_known, like.factors, like.known)
    return Moment((made.item_factors @ rotation).astype(np.float32), made.item_known)


_STATE = ("folded", "recent", "taste", "seen", "last")


def _runs(
    history: OrderedEvents, window: npt.NDArray[np.int64], *, repurchase: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], Mask]:
    """For each event: where its state ends, its run without negatives, and whether to learn it.

    Events of one user at the same time are one basket, and the state is that before the basket.
    """
    n = len(history.item)
    users = history.users
    other = np.ones(n, np.bool_)
    other[1:] = users[1:] != users[:-1]
    begin = other.copy()
    begin[1:] |= history.time[1:] != history.time[:-1]
    basket = np.cumsum(begin) - 1
    state_at, _ = _bounds(begin)
    key = users.astype(np.int64) * history.n_items + history.item
    order = np.argsort(key, kind="stable")
    same = np.zeros(n, np.bool_)
    same[1:] = key[order][1:] == key[order][:-1]
    if repurchase:
        # Of one basket, equal items are a quantity.
        same[1:] &= basket[order][1:] == basket[order][:-1]
        other[1:] |= window[1:] != window[:-1]
        low, high = _bounds(other)
    else:
        low, high = history.indptr[users], history.indptr[users + 1]
    wanted = np.empty(n, np.bool_)
    wanted[order] = ~same
    return state_at, low, high, wanted & (history.weight > 0)


def _bounds(begin: Mask) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the run of each row starts and ends, given the rows at which runs begin."""
    starts = np.flatnonzero(begin)
    run = np.cumsum(begin) - 1
    if not len(starts):
        return starts, starts
    return starts[run], np.append(starts[1:], len(begin))[run]


def interactions_of(history: OrderedEvents, config: InteractionsConfig) -> Interactions:
    """What ALS trains on, from the events of a history."""
    reference = int(history.time.max(initial=0)) + 1
    parts = steps(history, half_life_days=config.half_life_days, max_weight=config.max_weight,
                  reference=reference)  # fmt: skip
    pairs = history.pairs()
    rows, columns = pairs.entries()
    keys = rows * history.n_items + columns
    at = np.searchsorted(keys, history.users.astype(np.int64) * history.n_items + history.item)
    weight = np.bincount(at, parts.weight, minlength=len(keys)).astype(np.float32)
    count = np.bincount(at, minlength=len(keys)).astype(np.uint32)
    return Interactions(
        pairs.indptr, pairs.indices, weight, count, np.zeros(len(keys), np.uint32),
        reference, history.n_users, history.n_items,
    )  # fmt: skip


def final_states(
    history: OrderedEvents, walk: Walk, interactions: InteractionsConfig, *, reference: int,
    users: npt.NDArray[np.integer],
) -> UserStates:  # fmt: skip
    """States of `users` (n,), ascending, after all their events, without folding them in."""
    out = UserStates.allocate(
        len(users), factors=walk.factors.shape[1], content=walk.content.shape[1], folds=False,
        folder=None,
    )  # fmt: skip
    parts = steps(history, max_weight=interactions.max_weight,
                  half_life_days=interactions.half_life_days, reference=reference)  # fmt: skip
    user_states(history, parts, walk, users, history.indptr[users + 1], out=out)
    return out
