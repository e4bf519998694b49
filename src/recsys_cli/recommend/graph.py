"""Items by graph filtering of what the user had; see `models.graph` for the score.

The k best of the two filters' sum are found exactly without scoring all items: those that the
links reach are scored in full, and of the others, whose links weigh nothing, none outside the k
best of the low-pass filter can be among them. One request needs nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.models.graph import GraphFilter
from recsys_cli.models.itemknn import decayed_history, score_blocks
from recsys_cli.models.topk import FactorRanker, top_k_sparse
from recsys_cli.models.topk.pairs import score_pairs
from recsys_cli.recommend.contract import Recommendations
from recsys_cli.recommend.vectors import Mask, Users, Vectors


class Graph:
    """What is linked to the user's items, directly or by what many share."""

    name = "graph"
    unknown_reason = "no history"

    def __init__(
        self,
        history: CSR,
        last: npt.NDArray[np.uint32],
        *,
        filters: GraphFilter,
        threads: int = 0,
    ) -> None:
        """Keep views of the arrays.

        Args:
            history: (n_users, n_items) with weights as data.
            last: (nnz,) uint32 seconds since the epoch of each pair's last event; 0 for none.
            filters: the two filters.
            threads: threads for many users; 0 means all cores.
        """
        self._history = history
        self._last = last
        self._filters = filters
        self._known = np.diff(filters.neighbours.indptr) > 0
        self._ranker = FactorRanker(filters.item_side, candidates=self._known, threads=threads)

    @classmethod
    def from_packs(
        cls, interactions: Mapping[str, Any], graph: Mapping[str, Any], *, threads: int = 0
    ) -> Graph:
        """From the interactions and graph artifacts."""
        history = CSR(
            interactions["indptr"],
            interactions["indices"],
            int(interactions["n_items"]),
            interactions["weight"],
        )
        filters = GraphFilter.from_pack(graph)
        return cls(history, interactions["last"], filters=filters, threads=threads)

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._history.n_columns

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        return self._filters.reference

    def knows(self, users: Users) -> Mask:
        """Users with history of some weight."""
        indptr, at = self._history.positions(users)
        weights = self._history.data
        useful = np.ones(len(at), np.bool_) if weights is None else weights[at] > 0
        reached = np.concatenate(([0], np.cumsum(useful)))
        found: Mask = np.diff(reached[indptr]) > 0
        return found

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k items that score best for each of `users`; see `Recommender.recommend`."""
        history = decayed_history(
            self._history,
            self._last,
            users,
            reference=self._filters.reference,
            half_life_days=self._filters.half_life_days,
        )
        known = self.knows(users)
        out = Recommendations.empty(len(users), k, self.name)
        for start, links in score_blocks(history, self._filters.neighbours):
            rows = np.arange(start, start + links.n_rows)
            rows = rows[known[rows]]
            vectors = self._vectors(history.take(rows))
            part = None if exclude is None else exclude.take(rows)
            leading, _ = self._ranker.top_k(vectors, k=k, exclude=part, allow=allow)
            both, scores = self._scored(vectors, links.take(rows - start), leading)
            out.items[rows], out.scores[rows] = _best(both, scores, k=k, exclude=part, allow=allow)
        return Recommendations.of_one(out.items, out.scores, self.name)

    def _vectors(self, history: CSR) -> Vectors:
        """(n, d) the low-pass filter's user vectors; each is added up in the order of its row."""
        vectors = np.zeros((history.n_rows, self._filters.user_side.shape[1]), np.float32)
        weights = np.asarray(history.data)
        for row in range(history.n_rows):
            span = slice(history.indptr[row], history.indptr[row + 1])
            vectors[row] = weights[span] @ self._filters.user_side[history.indices[span]]
        return vectors

    def _scored(
        self, vectors: Vectors, links: CSR, leading: npt.NDArray[np.int32]
    ) -> tuple[CSR, npt.NDArray[np.float64]]:
        """What is linked to or leads for each of n users, and the full score of each entry."""
        at, rank = np.nonzero(leading >= 0)
        rows, columns = links.entries()
        both = CSR.from_pairs(
            np.concatenate([rows, at]),
            np.concatenate([columns, leading[at, rank]]),
            n_rows=links.n_rows,
            n_columns=links.n_columns,
        )
        of_both, items = both.entries()
        scores = score_pairs(vectors, self._filters.item_side, of_both, items)
        # Both are in order, and every link is among them.
        keys = of_both * links.n_columns + items
        linked = np.argsort(rows * links.n_columns + columns, kind="stable")
        places = np.searchsorted(keys, (rows * links.n_columns + columns)[linked])
        scores[places] += np.asarray(links.data, np.float64)[linked]
        return both, scores


def _best(
    candidates: CSR,
    scores: npt.NDArray[np.float64],
    *,
    k: int,
    exclude: CSR | None,
    allow: Mask | None,
) -> tuple[npt.NDArray[np.int32], Vectors]:
    """The k best entries of each row by their float64 `scores` (nnz,).

    Rounded to float32 first, scores could tie that differ, and the lists of two depths disagree.
    So what is selected by is an entry's place in its row.
    """
    rows, items = candidates.entries()
    order = np.lexsort((items, -scores, rows))
    place = np.empty(len(order), np.float32)
    place[order] = np.arange(len(order)) - candidates.indptr[rows]
    by_place = CSR(candidates.indptr, candidates.indices, candidates.n_columns, -place)
    lists, minus_place = top_k_sparse(by_place, k=k, exclude=exclude, allow=allow)
    at, rank = np.nonzero(lists >= 0)
    values = np.full(lists.shape, np.nan, np.float32)
    listed = candidates.indptr[at] - minus_place[at, rank].astype(np.int64)
    values[at, rank] = scores[order][listed]
    return lists, values
