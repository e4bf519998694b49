"""Items whose text and picture are like those of the user's own, bought before or not.

The only strategy that can rank an item on its first day: candidates are all items that have a
content vector. The score is

    cosine-like product of the user's and the item's vector + weight · availability of the item

(see `fusion`, `uservectors` and `availability`), which is one inner product
of vectors with one more entry. Nothing but numpy is imported for a single request.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.products import ByProductOfHistory
from recsys_cli.ranking.topk.warm import shared
from recsys_cli.ranking.vectors import Mask, Vectors
from recsys_cli.strategies.content.uservectors import user_vectors, weighed

_SAMPLE = 1 << 12


class Content(ByProductOfHistory):
    """Items by inner product of content vectors, with a bonus for what is on sale."""

    name = "content"
    unknown_reason = "no history with items that have a text or picture"

    def __init__(
        self,
        *,
        item_vectors: Vectors,
        item_known: Mask,
        user_vectors: Vectors,
        user_known: Mask,
        availability: Vectors | None = None,
        availability_weight: float = 0.0,
        half_life_days: float | None = None,
        half_life_events: float | None = None,
        reference: int | None = None,
        threads: int = 0,
    ) -> None:
        """Keep views of the arrays, and a copy of the items' if availability counts.

        Args:
            item_vectors: (n_items, d) float32, at most of unit length.
            item_known: (n_items,) items that have a vector; the others are never recommended.
            user_vectors: (n_users, d) float32 of unit length.
            user_known: (n_users,) users that have a vector.
            availability: (n_items,) float32 from 0 to 1; None means that it does not count.
            availability_weight: what full availability adds to a score.
            half_life_days: age at which an item of a user counts half; None: age doesn't matter.
            half_life_events: items had since at which it counts half, in its turn; None likewise.
            reference: seconds since the epoch before which all events lie that were seen.
            threads: threads for many users; 0 means all cores.
        """
        self._of_items = item_vectors
        self._half_life_days, self._half_life_events = half_life_days, half_life_events
        self._bonus = np.float32(availability_weight if availability is not None else 0.0)
        if availability is not None and self._bonus:
            item_vectors = shared(
                partial(_with_column, item_vectors, availability),
                item_vectors,
                availability,
                about="with a column",
            )
        super().__init__(
            name=self.name,
            unknown_reason=self.unknown_reason,
            user_vectors=user_vectors,
            item_vectors=item_vectors,
            user_known=user_known,
            item_known=item_known,
            reference=reference,
            threads=threads,
        )

    @classmethod
    def from_packs(
        cls, content: Mapping[str, Any], users: Mapping[str, Any], *, threads: int = 0
    ) -> Content:
        """From the content and user_vectors artifacts."""
        return cls(
            item_vectors=content["vectors"],
            item_known=content["has_text"] | content["has_image"],
            user_vectors=users["vectors"],
            user_known=users["known"],
            availability=users.get("availability"),
            availability_weight=float(users.get("availability_weight", 0.0)),
            half_life_days=users.get("half_life_days"),
            half_life_events=users.get("half_life_events"),
            reference=users.get("reference"),
            threads=threads,
        )

    def _sample(self) -> Vectors:
        """Some users as the ranker gets to see them."""
        users = self._users[:: max(1, len(self._users) // _SAMPLE)]
        return self._as_ranked(users)

    def contributions(
        self, visitor: Visitors, items: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float64]:
        """What each item that a visitor had adds to scores; see `Attributing`.

        What being on sale adds comes from no item of theirs.
        """
        had = weighed(
            visitor.had,
            half_life_days=self._half_life_days,
            half_life_events=self._half_life_events,
        )
        owned = self._of_items[had.indices].astype(np.float64)
        terms = np.asarray(had.data, np.float64)[:, None] * owned
        total = terms.sum(axis=0)
        length = float(np.sqrt(total @ total)) or 1.0
        return self._of_items[items].astype(np.float64) @ terms.T / length

    def _made_of(self, visitors: Visitors) -> Vectors:
        return user_vectors(
            visitors.had,
            self._of_items,
            half_life_days=self._half_life_days,
            half_life_events=self._half_life_events,
        ).vectors

    def recommend_vectors(
        self,
        vectors: Vectors,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
    ) -> Recommendations:
        """The k best items for users given by vectors, such as `vector_of` their liked items.

        Args:
            vectors: (n, d) float32 of unit length, in the space of the items.
            k: list length.
            exclude: matrix of n rows, row i the items that user i must not get.
            allow: (n_items,) mask of items that may be recommended; None means all.
        """
        ranked = self._as_ranked(vectors)
        return super().recommend_vectors(ranked, k=k, exclude=exclude, allow=allow)

    def _as_ranked(self, vectors: Vectors) -> Vectors:
        if not self._bonus:
            return vectors
        return _with_column(vectors, np.full(len(vectors), self._bonus))


def _with_column(vectors: Vectors, column: Vectors) -> Vectors:
    """A copy of `vectors` (n, d) with `column` (n,) behind its last one."""
    wide = np.empty((len(vectors), vectors.shape[1] + 1), np.float32)
    wide[:, :-1] = vectors
    wide[:, -1] = column
    return wide
