"""Items by graph filtering of what the user had; see `train` for the score.

The k best of the two filters' sum are found exactly without scoring all items: those that the
links reach are scored in full, and of the others, whose links weigh nothing, none outside the k
best of the low-pass filter can be among them. One request needs nothing but numpy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_cli.cores import available_cores
from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.histories import ByHistory
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.ranking.topk.rough import rough_scores
from recsys_cli.ranking.topk.scoring import exact_scores, float32_slack
from recsys_cli.ranking.vectors import Mask, Users, Vectors
from recsys_cli.strategies.graph.train import GraphFilter
from recsys_cli.strategies.linked import linked_parts
from recsys_cli.strategies.neighbours import in_blocks, score_blocks

Items = npt.NDArray[np.int32]

_ROUNDING = 1e-12
"""More than what adding the links in float64 can be off by, as a share."""
_ROUNDED = 2.0**-23
"""The same in float32."""
_SCORES = 1 << 23
"""Scores in memory at a time, for each thread."""


class GraphFiltering(ByHistory):
    """What is linked to the user's items, directly or by what many share."""

    name = "graph"
    unknown_reason = "no history"

    def __init__(self, history: Interactions, filters: GraphFilter, *, threads: int = 0) -> None:
        """Keep views of the arrays; 0 threads are all cores."""
        super().__init__(history)
        self._filters, self._threads = filters, threads or available_cores()
        self._known = np.diff(filters.indptr) > 0
        self._ranker = FactorRanker(filters.item_side, candidates=self._known, threads=threads)

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        return self._filters.reference

    def knows(self, users: Users) -> Mask:
        """Users with history of some weight."""
        return self._history.have_weight(users)

    def contributions(self, visitor: Visitors, items: Items) -> npt.NDArray[np.float64]:
        """What each item that a visitor had adds to scores; see `Attributing`."""
        had = self._weighed(visitor.had, np.zeros(1, np.int32))
        sides = [
            np.asarray(side, np.float64)
            for side in (self._filters.item_side[items], self._filters.user_side[had.indices])
        ]
        low_pass = sides[0] @ sides[1].T * np.asarray(had.data, np.float64)
        return low_pass + linked_parts(self._filters.links, had, items)

    def _weighed(self, history: Interactions, users: Users) -> CSR:
        return history.decayed(
            users,
            half_life_days=self._filters.half_life_days,
            half_life_events=self._filters.half_life_events,
            reference=self._filters.reference,
        )

    def _ranked(
        self,
        history: Interactions,
        users: Users,
        *,
        k: int,
        exclude: CSR | None,
        allow: Mask | None,
    ) -> Recommendations:
        known = history.have_weight(users)
        had = self._weighed(history, users)
        out = Recommendations.empty(len(users), k, self.name)
        for start, links in score_blocks(had, self._filters.links):
            rows = np.arange(start, start + links.n_rows)
            rows = rows[known[rows]]
            vectors = self._vectors(had.take(rows))
            part = None if exclude is None else exclude.take(rows)
            if len(rows) > 1 and not self._ranker.could_overflow(vectors):
                items, scores = self._best_of_many(
                    vectors, links.take(rows - start), exclude=part, allow=allow, k=k
                )
                out.items[rows], out.scores[rows] = items, scores
                continue
            leading, _ = self._ranker.top_k(vectors, k=k, exclude=part, allow=allow)
            for place, row in enumerate(rows):
                excluded = None if part is None else part.row(place)
                items, linked = _united(links.take(rows[[place]] - start), leading[place])
                keep = _may_be_listed(items, excluded, allow)
                items, scores = self._best(vectors[place], items[keep], linked[keep], k)
                out.items[row, : len(items)], out.scores[row, : len(items)] = items, scores
        return Recommendations.of_one(out.items, out.scores, self.name)

    def _vectors(self, history: CSR) -> Vectors:
        """(n, d) the low-pass filter's user vectors; each is added up in the order of its row."""
        vectors = np.zeros((history.n_rows, self._filters.user_side.shape[1]), np.float32)
        weights = np.asarray(history.data)
        for row in range(history.n_rows):
            span = slice(history.indptr[row], history.indptr[row + 1])
            vectors[row] = weights[span] @ self._filters.user_side[history.indices[span]]
        return vectors

    def _best_of_many(
        self, users: Vectors, links: CSR, *, exclude: CSR | None, allow: Mask | None, k: int
    ) -> tuple[Items, npt.NDArray[np.float64]]:
        """The same as `_best` for each of n users: (n, k) items, -1 behind the last, and scores."""
        from threadpoolctl import threadpool_limits

        from recsys_cli.strategies.graph.kernels import best_rows

        n, weight = len(users), np.asarray(links.data, np.float32)
        side = np.asarray(self._filters.item_side)
        items, scores = np.full((n, k), -1, np.int32), np.full((n, k), np.nan)
        slack = self._slack(users, np.abs(weight).max(initial=0))
        barred = exclude or CSR(np.zeros(n + 1, np.int64), np.zeros(0, np.int32), self.n_items)
        allowed = np.zeros(0, np.bool_) if allow is None else allow

        def rank(first: int, last: int) -> None:
            best_rows(
                first, users[first:last] @ side.T, links.indptr, links.indices, weight, users,
                slack, self._known, side, barred.indptr, barred.indices, allowed, items, scores,
            )  # fmt: skip

        at_once = max(1, min(_SCORES // max(self.n_items, 1), -(-n // self._threads)))
        with threadpool_limits(1, "blas"):
            in_blocks(rank, n, self._threads, at_once=at_once)
        return items, scores

    def _slack(self, users: Vectors, heaviest: float) -> npt.NDArray[np.float64]:
        """(n,) how far a float32 product of each user with a link added may lie from the score."""
        lengths = np.abs(users).sum(axis=1, dtype=np.float64)
        largest = lengths * self._ranker.largest + heaviest
        of_product = float32_slack(users.shape[1], lengths, self._ranker.largest)
        slack: npt.NDArray[np.float64] = of_product + _ROUNDED * largest
        return slack

    def _best(
        self, user: Vectors, items: Items, linked: npt.NDArray[np.float64], k: int
    ) -> tuple[Items, npt.NDArray[np.float64]]:
        """The k best of `items` (m,) for one user (d,), whose links to them weigh `linked` (m,).

        Most are far from the k best, as float32 products show; the near ones alone are scored in
        float64, which is what decides.
        """
        side = self._filters.item_side
        if len(items) > k:
            rough = rough_scores(side, items, user) + linked
            kth = float(np.partition(rough, len(items) - k)[len(items) - k])
            length = float(np.abs(user).sum(dtype=np.float64))
            slack = float32_slack(len(user), length, self._ranker.largest) + _ROUNDING * abs(kth)
            near = rough >= kth - 2 * slack
            items, linked = items[near], linked[near]
        scores = exact_scores(side, items, user) + linked
        order = np.lexsort((items, -scores))[:k]
        return items[order], scores[order]


def _united(links: CSR, leading: Items) -> tuple[Items, npt.NDArray[np.float64]]:
    """Items of one row of `links` or in `leading`, ascending, and what each one's link weighs."""
    items = np.sort(np.concatenate([links.indices, leading[leading >= 0]]))
    items = items[np.diff(items, prepend=-1) > 0]
    linked = np.zeros(len(items))
    linked[np.searchsorted(items, links.indices)] = links.data
    return items, linked


def _may_be_listed(items: Items, excluded: Items | None, allow: Mask | None) -> Mask:
    keep = np.ones(len(items), np.bool_) if allow is None else allow[items]
    if excluded is not None and len(excluded):
        at = np.minimum(np.searchsorted(excluded, items), len(excluded) - 1)
        keep &= excluded[at] != items
    return keep
