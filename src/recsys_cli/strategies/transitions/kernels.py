"""Compiled loops behind `transitions`: what comes near what in the order of events.

Gaps come in half steps: `places` (events,) holds twice the place of each event among its user's,
events of one basket in its middle, and users so far apart that no gap reaches from one to the
next. `ahead` and `behind` say what an event counts at each gap in half steps, after and before
another. Rows are added up in the order of their events, so bits do not depend on threads.
"""

# ruff: noqa: PLR0917  (compiled functions take their arguments by position)

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import float32, float64, int32, int64, uint32, void

from recsys_cli.compiled import compiled
from recsys_cli.compiled import readonly as _in
from recsys_cli.strategies.neighbour_kernels import inner, offer_reached

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]


@compiled(void(_in(int64, 1), _in(uint32, 1), int64, int64[::1]))
def places_of(indptr: I64, times: U32, reach: int, places: I64) -> None:
    """Write the place of each event, in half steps; see above.

    Args:
        indptr: (n_users + 1,) where each user's events begin.
        times: (events,) rising within a user; equal ones are a basket.
        reach: largest gap that counts, in half steps.
        places: (events,) to write to.
    """
    for user in range(len(indptr) - 1):
        start, end = indptr[user], indptr[user + 1]
        while start < end:
            stop = start + 1
            while stop < end and times[stop] == times[start]:
                stop += 1
            for at in range(start, stop):
                places[at] = start + stop + user * (reach + 1)
            start = stop


@compiled(void(int64, _in(int32, 1), int64[::1], int64[::1]))
def events_of_items(n_items: int, items: I32, indptr: I64, events: I64) -> None:
    """Where in `items` each item stands: `events[indptr[i]:indptr[i + 1]]`, ascending."""
    for item in items:
        indptr[item + 1] += 1
    for item in range(n_items):
        indptr[item + 1] += indptr[item]
    for at in range(len(items)):
        events[indptr[items[at]]] = at
        indptr[items[at]] += 1
    for item in range(n_items, 0, -1):
        indptr[item] = indptr[item - 1]
    indptr[0] = 0


@compiled(
    void(
        int64, int64, _in(int64, 1), _in(int64, 1), _in(int32, 1), _in(int64, 1), _in(float64, 1),
        _in(float64, 1), float64[::1], float64[::1],
    )
)  # fmt: skip
def totals_of(
    first: int, last: int, indptr: I64, events: I64, items: I32, places: I64, ahead: F64,
    behind: F64, rows: F64, columns: F64,
) -> None:  # fmt: skip
    """Write the sums of rows and of columns `first` to `last` of the matrix of `follow`."""
    for item in range(first, last):
        row, column = 0.0, 0.0
        for of in range(indptr[item], indptr[item + 1]):
            at = events[of]
            near = at + 1
            while near < len(items) and places[near] - places[at] < len(ahead):
                if items[near] != item:
                    row += ahead[places[near] - places[at]]
                    column += behind[places[near] - places[at]]
                near += 1
            near = at - 1
            while near >= 0 and places[at] - places[near] < len(ahead):
                if items[near] != item:
                    row += behind[places[at] - places[near]]
                    column += ahead[places[at] - places[near]]
                near -= 1
        rows[item], columns[item] = row, column


@inner
def _add(sums: F64, reached: I32, n: int, item: int, weight: float) -> int:
    """Add to an item's sum, and note it where it is reached first."""
    if sums[item] == 0 and weight > 0:
        reached[n] = item
        n += 1
    sums[item] += weight
    return n


@compiled(
    void(
        int64, int64, _in(int64, 1), _in(int64, 1), _in(int32, 1), _in(int64, 1), _in(float64, 1),
        _in(float64, 1), _in(float64, 1), _in(float64, 1), int32[:, ::1], float32[:, ::1],
        int64[::1],
    )
)  # fmt: skip
def follow(
    first: int, last: int, indptr: I64, events: I64, items: I32, places: I64, ahead: F64,
    behind: F64, row_scale: F64, column_scale: F64, columns: I32, data: F32, counts: I64,
) -> None:  # fmt: skip
    """The largest entries of rows `first` to `last` of the scaled matrix, by column.

    Its entry (i, j) is row_scale[i] · column_scale[j] · the sum of what all events of j count at
    their gaps from events of i.

    Args:
        first: first row.
        last: the row after the last.
        indptr: (n_items + 1,) where each item's events begin in `events`.
        events: (events,) where they stand in `items`.
        items: (events,) item of each event.
        places: (events,) in half steps.
        ahead: what a later event counts by its gap in half steps.
        behind: what an earlier one counts.
        row_scale: (n_items,) above 0.
        column_scale: (n_items,) above 0.
        columns: (n_items, k) to write the columns into.
        data: (n_items, k) to write the entries into.
        counts: (n_items,) to write the number of entries into.
    """
    n_items = len(indptr) - 1
    sums = np.zeros(n_items)
    reached = np.empty(n_items, np.int32)
    values = np.empty(columns.shape[1])
    kept = np.empty(columns.shape[1], np.int32)
    for item in range(first, last):
        n = 0
        for of in range(indptr[item], indptr[item + 1]):
            at = events[of]
            near = at + 1
            while near < len(items) and places[near] - places[at] < len(ahead):
                if items[near] != item:
                    n = _add(sums, reached, n, items[near], ahead[places[near] - places[at]])
                near += 1
            near = at - 1
            while near >= 0 and places[at] - places[near] < len(ahead):
                if items[near] != item:
                    n = _add(sums, reached, n, items[near], behind[places[at] - places[near]])
                near -= 1
        for place in range(n):
            sums[reached[place]] *= row_scale[item] * column_scale[reached[place]]
        filled = offer_reached(sums, reached, n, values, kept)
        order = np.argsort(kept[:filled])
        columns[item, :filled] = kept[order]
        data[item, :filled] = values[order]
        counts[item] = filled
