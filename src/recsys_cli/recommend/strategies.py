"""The strategies that need nothing but numpy, each behind the `Recommender` contract.

Each also says which users it knows, so that the fallback chain can tell a user why another
strategy served them. Nothing is imported here that a single cold request would wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.models.popularity import EVERYONE, Popularity
from recsys_cli.models.topk import FactorRanker, rank_items, top_k_shared, top_k_sparse
from recsys_cli.recommend.contract import Recommendations, Recommender
from recsys_cli.recommend.history import history_of
from recsys_cli.recommend.vectors import Mask, Users, are_known, recommend_known

REPURCHASE_HALF_LIFE_DAYS = 30.0

_DAY_SECONDS = 86_400


class Strategy(Recommender, Protocol):
    """A recommender that can say whom it knows and what it was made from."""

    @property
    def unknown_reason(self) -> str:
        """Why a known user may be one that this strategy has nothing for."""
        ...

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        ...

    def knows(self, users: Users) -> Mask:
        """(n,) whether the strategy has something of its own for each of `users`."""
        ...


class Popular:
    """The user's segment's popular items; everyone's for a user without a segment."""

    name = "popular"
    unknown_reason = "no events at all"

    def __init__(self, popularity: Popularity) -> None:
        self._popularity = popularity
        self._orders: dict[int, npt.NDArray[np.int32]] = {}

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any]) -> Popular:
        """From the popular artifact."""
        return cls(Popularity.from_pack(pack))

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return int(self._popularity.scores.shape[1])

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        return self._popularity.reference

    def knows(self, users: Users) -> Mask:
        """Everybody, since there is a list for users without a segment."""
        return np.ones(len(users), np.bool_)

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k most popular items for each of `users`; see `Recommender.recommend`."""
        segment = self._segments_of(users)
        out = Recommendations.empty(len(users), k, self.name)
        for row in np.unique(segment):
            members = np.flatnonzero(segment == row)
            order = self._order(int(row))
            items, scores = top_k_shared(
                self._popularity.scores[row],
                n=len(members),
                k=k,
                exclude=None if exclude is None else exclude.take(members),
                allow=allow,
                order=order if allow is None else order[allow[order]],
            )
            out.items[members], out.scores[members] = items, scores
        return Recommendations.of_one(out.items, out.scores, self.name)

    def _segments_of(self, users: Users) -> npt.NDArray[np.int16]:
        segments = self._popularity.user_segment
        if not len(segments):
            return np.full(len(users), EVERYONE, np.int16)
        known: npt.NDArray[np.int16] = segments[np.maximum(users, 0)]
        return np.where(users >= 0, known, np.int16(EVERYONE))

    def _order(self, row: int) -> npt.NDArray[np.int32]:
        """Items of a segment from best to worst, sorted on first use."""
        if row not in self._orders:
            self._orders[row] = rank_items(self._popularity.scores[row])
        return self._orders[row]


class Repurchase:
    """The user's own items, those bought often and lately first.

    The score of an item is weight · 0.5^(age of its last event / half-life), where weight sums
    the user's events with it, weighted by kind. Without times it is the weight alone.
    """

    name = "repurchase"
    unknown_reason = "no history"

    def __init__(
        self,
        history: CSR,
        last: npt.NDArray[np.uint32],
        *,
        reference: int,
        half_life_days: float = REPURCHASE_HALF_LIFE_DAYS,
    ) -> None:
        """Keep views of the arrays.

        Args:
            history: (n_users, n_items) with weights as data.
            last: (nnz,) uint32 seconds since the epoch of each pair's last event; 0 for none.
            reference: seconds since the epoch from which age is counted.
            half_life_days: age at which a weight counts half.
        """
        self._history = history
        self._last = last
        self._reference = reference
        self._half_life = half_life_days * _DAY_SECONDS

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any]) -> Repurchase:
        """From the interactions artifact."""
        history = history_of(pack, weighted=True)
        return cls(history, pack["last"], reference=int(pack["reference"]))

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._history.n_columns

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        return self._reference

    def knows(self, users: Users) -> Mask:
        """Users with history."""
        return self._history.counts(users) > 0

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k best of each user's own items; see `Recommender.recommend`."""
        items, scores = top_k_sparse(self._scored(users), k=k, exclude=exclude, allow=allow)
        return Recommendations.of_one(items, scores, self.name)

    def _scored(self, users: Users) -> CSR:
        """The history of `users` with scores for data."""
        indptr, at = self._history.positions(users)
        weights = self._history.data
        score = np.ones(len(at)) if weights is None else weights[at].astype(np.float64)
        last = self._last[at].astype(np.float64)
        age = np.where(last > 0, np.maximum(self._reference - last, 0), 0)
        score *= np.exp2(-age / self._half_life)
        return CSR(
            indptr, self._history.indices[at], self._history.n_columns, score.astype(np.float32)
        )


class ByProduct:
    """Items by inner product of a user's vector and theirs, both made beforehand."""

    def __init__(
        self,
        *,
        name: str,
        unknown_reason: str,
        user_vectors: npt.NDArray[np.float32],
        item_vectors: npt.NDArray[np.float32],
        user_known: Mask,
        item_known: Mask,
        reference: int | None = None,
        threads: int = 0,
    ) -> None:
        """Keep views of the arrays.

        Args:
            name: the strategy's name.
            unknown_reason: why it may have nothing for a known user.
            user_vectors: (n_users, f) float32, not normalised.
            item_vectors: (n_items, f) float32, not normalised.
            user_known: (n_users,) users that have a vector.
            item_known: (n_items,) items that have one; the others are never recommended.
            reference: seconds since the epoch before which all events lie that were trained on.
            threads: threads for many users; 0 means all cores.
        """
        self.name = name
        self.unknown_reason = unknown_reason
        self._users = user_vectors
        self._known = user_known
        self._reference = reference
        self._ranker = FactorRanker(
            item_vectors, candidates=item_known, threads=threads, like=lambda: user_vectors
        )

    @classmethod
    def collab(cls, pack: Mapping[str, Any], *, threads: int = 0) -> ByProduct:
        """From the als artifact (Hu, Koren and Volinsky 2008)."""
        return cls(
            name="collab",
            unknown_reason="no factors for this user",
            user_vectors=pack["user_factors"],
            item_vectors=pack["item_factors"],
            user_known=pack["user_known"],
            item_known=pack["item_known"],
            reference=pack.get("reference"),
            threads=threads,
        )

    @classmethod
    def two_tower(cls, pack: Mapping[str, Any], *, threads: int = 0) -> ByProduct:
        """From the two_tower_vectors artifact (see `models.twotower`)."""
        return cls(
            name="twotower",
            unknown_reason="nothing known of this user that the towers could use",
            user_vectors=pack["user_vectors"],
            item_vectors=pack["item_vectors"],
            user_known=pack["user_known"],
            item_known=pack["item_known"],
            reference=pack["reference"],
            threads=threads,
        )

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._ranker.n_items

    @property
    def reference(self) -> int | None:
        """Seconds since the epoch before which all events lie that it was made from."""
        return self._reference

    def knows(self, users: Users) -> Mask:
        """Users with a vector."""
        return are_known(users, self._known)

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k items with the largest inner product; see `Recommender.recommend`."""
        return recommend_known(
            users,
            vectors=self._users,
            known=self._known,
            rank=self.recommend_vectors,
            name=self.name,
            k=k,
            exclude=exclude,
            allow=allow,
        )

    def recommend_vectors(
        self,
        vectors: npt.NDArray[np.float32],
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
    ) -> Recommendations:
        """The k best items for users given by vectors, such as factors folded in.

        Args:
            vectors: (n, f) float32 user vectors.
            k: list length.
            exclude: matrix of n rows, row i the items that user i must not get.
            allow: (n_items,) mask of items that may be recommended; None means all.
        """
        items, scores = self._ranker.top_k(vectors, k=k, exclude=exclude, allow=allow)
        return Recommendations.of_one(items, scores, self.name)
