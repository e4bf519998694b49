"""Items by what the user had: links from it to others, or whatever else scores a few items.

A way to score what a user had comes in. One request needs nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.histories import ByHistory
from recsys_cli.ranking.topk import top_k_sparse
from recsys_cli.ranking.vectors import Mask, Users
from recsys_cli.strategies.neighbours import score_blocks

Items = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


class Linked(ByHistory):
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
        parts: Callable[[CSR, Items], Floats],
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
            parts: of one such row and items (m,), what each of the row's entries adds to their
                scores (m, entries).
        """
        super().__init__(history)
        self.name = name
        self.reference: int | None = reference
        self.unknown_reason = unknown_reason
        self._weighed = weighed
        self._scores = scores
        self._among = among
        self._parts = parts

    def knows(self, users: Users) -> Mask:
        """Users with an item that leads to others."""
        return self._history.have_weight(users, among=self._among)

    def contributions(self, visitor: Visitors, items: Items) -> Floats:
        """What each item that a visitor had adds to scores; see `Attributing`."""
        return self._parts(self._weighed(visitor.had, np.zeros(1, np.int32)), items)

    def _ranked(
        self,
        history: Interactions,
        users: Users,
        *,
        k: int,
        exclude: CSR | None,
        allow: Mask | None,
    ) -> Recommendations:
        out = Recommendations.empty(len(users), k, self.name)
        for start, scores in self._scores(self._weighed(history, users)):
            rows = np.arange(start, start + scores.n_rows)
            items, values = top_k_sparse(
                _positive(scores),
                k=k,
                exclude=None if exclude is None else exclude.take(rows),
                allow=allow,
            )
            out.items[rows], out.scores[rows] = items, values
        return Recommendations.of_one(out.items, out.scores, self.name)


def along(
    links: CSR,
    name: str,
    history: Interactions,
    *,
    weighed: Callable[[Interactions, Users], CSR],
    reference: int,
    unknown_reason: str,
) -> Linked:
    """Items that links (n_items, n_items) with data lead to from what a user had.

    Other arguments are those of `Linked`.
    """
    return Linked(
        name,
        history,
        weighed=weighed,
        scores=lambda had: score_blocks(had, links),
        among=np.diff(links.indptr) > 0,
        reference=reference,
        unknown_reason=unknown_reason,
        parts=partial(linked_parts, links),
    )


def linked_parts(links: CSR, had: CSR, items: Items) -> Floats:
    """(m, entries) weight times link, of each entry of one row to each of `items` (m,)."""
    reached = links.take(had.indices)
    rows, columns = reached.entries()
    parts = np.zeros((len(items), had.nnz))
    order = np.argsort(items, kind="stable")
    place = np.searchsorted(items[order], columns)
    place[place == len(items)] = 0
    hit = items[order][place] == columns if len(items) else np.zeros(0, np.bool_)
    weights = np.asarray(had.data, np.float64)
    links_there = np.asarray(reached.data, np.float64)[hit]
    parts[order[place[hit]], rows[hit]] = weights[rows[hit]] * links_there
    return parts


def _positive(scores: CSR) -> CSR:
    """A score of 0 is that of items that nothing leads to: no candidates."""
    data = np.asarray(scores.data)
    data[data <= 0] = -np.inf
    return scores
