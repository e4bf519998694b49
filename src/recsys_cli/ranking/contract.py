"""The contract between whatever recommends and whatever uses recommendations.

Every strategy satisfies `Recommender`, and so does a chain of them (`fallback.WithFallback`), which
is what the command line, batch files, evaluation and serving ask, through `engine.Engine`. What
somebody likes is ranked by vectors instead (`cold`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR

if TYPE_CHECKING:
    from recsys_cli.events.later import Visitors

UNKNOWN_USER = -1
NO_SOURCE = 255
ALSO = "+"
"""Joins names in `sources` where several strategies gave the same item."""
HALVED = 5.0
"""Rank at which the say of a source has halved, where ranks of several are summed."""


@dataclass(frozen=True, slots=True)
class Recommendations:
    """Ranked items for n users.

    Attributes:
        items: (n, k) int32 item rows, best first, -1 where a list is shorter than k.
        scores: (n, k) float32, descending within one source; NaN where `items` is -1.
        source: (n, k) uint8 position in `sources` of the strategy that gave the item;
            255 where `items` is -1.
        sources: names of the strategies.
    """

    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    source: npt.NDArray[np.uint8]
    sources: tuple[str, ...]

    @classmethod
    def of_one(
        cls, items: npt.NDArray[np.int32], scores: npt.NDArray[np.float32], source: str
    ) -> Recommendations:
        """Wrap the lists of a single strategy."""
        code = np.where(items >= 0, 0, NO_SOURCE).astype(np.uint8)
        return cls(items, scores, code, (source,))

    @classmethod
    def empty(cls, n: int, k: int, source: str) -> Recommendations:
        """Lists of n users without any item."""
        return cls.of_one(
            np.full((n, k), -1, np.int32), np.full((n, k), np.nan, np.float32), source
        )


@runtime_checkable
class Recommender(Protocol):
    """Ranks the whole catalogue for users given by row; -1 is a user nobody knows."""

    @property
    def name(self) -> str:
        """The strategy's name on the command line."""
        ...

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        ...

    def recommend(
        self,
        users: npt.NDArray[np.int32],
        *,
        k: int,
        exclude: CSR | None = None,
        allow: npt.NDArray[np.bool_] | None = None,
    ) -> Recommendations:
        """The k best items for each of `users` (n,) int32.

        Args:
            users: user rows; -1 for unknown.
            k: list length; lists are shorter only where the strategy has no more items.
            exclude: matrix of n rows, row i the items that user i must not get.
            allow: (n_items,) mask of items that may be recommended; None means all.
        """
        ...


@runtime_checkable
class FromHistory(Protocol):
    """What can rank by what somebody had since the artifacts were made, as by what they had before.

    Given what is known already, lists are those of `Recommender.recommend`, up to what folding
    factors in changes.
    """

    def recommend_from(
        self,
        visitors: Visitors,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: npt.NDArray[np.bool_] | None = None,
    ) -> Recommendations:
        """The k best items for each of `visitors`; otherwise as `Recommender.recommend`.

        Args:
            visitors: n rows of what somebody had, in place of what the artifacts say of users.
            k: as there.
            exclude: as there.
            allow: as there.
        """
        ...


@runtime_checkable
class Attributing(Protocol):
    """What can tell of a score which items of the history brought it."""

    def contributions(
        self, visitor: Visitors, items: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """(m, h) what each of the h items that one visitor had adds to the scores of some items.

        They add up to the score, or to what of it comes from the history at all.

        Args:
            visitor: one row; its items are in the order of `visitor.had`.
            items: (m,) item rows.
        """
        ...


class Serving(Recommender, Protocol):
    """A recommender that can say whom it knows and what it was made from."""

    @property
    def unknown_reason(self) -> str:
        """Why a known user may be one that this strategy has nothing for."""
        ...

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        ...

    def knows(self, users: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """(n,) whether the strategy has something of its own for each of `users`."""
        ...
