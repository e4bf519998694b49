"""Users as the recency-weighted mean of the items they had, at unit length.

Interactions and item vectors (n_items, d) float32 come in, one vector per user goes out:

    u = Σ w_i · 0.5^(age_i / half-life in days) / (1 + since_i / half-life in events) · v_i

brought to length 1, over the user's items, with w_i the summed weight of the events with item i,
age_i the age of the last of them and since_i the number of items had after it. Weights below 0
stand for dislikes and push the vector away (Rocchio 1971). A user without an item that has a
vector has the zero vector. Interactions that were exported with a half-life of their own have
decayed weights already; both half-lives then apply.

Sparse rows times a dense matrix, in blocks of users: memory is the result and tens of MB.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.cores import available_cores
from recsys_cli.csr import CSR
from recsys_cli.events.decay import DAY_SECONDS, age_seconds, decay_in_order
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.packs import Packed

if TYPE_CHECKING:
    from recsys_cli.events.interactions import Interactions

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_BLOCK = 4096
_FEW_PAIRS = 4096
"""Pairs below which numpy does it in a few milliseconds, and importing scipy takes longer."""
_IN_MEMORY = 1 << 30
"""Bytes of result above which a scratch file, where there is one, is used instead of memory."""
SCRATCH = "user_vectors.scratch"


@dataclass(frozen=True, slots=True)
class UserVectors(Packed):
    """Vectors of all users in the space of the items.

    Attributes:
        vectors: (n_users, d) float32 of unit length; zero rows where not known.
        known: (n_users,) whether the user had any item with a vector.
        reference: seconds since the epoch before which all events lie that were seen.
    """

    vectors: Vectors
    known: Mask
    reference: int


def user_vectors(
    interactions: Interactions,
    item_vectors: Vectors,
    *,
    half_life_days: float | None,
    half_life_events: float | None = None,
    threads: int = 0,
    scratch: Path | None = None,
    progress: Progress | None = None,
) -> UserVectors:
    """Vectors of all users from their history.

    Args:
        interactions: what each user had; without times no weight decays.
        item_vectors: (n_items, d) float32; zero rows for items without a vector.
        half_life_days: age at which an item counts half; None means that age does not matter.
        half_life_events: items had since at which it counts half, in its turn; None likewise.
        threads: 0 means all cores; the result does not depend on it.
        scratch: folder for a file that holds the vectors in place of memory when they are large;
            it must stay until they have been saved.
        progress: told how many users are done.

    Raises:
        ValueError: item vectors that do not fit the interactions.
    """
    report = progress or Silent()
    n_users, n_items = interactions.n_users, interactions.n_items
    if item_vectors.ndim != 2 or len(item_vectors) != n_items:  # noqa: PLR2004
        raise ValueError(f"item vectors of shape {item_vectors.shape} for {n_items} items")
    vectors = _allocate(n_users, item_vectors.shape[1], scratch)
    known = np.zeros(n_users, np.bool_)
    report.start("user vectors", n_users)

    def fill(start: int) -> int:
        stop = min(start + _BLOCK, n_users)
        history = _decayed(interactions, start, stop, half_life_days, half_life_events)
        vectors[start:stop] = mean_vectors(history, item_vectors)
        known[start:stop] = vectors[start:stop].any(axis=1)
        return stop - start

    if n_users <= _BLOCK:
        # One request is over before a thread has started.
        report.advance(fill(0))
        return UserVectors(vectors, known, interactions.reference)
    with ThreadPoolExecutor(threads or available_cores()) as pool:
        for done in pool.map(fill, range(0, n_users, _BLOCK)):
            report.advance(done)
    return UserVectors(vectors, known, interactions.reference)


def vector_of(
    items: npt.ArrayLike, item_vectors: Vectors, weights: npt.ArrayLike | None = None
) -> Vectors:
    """Vector of somebody who is not in the data, from items they liked or disliked.

    Args:
        items: (n,) item rows, in any order, more than once if wanted.
        item_vectors: (n_items, d) float32.
        weights: (n,) how much each counts, below 0 for dislikes; None means 1 each.

    Returns:
        (d,) float32 of unit length, or zeros if nothing is left.

    Raises:
        ValueError: shapes that do not fit, or rows that there are not.
    """
    rows = np.asarray(items, np.int64).reshape(-1)
    amounts = np.ones(len(rows)) if weights is None else np.asarray(weights, np.float64)
    if amounts.shape != rows.shape:
        raise ValueError(f"{len(rows)} items, but weights of shape {amounts.shape}")
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < len(item_vectors):
        raise ValueError(f"item rows must lie between 0 and {len(item_vectors) - 1}")
    unique, at = np.unique(rows, return_inverse=True)
    summed = np.bincount(at, amounts, minlength=len(unique)).astype(np.float32)
    indptr = np.array([0, len(unique)], np.int64)
    history = CSR(indptr, unique.astype(np.int32), len(item_vectors), summed)
    vector: Vectors = mean_vectors(history, item_vectors)[0]
    return vector


def mean_vectors(history: CSR, item_vectors: Vectors) -> Vectors:
    """The weighted mean of each row's item vectors, at unit length.

    Args:
        history: (n, n_items) with weights as data.
        item_vectors: (n_items, d) float32.

    Returns:
        (n, d) float32; zero rows where there is nothing, or where weights cancel out.
    """
    if history.nnz <= _FEW_PAIRS:
        sums = _sums_by_numpy(history, item_vectors)
    else:
        sums = history.to_scipy() @ item_vectors
    norms = np.sqrt(np.einsum("ij,ij->i", sums, sums, dtype=np.float64))
    # What is left when likes and dislikes cancel out is rounding, which points nowhere.
    nothing = norms <= _noise(history)
    sums[nothing] = 0
    norms[nothing] = 1
    sums /= norms[:, None].astype(np.float32)
    return sums


def _sums_by_numpy(history: CSR, item_vectors: Vectors) -> Vectors:
    sums = np.zeros((history.n_rows, item_vectors.shape[1]), np.float32)
    weights = np.asarray(history.data, np.float32)
    for row in range(history.n_rows):
        span = slice(history.indptr[row], history.indptr[row + 1])
        sums[row] = weights[span] @ item_vectors[history.indices[span]]
    return sums


def _noise(history: CSR) -> npt.NDArray[np.float64]:
    """(n,) length up to which a sum of vectors of length 1 may be rounding alone."""
    weights = np.asarray(history.data, np.float64)
    if not (weights < 0).any():
        return np.zeros(history.n_rows)
    before = np.concatenate(([0.0], np.cumsum(np.abs(weights))))
    noise: npt.NDArray[np.float64] = 1e-6 * np.diff(before[history.indptr])
    return noise


def weighed(
    interactions: Interactions, *, half_life_days: float | None, half_life_events: float | None
) -> CSR:
    """All pairs, weighted as the module says."""
    return _decayed(interactions, 0, interactions.n_users, half_life_days, half_life_events)


def _decayed(
    interactions: Interactions,
    start: int,
    stop: int,
    half_life_days: float | None,
    half_life_events: float | None,
) -> CSR:
    """The pairs of users start to stop, weighted as the module says."""
    low, high = int(interactions.indptr[start]), int(interactions.indptr[stop])
    indptr = np.asarray(interactions.indptr[start : stop + 1]) - low
    weights = np.asarray(interactions.weight[low:high])
    if half_life_days is not None and len(weights):
        age = age_seconds(interactions.last[low:high], interactions.reference)
        age -= _least_of_row(age, indptr)
        weights = (weights * np.exp2(-age / (DAY_SECONDS * half_life_days))).astype(np.float32)
    if half_life_events is not None and len(weights):
        last = np.asarray(interactions.last[low:high])
        in_order = decay_in_order(last, indptr, half_life_events=half_life_events)
        weights = (weights * in_order).astype(np.float32)
    return CSR(indptr, np.asarray(interactions.indices[low:high]), interactions.n_items, weights)


def _least_of_row(
    values: npt.NDArray[np.float64], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """(pairs,) the least value of each pair's row.

    Only the ratios within a user matter, and counted from the newest item they don't underflow.
    """
    counts = np.diff(indptr)
    filled = counts > 0
    return np.repeat(np.minimum.reduceat(values, indptr[:-1][filled]), counts[filled])


def _allocate(n: int, dim: int, scratch: Path | None) -> Vectors:
    if scratch is None or n * dim * np.dtype(np.float32).itemsize <= _IN_MEMORY:
        return np.zeros((n, dim), np.float32)
    file = scratch / SCRATCH
    # A plain view of the map, so that packs have the same bytes either way.
    return np.asarray(np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(n, dim)))
