"""Compiled loops behind `sessions`: cutting sequences, and scores by the sessions most alike.

Everything is added in the order that `nearest` adds in, so that both give the same bits, whatever
the number of rows.
"""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import float32, float64, int32, int64, uint8, uint32

from recsys_cli.compiled import compiled
from recsys_cli.compiled import readonly as _in
from recsys_cli.strategies.neighbour_kernels import inner, offer

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]


@inner
def _end_of_session(times: U32, start: int, high: int, gap: int, longest: int) -> int:
    """Where the session that begins at `start` ends, in the events up to `high`."""
    stop = start + 1
    while stop < min(high, start + longest) and times[stop] - times[stop - 1] <= gap:
        stop += 1
    return stop


@compiled(
    int64(
        _in(int64, 1), _in(int32, 1), _in(uint32, 1), int64, int64, int64[::1], int64[::1],
        int32[::1], uint8[::1], uint32[::1],
    )
)  # fmt: skip
def cut(
    indptr: I64, items: I32, times: U32, gap: int, longest: int, stands: I64, starts: I64,
    kept: I32, steps: U8, ends: U32,
) -> int:  # fmt: skip
    """Cut sequences into sessions of distinct items; those of one item are left out.

    Args:
        indptr: (n_users + 1,) where each user's events begin.
        items: (events,) by time, then item.
        times: (events,) likewise.
        gap: most seconds between two events of a session.
        longest: most events of a session.
        stands: (n_items,) of -1, to work in: where each item stands last.
        starts: (events + 1,) to write into where the sessions begin among those kept.
        kept: (events,) to write the sessions' items into.
        steps: (events,) to write their places into.
        ends: (events,) to write the time of each session's last event into.

    Returns:
        How many sessions there are.
    """
    n, sessions = 0, 0
    for user in range(len(indptr) - 1):
        start, high = indptr[user], indptr[user + 1]
        while start < high:
            stop = _end_of_session(times, start, high, gap, longest)
            for at in range(start, stop):
                stands[items[at]] = at
            first, step = n, 0
            before = times[start]
            for at in range(start, stop):
                if stands[items[at]] != at:
                    continue
                if n > first and times[at] != before:
                    step += 1
                before = times[at]
                kept[n], steps[n] = items[at], step
                n += 1
            if n - first > 1:
                ends[sessions] = times[stop - 1]
                sessions += 1
                starts[sessions] = n
            else:
                n = first
            start = stop
    return sessions


@inner
def _table(entries: int) -> I32:
    """An empty table with twice as many places as there are entries, a power of 2."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return np.full(size, -1, np.int32)


@inner
def _number(table: I32, keys: I32, n: int, key: int) -> int:
    """The number of a key among the first `n` of `keys`; of a new one n, where it is noted."""
    at = (key * 2654435761) & (len(table) - 1)
    while table[at] >= 0:
        if keys[table[at]] == key:
            return int(table[at])
        at = (at + 1) & (len(table) - 1)
    table[at], keys[n] = n, key
    return n


@inner
def _latest(start: int, counts: F32, length: int) -> I64:
    """Where the entries from `start` on lie that count most, at most `length`; as `latest`."""
    order = np.argsort(-counts, kind="mergesort")[:length]
    n = 0
    while n < len(order) and counts[order[n]] > 0:
        n += 1
    return order[:n] + start


@compiled(
    int64(
        int64, _in(int64, 1), _in(int32, 1), _in(float32, 1), int64, int64, _in(float64, 1),
        _in(float32, 1), _in(int64, 1), _in(int32, 1), _in(uint8, 1),
        _in(int64, 1), _in(int32, 1), _in(uint8, 1), _in(float32, 1),
        int64[::1], int32[::1], float32[::1],
    )
)  # fmt: skip
def score_rows(
    first: int, indptr: I64, had: I32, counts: F32, length: int, neighbours: int, near: F64,
    rarity: F32, item_starts: I64, sessions: I32, shared: U8,
    session_starts: I64, items: I32, steps: U8, weight: F32,
    out_indptr: I64, out_items: I32, out_scores: F32,
) -> int:  # fmt: skip
    """Scores of the items of the sessions most similar to each row, from row `first` on.

    Args:
        first: first row.
        indptr: (rows + 1,) where each row's items begin.
        had: (entries,) the row's items, ascending.
        counts: (entries,) what each counts.
        length: most items of a row.
        neighbours: most sessions.
        near: (511,) what an item counts by its distance from the one that is shared, plus 255.
        rarity: as the others up to `weight`, see `train.Sessions`.
        item_starts: see there.
        sessions: see there.
        shared: see there.
        session_starts: see there.
        items: see there.
        steps: see there.
        weight: see there.
        out_indptr: (rows + 1,) to write into where each row's scores begin; at `first` it is 0.
        out_items: items to write, in no order; as many as there are items fit at least.
        out_scores: their scores.

    Returns:
        The row after the last one whose scores fit.
    """
    values, kept = np.empty(neighbours), np.empty(neighbours, np.int32)
    used = 0
    for row in range(first, len(indptr) - 1):
        asked = _latest(indptr[row], counts[indptr[row] : indptr[row + 1]], length)
        postings = 0
        for at in asked:
            postings += item_starts[had[at] + 1] - item_starts[had[at]]
        table, found = _table(postings), np.empty(postings, np.int32)
        sums, by = np.zeros(postings), np.empty(postings, np.float32)
        place = np.empty(postings, np.uint8)
        n = 0
        for at in asked:
            term = float64(counts[at]) * float64(rarity[had[at]])
            for post in range(item_starts[had[at]], item_starts[had[at] + 1]):
                number = _number(table, found, n, sessions[post])
                if number == n:
                    n += 1
                    by[number], place[number] = counts[at], shared[post]
                elif by[number] == counts[at]:
                    place[number] = max(place[number], shared[post])
                sums[number] += term
        filled = 0
        for number in range(n):
            value = sums[number] * weight[found[number]]
            filled = offer(values, kept, filled, value, found[number])
        reached = 0
        for session in kept[:filled]:
            reached += session_starts[session + 1] - session_starts[session]
        reached = min(reached, len(rarity))
        if used + reached > len(out_items):
            return row
        names, scores = out_items[used : used + reached], np.zeros(reached)
        places, m = _table(reached), 0
        for session in np.sort(kept[:filled]):
            number = _number(table, found, n, session)
            value = sums[number] * weight[session]
            for at in range(session_starts[session], session_starts[session + 1]):
                item = _number(places, names, m, items[at])
                m += item == m
                scores[item] += value * near[int64(steps[at]) - int64(place[number]) + 255]
        out_scores[used : used + m] = scores[:m]
        used += m
        out_indptr[row + 1] = used
    return len(indptr) - 1
