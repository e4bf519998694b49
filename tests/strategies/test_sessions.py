"""Sessions and scores by them against the formula spelled out, in numpy and compiled."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.csr import CSR
from recsys_cli.errors import TrainingError
from recsys_cli.events.sequences import Sequences
from recsys_cli.strategies.sessions import SessionsConfig
from recsys_cli.strategies.sessions.nearest import Nearest
from recsys_cli.strategies.sessions.train import LONGEST, Sessions, index_sessions

N_ITEMS, DAY = 12, 86_400
REFERENCE = 100 * DAY

Visits = list[list[tuple[int, int]]]
"""By user, time and item of each event."""


def sequences(users: Visits) -> Sequences:
    flat = [event for events in users for event in sorted(events)]
    return Sequences(
        indptr=np.cumsum([0, *map(len, users)], dtype=np.int64),
        items=np.array([item for _, item in flat], np.int32),
        times=np.array([time for time, _ in flat], np.uint32),
        n_items=N_ITEMS,
    )


def index(users: Visits, **settings: Any) -> Sessions:
    return index_sessions(sequences(users), SessionsConfig(**settings), reference=REFERENCE)


def rows(found: Sessions) -> list[list[tuple[int, int]]]:
    """Items and places of each session."""
    pairs = list(zip(found.items.tolist(), found.steps.tolist(), strict=True))
    return [pairs[a:b] for a, b in pairwise(found.session_starts.tolist())]


def test_a_session_ends_with_a_pause_and_the_latest_comes_first() -> None:
    found = index([[(60, 1), (120, 2), (8000, 3), (8010, 4)], [(500, 5), (600, 6)]], gap_minutes=30)
    assert rows(found) == [[(3, 0), (4, 1)], [(5, 0), (6, 1)], [(1, 0), (2, 1)]]


def test_a_pause_of_the_gap_itself_ends_no_session() -> None:
    for pause, sessions in ((1800, 1), (1801, 2)):
        users = [[(1, 1), (2, 2), (2 + pause, 3), (3 + pause, 4)]]
        assert len(rows(index(users, gap_minutes=30))) == sessions


def test_without_a_gap_a_session_is_all_that_a_user_had() -> None:
    assert rows(index([[(60, 1), (50 * DAY, 2)]])) == [[(1, 0), (2, 1)]]


def test_events_of_one_moment_are_at_one_place_in_whatever_order() -> None:
    one = index([[(10, 3), (10, 1), (20, 2), (30, 7)]])
    other = index([[(30, 7), (10, 1), (20, 2), (10, 3)]])
    assert rows(one) == rows(other) == [[(1, 0), (3, 0), (2, 1), (7, 2)]]


def test_an_item_stands_where_it_was_last_and_single_items_are_no_session() -> None:
    found = index([[(1, 4), (2, 5), (3, 4)], [(1, 6), (2, 6)]])
    assert rows(found) == [[(5, 0), (4, 1)]]
    assert found.rarity[6] == 0


def test_long_sequences_are_cut() -> None:
    events = [(time, time % N_ITEMS) for time in range(1, 2 * LONGEST + 3)]
    found = index([events])
    assert len(rows(found)) == 3
    assert all(len(session) == N_ITEMS for session in rows(found)[1:])


def test_of_each_item_the_latest_sessions_are_kept_and_rarity_counts_all() -> None:
    users = [[(time, 0), (time + 1, 1 + time % 2)] for time in (30, 10, 20, 40)]
    found = index(users, recent=2)
    assert found.sessions[: found.item_starts[1]].tolist() == [0, 1]
    assert found.rarity[0] == np.float32(np.log1p(4 / 4) ** 2)
    assert found.rarity[9] == 0


def test_nothing_that_goes_together_is_an_error() -> None:
    with pytest.raises(TrainingError, match="two items"):
        index([[(1, 1)], []])


def test_score_by_hand() -> None:
    """One session, 30 days old: items 1, then 2 and 3, then 4; the user had 2 last, 9 before."""
    day = 70 * DAY
    model = index(
        [[(day - 2, 1), (day - 1, 2), (day - 1, 3), (day, 4)]],
        half_life_days=30.0,
        half_life_steps=4.0,
        backward=0.5,
    )
    history = CSR(np.array([0, 2]), np.array([2, 9], np.int32), N_ITEMS, np.array([1, 0.5], "f4"))
    ((_, scores),) = Nearest(model).score_blocks(history)
    similarity = np.log(2) ** 2 * 4 ** (-1 / 3) / 2
    got = dict(zip(scores.indices.tolist(), scores.data.tolist(), strict=True))
    assert got == pytest.approx(
        {1: 0.5 * similarity, 2: 0.75 * similarity, 3: 0.75 * similarity, 4: similarity}
    )


def test_where_several_items_are_shared_the_one_had_last_says_where_the_user_is() -> None:
    """After 1, which the user had last, 2 comes next and 6 comes second."""
    model = index([[(1, 5), (2, 1), (3, 2), (4, 6)]])
    for had, place in (({1: 1.0, 5: 0.5}, 1), ({1: 0.5, 5: 1.0}, 0), ({1: 1.0, 5: 1.0}, 1)):
        data = np.array(list(had.values()), np.float32)
        history = CSR(np.array([0, 2]), np.array(list(had), np.int32), N_ITEMS, data)
        ((_, scores),) = Nearest(model).score_blocks(history)
        got = dict(zip(scores.indices.tolist(), scores.data.tolist(), strict=True))
        assert got[6] / got[2] == pytest.approx((1 + (1 - place) / 4) / (1 + (2 - place) / 4))


def naive(model: Sessions, had: dict[int, np.float32]) -> dict[int, np.float32]:
    """Scores in Python, as `train` states them."""
    asked = sorted((i for i in had if had[i] > 0), key=lambda i: (-had[i], i))[: model.length]
    similarity: dict[int, float] = {}
    latest: dict[int, tuple[np.float32, int]] = {}
    for item in asked:
        term = float(had[item]) * float(model.rarity[item])
        for at in range(model.item_starts[item], model.item_starts[item + 1]):
            session = int(model.sessions[at])
            similarity[session] = similarity.get(session, 0.0) + term
            here = (had[item], int(model.shared[at]))
            latest[session] = max(latest.get(session, here), here)
    for session in similarity:
        similarity[session] *= float(model.weight[session])
    best = sorted(similarity, key=lambda s: (-similarity[s], s))[: model.neighbours]
    scores: dict[int, float] = {}
    for session in sorted(best):
        for item, step in rows(model)[session]:
            away = step - latest[session][1]
            if away > 0:
                near = 1 / (1 + (away - 1) / model.half_life_steps)
            elif away < 0:
                near = model.backward * (1 / (1 + (-away - 1) / model.half_life_steps))
            else:
                near = (1 + model.backward) / 2
            scores[item] = scores.get(item, 0.0) + similarity[session] * near
    return {item: np.float32(score) for item, score in scores.items()}


events = st.tuples(st.integers(1, 40), st.integers(0, N_ITEMS - 1))
visits = st.lists(st.lists(events, max_size=12), min_size=1, max_size=8).filter(
    lambda users: any(len({item for _, item in user}) > 1 for user in users)
)
counts = st.sampled_from([0.0, 0.25, 0.5, 1.0])
histories = st.lists(
    st.dictionaries(st.integers(0, N_ITEMS - 1), counts, max_size=6), min_size=1, max_size=5
)


@settings(max_examples=200, deadline=None)
@given(
    users=visits,
    had=histories,
    neighbours=st.integers(1, 6),
    recent=st.integers(1, 6),
    length=st.integers(1, 6),
    backward=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_compiled_numpy_and_naive_agree_to_the_bit(
    users: Visits, had: list[dict[int, float]], **given: Any
) -> None:
    model = index(users, **given)
    items = [sorted(row) for row in had]
    history = CSR(
        np.cumsum([0, *map(len, items)], dtype=np.int64),
        np.array([i for row in items for i in row], np.int32),
        N_ITEMS,
        np.array([row[i] for row, of in zip(had, items, strict=True) for i in of], np.float32),
    )
    for options in ({}, {"compiled": True}, {"compiled": True, "cells": 1}):
        got: list[dict[int, np.float32]] = []
        for first, block in Nearest(model, **options).score_blocks(history):
            assert first == len(got)
            for row in range(block.n_rows):
                part = block.take(np.array([row]))
                assert len(set(part.indices.tolist())) == part.nnz
                got.append(dict(zip(part.indices.tolist(), part.data, strict=True)))
        wanted = [naive(model, {i: np.float32(row[i]) for i in row}) for row in had]
        assert got == wanted
