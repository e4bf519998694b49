"""What strategies that score users by a vector of their own have in common.

Users whose vector is known are ranked together; the lists of the others stay empty, for the
fallback chain to fill.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.ranking.contract import Recommendations

Users = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Vectors = npt.NDArray[np.float32]


def are_known(users: Users, known: Mask) -> Mask:
    """(n,) whether each of `users` (n,) is `known` (n_users,); user -1 is not."""
    found = np.zeros(len(users), np.bool_)
    inside = users >= 0
    found[inside] = known[users[inside]]
    return found


def recommend_known(
    users: Users,
    *,
    vectors: Vectors,
    known: Mask,
    rank: Callable[..., Recommendations],
    name: str,
    k: int,
    exclude: CSR | None,
    allow: Mask | None,
) -> Recommendations:
    """Lists of `users` (n,), empty for those without a vector.

    Args:
        users: user rows; -1 for unknown.
        vectors: (n_users, f) float32.
        known: (n_users,) users that have a vector.
        rank: makes the lists of users given by vectors, with `k`, `exclude` and `allow`.
        name: the strategy's name.
        k: list length.
        exclude: matrix of n rows, row i the items that user i must not get.
        allow: (n_items,) mask of items that may be recommended; None means all.
    """
    rows = np.flatnonzero(are_known(users, known))
    if len(rows) == len(users) and len(users):
        return rank(vectors[users], k=k, exclude=exclude, allow=allow)
    out = Recommendations.empty(len(users), k, name)
    if len(rows):
        part = rank(
            vectors[users[rows]],
            k=k,
            exclude=None if exclude is None else exclude.take(rows),
            allow=allow,
        )
        out.items[rows], out.scores[rows], out.source[rows] = part.items, part.scores, part.source
    return out
