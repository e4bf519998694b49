"""Events laid over what users had, against a dictionary of each row."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later

N_ITEMS, REFERENCE = 6, 100
Row = dict[int, tuple[float, int, int]]
"""Weight, count and time of the last event, by item."""


def history(rows: list[Row]) -> Interactions:
    ordered = [sorted(row.items()) for row in rows]
    flat = [pair for row in ordered for pair in row]
    return Interactions(
        indptr=np.cumsum([0, *map(len, ordered)], dtype=np.int64),
        indices=np.array([item for item, _ in flat], np.int32),
        weight=np.array([w for _, (w, _, _) in flat], np.float32),
        count=np.array([c for _, (_, c, _) in flat], np.uint32),
        last=np.array([t for _, (_, _, t) in flat], np.uint32),
        reference=REFERENCE,
        n_users=len(rows),
        n_items=N_ITEMS,
    )


def rows_of(found: Interactions) -> list[Row]:
    values = zip(found.weight.tolist(), found.count.tolist(), found.last.tolist(), strict=True)
    pairs = list(zip(found.indices.tolist(), values, strict=True))
    return [dict(pairs[a:b]) for a, b in zip(found.indptr, found.indptr[1:], strict=False)]


def later(spans: list[tuple[int, int]], events: list[tuple[int, int, float]]) -> Later:
    return Later(
        first=np.array([a for a, _ in spans], np.int64),
        last=np.array([b for _, b in spans], np.int64),
        items=np.array([item for item, _, _ in events], np.int32),
        times=np.array([time for _, time, _ in events], np.uint32),
        weights=np.array([weight for _, _, weight in events], np.float32),
        values=np.full(len(events), np.nan, np.float32),
    )


def test_steps_of_a_session_see_more_and_more_of_it() -> None:
    """User 1 had item 2 twice; then comes 4, then 2 again. Nobody's history stays nobody's."""
    before = history([{0: (1.0, 1, 10)}, {2: (3.0, 2, 20)}])
    events = later([(0, 0), (0, 1), (0, 2), (0, 2)], [(4, 110, 1.0), (2, 120, 5.0)])
    found = events.over(before, np.array([1, 1, 1, -1], np.int32))
    assert rows_of(found) == [
        {2: (3.0, 2, 20)},
        {2: (3.0, 2, 20), 4: (1.0, 1, 110)},
        {2: (8.0, 3, 120), 4: (1.0, 1, 110)},
        {2: (5.0, 1, 120), 4: (1.0, 1, 110)},
    ]
    assert (found.n_users, found.n_items, found.reference) == (4, N_ITEMS, REFERENCE)
    assert found.indices.dtype == np.int32
    assert found.last.dtype == found.count.dtype == np.uint32


items = st.integers(0, N_ITEMS - 1)
amounts = st.sampled_from([0.0, 1.0, 2.5])
had = st.lists(
    st.dictionaries(items, st.tuples(amounts, st.integers(1, 3), st.integers(0, 99)), max_size=4),
    min_size=1,
    max_size=4,
)


@given(had=had, data=st.data())
def test_as_a_dictionary_would_add_them(had: list[Row], data: st.DataObject) -> None:
    events = data.draw(st.lists(st.tuples(items, st.integers(0, 200), amounts), max_size=8))
    span = st.tuples(*[st.integers(0, len(events))] * 2).map(lambda ends: tuple(sorted(ends)))
    asked = data.draw(st.lists(st.tuples(st.integers(-1, len(had) - 1), span), max_size=5))
    users = np.array([user for user, _ in asked], np.int32)
    found = later([span for _, span in asked], events).over(history(had), users)
    want = []
    for user, (first, last) in asked:
        row = dict(had[user]) if user >= 0 else {}
        for item, time, weight in events[first:last]:
            before = row.get(item, (0.0, 0, 0))
            row[item] = (before[0] + weight, before[1] + 1, max(before[2], time))
        want.append(row)
    assert rows_of(found) == want
    assert all(list(row) == sorted(row) for row in rows_of(found))


def test_taken_rows_are_those_rows() -> None:
    before = history([{0: (1.0, 1, 10)}, {2: (3.0, 2, 20), 3: (1.0, 1, 5)}])
    got = before.take(np.array([1, -1, 0, 1], np.int32))
    one, two = rows_of(before)
    assert rows_of(got) == [two, {}, one, two]
