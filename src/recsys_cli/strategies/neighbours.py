"""Items by the items that users had: the strongest links of each, and scores along them.

What the strategies that follow links from item to item have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR

Items = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]
T = TypeVar("T")

_ROWS_AT_ONCE = 256
_TERMS = 1 << 22
"""Products of a weight and a similarity in memory at a time."""
_FEW_TERMS = 1 << 16
"""Products up to which numpy alone is as fast as loading scipy."""


def strongest(
    rows: Any, columns: Any, k: int, *, own: bool, shrinkage: float = 0.0, threads: int
) -> CSR:
    """The k largest entries above 0 of each row of XᵀY; ties by the lower item.

    The product is never in memory, only a row of it for each thread.

    Args:
        rows: X (users, items), scipy CSR float64.
        columns: Y, of the same users, items and entries.
        k: entries to keep of each row.
        own: whether the diagonal is kept too, and one entry more for it.
        shrinkage: users of both items at which an entry counts half.
        threads: threads to use; the result does not depend on it.
    """
    from recsys_cli.strategies.neighbour_kernels import strongest_rows

    n_items = rows.shape[1]
    inputs = [
        array
        for side in (rows.tocsc(), columns)
        for array in (side.indptr.astype(np.int64), side.indices.astype(np.int32), side.data)
    ]

    def fill(first: int, last: int, found: Items, data: Floats, counts: Counts) -> None:
        strongest_rows(first, last, own, shrinkage, *inputs, found, data, counts)

    return rows_of_strongest(fill, n_items, min(k, n_items - 1) + own, threads=threads)


def rows_of_strongest(
    fill: Callable[[int, int, Items, Floats, Counts], None], n_items: int, k: int, *, threads: int
) -> CSR:
    """A square matrix of at most k entries a row, made of some rows at a time.

    Args:
        fill: writes, of the rows from its first argument up to its second, the columns (n_items,
            k) int32, the entries (n_items, k) float32 and how many there are (n_items,) int64.
        n_items: rows and columns.
        k: entries of a row at most.
        threads: threads to use.
    """
    columns, data = np.zeros((n_items, k), np.int32), np.zeros((n_items, k), np.float32)
    counts = np.zeros(n_items, np.int64)
    in_blocks(lambda first, last: fill(first, last, columns, data, counts), n_items, threads)
    kept = np.arange(k) < counts[:, None]
    indptr = np.concatenate(([0], np.cumsum(counts)))
    return CSR(indptr, columns[kept], n_items, data[kept])


def in_blocks(
    work: Callable[[int, int], T], n_rows: int, threads: int, *, at_once: int = _ROWS_AT_ONCE
) -> list[T]:
    """What `work` makes of the first row and the row after the last of each block, in order."""
    starts = range(0, n_rows, at_once)
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        return list(pool.map(lambda at: work(at, min(at + at_once, n_rows)), starts))


def score_blocks(history: CSR, neighbours: CSR) -> Iterator[tuple[int, CSR]]:
    """Scores of the neighbours of each row's items, a bounded number of rows at a time.

    Args:
        history: (n, n_items) with weights as data.
        neighbours: (n_items, n_items) with similarities as data.

    Yields:
        The first row of a block, and the block's scores (rows, n_items) with data.
    """
    terms = neighbours.counts(history.indices)
    if int(terms.sum()) <= _FEW_TERMS:
        yield 0, _by_numpy(history, neighbours)
        return
    before = np.concatenate(([0], np.cumsum(terms)))[history.indptr]
    start = 0
    while start < history.n_rows:
        stop = int(np.searchsorted(before, before[start] + _TERMS, "right")) - 1
        stop = min(max(stop, start + 1), history.n_rows)
        block = history.take(np.arange(start, stop))
        product = _product(block, neighbours)
        yield (
            start,
            CSR(
                product.indptr.astype(np.int64),
                product.indices.astype(np.int32),
                neighbours.n_columns,
                product.data.astype(np.float32),
            ),
        )
        start = stop


def _product(history: CSR, neighbours: CSR) -> Any:
    """The sparse product in float64; of `neighbours` only the rows that it takes are widened."""
    items, place = np.unique(history.indices, return_inverse=True)
    narrow = CSR(history.indptr, place.astype(np.int32), len(items), history.data)
    return _in_float64(narrow) @ _in_float64(neighbours.take(items))


def _in_float64(matrix: CSR) -> Any:
    return matrix.to_scipy().astype(np.float64)


def _by_numpy(history: CSR, neighbours: CSR) -> CSR:
    rows, items = history.entries()
    indptr, at = neighbours.positions(items)
    counts = np.diff(indptr)
    weights = np.asarray(history.data, np.float64)
    terms = np.repeat(weights, counts) * neighbours.data[at].astype(np.float64)  # type: ignore[index]
    keys = np.repeat(rows, counts) * neighbours.n_columns + neighbours.indices[at]
    unique, place = np.unique(keys, return_inverse=True)
    # bincount adds in the order of the terms, as the sparse product does.
    scores = np.bincount(place, terms, minlength=len(unique)).astype(np.float32)
    starts = np.arange(history.n_rows + 1, dtype=np.int64) * neighbours.n_columns
    return CSR(
        np.searchsorted(unique, starts).astype(np.int64),
        (unique % max(neighbours.n_columns, 1)).astype(np.int32),
        neighbours.n_columns,
        scores,
    )
