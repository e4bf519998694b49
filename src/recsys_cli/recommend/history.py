"""What strategies that start from what the user had have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.recommend.vectors import Mask, Users


def history_of(interactions: Mapping[str, Any], *, weighted: bool = False) -> CSR:
    """(n_users, n_items) what users had, as views of the interactions artifact.

    Args:
        interactions: the artifact.
        weighted: whether the weights of the pairs are its data.
    """
    return CSR(
        interactions["indptr"],
        interactions["indices"],
        int(interactions["n_items"]),
        interactions["weight"] if weighted else None,
    )


def have_weight(history: CSR, users: Users, *, among: Mask | None = None) -> Mask:
    """(n,) whether each of `users` (n,) had an item of some weight; user -1 did not.

    Args:
        history: (n_users, n_items); without data, every pair has weight.
        users: user rows; -1 for unknown.
        among: (n_items,) mask of the items that count; None means all.
    """
    indptr, at = history.positions(users)
    useful = np.ones(len(at), np.bool_) if among is None else among[history.indices[at]]
    if history.data is not None:
        useful = useful & (history.data[at] > 0)
    reached = np.concatenate(([0], np.cumsum(useful)))
    found: Mask = np.diff(reached[indptr]) > 0
    return found
