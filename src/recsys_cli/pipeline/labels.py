"""What users had in a window of events: the labels that models learn from and stop by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_cli.csr import CSR

if TYPE_CHECKING:
    from recsys_cli.pipeline.stage import Context
    from recsys_cli.store.snapshot import Snapshot


def window_labels(context: Context, start: Snapshot, end: Snapshot, history: CSR) -> CSR:
    """What users had between two snapshots, as evaluation would count it.

    Args:
        context: of a stage that reads the events and the spec.
        start: the snapshot that the window follows.
        end: the snapshot that ends with it.
        history: (n_users, n_items) what users had before, which is left out where an item is
            not recommended again.

    Returns:
        (n_users, n_items) pairs of the kinds of event that count.
    """
    import polars as pl

    from recsys_cli.columns import ITEM, USER
    from recsys_cli.evaluation.splits import counting_pairs
    from recsys_cli.store.snapshot import events_between

    events = pl.scan_parquet(context.input("events"))
    pairs = counting_pairs(events_between(events, start, end), context.spec)
    users, items = pairs[USER].to_numpy(), pairs[ITEM].to_numpy()
    if not context.spec.repurchase:
        new = ~history.contains(users, items)
        users, items = users[new], items[new]
    return CSR.from_pairs(users, items, n_rows=history.n_rows, n_columns=history.n_columns)
