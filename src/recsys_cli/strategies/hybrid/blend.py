"""Weighted reciprocal ranks of the sources, for as long as there is no ranker.

An item gets weight / (5 + rank) from each source that lists it, summed (Cormack, Clarke and
Büttcher 2009, with 5 for their 60: lists here are short). Ranks need no common scale, which
scores of counts, cosines and factors do not have, and what several sources agree on rises. A
source that knows items which hardly anybody had, such as content, weighs more for such items,
since the others cannot list them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recsys_cli.ranking.contract import HALVED
from recsys_cli.strategies.hybrid.candidates import TOLD, Candidates
from recsys_cli.strategies.hybrid.features import Features

Floats = npt.NDArray[np.float32]

_COLD = 5.0
"""How much more a source of cold items weighs for an item that nobody had."""


@dataclass(frozen=True, slots=True)
class Blend:
    """See the module.

    Attributes:
        weights: by source, from 0; those that are not among the sources have no say.
        cold: the sources that know items which hardly anybody had.
    """

    weights: Mapping[str, float]
    cold: frozenset[str] = field(default_factory=frozenset)

    name = "blend"

    def scores(self, candidates: Candidates, features: Features) -> Floats:
        """Scores (P,) of the candidates; -inf where no weighted source has the item."""
        _, _, added = self.contributions(candidates, features)
        total = added.sum(axis=1)
        return np.where(total > 0, total, -np.inf).astype(np.float32)

    def contributions(
        self, candidates: Candidates, features: Features
    ) -> tuple[list[str], Floats, Floats]:
        """Names of the weighted sources, their ranks (P, W), NaN for none, and what each adds."""
        names = [name for name in candidates.sources if self.weights.get(name, 0) > 0]
        ranks = _ranks(candidates, features)[:, [candidates.sources.index(n) for n in names]]
        rare = 1 + _COLD / (1 + features.buyers[candidates.items])
        said = [self.weights[n] * (rare if n in self.cold else np.ones_like(rare)) for n in names]
        added = np.stack(said, axis=1) / (HALVED + ranks) if names else ranks
        return names, ranks, np.nan_to_num(added).astype(np.float32)


def _ranks(candidates: Candidates, features: Features) -> Floats:
    """(P, S) rank of each item in each source's list, NaN where it has none.

    What a source has only among what a request allows comes behind all that it tells: by its score,
    on the scale of its list, where the source scores every pair, and else at one rank.
    """
    behind = candidates.found & np.isnan(candidates.ranks)
    ranks = np.where(behind, np.float32(TOLD), candidates.ranks)
    for name, scores in (features.space_scores(candidates) if behind.any() else {}).items():
        s = candidates.sources.index(name)
        best, worst = candidates.best[candidates.rows, s], candidates.worst[candidates.rows, s]
        # A list of one item, or of equal ones, has no scale.
        below = (worst - scores) / np.where(best > worst, best - worst, 1)
        ranks[behind[:, s], s] += TOLD * np.maximum(below, 0)[behind[:, s]]
    return ranks
