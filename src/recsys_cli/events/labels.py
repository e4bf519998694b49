"""What counts as had in a window of events: what models learn from, stop by and are judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_cli.columns import EVENT, ITEM, USER
from recsys_cli.csr import CSR
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.store.snapshot import Snapshot, events_between

if TYPE_CHECKING:
    import polars as pl


def window_labels(
    events: pl.LazyFrame, spec: DatasetSpec, *, start: Snapshot, end: Snapshot, history: CSR
) -> CSR:
    """What users had between two snapshots, as evaluation would count it.

    Args:
        events: canonical columns.
        spec: facts about the dataset.
        start: the snapshot that the window follows.
        end: the snapshot that ends with it.
        history: (n_users, n_items) what users had before, which is left out where an item is
            not recommended again.

    Returns:
        (n_users, n_items) pairs of the kinds of event that count.
    """
    pairs = counting_pairs(events_between(events, start, end), spec)
    users, items = pairs[USER].to_numpy(), pairs[ITEM].to_numpy()
    if not spec.repurchase:
        new = ~history.contains(users, items)
        users, items = users[new], items[new]
    return CSR.from_pairs(users, items, n_rows=history.n_rows, n_columns=history.n_columns)


def counting_pairs(events: pl.LazyFrame, spec: DatasetSpec) -> pl.DataFrame:
    """Distinct user and item (Int32) of the events that count, in any order.

    Args:
        events: canonical events of the window.
        spec: says which kinds of event count.
    """
    import polars as pl

    kinds = [spec.events.index(kind) for kind in spec.truth_events]
    counting = events.filter(pl.col(EVENT).is_in(kinds))
    return counting.select(USER, ITEM).unique().collect(engine="streaming")
