"""Items that the same users had: item-to-item neighbours (Sarwar et al. 2001; Linden et al. 2003).

Interactions come in, a sparse matrix goes out whose row i holds the `neighbours` items most
similar to item i. Similarity is that of the items' columns of users, plain or with users weighed
by TF-IDF or BM25, as `implicit` computes them: the inner product over

    |i|^(2 (1 - popularity)) · |j|^(2 popularity)

which is the cosine where `popularity` is a half (Aiolli 2013; of BM25 it is the inner product
alone), times n / (n + shrinkage) for items that n users had both (Bell and Koren 2007). A user's
score of an item is

    sum over the user's items h of weight_h · 0.5^(age of the last event / half-life in days)
        / (1 + items had since / half-life in events) · s(h, item)

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
        half_life_events: items had since at which it counts half, in its turn.
        reference: seconds since the epoch before which all events lie that were seen.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    similarity: npt.NDArray[np.float32]
    n_items: int
    half_life_days: float
    half_life_events: float
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
    rows, columns = _weighed(matrix, config)
    found = strongest(
        rows,
        columns,
        config.neighbours,
        own=False,
        shrinkage=config.shrinkage,
        threads=threads,
    )
    return ItemNeighbours(
        indptr=found.indptr,
        indices=found.indices,
        similarity=np.asarray(found.data),
        n_items=found.n_columns,
        half_life_days=config.half_life_days,
        half_life_events=config.half_life_events,
        reference=interactions.reference,
    )


def _weighed(matrix: Any, config: ItemKnnConfig) -> tuple[Any, Any]:
    """Users × items twice, such that column i of one times column j of the other is s(i, j)."""
    from implicit.nearest_neighbours import bm25_weight, tfidf_weight

    by_item = matrix.T
    if config.similarity == "bm25":
        weighed = bm25_weight(by_item, 1.2, 0.75).T.tocsr()
        return weighed, weighed
    weighed = tfidf_weight(by_item) if config.similarity == "tfidf" else by_item.tocoo()
    lengths = _lengths(weighed)
    sides = []
    for power in (1 - config.popularity, config.popularity):
        scale = np.divide(
            1.0, lengths ** (2 * power), out=np.zeros_like(lengths), where=lengths > 0
        )
        side = weighed.copy()
        side.data = weighed.data * scale[weighed.row]
        sides.append(side.T.tocsr())
    return sides[0], sides[1]


def _lengths(matrix: Any) -> npt.NDArray[np.float64]:
    """(rows,) the lengths of the rows of a scipy COO matrix; 0 for what is none but for rounding.

    TF-IDF weighs users of all but one of the items at 0, but for rounding.
    """
    lengths = np.sqrt(np.bincount(matrix.row, matrix.data**2, minlength=matrix.shape[0]))
    lengths[lengths <= _ROUNDING * lengths.max(initial=0)] = 0
    return lengths
