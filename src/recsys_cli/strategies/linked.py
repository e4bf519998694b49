"""Items by links from what the user had: scores are sums of links, weighed by the history.

Links and a way to weigh what a user had come in. One request needs nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.topk import top_k_sparse
from recsys_cli.ranking.vectors import Mask, Users
from recsys_cli.strategies.neighbours import score_blocks


class Linked:
    """What a user's items are linked to, the strongest links first.

    A user's score of an item is the sum over what the user had of its weight times its link to
    the item, in float64 and in the order of the history, so that many users together get the same
    bits as one.
    """

    def __init__(
        self,
        name: str,
        history: Interactions,
        links: CSR,
        *,
        weighed: Callable[[Users], CSR],
        reference: int,
        unknown_reason: str,
    ) -> None:
        """Keep views of the arrays.

        Args:
            name: of the strategy.
            history: what users had.
            links: (n_items, n_items) from what was had to what to recommend, with data.
            weighed: what each of some users had, with weights for data.
            reference: seconds since the epoch before which all events lie that were seen.
            unknown_reason: why a user whom it does not know is not known.
        """
        self.name = name
        self.reference: int | None = reference
        self.unknown_reason = unknown_reason
        self.n_items = history.n_items
        self._history = history
        self._links = links
        self._weighed = weighed
        self._has_links = np.diff(links.indptr) > 0

    def knows(self, users: Users) -> Mask:
        """Users with an item that has links."""
        return self._history.have_weight(users, among=self._has_links)

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k items best linked to what each of `users` had; see `Recommender.recommend`."""
        out = Recommendations.empty(len(users), k, self.name)
        for start, scores in score_blocks(self._weighed(users), self._links):
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
    """A score of 0 is that of items whose links weigh nothing: no candidates."""
    data = np.asarray(scores.data)
    data[data <= 0] = -np.inf
    return scores
