"""Items that the same users had: item-to-item neighbours (Sarwar et al. 2001; Linden et al. 2003).

Interactions come in, a sparse matrix goes out whose row i holds the `neighbours` items most
similar to item i. Similarity is the cosine of the items' columns of users, plain or with users
weighed by TF-IDF or BM25, as `implicit` computes them. A user's score of an item is

    sum over the user's items h of weight_h · 0.5^(age of the last event / half-life) · s(h, item)

in float64 and in the order of the history, so that many users together get the same bits as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import Command, TrainingError

if TYPE_CHECKING:
    from recsys_cli.config.models import ItemKnnConfig
    from recsys_cli.models.interactions import Interactions

_DAY_SECONDS = 86_400
_ROUNDING = 1e-12
"""Length of a row, as a share of the longest, up to which it is rounding."""
_ROWS_AT_ONCE = 256
_TERMS = 1 << 22
"""Products of a weight and a similarity in memory at a time."""
_FEW_TERMS = 1 << 16
"""Products up to which numpy alone is as fast as loading scipy."""


@dataclass(frozen=True, slots=True)
class ItemKnn:
    """Each item's neighbours.

    Attributes:
        neighbours: (n_items, n_items) similarities above 0 as data; no item is its own neighbour.
        half_life_days: age at which an item of a user's history counts half.
        reference: seconds since the epoch before which all events lie that were seen.
    """

    neighbours: CSR
    half_life_days: float
    reference: int

    def to_pack(self, *, users_fingerprint: str, items_fingerprint: str) -> dict[str, Any]:
        """The arrays as a pack, with the fingerprints of the ids that its rows stand for."""
        return {
            "indptr": self.neighbours.indptr,
            "indices": self.neighbours.indices,
            "similarity": self.neighbours.data,
            "n_items": self.neighbours.n_columns,
            "half_life_days": self.half_life_days,
            "reference": self.reference,
            "users_fingerprint": users_fingerprint,
            "items_fingerprint": items_fingerprint,
        }

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any]) -> ItemKnn:
        """The inverse of `to_pack`; arrays may be memory maps."""
        n_items = int(pack["n_items"])
        neighbours = CSR(pack["indptr"], pack["indices"], n_items, pack["similarity"])
        return cls(neighbours, float(pack["half_life_days"]), int(pack["reference"]))


def train_itemknn(interactions: Interactions, config: ItemKnnConfig, *, threads: int) -> ItemKnn:
    """Find each item's neighbours.

    Args:
        interactions: what each user had; pairs of weight 0 say nothing.
        config: similarity and number of neighbours.
        threads: threads to use; the result does not depend on it.

    Raises:
        TrainingError: there is nothing to train on.
    """
    pairs = CSR(
        interactions.indptr, interactions.indices, interactions.n_items, interactions.weight
    )
    # A copy, since the arrays may be read-only maps, which neither library takes.
    matrix = pairs.to_scipy().astype(np.float64).copy()
    matrix.eliminate_zeros()
    if not matrix.nnz:
        raise TrainingError("there are no interactions to compare items by", hint=Command("status"))
    weighed = _weighed(matrix, config.similarity)
    neighbours = strongest(weighed, config.neighbours, own=False, threads=threads)
    return ItemKnn(neighbours, config.half_life_days, interactions.reference)


def strongest(matrix: Any, k: int, *, own: bool, threads: int) -> CSR:
    """The k largest entries above 0 of each row of XᵀX; ties by the lower item.

    The product is never in memory, only a row of it for each thread.

    Args:
        matrix: X (users, items), scipy CSR float64.
        k: entries to keep of each row.
        own: whether the diagonal is kept too, and one entry more for it.
        threads: threads to use; the result does not depend on it.
    """
    from recsys_cli.models.pattern_kernels import strongest_rows

    n_items = matrix.shape[1]
    by_item = matrix.tocsc()
    wanted = min(k, n_items - 1) + own
    columns = np.zeros((n_items, wanted), np.int32)
    data = np.zeros((n_items, wanted), np.float32)
    counts = np.zeros(n_items, np.int64)
    inputs = [
        array
        for side in (by_item, matrix)
        for array in (side.indptr.astype(np.int64), side.indices.astype(np.int32), side.data)
    ]

    def of_block(first: int) -> None:
        last = min(first + _ROWS_AT_ONCE, n_items)
        strongest_rows(first, last, own, *inputs, columns, data, counts)

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        list(pool.map(of_block, range(0, n_items, _ROWS_AT_ONCE)))
    kept = np.arange(wanted) < counts[:, None]
    indptr = np.concatenate(([0], np.cumsum(counts)))
    return CSR(indptr, columns[kept], n_items, data[kept])


def _weighed(matrix: Any, similarity: str) -> Any:
    """Users × items such that the product of two columns is their items' similarity."""
    from implicit.nearest_neighbours import bm25_weight, tfidf_weight

    by_item = matrix.T
    if similarity == "bm25":
        weighed = bm25_weight(by_item, 1.2, 0.75)
    else:
        weighed = _unit_rows(tfidf_weight(by_item) if similarity == "tfidf" else by_item.tocoo())
    return weighed.T.tocsr()


def _unit_rows(matrix: Any) -> Any:
    """A scipy COO matrix with rows of unit length; rows of zeros stay, and are like nothing.

    TF-IDF weighs users of all but one of the items at 0, but for rounding.
    """
    lengths = np.sqrt(np.bincount(matrix.row, matrix.data**2, minlength=matrix.shape[0]))
    long = lengths > _ROUNDING * lengths.max(initial=0)
    matrix.data = matrix.data * long[matrix.row] / np.where(long, lengths, 1)[matrix.row]
    return matrix


def decayed_history(
    history: CSR,
    last: npt.NDArray[np.uint32],
    users: npt.NDArray[np.int32],
    *,
    reference: int,
    half_life_days: float,
) -> CSR:
    """What `users` (n,) had, with weight · 0.5^(age / half-life) for data; user -1 had nothing.

    Args:
        history: (n_users, n_items) with weights as data.
        last: (nnz,) uint32 seconds since the epoch of each pair's last event; 0 for none.
        users: user rows.
        reference: seconds since the epoch from which age is counted.
        half_life_days: age at which a weight counts half.
    """
    indptr, at = history.positions(users)
    weight = np.ones(len(at)) if history.data is None else history.data[at].astype(np.float64)
    moments = last[at].astype(np.float64)
    age = np.where(moments > 0, np.maximum(reference - moments, 0), 0)
    weight *= np.exp2(-age / (half_life_days * _DAY_SECONDS))
    return CSR(indptr, history.indices[at], history.n_columns, weight.astype(np.float32))


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
