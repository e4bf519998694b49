"""Items that the same users had: item-to-item neighbours (Sarwar et al. 2001; Linden et al. 2003).

Interactions come in, a sparse matrix goes out whose row i holds the `neighbours` items most
similar to item i. Similarity is the cosine of the items' columns of users, plain or with users
weighed by TF-IDF or BM25, as `implicit` computes them. A user's score of an item is

    sum over the user's items h of weight_h · 0.5^(age of the last event / half-life) · s(h, item)

in float64 and in the order of the history, so that many users together get the same bits as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import Command, TrainingError
from recsys_cli.store.packs import Packed
from recsys_cli.strategies.neighbours import strongest

if TYPE_CHECKING:
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.strategies.itemknn import ItemKnnConfig

_ROUNDING = 1e-12
"""Length of a row, as a share of the longest, up to which it is rounding."""


@dataclass(frozen=True, slots=True)
class ItemNeighbours(Packed):
    """Each item's neighbours.

    Attributes:
        indptr: (n_items + 1,) int64, item i's are `indices[indptr[i]:indptr[i + 1]]`.
        indices: (links,) int32 items, ascending within a row; no item is its own neighbour.
        similarity: (links,) float32, above 0.
        n_items: size of the catalogue.
        half_life_days: age at which an item of a user's history counts half.
        reference: seconds since the epoch before which all events lie that were seen.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    similarity: npt.NDArray[np.float32]
    n_items: int
    half_life_days: float
    reference: int

    @property
    def matrix(self) -> CSR:
        """(n_items, n_items) with the similarities as data."""
        return CSR(self.indptr, self.indices, self.n_items, self.similarity)


def train_itemknn(
    interactions: Interactions, config: ItemKnnConfig, *, threads: int
) -> ItemNeighbours:
    """Find each item's neighbours.

    Args:
        interactions: what each user had; pairs of weight 0 say nothing.
        config: similarity and number of neighbours.
        threads: threads to use; the result does not depend on it.

    Raises:
        TrainingError: there is nothing to train on.
    """
    # A copy, since the arrays may be read-only maps, which neither library takes.
    matrix = interactions.matrix.to_scipy().astype(np.float64).copy()
    matrix.eliminate_zeros()
    if not matrix.nnz:
        raise TrainingError("there are no interactions to compare items by", hint=Command("status"))
    weighed = _weighed(matrix, config.similarity)
    found = strongest(weighed, config.neighbours, own=False, threads=threads)
    return ItemNeighbours(
        indptr=found.indptr,
        indices=found.indices,
        similarity=np.asarray(found.data),
        n_items=found.n_columns,
        half_life_days=config.half_life_days,
        reference=interactions.reference,
    )


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
