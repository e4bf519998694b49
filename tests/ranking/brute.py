"""The semantic of top-k in the plainest form: sort everything, one user at a time."""

from __future__ import annotations

import math

import numpy as np

from recsys_cli.csr import CSR


def brute_top_k(scores, *, k, exclude=None, allow=None):
    """Reference for every entry point; `scores` (n, n_items), -inf is no candidate."""
    n = len(scores)
    items = np.full((n, k), -1, np.int32)
    values = np.full((n, k), np.nan, np.float32)
    for user in range(n):
        barred = set() if exclude is None else set(exclude.row(user).tolist())
        ranked = sorted(
            (-float(score), item)
            for item, score in enumerate(scores[user])
            if score > -math.inf and item not in barred and (allow is None or allow[item])
        )[:k]
        for rank, (negative, item) in enumerate(ranked):
            items[user, rank], values[user, rank] = item, np.float32(-negative)
    return items, values


def brute_scores(users, item_vectors):
    """Inner products as `FactorRanker` defines them: float64, added in index order."""
    out = np.zeros((len(users), len(item_vectors)))
    for user, vector in enumerate(users.tolist()):
        for item, other in enumerate(item_vectors.tolist()):
            total = 0.0
            for a, b in zip(vector, other, strict=True):
                total += a * b
            out[user, item] = total
    return out


def assert_same(got, want):
    """Bitwise equality of lists and scores, NaN padding included."""
    np.testing.assert_array_equal(got[0], want[0])
    assert got[1].dtype == np.float32
    np.testing.assert_array_equal(got[1].view(np.int32), want[1].view(np.int32))


def random_exclusion(rng, n, n_items, share):
    """A pattern in which each user loses about `share` of the items."""
    return CSR.from_rows(
        [np.flatnonzero(rng.random(n_items) < share).astype(np.int32) for _ in range(n)], n_items
    )
