"""Counts of a written events table: pairs, repeated rows, who and what was seen, the time span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE

# Keys sorted at once: 64 million of them are half a gigabyte.
_KEYS_AT_ONCE = 1 << 26
_BATCH = 1 << 18
_ROW = "row"


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of a written events table.

    Attributes:
        events: rows.
        pairs: distinct pairs of user and item.
        repeats: rows equal to an earlier row.
        skipped: raw rows left out.
        first: time of the first event, ISO 8601; None without times.
        last: time of the last event.
        users: distinct users seen.
        items: distinct items seen.
    """

    events: int
    pairs: int
    repeats: int
    skipped: int
    first: str | None
    last: str | None
    users: int
    items: int


def null_counts(path: Path) -> dict[str, int]:
    """Nulls by column of an events table, and under `negative` the values below zero."""
    columns = (USER, ITEM, TIME, EVENT, VALUE)
    frame = pl.scan_parquet(path).select(
        *[pl.col(c).null_count() for c in columns], (pl.col(VALUE) < 0).sum().alias("negative")
    )
    return frame.collect(engine="streaming").row(0, named=True)


def count_events(path: Path, *, rows_read: int, n_items: int) -> Totals:
    """Count what an events table holds.

    Args:
        path: the table.
        rows_read: raw rows that were not blank, of which those missing here were skipped.
        n_items: size of the items table.
    """
    frame = pl.scan_parquet(path)
    summary = frame.select(
        pl.len().alias("events"),
        pl.col(TIME).min().alias("first"),
        pl.col(TIME).max().alias("last"),
    ).collect(engine="streaming")
    row = summary.row(0, named=True)
    events = row["events"]
    pairs, users, items = _count_pairs(path, events, n_items)
    distinct = sum(_distinct(keys) for keys in sorted_keys(path, row_key(), events))
    return Totals(
        events=events,
        pairs=pairs,
        repeats=events - distinct,
        skipped=rows_read - events,
        first=row["first"].isoformat() if row["first"] else None,
        last=row["last"].isoformat() if row["last"] else None,
        users=users,
        items=items,
    )


def last_event(path: Path) -> str | None:
    """Time of the last event of a table, ISO 8601; None without times."""
    last = pl.scan_parquet(path).select(pl.col(TIME).max()).collect(engine="streaming").item()
    return last.isoformat() if last else None


def _count_pairs(path: Path, events: int, n_items: int) -> tuple[int, int, int]:
    """Distinct pairs of user and item, distinct users and distinct items."""
    pair = pl.col(USER).cast(pl.UInt64) * (1 << 32) + pl.col(ITEM).cast(pl.UInt64)
    pairs = users = 0
    seen = np.zeros(n_items, np.bool_)
    for keys in sorted_keys(path, pair, events):
        pairs += _distinct(keys)
        for start in range(0, len(keys), _BATCH):
            seen[keys[start : start + _BATCH].astype(np.uint32)] = True
        np.right_shift(keys, np.uint64(32), out=keys)
        users += _distinct(keys)
    return pairs, users, int(seen.sum())


def row_key() -> pl.Expr:
    """A 64-bit hash of a whole row; two in 30 million collide with odds of 1 to 40,000."""
    return pl.struct(pl.exclude(_ROW)).hash()


def sorted_keys(path: Path, key: pl.Expr, events: int) -> Iterator[npt.NDArray[np.uint64]]:
    """The keys of all rows, sorted, in parts of bounded size split by user."""
    parts = -(-events // _KEYS_AT_ONCE)
    for part in range(parts):
        frame = pl.scan_parquet(path)
        if parts > 1:
            frame = frame.filter(pl.col(USER) % parts == part)
        # Batches go straight into place: a column would be in memory twice for a moment. What is
        # never written to takes no room.
        keys, n = np.empty(events, np.uint64), 0
        frame = frame.select(key.alias("key"))
        for batch in frame.collect_batches(chunk_size=_BATCH, maintain_order=False):
            keys[n : n + len(batch)] = batch.to_series().to_numpy()
            n += len(batch)
        keys = keys[:n]
        keys.sort()
        yield keys


def first_repeat(path: Path, events: int) -> int | None:
    """Row of an event that equals an earlier one; None where there is none."""
    for keys in sorted_keys(path, row_key(), events):
        repeated = keys[1:][keys[1:] == keys[:-1]]
        if len(repeated):
            frame = pl.scan_parquet(path, row_index_name=_ROW)
            rows = frame.filter(row_key() == int(repeated[0])).select(_ROW)
            return int(rows.collect(engine="streaming").to_series()[1])
    return None


def _distinct(keys: npt.NDArray[np.uint64]) -> int:
    return int(np.count_nonzero(keys[1:] != keys[:-1])) + 1 if len(keys) else 0
