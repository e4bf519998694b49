"""What sells now, in the user's segment where there are segments; see `train` for the scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.events.later import Trend, Visitors
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.topk import rank_items, top_k_shared
from recsys_cli.ranking.vectors import Mask, Users
from recsys_cli.strategies.popular.train import EVERYONE, Popularity


class Popular:
    """The user's segment's popular items; everyone's for a user without a segment."""

    name = "popular"
    unknown_reason = "no events at all"

    def __init__(self, popularity: Popularity) -> None:
        self._popularity = popularity
        self._orders: dict[int, npt.NDArray[np.int32]] = {}
        self._now: tuple[Trend | None, Popular | None] = None, None

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

    def recommend_from(
        self, visitors: Visitors, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The same for each of `visitors`, by what sells since too; see `FromHistory`."""
        now = self if visitors.trend is None else self._with(visitors.trend)
        return now.recommend(visitors.users, k=k, exclude=exclude, allow=allow)

    def _with(self, trend: Trend) -> Popular:
        """The list at a trend, which is the same for many requests."""
        known, made = self._now
        if known is not trend or made is None:
            made = Popular(self._popularity.with_trend(trend))
            self._now = trend, made
        return made

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
