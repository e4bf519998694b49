"""Exclusion, allow-lists and top-k, written once for every strategy and consumer.

Scores of n users come in (one row that they share, or a short list each), the k best items per
user go out. One semantic throughout: score descending, ties by
the lower item id; excluded, disallowed and non-candidate (-inf) items never appear; lists are
padded with -1 and NaN. Only numpy is imported here, so that one user costs milliseconds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR

Items = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_BLOCK_USERS = 1 << 16
"""Users worked on at a time, which bounds the temporaries to tens of MB."""
_FEW_ENTRIES = 1 << 18
"""Scored pairs up to which sorting them all is as fast as loading the compiled selection."""
_MANY_TIMES = 8
"""Entries for each listed one from which on finding the k best first beats sorting all."""
_SHORT_LIST = 512
"""Length of lists up to which insertion beats sorting."""


def rank_items(scores: npt.NDArray[np.floating], *, allow: Mask | None = None) -> Items:
    """Candidate items of one score row (n_items,) from best to worst, int32."""
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN")
    candidate = scores > -np.inf
    if allow is not None:
        candidate &= allow
    ids = np.flatnonzero(candidate)
    return ids[np.argsort(-scores[ids], kind="stable")].astype(np.int32)


def top_k_shared(
    scores: npt.NDArray[np.floating],
    *,
    n: int,
    k: int,
    exclude: CSR | None = None,
    allow: Mask | None = None,
    order: Items | None = None,
) -> tuple[Items, Scores]:
    """The k best items of n users who share one score row, without an (n, n_items) matrix.

    The j-th kept place of the shared list lies at j plus the number of the user's excluded
    places before it, so the lists of all users follow from a cumulative count.

    Args:
        scores: (n_items,) float; -inf marks an item that is no candidate.
        n: number of users.
        k: list length.
        exclude: matrix of n rows, row i the items that user i must not get.
        allow: (n_items,) items that may be recommended; None means all.
        order: `rank_items(scores, allow=allow)`, where the caller has it already.

    Returns:
        items (n, k) int32 padded with -1, scores (n, k) float32 padded with NaN.
    """
    check_arguments(n, len(scores), k=k, exclude=exclude, allow=allow)
    if order is None:
        order = rank_items(scores, allow=allow)
    if n == 1:
        return _from_the_top(scores, order, k, None if exclude is None else exclude.row(0))
    padded = np.append(order, np.full(k, -1, np.int32))
    place = np.full(len(scores), len(scores), np.int64)
    place[order] = np.arange(len(order))
    items, values = empty_lists(n, k)
    for start in range(0, n, _BLOCK_USERS):
        stop = min(start + _BLOCK_USERS, n)
        places = np.broadcast_to(np.arange(k), (stop - start, k))
        if exclude is not None:
            places = places + _places_skipped(exclude, place, start, stop, k)
        items[start:stop] = padded[np.minimum(places, len(order))]
    found = items >= 0
    values[found] = scores[items[found]]
    return items, values


def _from_the_top(
    scores: npt.NDArray[np.floating], order: Items, k: int, excluded: Items | None
) -> tuple[Items, Scores]:
    """One user's list, which looks at no more of the shared one than it has to."""
    items, values = empty_lists(1, k)
    kept = order[: k + (0 if excluded is None else len(excluded))]
    if excluded is not None and len(excluded):
        at = np.minimum(np.searchsorted(excluded, kept), len(excluded) - 1)
        kept = kept[excluded[at] != kept]
    kept = kept[:k]
    items[0, : len(kept)], values[0, : len(kept)] = kept, scores[kept]
    return items, values


def _places_skipped(
    exclude: CSR, place: npt.NDArray[np.int64], start: int, stop: int, k: int
) -> npt.NDArray[np.int64]:
    """How many excluded places lie before each of the k kept places of users start to stop."""
    rows, columns = _entries(exclude, start, stop)
    places = place[columns]
    reach = k + np.diff(exclude.indptr[start : stop + 1])
    near = places < reach[rows]
    rows, places = rows[near], places[near]
    order = np.argsort(rows * (len(place) + 1) + places)
    rows, places = rows[order], places[order]
    kept_before = places - _position_in_row(rows, stop - start)
    counts = np.bincount(
        rows * (k + 1) + np.minimum(kept_before, k), minlength=(stop - start) * (k + 1)
    )
    return np.cumsum(counts.reshape(stop - start, k + 1), axis=1)[:, :k]


def top_k_sparse(
    candidates: CSR,
    *,
    k: int,
    exclude: CSR | None = None,
    allow: Mask | None = None,
) -> tuple[Items, Scores]:
    """The k best items of users with a short list of scored candidates each.

    Args:
        candidates: matrix of n rows with `data`, the scores; -inf is no candidate.
        k: list length.
        exclude: matrix of n rows, row i the items that user i must not get.
        allow: (n_items,) items that may be recommended; None means all.

    Returns:
        items (n, k) int32 padded with -1, scores (n, k) float32 padded with NaN.
    """
    n, n_items = candidates.n_rows, candidates.n_columns
    check_arguments(n, n_items, k=k, exclude=exclude, allow=allow)
    if candidates.data is None:
        raise ValueError("candidates have no scores")
    if np.isnan(candidates.data).any():
        raise ValueError("scores hold NaN")
    rows, columns = _entries(candidates, 0, n)
    keep = candidates.data > -np.inf
    if allow is not None:
        keep &= allow[columns]
    if exclude is not None and exclude.nnz:
        excluded_rows, excluded_columns = _entries(exclude, 0, n)
        excluded = excluded_rows * n_items + excluded_columns
        wanted = rows * n_items + columns
        at = np.minimum(np.searchsorted(excluded, wanted), len(excluded) - 1)
        keep &= excluded[at] != wanted
    return rank_entries(rows[keep], columns[keep], candidates.data[keep], n=n, k=k)


def rank_entries(
    rows: npt.NDArray[np.integer],
    columns: npt.NDArray[np.integer],
    scores: npt.NDArray[np.floating],
    *,
    n: int,
    k: int,
) -> tuple[Items, Scores]:
    """Sort scored (row, column) pairs, rows ascending, into n padded lists of length k."""
    if len(rows) > _FEW_ENTRIES and k <= _SHORT_LIST and scores.dtype == np.float32:
        return _rank_compiled(rows, columns, scores, n=n, k=k)
    if n == 1 and len(scores) > _MANY_TIMES * k:
        # Those that tie with the k-th best stay, and are ordered with the rest.
        near = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
        rows, columns, scores = rows[near], columns[near], scores[near]
    order = np.lexsort((columns, -scores, rows))
    rows, columns, scores = rows[order], columns[order], scores[order]
    rank = _position_in_row(rows, n)
    items, values = empty_lists(n, k)
    first = rank < k
    items[rows[first], rank[first]] = columns[first]
    values[rows[first], rank[first]] = scores[first]
    return items, values


def _rank_compiled(
    rows: npt.NDArray[np.integer],
    columns: npt.NDArray[np.integer],
    scores: npt.NDArray[np.float32],
    *,
    n: int,
    k: int,
) -> tuple[Items, Scores]:
    from recsys_cli.ranking.topk.kernels import rank_rows

    items, values = empty_lists(n, k)
    indptr = np.searchsorted(rows, np.arange(n + 1)).astype(np.int64)
    rank_rows(indptr, np.ascontiguousarray(columns, np.int32), scores, items, values)
    return items, values


def empty_lists(n: int, k: int) -> tuple[Items, Scores]:
    """Padding alone: (n, k) int32 of -1 and (n, k) float32 of NaN."""
    return np.full((n, k), -1, np.int32), np.full((n, k), np.nan, np.float32)


def check_arguments(
    n: int, n_items: int, *, k: int, exclude: CSR | None, allow: Mask | None
) -> None:
    """Refuse shapes that do not fit together."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if exclude is not None and (exclude.n_rows, exclude.n_columns) != (n, n_items):
        raise ValueError(
            f"exclude is {exclude.n_rows} × {exclude.n_columns}, the scores are {n} × {n_items}"
        )
    if allow is not None and (allow.shape != (n_items,) or allow.dtype != np.bool_):
        raise ValueError(f"allow must be {n_items} booleans, not {allow.shape} {allow.dtype}")


def _entries(
    matrix: CSR, start: int, stop: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Row (from 0) and column of every entry in rows start to stop."""
    bounds = matrix.indptr[start : stop + 1]
    rows = np.repeat(np.arange(stop - start), np.diff(bounds))
    return rows, matrix.indices[bounds[0] : bounds[-1]]


def _position_in_row(rows: npt.NDArray[np.integer], n: int) -> npt.NDArray[np.int64]:
    """0, 1, 2… within each run of equal `rows` (ascending)."""
    starts = np.searchsorted(rows, np.arange(n))
    position: npt.NDArray[np.int64] = np.arange(len(rows)) - starts[rows]
    return position
