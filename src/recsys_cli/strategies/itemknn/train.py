"""Items that the same users had: item-to-item neighbours (Sarwar et al. 2001; Linden et al. 2003).

Interactions come in, a sparse matrix goes out whose row i holds the `neighbours` items most
similar to item i. Similarity is the cosine of the items' columns of users, plain or with users
weighed by TF-IDF or BM25, as `implicit` computes them. A user's score of an item is

    sum over the user's items h of weight_h · 0.5^(age of the last event / half-life) · s(h, item)

in float64 and in the order of the history, so that many users together get the same bits as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.errors import Command, TrainingError
from recsys_cli.strategies.neighbours import strongest

if TYPE_CHECKING:
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.strategies.itemknn import ItemKnnConfig

_ROUNDING = 1e-12
"""Length of a row, as a share of the longest, up to which it is rounding."""


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
    # A copy, since the arrays may be read-only maps, which neither library takes.
    matrix = interactions.matrix.to_scipy().astype(np.float64).copy()
    matrix.eliminate_zeros()
    if not matrix.nnz:
        raise TrainingError("there are no interactions to compare items by", hint=Command("status"))
    weighed = _weighed(matrix, config.similarity)
    neighbours = strongest(weighed, config.neighbours, own=False, threads=threads)
    return ItemKnn(neighbours, config.half_life_days, interactions.reference)


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
