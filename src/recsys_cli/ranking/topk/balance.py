"""A change of basis that leaves inner products alone and shortens the vectors.

An early exit compares scores with |u|·|v|, and factors are far from that bound: users spread in
some directions and items in others. For any invertible A, (uA)·(vA⁻ᵀ) = u·v, and the A that makes
the product of the mean squared lengths least is the one after which users and items have the
same, diagonal second moments. On ALS factors that halves the items an early exit has to look at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_cli.ranking.gram import gram_matrix
from recsys_cli.ranking.topk.scoring import Vectors

Matrix = npt.NDArray[np.float64]

_SAMPLE = 1 << 14
"""Users that stand for all; the basis only has to be good, not best."""
_RIDGE = 1e-6
_SMALLEST = 1e-8
"""Both bound the condition of the basis, and with it the rounding that it adds."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Maps of user and item rows, and what the pair of them gets wrong.

    Attributes:
        users: (f, f) float64, to be multiplied to user rows from the right.
        items: (f, f) float64, likewise; users · itemsᵀ is the identity but for rounding.
        distortion: |(u·users)·(v·items) - u·v| is at most this times |u||v|.
    """

    users: Matrix
    items: Matrix
    distortion: float

    @classmethod
    def identity(cls, factors: int) -> Basis:
        """The basis that changes nothing."""
        return cls(np.eye(factors), np.eye(factors), 0.0)

    @classmethod
    def balancing(cls, users: Vectors, items: Vectors) -> Basis:
        """The basis described above for users (n, f) and items (m, f)."""
        factors = users.shape[1]
        of_users = _moments(users[:: max(1, len(users) // _SAMPLE)])
        of_items = _moments(items)
        if of_users is None or of_items is None:
            return cls.identity(factors)
        root = np.linalg.cholesky(of_users)
        values, axes = np.linalg.eigh(root.T @ of_items @ root)
        scale = np.maximum(values, _SMALLEST * values[-1]) ** 0.25
        user_map = np.linalg.solve(root.T, axes * scale)
        item_map = root @ (axes / scale)
        off = np.linalg.norm(user_map @ item_map.T - np.eye(factors))
        size = np.linalg.norm(user_map) * np.linalg.norm(item_map)
        # The second term bounds the rounding of the float64 products with both maps.
        return cls(user_map, item_map, float(off + 8 * factors * 2.0**-53 * size))


def _moments(vectors: Vectors) -> Matrix | None:
    """Second moments (f, f) of the rows' directions in space, scaled to a mean of 1."""
    moments = gram_matrix(vectors)
    mean = float(np.trace(moments)) / len(moments)
    if mean == 0:
        return None
    return moments / mean + _RIDGE * np.eye(len(moments))
