"""Graph filtering for collaborative filtering, GF-CF (Shen et al. 2021, CIKM).

Interactions come in; with R the 0/1 matrix of users and items, D_u and D_i the numbers of their
pairs and R̃ = D_u^-½ R D_i^-½, a user with history r (a row of R) scores

    r R̃ᵀR̃  +  α · r D_i^-½ V Vᵀ D_i^½

where V holds the leading right singular vectors of R̃: a linear filter of the graph of items, and
an ideal low-pass filter. Nothing is trained by gradient. R̃ᵀR̃ is kept sparse, with the strongest
entries of each row, each times n / (n + shrinkage) where n users had both items, and V comes from
randomised subspace iteration (Halko, Martinsson and Tropp 2011) in float32. Here r weighs an item
by its events, by 0.5^(age / half-life in days) and by 1 / (1 + items had since / half-life in
events), so that a history of years does not drown last week's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import Command, TrainingError
from recsys_cli.ranking.gram import gram_matrix
from recsys_cli.store.packs import Packed
from recsys_cli.strategies.neighbours import strongest

if TYPE_CHECKING:
    import scipy.sparse

    from recsys_cli.events.interactions import Interactions
    from recsys_cli.strategies.graph import GraphConfig

Vectors = npt.NDArray[np.float32]

_ITERATIONS = 4
_OVERSAMPLING = 16
_PARTS = 2
_ROUNDING = 1e-10
"""Share of the largest squared singular value below which float32 has nothing but rounding."""


@dataclass(frozen=True, slots=True)
class GraphFilter(Packed):
    """The two filters of GF-CF.

    Attributes:
        indptr: (n_items + 1,) int64, item i's links are `indices[indptr[i]:indptr[i + 1]]`.
        indices: (links,) int32 items, ascending within a row.
        weight: (links,) float32, the strongest entries of the rows of R̃ᵀR̃, above 0.
        n_items: size of the catalogue.
        user_side: (n_items, d) float32 rows of α · D_i^-½ V; a history's sum of them is the
            user's vector.
        item_side: (n_items, d) float32 rows of D_i^½ V.
        half_life_days: age at which an item of a user's history counts half.
        half_life_events: items had since at which it counts half, in its turn.
        reference: seconds since the epoch before which all events lie that were seen.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    n_items: int
    user_side: Vectors
    item_side: Vectors
    half_life_days: float
    half_life_events: float
    reference: int

    @property
    def links(self) -> CSR:
        """(n_items, n_items) with the weights as data."""
        return CSR(self.indptr, self.indices, self.n_items, self.weight)


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
        raise TrainingError("there are no interactions to link items by", hint=Command("status"))
    vectors = _leading_vectors(matrix, config.vectors, seed=config.seed, threads=threads)
    root = np.sqrt(degrees)[:, None]
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    links = strongest(
        matrix,
        matrix,
        config.neighbours,
        own=True,
        shrinkage=config.shrinkage,
        threads=threads,
    )
    return GraphFilter(
        indptr=links.indptr,
        indices=links.indices,
        weight=np.asarray(links.data),
        n_items=links.n_columns,
        user_side=(config.alpha * inverse * vectors).astype(np.float32),
        item_side=(root * vectors).astype(np.float32),
        half_life_days=config.half_life_days,
        half_life_events=config.half_life_events,
        reference=interactions.reference,
    )


def _normalised(
    interactions: Interactions,
) -> tuple[scipy.sparse.csr_matrix, npt.NDArray[np.float64]]:
    """R̃ (users, items) float64, and D_i (n_items,)."""
    # A copy, since the arrays may be read-only maps.
    matrix = interactions.matrix.to_scipy().astype(np.float64).copy()
    matrix.eliminate_zeros()
    matrix.data[:] = 1
    of_users = np.diff(matrix.indptr)
    of_items = np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64)
    matrix.data /= np.sqrt(np.repeat(of_users, of_users) * of_items[matrix.indices])
    return matrix, of_items


def _leading_vectors(
    matrix: scipy.sparse.csr_matrix, wanted: int, *, seed: int, threads: int
) -> Vectors:
    """(n_items, d) right singular vectors of R̃, d the wanted number or what there can be.

    Each step multiplies a basis by R̃ᵀR̃ and takes the product's left singular vectors, which
    approach those of R̃ᵀR̃; shifting its spectrum by up to half the smallest value that the basis
    reaches makes them approach faster (Feng, Yu, Xie and Tang 2023). Only the items' side is ever
    held, since a matrix of users by vectors takes gigabytes for a million users.
    """
    from threadpoolctl import threadpool_limits

    from recsys_cli.strategies.neighbour_kernels import LANES

    width = min(-(-(wanted + _OVERSAMPLING) // LANES) * LANES, matrix.shape[1])
    rng = np.random.default_rng(seed)
    gram = _gram(matrix, threads=threads)
    with threadpool_limits(1, "blas"):
        start = rng.standard_normal((matrix.shape[1], width), np.float32)
        basis, _ = _left_singular(gram(start))
        shift = 0.0
        for _ in range(_ITERATIONS):
            basis, least = _left_singular(gram(basis) - np.float32(shift) * basis)
            shift = max(shift, (shift + least) / 2)
    return basis[:, :wanted]


def _left_singular(vectors: Vectors) -> tuple[Vectors, float]:
    """(n, d) left singular vectors of (n, w), leading first, and the least singular value.

    Those that are rounding are left out.
    """
    squares, rotation = np.linalg.eigh(gram_matrix(vectors))
    kept = np.flatnonzero(squares > squares[-1] * _ROUNDING)[::-1]
    to_unit = (rotation[:, kept] / np.sqrt(squares[kept])).astype(np.float32)
    return vectors @ to_unit, float(np.sqrt(max(squares[0], 0)))


def _gram(matrix: scipy.sparse.csr_matrix, *, threads: int) -> Callable[[Vectors], Vectors]:
    """R̃ᵀR̃ as a function of (n_items, w), as D_i^-½ Pᵀ D_u⁻¹ P D_i^-½ with the 0/1 matrix P.

    Parts of the columns and users are multiplied side by side. Their number is fixed and they are
    added up in their order, so the bits do not depend on the number of threads.
    """
    from recsys_cli.strategies.neighbour_kernels import LANES, gram_times

    indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
    n_items = matrix.shape[1]
    of_users = (1 / np.maximum(np.diff(indptr), 1)).astype(np.float32)
    of_items = np.bincount(indices, minlength=n_items)
    scale = (1 / np.sqrt(np.maximum(of_items, 1))).astype(np.float32)[:, None]
    bounds = np.searchsorted(indptr, np.linspace(0, indptr[-1], _PARTS + 1))
    spans = [slice(*pair) for pair in itertools.pairwise(bounds)]

    def times(vectors: Vectors) -> Vectors:
        def of_part(part: tuple[slice, slice]) -> Vectors:
            columns, users = part
            scaled = np.zeros((n_items, LANES), np.float32)
            scaled[:, : columns.stop - columns.start] = vectors[:, columns] * scale
            product = np.zeros_like(scaled)
            rows = indptr[users.start : users.stop + 1]
            gram_times(rows, indices, of_users[users], scaled, product)
            return product[:, : columns.stop - columns.start]

        width = vectors.shape[1]
        columns = [slice(at, min(at + LANES, width)) for at in range(0, width, LANES)]
        parts = list(itertools.product(columns, spans))
        total = np.zeros_like(vectors)
        with ThreadPoolExecutor(max(threads, 1)) as pool:
            for (lanes, _), product in zip(parts, pool.map(of_part, parts), strict=True):
                total[:, lanes] += product
        return total * scale

    return times
