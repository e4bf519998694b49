"""Candidates: what several sources recall for each user, and at which rank.

Users come in a block; one row per user and recalled item goes out, sorted by user, then item,
with the rank and score that each source gave it, which a source tells of the candidates of others
too, as far down as `TOLD`. Ranks come from lists that do not depend on
what a request excludes or allows, so that an item keeps its features, and with them its score,
whatever is asked for. Where a request leaves too little of those lists, the sources are asked
again for what it allows; what only that turns up has no ranks.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import FromHistory, Recommendations, Recommender
from recsys_cli.ranking.products import ByProductOfHistory
from recsys_cli.ranking.vectors import Mask, Users

Floats = npt.NDArray[np.float32]

TOLD = 300
"""Ranks down to which a source tells of candidates that others brought. One that can score every
pair tells of them so, and its list, which would take long to find, ends with what it brings."""
ENOUGH = 50
"""Candidates below which a request's own lists are asked for."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of a user of the block and an item, P of them.

    Attributes:
        users: (B,) int32 user rows of the block.
        rows: (P,) int32 position in `users`, ascending.
        items: (P,) int32 item rows, ascending within a user.
        sources: names of the S sources.
        ranks: (P, S) float32 rank from 1 in the source's list; NaN beyond what it tells.
        scores: (P, S) float32 the source's own score; NaN likewise.
        found: (P, S) bool whether the source recalled the item, ranked or only when asked again.
        best: (B, S) float32 score of the first of each list; NaN for an empty one.
        worst: (B, S) float32 score of the last one that it brings.
    """

    users: Users
    rows: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    sources: tuple[str, ...]
    ranks: Floats
    scores: Floats
    found: Mask
    best: Floats
    worst: Floats

    @property
    def indptr(self) -> npt.NDArray[np.int64]:
        """(B + 1,) where each user's candidates begin."""
        starts: npt.NDArray[np.int64] = np.searchsorted(
            self.rows, np.arange(len(self.users) + 1)
        ).astype(np.int64)
        return starts

    def as_csr(self, values: Floats, n_items: int) -> CSR:
        """Scores (P,) of the pairs as a matrix of B rows."""
        return CSR(self.indptr, self.items, n_items, values)

    def take(self, keep: Mask | npt.NDArray[np.intp]) -> Candidates:
        """The pairs that a mask (P,) keeps, or those at some places."""
        return Candidates(
            self.users,
            self.rows[keep],
            self.items[keep],
            self.sources,
            self.ranks[keep],
            self.scores[keep],
            self.found[keep],
            self.best,
            self.worst,
        )


class Recall:
    """Asks the sources and unites what they recall.

    Args:
        sources: recommenders over one catalogue, by name, each with the length of its lists.
        scored: names of those that can score every pair.
        own: (n_users, n_items) what users have, which lists leave out; None where an item may
            be recommended again.
    """

    def __init__(
        self,
        sources: Mapping[str, tuple[Recommender, int]],
        *,
        scored: Container[str] = (),
        own: CSR | None = None,
    ) -> None:
        self._sources = dict(sources)
        self._told = [
            length if name in scored else max(length, TOLD)
            for name, (_, length) in self._sources.items()
        ]
        self._own = own
        self.names = tuple(self._sources)

    def over(self, visitors: Visitors) -> Recall:
        """The same for visitors, who are users by their place among them."""
        there = copy(self)
        there._sources = {
            name: (_Visited(source, visitors, _vectors(source, visitors)), length)
            for name, (source, length) in self._sources.items()
        }
        there._own = None if self._own is None else visitors.had.matrix
        return there

    def source(self, name: str) -> Recommender | None:
        """One of the sources as it answers for users; None where there is none of that name."""
        found = self._sources.get(name, (None, 0))[0]
        return found.source if isinstance(found, _Visited) else found

    def vectors(self, source: str) -> Floats | None:
        """(n, d) float32 vectors that one of the sources made of what its visitors had."""
        asked = self._sources[source][0]
        return asked.vectors if isinstance(asked, _Visited) else None

    def recall(
        self,
        users: Users,
        *,
        k: int = 0,
        exclude: CSR | None = None,
        allow: Mask | None = None,
    ) -> Candidates:
        """Candidates of `users` (n,), none of user -1.

        Args:
            users: user rows.
            k: candidates that must be there for a request, as far as the sources have them.
            exclude: matrix of n rows, row i the items that user i must not get.
            allow: (n_items,) mask of items that may be recommended; None means all.
        """
        own = None if self._own is None else self._own.take(users)
        lists = [
            source.recommend(users, k=min(told, source.n_items), exclude=own)
            for (source, _), told in zip(self._sources.values(), self._told, strict=True)
        ]
        found = self._united(users, lists)
        if exclude is None and allow is None and k <= ENOUGH:
            return found
        return self._asked_again(found, k, exclude, allow, own)

    def _united(self, users: Users, lists: Sequence[Recommendations]) -> Candidates:
        """One row per user and item that a list brings."""
        if len(users) > 1 or "numba" in sys.modules:
            from recsys_cli.strategies.hybrid.kernels import unite
        else:
            from recsys_cli.strategies.hybrid.uniting import unite

        n_items = next(iter(self._sources.values()))[0].n_items
        bring = np.array([length for _, length in self._sources.values()])
        starts = np.concatenate(([0], np.cumsum([found.items.shape[1] for found in lists])))
        most = len(users) * int(np.minimum(bring, np.diff(starts)).sum())
        rows, items = np.empty(most, np.int32), np.empty(most, np.int32)
        ranks, scores = (np.empty((most, len(lists)), np.float32) for _ in range(2))
        best, worst = (np.full((len(users), len(lists)), np.nan, np.float32) for _ in range(2))
        pairs = unite(
            np.concatenate([found.items for found in lists], axis=1),
            np.concatenate([found.scores for found in lists], axis=1),
            starts, bring, np.full(n_items, -1, np.int64), rows, items, ranks, scores, best, worst,
        )  # fmt: skip
        ranks = ranks[:pairs]
        return Candidates(
            users,
            rows[:pairs],
            items[:pairs],
            self.names,
            ranks,
            scores[:pairs],
            ranks <= bring,
            best,
            worst,
        )

    def _asked_again(
        self,
        found: Candidates,
        k: int,
        exclude: CSR | None,
        allow: Mask | None,
        own: CSR | None,
    ) -> Candidates:
        """Add what the sources recall of what is allowed, for users with too little of it."""
        n_items = next(iter(self._sources.values()))[0].n_items
        left = np.ones(len(found.rows), np.bool_) if allow is None else allow[found.items]
        if exclude is not None:
            left &= ~exclude.contains(found.rows, found.items)
        counts = np.bincount(found.rows[left], minlength=len(found.users))
        short = np.flatnonzero((counts < max(k, ENOUGH)) & (found.users >= 0))
        if not len(short):
            return found
        barred = _union([None if m is None else m.take(short) for m in (exclude, own)])
        more = [
            source.recommend(
                found.users[short],
                k=min(max(k, length), n_items),
                exclude=barred,
                allow=allow,
            )
            for source, length in self._sources.values()
        ]
        return _joined(found, short, more, n_items)


@dataclass(frozen=True, slots=True)
class _Visited:
    """A source as it answers for visitors."""

    source: Recommender
    visitors: Visitors
    vectors: Floats | None

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def n_items(self) -> int:
        return self.source.n_items

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """Lists of the visitors in these places."""
        everybody = np.array_equal(users, np.arange(len(self.visitors)))
        if isinstance(self.source, ByProductOfHistory) and self.vectors is not None:
            made = self.vectors if everybody else self.vectors[users]
            return self.source.recommend_made(made, k=k, exclude=exclude, allow=allow)
        who = self.visitors if everybody else self.visitors.take(users)
        if isinstance(self.source, FromHistory):
            return self.source.recommend_from(who, k=k, exclude=exclude, allow=allow)
        return self.source.recommend(who.users, k=k, exclude=exclude, allow=allow)


def _vectors(source: Recommender, visitors: Visitors) -> Floats | None:
    return source.vectors_of(visitors) if isinstance(source, ByProductOfHistory) else None


def _joined(
    found: Candidates,
    short: npt.NDArray[np.intp],
    more: Sequence[Recommendations],
    n_items: int,
) -> Candidates:
    """`found` with the pairs that only `more` (lists of the users `short`) has."""
    places = [
        (short[:, None].astype(np.int64) * n_items + lists.items)[lists.items >= 0]
        for lists in more
    ]
    keys = found.rows.astype(np.int64) * n_items + found.items
    union = np.union1d(keys, np.concatenate(places))
    old = np.searchsorted(union, keys)
    shape = (len(union), len(more))
    ranks, scores = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    recalled = np.zeros(shape, np.bool_)
    ranks[old], scores[old], recalled[old] = found.ranks, found.scores, found.found
    for s, place in enumerate(places):
        recalled[np.searchsorted(union, place), s] = True
    return Candidates(
        found.users,
        (union // n_items).astype(np.int32),
        (union % n_items).astype(np.int32),
        found.sources,
        ranks,
        scores,
        recalled,
        found.best,
        found.worst,
    )


def _union(parts: Sequence[CSR | None]) -> CSR | None:
    """The entries of either matrix."""
    there = [part for part in parts if part is not None]
    if len(there) < len(parts) or not there:
        return there[0] if there else None
    first = there[0]
    entries = [part.entries() for part in there]
    return CSR.from_pairs(
        np.concatenate([rows for rows, _ in entries]),
        np.concatenate([columns for _, columns in entries]),
        n_rows=first.n_rows,
        n_columns=first.n_columns,
    )
