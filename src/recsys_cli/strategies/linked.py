"""Items by what the user had: links from it to others, or whatever else scores a few items.

A way to score what a user had comes in. One request needs nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.topk import top_k_sparse
from recsys_cli.ranking.vectors import Mask, Users


class Linked:
    """Items that score best by what a user had.

    Scores are added in an order that does not depend on who else is asked for, so that many users
    together get the same bits as one.
    """

    def __init__(
        self,
        name: str,
        history: Interactions,
        *,
        weighed: Callable[[Interactions, Users], CSR],
        scores: Callable[[CSR], Iterator[tuple[int, CSR]]],
        among: Mask,
        reference: int,
        unknown_reason: str,
    ) -> None:
        """Keep views of the arrays.

        Args:
            name: of the strategy.
            history: what users had.
            weighed: what each of some users of a history had, with weights for data.
            scores: of such rows, in blocks: the first one's place, and (rows, n_items) scores.
            among: (n_items,) items that lead to others.
            reference: seconds since the epoch before which all events lie that were seen.
            unknown_reason: why a user whom it does not know is not known.
        """
        self.name = name
        self.reference: int | None = reference
        self.unknown_reason = unknown_reason
        self.n_items = history.n_items
        self._history = history
        self._weighed = weighed
        self._scores = scores
        self._among = among

    def knows(self, users: Users) -> Mask:
        """Users with an item that leads to others."""
        return self._history.have_weight(users, among=self._among)

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k items that score best for each of `users`; see `Recommender.recommend`."""
        weighed = self._weighed(self._history, users)
        return self._best(weighed, k=k, exclude=exclude, allow=allow)

    def recommend_from(
        self,
        history: Interactions,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
    ) -> Recommendations:
        """The same for each row of `history`; see `FromHistory`."""
        weighed = self._weighed(history, np.arange(history.n_users, dtype=np.int32))
        return self._best(weighed, k=k, exclude=exclude, allow=allow)

    def _best(
        self, weighed: CSR, *, k: int, exclude: CSR | None, allow: Mask | None
    ) -> Recommendations:
        out = Recommendations.empty(weighed.n_rows, k, self.name)
        for start, scores in self._scores(weighed):
            rows = np.arange(start, start + scores.n_rows)
            items, values = top_k_sparse(
                _positive(scores),
                k=k,
                exclude=None if exclude is None else exclude.take(rows),
                allow=allow,
            )
            out.items[rows], out.scores[rows] = items, values
        return Recommendations.of_one(out.items, out.scores, self.name)


def _positive(scores: CSR) -> CSR:
    """A score of 0 is that of items that nothing leads to: no candidates."""
    data = np.asarray(scores.data)
    data[data <= 0] = -np.inf
    return scores
