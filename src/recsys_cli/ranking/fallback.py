"""A chain of strategies: whom the first cannot serve in full, the next ones do.

The answer says which strategy each user got and, where it is not the one asked for, why. Users
are handled together: each stage sees only those whose lists are still short. A strategy that
fails for one of them has nothing for that one, and the others do not notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.errors import RecsysError, sentence
from recsys_cli.ranking.contract import (
    NO_SOURCE,
    UNKNOWN_USER,
    FromHistory,
    Recommendations,
    Serving,
)
from recsys_cli.ranking.vectors import Mask, Users

if TYPE_CHECKING:
    from recsys_cli.events.later import Visitors

SERVED = 0
"""Code of "no fallback": the strategy asked for made the list."""
UNKNOWN = "unknown user"
NOTHING_LEFT = "nothing left to recommend"
TOO_FEW = "fewer than k items"

FAILED = "it failed for this user"

_UNKNOWN, _NOT_KNOWN, _NOTHING_LEFT, _TOO_FEW, _FAILED = 1, 2, 3, 4, 5

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Answer:
    """Lists, and for each user who made them and why.

    Attributes:
        recommendations: ranked items; `source` tells the strategy of each item.
        used: (n,) uint8 position in `strategies` of the one that gave the first item; 255 for
            an empty list.
        strategies: the chain's names.
        reason: (n,) uint8 position in `reasons`.
        reasons: texts; the first is None, meaning that the strategy asked for served the user.
        failed: (n,) whether the strategy asked for failed for the user.
        failure: what the first such failure was; None where there is none.
        own: (n,) items of each list that are of the strategy asked for, before all others; None
            where nobody has to know.
        rules: names of the rules that changed the only list.
    """

    recommendations: Recommendations
    used: Codes
    strategies: tuple[str, ...]
    reason: Codes
    reasons: tuple[str | None, ...]
    failed: Mask
    failure: str | None = None
    own: npt.NDArray[np.int64] | None = None
    rules: tuple[str, ...] = ()

    @classmethod
    def of_one(cls, lists: Recommendations) -> Answer:
        """The lists of a single strategy that falls back on none."""
        none = np.zeros(len(lists.items), np.uint8)
        used = np.where((lists.items >= 0).any(axis=1), 0, NO_SOURCE).astype(np.uint8)
        return cls(lists, used, lists.sources, none, (None,), none.astype(np.bool_))

    def cut(self, lists: Recommendations, *, alone: Mask, rules: tuple[str, ...]) -> Answer:
        """The answer with lists (n, k) that were chosen from its own, by rules.

        Whatever others added further down is no reason where they had no part in a list that is
        `alone` (n,) of the strategy asked for.
        """
        reason = np.where(alone & (self.reason == _TOO_FEW), SERVED, self.reason)
        return replace(self, recommendations=lists, reason=reason, own=None, rules=rules)

    def with_rows(self, rows: npt.NDArray[np.intp], more: Answer) -> Answer:
        """The answer with some rows in place of its own, from an answer of the same strategies."""
        if len(rows) == len(self.used):
            return more
        order = np.arange(len(self.used))
        order[rows] = len(order) + np.arange(len(rows))
        lists = _stacked(self.recommendations, more.recommendations)
        return replace(
            self,
            recommendations=Recommendations(
                lists.items[order], lists.scores[order], lists.source[order], lists.sources
            ),
            used=np.concatenate([self.used, more.used])[order],
            reason=np.concatenate([self.reason, more.reason])[order],
            failed=np.concatenate([self.failed, more.failed])[order],
            failure=self.failure or more.failure,
        )

    def strategy_used(self, row: int) -> str | None:
        """Name of the strategy that gave the first item of list `row`; None if it is empty."""
        code = int(self.used[row])
        return None if code == NO_SOURCE else self.strategies[code]

    def fallback_reason(self, row: int) -> str | None:
        """Why list `row` is not the strategy asked for alone; None if it is."""
        return self.reasons[int(self.reason[row])]


class WithFallback:
    """Strategies in order of preference, behind the same contract as one of them.

    Args:
        chain: strategies, the one asked for first; all over the same catalogue.
        name: what was asked for, if not the first one's name (such as "auto").

    Raises:
        ValueError: for an empty chain or strategies over different catalogues.
    """

    def __init__(self, chain: Sequence[Serving], *, name: str | None = None) -> None:
        if not chain:
            raise ValueError("a chain needs at least one strategy")
        if len({strategy.n_items for strategy in chain}) > 1:
            sizes = {strategy.name: strategy.n_items for strategy in chain}
            raise ValueError(f"strategies rank different catalogues: {sizes}")
        self.chain = tuple(chain)
        self._name = name or chain[0].name

    @property
    def name(self) -> str:
        """The strategy asked for."""
        return self._name

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self.chain[0].n_items

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The lists of `answer` alone; see `Recommender.recommend`."""
        return self.answer(users, k=k, exclude=exclude, allow=allow).recommendations

    def answer(
        self,
        users: Users,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
        first: Recommendations | None = None,
        visitors: Visitors | None = None,
    ) -> Answer:
        """The k best items for each of `users`, with who made the list and why.

        Arguments as in `Recommender.recommend`, and `first`, the first strategy's lists, where
        the caller has them already, or `visitors`, the users with what they had since, for those
        strategies that can rank by it (`FromHistory`). A list is shorter than k only where no
        strategy of the chain has another item; no item stands in a list twice.
        """
        failures = _Failures(len(users))
        if first is None:
            asked = _Asked(users, exclude, visitors)
            first = failures.isolated(self.chain[0], asked, k=k, allow=allow)
        lists = _Lists(first, stages=len(self.chain))
        own = lists.lengths.copy()
        for stage, strategy in enumerate(self.chain[1:], 1):
            short = np.flatnonzero(lists.lengths < k)
            if not len(short):
                break
            barred = lists.also_excluded(short, exclude, self.n_items)
            later = _Failures(len(short))
            asked = replace(_Asked(users, None, visitors).take(short), exclude=barred)
            more = later.isolated(strategy, asked, k=k, allow=allow)
            lists.append(short, more, stage)
        return Answer(
            lists.result(),
            lists.used,
            tuple(strategy.name for strategy in self.chain),
            np.where(
                failures.rows, _FAILED, self._reason(users, own, lists.lengths, k, visitors)
            ).astype(np.uint8),
            (None, UNKNOWN, self.chain[0].unknown_reason, NOTHING_LEFT, TOO_FEW, FAILED),
            failures.rows,
            failures.first,
            own,
        )

    def _reason(
        self,
        users: Users,
        own: npt.NDArray[np.int64],
        total: npt.NDArray[np.int64],
        k: int,
        visitors: Visitors | None,
    ) -> Codes:
        """Codes from the lengths of the first strategy's lists and of the final ones."""
        reason = np.full(len(users), SERVED, np.uint8)
        reason[(own < k) & (total > own)] = _TOO_FEW
        empty = own == 0
        reason[empty] = _NOTHING_LEFT
        if empty.any() and visitors is not None and isinstance(self.chain[0], FromHistory):
            reason[empty] = _NOT_KNOWN
        elif empty.any():
            reason[empty & ~self.chain[0].knows(users)] = _NOT_KNOWN
            reason[empty & (users == UNKNOWN_USER)] = _UNKNOWN
        return reason


class _Failures:
    """Users for whom a strategy failed."""

    def __init__(self, users: int) -> None:
        self.rows: Mask = np.zeros(users, np.bool_)
        self.first: str | None = None

    def isolated(
        self, strategy: Serving, asked: _Asked, *, k: int, allow: Mask | None, start: int = 0
    ) -> Recommendations:
        """The strategy's lists, with an empty one for each user that it fails for.

        What a known error says is about the artifacts, and so about everybody.
        """
        try:
            return asked.answered_by(strategy, k=k, allow=allow)
        except (RecsysError, MemoryError):
            raise
        except Exception as error:
            self.first = self.first or sentence(error)
        n = len(asked.users)
        if n == 1:
            self.rows[start] = True
            return Recommendations.empty(1, k, strategy.name)
        halves = [
            self.isolated(strategy, asked.take(rows), k=k, allow=allow, start=start + int(rows[0]))
            for rows in (np.arange(n // 2), np.arange(n // 2, n))
        ]
        return _stacked(*halves)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom lists are asked for, and what goes with each: n rows."""

    users: Users
    exclude: CSR | None
    visitors: Visitors | None

    def take(self, rows: npt.NDArray[np.intp]) -> _Asked:
        return _Asked(
            self.users[rows],
            None if self.exclude is None else self.exclude.take(rows),
            None if self.visitors is None else self.visitors.take(rows),
        )

    def answered_by(self, strategy: Serving, *, k: int, allow: Mask | None) -> Recommendations:
        if self.visitors is not None and isinstance(strategy, FromHistory):
            return strategy.recommend_from(self.visitors, k=k, exclude=self.exclude, allow=allow)
        return strategy.recommend(self.users, k=k, exclude=self.exclude, allow=allow)


def _stacked(above: Recommendations, below: Recommendations) -> Recommendations:
    """Lists of some users, then those of others, by the same strategy."""
    sources = tuple(dict.fromkeys([*above.sources, *below.sources]))
    codes = np.full(NO_SOURCE + 1, NO_SOURCE, np.uint8)
    codes[: len(below.sources)] = [sources.index(name) for name in below.sources]
    return Recommendations(
        np.concatenate([above.items, below.items]),
        np.concatenate([above.scores, below.scores]),
        np.concatenate([above.source, codes[below.source]]),
        sources,
    )


class _Lists:
    """Lists that grow stage by stage."""

    def __init__(self, first: Recommendations, *, stages: int) -> None:
        copy = stages > 1
        self.items = first.items.copy() if copy else first.items
        self.scores = first.scores.copy() if copy else first.scores
        self.source = first.source.copy() if copy else first.source
        self.sources = list(first.sources)
        self.lengths: npt.NDArray[np.int64] = (first.items >= 0).sum(axis=1)
        self.used = np.where(self.lengths > 0, 0, NO_SOURCE).astype(np.uint8)

    def also_excluded(
        self, rows: npt.NDArray[np.intp], exclude: CSR | None, n_items: int
    ) -> CSR | None:
        """What `rows` must not get: `exclude`, and what their lists already hold."""
        part = None if exclude is None else exclude.take(rows)
        listed = self.items[rows]
        at, rank = np.nonzero(listed >= 0)
        if not len(at):
            return part
        columns = listed[at, rank]
        if part is not None:
            excluded_rows, excluded_columns = part.entries()
            at = np.concatenate([at, excluded_rows])
            columns = np.concatenate([columns, excluded_columns])
        return CSR.from_pairs(at, columns, n_rows=len(rows), n_columns=n_items)

    def append(self, rows: npt.NDArray[np.intp], more: Recommendations, stage: int) -> None:
        """Put the lists `more` of `rows` behind what is there, as far as they fit."""
        codes = np.full(NO_SOURCE + 1, NO_SOURCE, np.uint8)
        for code, name in enumerate(more.sources):
            if name not in self.sources:
                self.sources.append(name)
            codes[code] = self.sources.index(name)
        room = self.items.shape[1] - self.lengths[rows]
        fits = (more.items >= 0) & (np.arange(more.items.shape[1]) < room[:, None])
        at, rank = np.nonzero(fits)
        target = rows[at], self.lengths[rows][at] + rank
        self.items[target] = more.items[at, rank]
        self.scores[target] = more.scores[at, rank]
        self.source[target] = codes[more.source[at, rank]]
        gained = fits.sum(axis=1)
        self.used[rows[(self.lengths[rows] == 0) & (gained > 0)]] = stage
        self.lengths[rows] += gained

    def result(self) -> Recommendations:
        """The lists as they are."""
        return Recommendations(self.items, self.scores, self.source, tuple(self.sources))
