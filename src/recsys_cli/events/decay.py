"""How an event counts less the older it is, in time or in order.

In time it counts 0.5^(age / half-life), with ages from the last event of a user and item to a
moment; what has no time does not age. In order it counts 1 / (1 + items had since / half-life):
half after as many items as the half-life, and less slowly from there on, since what somebody had
twenty items ago still tells of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DAY_SECONDS = 86_400


def decay(
    last: npt.NDArray[np.uint32], *, reference: int, half_life_days: float
) -> npt.NDArray[np.float64]:
    """(n,) what an event at each of the moments `last` (n,) counts at another; 1 for none."""
    return np.exp2(-age_seconds(last, reference) / (half_life_days * DAY_SECONDS))


def age_seconds(last: npt.NDArray[np.uint32], reference: int) -> npt.NDArray[np.float64]:
    """(n,) seconds from each moment to the reference; 0 for no moment, and for later ones."""
    moments = last.astype(np.float64)
    return np.where(moments > 0, np.maximum(reference - moments, 0), 0)


def decay_in_order(
    last: npt.NDArray[np.uint32], indptr: npt.NDArray[np.int64], *, half_life_events: float
) -> npt.NDArray[np.float64]:
    """(pairs,) what each entry counts by its place in the order of its row; see `had_since`."""
    return 1 / (1 + had_since(last, indptr) / half_life_events)


def had_since(last: npt.NDArray[np.uint32], indptr: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(pairs,) how many entries of each pair's row were had later than it.

    Args:
        last: (pairs,) time of the last event of each.
        indptr: (rows + 1,) where rows begin.
    """
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    latest_first = np.lexsort((-last.astype(np.int64), rows))
    times, starts = last[latest_first], np.asarray(indptr)[rows]
    place = np.arange(len(last))
    new = np.ones(len(last), np.bool_)
    new[1:] = (times[1:] != times[:-1]) | (rows[1:] != rows[:-1])
    first_of_equal = np.maximum.accumulate(np.where(new, place, 0))
    since = np.empty(len(last), np.int64)
    since[latest_first] = first_of_equal - starts
    return since
