"""What follows what, against the formula spelled out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.csr import CSR
from recsys_cli.errors import TrainingError
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.sequences import Sequences
from recsys_cli.strategies.transitions import TransitionsConfig
from recsys_cli.strategies.transitions.serve import open_transitions
from recsys_cli.strategies.transitions.train import Transitions, train_transitions
from strategies import shop

N_ITEMS = 6
Event = tuple[int, int]
"""Time and item."""


def sequences(users: list[list[Event]], n_items: int = N_ITEMS) -> Sequences:
    """From each user's events."""
    ordered = [sorted(events) for events in users]
    return Sequences(
        np.concatenate([[0], np.cumsum([len(events) for events in ordered])]).astype(np.int64),
        np.array([item for events in ordered for _, item in events], np.int32),
        np.array([time for events in ordered for time, _ in events], np.uint32),
        n_items,
    )


def train(users: list[list[Event]], *, threads: int = 1, **settings: float) -> Transitions:
    config = TransitionsConfig.model_validate(settings)
    return train_transitions(sequences(users), config, reference=100, threads=threads)


def spelled_out(users: list[list[Event]], config: TransitionsConfig) -> np.ndarray:
    """The matrix S, before only the strongest links are kept."""
    follows = np.zeros((N_ITEMS, N_ITEMS))
    for events in users:
        times = sorted(time for time, _ in events)
        # Place of a basket among the user's events: the middle of the places it takes.
        place = {t: np.mean([at for at, time in enumerate(times) if time == t]) for t in times}
        for a, (earlier, i) in enumerate(events):
            for b, (later, j) in enumerate(events):
                gap = place[later] - place[earlier]
                if i == j or a == b:
                    continue
                if earlier == later:
                    follows[i, j] += 0.5
                elif 0 < gap <= config.reach:
                    follows[i, j] += gap**-config.gap_power
    both = follows + config.backward * follows.T
    rows, columns = both.sum(axis=1), both.sum(axis=0)
    scale = (rows[:, None] + config.shrinkage) ** (1 - config.popularity)
    scale = scale * columns[None] ** config.popularity
    return np.divide(both, scale, out=np.zeros_like(both), where=both > 0)


EVENTS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, N_ITEMS - 1)), max_size=12)


@settings(deadline=None)
@given(
    users=st.lists(EVENTS, min_size=1, max_size=5),
    reach=st.integers(1, 6),
    backward=st.sampled_from([0.0, 0.5, 1.0]),
    popularity=st.sampled_from([0.0, 0.2, 1.0]),
    shrinkage=st.sampled_from([0.0, 5.0]),
)
def test_the_matrix_is_that_of_the_formula(
    users: list[list[Event]], reach: int, backward: float, popularity: float, shrinkage: float
) -> None:
    config = TransitionsConfig(
        reach=reach, backward=backward, popularity=popularity, shrinkage=shrinkage
    )
    if not any(users):
        return
    model = train_transitions(sequences(users), config, reference=100, threads=2)
    want = spelled_out(users, config)
    got = model.matrix.to_scipy().toarray()
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


def test_what_follows_soon_and_often_counts_more_than_what_came_before() -> None:
    chains = [[(1, 0), (2, 1), (3, 2)]] * 3
    found = train(chains).matrix.to_scipy().toarray()
    assert found[0, 1] > found[0, 2] > 0
    assert found[1, 2] > found[1, 0] > 0
    assert train(chains, backward=0.0).matrix.row(2).tolist() == []


def test_the_strongest_are_kept_and_threads_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    users = [
        [(int(time), int(item)) for time, item in enumerate(rng.integers(0, N_ITEMS, 9))]
        for _ in range(700)
    ]
    whole = train(users).matrix.to_scipy().toarray()
    one, two = (train(users, neighbours=3, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.weight, two.weight)
    np.testing.assert_array_equal(one.indices, two.indices)
    for item in range(N_ITEMS):
        best = np.sort(np.argsort(-whole[item], kind="stable")[:3])
        assert one.matrix.row(item).tolist() == best.tolist()


def test_nothing_to_learn_from() -> None:
    with pytest.raises(TrainingError, match="no events"):
        train([[], []])


def history(rows: list[list[tuple[int, int]]]) -> dict[str, object]:
    """An interactions artifact of each user's items and when they had them last."""
    pattern = CSR.from_rows(
        [np.array([item for item, _ in sorted(row)], np.int32) for row in rows], N_ITEMS
    )
    n = pattern.nnz
    return Interactions(
        indptr=pattern.indptr,
        indices=pattern.indices,
        weight=np.ones(n, np.float32),
        count=np.ones(n, np.uint32),
        last=np.array([last for row in rows for _, last in sorted(row)], np.uint32),
        reference=100,
        n_users=len(rows),
        n_items=N_ITEMS,
    ).to_pack()


def test_what_was_had_last_decides() -> None:
    """0 leads to 1 and 2 to 3; both users had 0 and 2, in opposite orders."""
    model = train([[(1, 0), (2, 1)], [(1, 2), (2, 3)]], backward=0.0)
    packs = shop.Packs(
        {
            "interactions": history([[(0, 10), (2, 20)], [(0, 20), (2, 10)]]),
            "transitions": model.to_pack(),
        }
    )
    users = np.array([0, 1], np.int32)
    got = open_transitions(packs).recommend(users, k=2)
    assert got.items.tolist() == [[3, 1], [1, 3]]
    np.testing.assert_allclose(got.scores[:, 1], got.scores[:, 0] / 2)
    last = open_transitions(packs, last_only=True).recommend(users, k=2)
    assert last.items.tolist() == got.items.tolist()
    np.testing.assert_allclose(last.scores[:, 1], 0, atol=1e-5)
