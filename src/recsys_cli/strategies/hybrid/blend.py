"""The weighted sum of several strategies' scores, for as long as there is no ranker.

Each strategy's score is put on the user's own scale, 1 for the first and 0 for the last item of
the strategy's list; the weights are renormalised over the strategies that have a score for the
user and the item.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_cli.strategies.hybrid.candidates import Candidates
from recsys_cli.strategies.hybrid.features import Features

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Blend:
    """Weights by strategy, above 0; those that are not among the sources have no say."""

    weights: Mapping[str, float]

    name = "blend"

    def scores(self, candidates: Candidates, features: Features) -> Floats:
        """Scores (P,) of the candidates; -inf where no weighted strategy has one."""
        parts, weights = self.parts(candidates, features)
        total = np.where(np.isnan(parts), 0, weights).sum(axis=1)
        summed = np.nansum(parts * weights, axis=1)
        return np.where(total > 0, summed / np.maximum(total, 1e-20), -np.inf).astype(np.float32)

    def contributions(
        self, candidates: Candidates, features: Features
    ) -> tuple[list[str], Floats, Floats]:
        """Names of the weighted strategies, their scores (P, W), and what each adds (P, W)."""
        parts, weights = self.parts(candidates, features)
        there = np.where(np.isnan(parts), 0, weights)
        share = there / np.maximum(there.sum(axis=1, keepdims=True), 1e-20)
        names = [name for name in features.space_names if self.weights.get(name, 0) > 0]
        added = np.nan_to_num(parts) * share
        return names, parts.astype(np.float32), added.astype(np.float32)

    def parts(
        self, candidates: Candidates, features: Features
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Scores (P, W) of the weighted strategies on the users' scales, NaN for none; weights."""
        found = features.space_scores(candidates)
        names = [name for name in found if self.weights.get(name, 0) > 0]
        parts = np.full((len(candidates.rows), len(names)), np.nan)
        for column, name in enumerate(names):
            source = candidates.sources.index(name)
            best = candidates.best[candidates.rows, source].astype(np.float64)
            worst = candidates.worst[candidates.rows, source].astype(np.float64)
            # A list of one item, or of equal ones, has no scale.
            span = np.where(best > worst, best - worst, 1)
            parts[:, column] = (found[name] - worst) / span
        return parts, np.array([self.weights[name] for name in names])
