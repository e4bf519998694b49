"""Ranks by inner product of a user's vector and the items', both made beforehand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.ranking.vectors import Mask, Users, Vectors, are_known, recommend_known


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
            item_vectors, candidates=item_known, threads=threads, like=self._sample
        )

    def _sample(self) -> npt.NDArray[np.float32]:
        """Some users as the ranker gets to see them."""
        return self._users

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


class ByProductOfHistory(ByProduct):
    """The same, where a vector can be made of a history too (see `FromHistory`)."""

    def recommend_from(
        self,
        visitors: Visitors,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
    ) -> Recommendations:
        """The k best items for each of `visitors`; none where nothing is made of what they had."""
        return self.recommend_made(self.vectors_of(visitors), k=k, exclude=exclude, allow=allow)

    def recommend_made(
        self,
        vectors: Vectors,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
    ) -> Recommendations:
        """The same for vectors (n, f) of theirs, as `vectors_of` makes them."""
        known: Mask = (vectors != 0).any(axis=1)
        return recommend_known(
            np.arange(len(vectors), dtype=np.int32),
            vectors=vectors,
            known=known,
            rank=self.recommend_vectors,
            name=self.name,
            k=k,
            exclude=exclude,
            allow=allow,
        )

    def vectors_of(self, visitors: Visitors) -> Vectors:
        """(n, f) float32 the vector of each, as `recommend_vectors` takes it; or zeros.

        Who had nothing since has the one that was made beforehand.
        """
        new = np.flatnonzero(visitors.later.changed)
        if len(new) == len(visitors):
            return self._made_of(visitors)
        users = visitors.users
        vectors: Vectors = np.where(are_known(users, self._known)[:, None], self._users[users], 0)
        if len(new):
            vectors[new] = self._made_of(visitors.take(new))
        return vectors

    def _made_of(self, visitors: Visitors) -> Vectors:
        """(n, f) float32 made of what each had; or zeros."""
        raise NotImplementedError
