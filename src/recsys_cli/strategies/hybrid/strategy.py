"""The strategy `hybrid`: candidates of all sources, ordered by the ranker or by the blend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.topk import top_k_sparse
from recsys_cli.ranking.vectors import Mask, Users
from recsys_cli.strategies.hybrid.blocks import in_user_blocks
from recsys_cli.strategies.hybrid.candidates import Candidates, Recall
from recsys_cli.strategies.hybrid.features import Features

Floats = npt.NDArray[np.float32]


class Scorer(Protocol):
    """Orders candidates: `Ranker` or `Blend`."""

    name: str

    def scores(self, candidates: Candidates, features: Features) -> Floats:
        """Scores (P,) of the candidates; -inf for one that must not be listed."""
        ...


@dataclass(frozen=True, slots=True)
class Hybrid:
    """See the module.

    Attributes:
        recall: finds candidates.
        features: describes them.
        scorer: orders them.
        history: (n_users, n_items) what users had.
        reference: seconds since the epoch before which all events lie that it was made from.
        threads: threads for many users; 0 means all cores.
    """

    recall: Recall
    features: Features
    scorer: Scorer
    history: CSR
    reference: int | None
    threads: int = 0

    name = "hybrid"
    unknown_reason = "no history"

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self.history.n_columns

    @property
    def ranked_by(self) -> str:
        """What orders the candidates: ranker or blend."""
        return self.scorer.name

    def knows(self, users: Users) -> Mask:
        """Users with history for whom a source has something that can be scored."""
        known = self.history.counts(users) > 0
        if known.any() and self.ranked_by != "ranker":
            rows = np.flatnonzero(known)
            known[rows] = (self.recommend(users[rows], k=1).items >= 0).any(axis=1)
        return known

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The k best candidates for each of `users`; see `Recommender.recommend`."""
        out = Recommendations.empty(len(users), k, self.name)
        known = np.flatnonzero(self.history.counts(users) > 0)

        def rank(first: int, last: int) -> None:
            rows = known[first:last]
            barred = None if exclude is None else exclude.take(rows)
            part, _ = self.recommend_found(users[rows], k=k, exclude=barred, allow=allow)
            out.items[rows], out.scores[rows] = part.items, part.scores

        in_user_blocks(rank, len(known), self.threads)
        return Recommendations.of_one(out.items, out.scores, self.name)

    def recommend_from(
        self, visitors: Visitors, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The same for each of `visitors`; see `FromHistory`."""
        places = np.arange(len(visitors), dtype=np.int32)
        return self.over(visitors).recommend(places, k=k, exclude=exclude, allow=allow)

    def over(self, visitors: Visitors) -> Hybrid:
        """The strategy for visitors, who are users by their place among them."""
        recall = self.recall.over(visitors)
        vectors = [recall.vectors(space.name) for space in self.features.spaces]
        return replace(
            self,
            recall=recall,
            features=self.features.over(visitors, vectors),
            history=visitors.had.matrix,
        )

    def recommend_found(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> tuple[Recommendations, Candidates]:
        """The same for few users, all with history, and what the lists were chosen from."""
        found = self.recall.recall(users, k=k, exclude=exclude, allow=allow)
        scores = self.scorer.scores(found, self.features)
        items, values = top_k_sparse(
            found.as_csr(scores, self.n_items), k=k, exclude=exclude, allow=allow
        )
        return Recommendations.of_one(items, values, self.name), found
