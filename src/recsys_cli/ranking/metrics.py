"""Ranking metrics, each written once: lists and truth in, one value per user out.

Relevance is binary and truth is a set. With H the 0/1 hits of a list, r ranks from 1 and t the
number of a user's relevant items:

    recall@k     sum_{r<=k} H_r / t
    precision@k  sum_{r<=k} H_r / k
    hitrate@k    1 if any H_r, r <= k
    mrr@k        1 / rank of the first hit within k, else 0 (Voorhees 1999)
    map@k        sum_{r<=k} H_r · precision@r / min(k, t) (as in the H&M competition)
    ndcg@k       sum_{r<=k} H_r / log2(r + 1) over the same sum for min(k, t) leading hits
                 (Järvelin and Kekäläinen 2002)

Every list is ranked against the whole catalogue by whoever made it: metrics on sampled negatives
do not order strategies rightly (Krichene and Rendle 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR

METRICS = ("recall", "precision", "hitrate", "mrr", "map", "ndcg")

Floats = npt.NDArray[np.float64]


def metric_names(ks: Sequence[int]) -> list[str]:
    """Keys of `ranking_metrics` in their order, such as recall@10."""
    return [f"{metric}@{k}" for k in ks for metric in METRICS]


def ranking_metrics(
    items: npt.NDArray[np.integer], truth: CSR, *, ks: Sequence[int]
) -> dict[str, Floats]:
    """Every metric at every depth, per user.

    Args:
        items: (n, depth) item rows, best first, -1 where a list is shorter. Depths beyond the
            width of `items` are read as lists that end there.
        truth: n rows of relevant items; ids that no list can hold (items the catalogue lacks)
            count as misses. Duplicates count once.
        ks: depths.

    Returns:
        name@k → (n,) float64, NaN for users without truth: they have no say in a mean.
    """
    truth = distinct(truth)
    hits = hit_matrix(items, truth)
    relevant = np.diff(truth.indptr).astype(np.float64)
    relevant[relevant == 0] = np.nan
    found = np.cumsum(hits, axis=1)  # (n, depth) hits up to each rank
    ranks = np.arange(1, hits.shape[1] + 1)
    gain = 1 / np.log2(ranks + 1)
    average = np.cumsum(hits * found / ranks, axis=1)
    discounted = np.cumsum(hits * gain, axis=1)
    first = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, np.inf)
    values: dict[str, Floats] = {}
    for k in ks:
        at = min(k, hits.shape[1]) - 1
        count, best = found[:, at], np.minimum(relevant, k)
        no_truth = np.where(np.isnan(relevant), np.nan, 0.0)
        values[f"recall@{k}"] = count / relevant
        values[f"precision@{k}"] = count / k + no_truth
        values[f"hitrate@{k}"] = np.where(count > 0, 1.0, 0.0) + no_truth
        values[f"mrr@{k}"] = np.where(first <= k, 1 / first, 0.0) + no_truth
        values[f"map@{k}"] = average[:, at] / best
        values[f"ndcg@{k}"] = discounted[:, at] / _ideal_gain(best)
    return values


def hit_matrix(items: npt.NDArray[np.integer], truth: CSR) -> npt.NDArray[np.bool_]:
    """(n, depth) whether each listed item is relevant; only an item's first mention counts.

    Args:
        items: (n, depth) item rows, -1 for none.
        truth: n rows, ascending and unique.
    """
    n, depth = items.shape
    if n != truth.n_rows:
        raise ValueError(f"{n} lists but truth for {truth.n_rows} users")
    if not depth:
        return np.zeros((n, 1), np.bool_)
    if items.max(initial=-1) >= truth.n_columns:
        raise ValueError("a list holds an item that lies outside the truth's columns")
    width = truth.n_columns + 1  # one spare column, so that -1 falls into a cell of its own row
    base = np.arange(n, dtype=np.int64) * width
    wanted = np.repeat(base, np.diff(truth.indptr)) + truth.indices + 1
    keys = base[:, None] + items + 1  # (n, depth)
    at = np.searchsorted(wanted, keys)
    hits: npt.NDArray[np.bool_] = np.zeros(keys.shape, np.bool_)
    if len(wanted):
        hits = wanted[np.minimum(at, len(wanted) - 1)] == keys
    _drop_repeats(hits, at)
    return hits


def _drop_repeats(hits: npt.NDArray[np.bool_], at: npt.NDArray[np.intp]) -> None:
    """Clear, in place, hits on a truth entry that was already hit higher up the list."""
    entries = at[hits]  # row by row, in rank order
    first = np.zeros(len(entries), np.bool_)
    first[np.unique(entries, return_index=True)[1]] = True
    hits[hits] = first


def distinct(truth: CSR) -> CSR:
    """`truth` with rows ascending and without duplicates; itself if it already is."""
    rows, columns = truth.entries()
    if bool((np.diff(rows * truth.n_columns + columns) > 0).all()):
        return truth
    return CSR.from_pairs(rows, columns, n_rows=truth.n_rows, n_columns=truth.n_columns)


def _ideal_gain(hits: Floats) -> Floats:
    """DCG of a list that starts with `hits` (n,) relevant items; NaN stays NaN."""
    known = ~np.isnan(hits)
    count = np.where(known, hits, 0).astype(np.int64)
    table = np.cumsum(1 / np.log2(np.arange(2, count.max(initial=1) + 2)))
    return np.where(known, table[np.maximum(count, 1) - 1], np.nan)
