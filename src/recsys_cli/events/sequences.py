"""Users' events one after the other, which is what models of order learn from.

Canonical events come in, arrays by user go out, each user's events by time and, of equal times,
by item: events that share a second are one *basket*, and in which order a file lists them does not
show. Events that weigh nothing are left out, and so are baskets that are imports, not visits.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.events.pairs import CHUNK, Events, collect_events
from recsys_cli.events.weights import refuse_later_events

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec

LARGEST_BASKET = 100
"""Events of a user in one second beyond which they say nothing of what goes with what."""
_USERS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True)
class Sequences:
    """Events by user, then time, then item.

    Attributes:
        indptr: (n_users + 1,) int64, user u's events are `indptr[u]:indptr[u + 1]`.
        items: (events,) int32 item rows.
        times: (events,) uint32 seconds since 1970; 0 without time.
        n_items: size of the catalogue.
    """

    indptr: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    times: npt.NDArray[np.uint32]
    n_items: int


def build_sequences(
    events: pl.LazyFrame,
    *,
    n_users: int,
    n_items: int,
    spec: DatasetSpec,
    reference: int,
    threads: int = 1,
) -> Sequences:
    """Put events in the order of their users and times.

    Args:
        events: canonical columns, already cut to the snapshot.
        n_users: rows of the user table.
        n_items: rows of the item table.
        spec: the dataset's event weights.
        reference: moment before which all events have to lie, in seconds since 1970.
        threads: threads to use; the result does not depend on it.

    Raises:
        ArtifactError: an event refers to a row that the user or item table does not have.
        ValueError: an event lies at or after `reference`.
    """
    from recsys_cli.events.sequence_kernels import order_within_users, without_imports

    item_bits = max(n_items - 1, 0).bit_length()
    columns = collect_events(events, spec, n_users=n_users, n_items=n_items, item_bits=item_bits)
    refuse_later_events(int(columns.time.max(initial=0)), reference)
    indptr, keys = _by_user(columns, n_users=n_users, item_bits=item_bits)

    def order(first: int) -> None:
        order_within_users(indptr[first : first + _USERS_AT_ONCE + 1], keys)

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        list(pool.map(order, range(0, n_users, _USERS_AT_ONCE)))
    kept = without_imports(indptr, keys, LARGEST_BASKET)
    keys = keys[:kept]
    times = (keys >> np.uint64(32)).astype(np.uint32)
    # The low half of a key, as it lies in memory.
    return Sequences(indptr, keys.astype(np.uint32).view(np.int32), times, n_items)


def _by_user(
    columns: Events, *, n_users: int, item_bits: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Where each user's events begin, and time and item of each as one number, user by user."""
    from recsys_cli.events.sequence_kernels import count_users, scatter_by_user

    indptr = np.zeros(n_users + 1, np.int64)
    for start in range(0, len(columns.pair), CHUNK):
        part = slice(start, start + CHUNK)
        count_users(columns.pair[part], np.asarray(columns.weight[part]), item_bits, indptr)
    np.cumsum(indptr, out=indptr)
    keys = np.empty(int(indptr[-1]), np.uint64)
    filled = indptr[:-1].copy()
    for start in range(0, len(columns.pair), CHUNK):
        part = slice(start, start + CHUNK)
        scatter_by_user(
            columns.pair[part], columns.time[part], np.asarray(columns.weight[part]), item_bits,
            filled, keys,
        )  # fmt: skip
    return indptr, keys
