"""Events in order of the sessions that they name, against a dictionary."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.columns import SESSION
from recsys_cli.events.sequences import build_sequences
from recsys_cli.events.sessions import in_place_of_users

from .test_sequences import N_ITEMS, N_USERS, REFERENCE, SPEC, frame

Row = tuple[int, int, int, int | None]
"""User, item, second and session."""
ROWS = st.lists(
    st.tuples(
        st.integers(0, N_USERS - 1),
        st.integers(0, N_ITEMS - 1),
        st.integers(1, 50),
        st.none() | st.integers(0, 3),
    ),
    min_size=1,
    max_size=40,
)


def named(rows: list[Row]) -> pl.LazyFrame:
    sessions = pl.Series([row[3] for row in rows], dtype=pl.Int32)
    return frame([row[:3] for row in rows]).with_columns(sessions.alias(SESSION))


def sequences(events: pl.LazyFrame) -> list[list[tuple[int, int]]]:
    """Second and item of each event, by session."""
    events, n_rows = in_place_of_users(events, n_users=N_USERS)
    found = build_sequences(events, n_users=n_rows, n_items=N_ITEMS, spec=SPEC, reference=REFERENCE)
    flat = list(zip(found.times.tolist(), found.items.tolist(), strict=True))
    return [flat[a:b] for a, b in zip(found.indptr, found.indptr[1:], strict=False)]


@settings(deadline=None)
@given(rows=ROWS, seed=st.integers(0, 9))
def test_each_session_of_each_user_has_its_events_in_whatever_order(
    rows: list[Row], seed: int
) -> None:
    """Users share numbers of sessions, sessions overlap, and what names none is by itself."""
    wanted = defaultdict(list)
    for user, item, second, session in rows:
        wanted[user, -1 if session is None else session].append((second, item))
    shuffled = [rows[at] for at in np.random.default_rng(seed).permutation(len(rows))]
    assert sequences(named(shuffled)) == [sorted(wanted[key]) for key in sorted(wanted)]


def test_events_that_name_no_session_stay_as_they_are() -> None:
    events = frame([(1, 2, 10), (3, 4, 5)])
    assert in_place_of_users(events, n_users=N_USERS) == (events, N_USERS)
