"""Compiled loops of `prefix`: one pass over each user's events, in the order of time.

The inverse of a user's normal equations follows each event by the rank-one update of Sherman
and Morrison (Annals of Mathematical Statistics 1950):

    (A + c q qᵀ)⁻¹ = A⁻¹ - c (A⁻¹q)(A⁻¹q)ᵀ / (1 + c qᵀA⁻¹q)
"""

# ruff: noqa: PLR0917  (compiled functions take arguments by position, and loop plainly)

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(parallel=True, nogil=True, cache=True, error_model="numpy")
def walk(
    indptr: Any, item: Any, time: Any, gain: Any, first: Any, factors: Any, inverse: Any,
    content: Any, decay: Any, weight: Any, last_items: int, emit_user: Any, emit_indptr: Any,
    emit_at: Any, folded: Any, recent: Any, taste: Any, seen: Any, last: Any,
) -> None:  # fmt: skip
    """Write the state of each user before each of the events asked for.

    Args:
        indptr: (n_users + 1,) int64 runs of the history.
        item: (events,) int32.
        time: (events,) int64 seconds.
        gain: (events,) float32, α times what the event adds to the weight of its pair.
        first: (events,) whether the event is its pair's first.
        factors: (n_items, f) float32.
        inverse: (f, f) float64, of the equations of a user without events.
        content: (n_items, c) float32.
        decay: float, ln 2 over the half-life in seconds; 0 for none.
        weight: (events,) float32 how much the event counts in the taste.
        last_items: events that `recent` is the mean of.
        emit_user: (users,) users to walk.
        emit_indptr: (users + 1,) which of `emit_at` are each one's.
        emit_at: (states,) positions in the history, ascending; the state before that event.
        folded: (states, f) out, factors folded in; (states, 0) where they are not wanted.
        recent: (states, f) out, mean of the factors of the last items.
        taste: (states, c) out, decayed sum of content vectors.
        seen: (states,) int32 out, events before.
        last: (states,) int64 out, time of the last event before; 0 for none.
    """
    n_factors, n_content = factors.shape[1], content.shape[1]
    folds = folded.shape[1] > 0
    for row in numba.prange(len(emit_user)):
        user = emit_user[row]
        start = indptr[user]
        left = inverse.copy() if folds else inverse
        right = np.zeros(n_factors)
        liked = np.zeros(n_content)
        moved = np.empty(n_factors)
        at = start
        for state in range(emit_indptr[row], emit_indptr[row + 1]):
            while at < emit_at[state]:
                since = time[at] - time[at - 1] if at > start else 0
                _like(liked, content[item[at]], weight[at], decay * since)
                if folds:
                    _learn(left, right, moved, factors[item[at]], gain[at], first[at])
                at += 1
            if at > start:
                if folds:
                    _multiply(left, right, folded[state])
                _mean(factors, item[max(start, at - last_items) : at], recent[state])
                taste[state] = liked
                last[state] = time[at - 1]
            seen[state] = at - start


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _like(liked: Any, vector: Any, weight: Any, decayed: Any) -> None:
    """Add an event's content to a taste that is older by `decayed`, in units of e."""
    kept = np.exp(-decayed) if decayed > 0 else 1.0
    for j in range(len(liked)):
        liked[j] = liked[j] * kept + weight * vector[j]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _multiply(matrix: Any, vector: Any, out: Any) -> None:
    for i in range(len(vector)):
        total = 0.0
        for j in range(len(vector)):
            total += matrix[i, j] * vector[j]
        out[i] = total


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _mean(factors: Any, items: Any, out: Any) -> None:
    for i in range(len(out)):
        total = 0.0
        for item in items:
            total += factors[item, i]
        out[i] = total / len(items)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _learn(left: Any, right: Any, moved: Any, factor: Any, gain: Any, first: Any) -> None:
    """Add one event to a user's equations, kept as the inverse `left` and the sum `right`."""
    n = len(factor)
    share = gain + 1.0 if first else gain
    if share == 0:
        return
    _multiply(left, factor, moved)
    norm = 0.0
    for i in range(n):
        norm += moved[i] * factor[i]
        right[i] += share * factor[i]
    scale = gain / (1.0 + gain * norm)
    for i in range(n):
        amount = scale * moved[i]
        for j in range(n):
            left[i, j] -= amount * moved[j]


@numba.njit(nogil=True, cache=True)
def mask_known(
    rows: Any, low: Any, high: Any, history_item: Any, column_of: Any, next_same: Any,
    mask: Any,
) -> None:  # fmt: skip
    """Mark the candidates of a batch that each of its users has, other than the row's own.

    Args:
        rows: (B,) int32 item of each row, which is never marked in its own row.
        low: (B,) int64 start of the run of the history that counts as the user's, by row.
        high: (B,) int64 its end.
        history_item: (events,) items.
        column_of: (n_items,) int32 first candidate that is the item; -1 for none.
        next_same: (candidates,) int32 next candidate that is the same item; -1 for none.
        mask: (B, candidates) bool out, zeros.
    """
    for row in range(len(rows)):
        for event in range(low[row], high[row]):
            item = history_item[event]
            if item == rows[row]:
                continue
            column = column_of[item]
            while column >= 0:
                mask[row, column] = True
                column = next_same[column]
        column = column_of[rows[row]]
        while column >= 0:
            if column != row:
                mask[row, column] = True
            column = next_same[column]
