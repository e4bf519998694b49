"""Graph filtering for collaborative filtering, GF-CF (Shen et al. 2021, CIKM).

Interactions come in; with R the 0/1 matrix of users and items, D_u and D_i the numbers of their
pairs and R̃ = D_u^-½ R D_i^-½, a user with history r (a row of R) scores

    r R̃ᵀR̃  +  α · r D_i^-½ V Vᵀ D_i^½

where V holds the leading right singular vectors of R̃: a linear filter of the graph of items, and
an ideal low-pass filter. Nothing is trained by gradient. R̃ᵀR̃ is kept sparse, with the strongest
entries of each row, and V comes from randomised subspace iteration (Halko, Martinsson and Tropp
2011). Here r weighs an item by its events and by 0.5^(age / half-life), so that a history of
years does not drown last week's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import TrainingError
from recsys_cli.models.itemknn import strongest

if TYPE_CHECKING:
    import scipy.sparse

    from recsys_cli.config.models import GraphConfig
    from recsys_cli.models.interactions import Interactions

Vectors = npt.NDArray[np.float32]

_ITERATIONS = 4
_OVERSAMPLING = 16
_USERS_AT_ONCE = 1 << 15


@dataclass(frozen=True, slots=True)
class GraphFilter:
    """The two filters of GF-CF.

    Attributes:
        neighbours: (n_items, n_items) rows of R̃ᵀR̃, their strongest entries above 0 as data.
        user_side: (n_items, d) float32 rows of α · D_i^-½ V; a history's sum of them is the
            user's vector.
        item_side: (n_items, d) float32 rows of D_i^½ V.
        half_life_days: age at which an item of a user's history counts half.
        reference: seconds since the epoch before which all events lie that were seen.
    """

    neighbours: CSR
    user_side: Vectors
    item_side: Vectors
    half_life_days: float
    reference: int

    def to_pack(self, *, users_fingerprint: str, items_fingerprint: str) -> dict[str, Any]:
        """The arrays as a pack, with the fingerprints of the ids that its rows stand for."""
        return {
            "indptr": self.neighbours.indptr,
            "indices": self.neighbours.indices,
            "weight": self.neighbours.data,
            "n_items": self.neighbours.n_columns,
            "user_side": self.user_side,
            "item_side": self.item_side,
            "half_life_days": self.half_life_days,
            "reference": self.reference,
            "users_fingerprint": users_fingerprint,
            "items_fingerprint": items_fingerprint,
        }

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any]) -> GraphFilter:
        """The inverse of `to_pack`; arrays may be memory maps."""
        n_items = int(pack["n_items"])
        return cls(
            neighbours=CSR(pack["indptr"], pack["indices"], n_items, pack["weight"]),
            user_side=pack["user_side"],
            item_side=pack["item_side"],
            half_life_days=float(pack["half_life_days"]),
            reference=int(pack["reference"]),
        )


def build_graph_filter(
    interactions: Interactions, config: GraphConfig, *, threads: int
) -> GraphFilter:
    """Normalise the interactions, and take their strongest links and leading vectors.

    Args:
        interactions: what each user had; pairs of weight 0 say nothing.
        config: how many links and vectors, and how they are mixed.
        threads: threads to use; the result does not depend on it.

    Raises:
        TrainingError: there is nothing to learn from.
    """
    matrix, degrees = _normalised(interactions)
    if not matrix.nnz:
        raise TrainingError("there are no interactions to link items by", hint="recsys status")
    vectors = _leading_vectors(matrix, config.vectors, seed=config.seed, threads=threads)
    root = np.sqrt(degrees)[:, None]
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    return GraphFilter(
        neighbours=strongest(matrix, config.neighbours, own=True, threads=threads),
        user_side=(config.alpha * inverse * vectors).astype(np.float32),
        item_side=(root * vectors).astype(np.float32),
        half_life_days=config.half_life_days,
        reference=interactions.reference,
    )


def _normalised(
    interactions: Interactions,
) -> tuple[scipy.sparse.csr_matrix, npt.NDArray[np.float64]]:
    """R̃ (users, items) float64, and D_i (n_items,)."""
    pairs = CSR(
        interactions.indptr, interactions.indices, interactions.n_items, interactions.weight
    )
    # A copy, since the arrays may be read-only maps.
    matrix = pairs.to_scipy().astype(np.float64).copy()
    matrix.eliminate_zeros()
    matrix.data[:] = 1
    of_users = np.diff(matrix.indptr)
    of_items = np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64)
    matrix.data /= np.sqrt(np.repeat(of_users, of_users) * of_items[matrix.indices])
    return matrix, of_items


def _leading_vectors(
    matrix: scipy.sparse.csr_matrix, wanted: int, *, seed: int, threads: int
) -> npt.NDArray[np.float64]:
    """(n_items, d) right singular vectors, d the wanted number or what there can be.

    Randomised subspace iteration on R̃ᵀR̃ with a final Rayleigh-Ritz step. Only the items' side is
    ever held, since a matrix of users by vectors takes gigabytes for a million users.
    """
    d = min(wanted, *matrix.shape)
    width = min(d + _OVERSAMPLING, *matrix.shape)
    start = np.random.default_rng(seed).standard_normal((matrix.shape[1], width))
    basis = np.linalg.qr(start)[0]
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(_gram_times(matrix, basis, threads=threads))[0]
    small = basis.T @ _gram_times(matrix, basis, threads=threads)
    _, rotation = np.linalg.eigh((small + small.T) / 2)
    leading: npt.NDArray[np.float64] = basis @ rotation[:, ::-1][:, :d]
    return leading


def _gram_times(
    matrix: scipy.sparse.csr_matrix, vectors: npt.NDArray[np.float64], *, threads: int
) -> npt.NDArray[np.float64]:
    """R̃ᵀR̃ times `vectors` (n_items, d), over blocks of users.

    Blocks are added up in their order, so the bits do not depend on the number of threads.
    """
    from concurrent.futures import ThreadPoolExecutor

    def of_block(start: int) -> npt.NDArray[np.float64]:
        block = matrix[start : start + _USERS_AT_ONCE]
        product: npt.NDArray[np.float64] = block.T @ (block @ vectors)
        return product

    total = np.zeros_like(vectors)
    with ThreadPoolExecutor(threads) as pool:
        # A few at a time, since each result is as large as the total.
        starts = range(0, matrix.shape[0], _USERS_AT_ONCE)
        for first in range(0, len(starts), threads):
            for product in pool.map(of_block, starts[first : first + threads]):
                total += product
    return total
