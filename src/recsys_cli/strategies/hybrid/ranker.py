"""The learned ranker: gradient-boosted trees (LightGBM) over the features of candidates.

Models are read from LightGBM's own text format, which holds numbers and names and runs no code.
Scores come from `trees`; only explanations need LightGBM itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.cores import available_cores
from recsys_cli.counted import counted
from recsys_cli.errors import ArtifactError, Command
from recsys_cli.strategies.hybrid.candidates import Candidates
from recsys_cli.strategies.hybrid.features import Features
from recsys_cli.strategies.hybrid.trees import Trees

Floats = npt.NDArray[np.float32]

_MANY_ROWS = 4096
"""Candidates beyond which threads are worth waking."""
_AGAIN = Command("hybrid", "train", "--force")


class Ranker:
    """Scores candidates by a LightGBM model.

    Args:
        text: the model in LightGBM's text format.
        names: the features that it was trained on, in order.
        threads: threads to use; 0 means all cores. The result does not depend on it.

    Raises:
        ArtifactError: the text is not a model, or one of other features.
    """

    name = "ranker"

    def __init__(self, text: str, names: Sequence[str], *, threads: int = 0) -> None:
        self._text = text
        self._threads = threads or available_cores()
        _check(text, names)
        try:
            self._trees = Trees.parse(text, features=len(names))
        except ValueError as error:
            raise ArtifactError(f"the ranker cannot be read: {error}", hint=_AGAIN) from None

    @cached_property
    def _booster(self) -> Any:
        import lightgbm

        try:
            return lightgbm.Booster(model_str=self._text)
        except lightgbm.basic.LightGBMError as error:
            raise ArtifactError(f"the ranker cannot be read: {error}", hint=_AGAIN) from None

    def scores(self, candidates: Candidates, features: Features) -> Floats:
        """Scores (P,) of the candidates."""
        return self.predict(features.of(candidates))

    def predict(self, table: Floats) -> Floats:
        """Scores (P,) of feature rows (P, F)."""
        threads = self._threads if len(table) > _MANY_ROWS else 1
        return self._trees.predict(table, threads=threads).astype(np.float32)

    def contributions(self, table: Floats) -> npt.NDArray[np.float64]:
        """What each feature adds to each row's score, (P, F); LightGBM's `pred_contrib`."""
        parts = self._booster.predict(table, num_threads=1, pred_contrib=True)
        return np.asarray(parts, np.float64)[:, :-1]


def _check(text: str, names: Sequence[str]) -> None:
    """Compare the model's own list of features with the one that it is used with."""
    found = next(
        (line for line in text[:200_000].splitlines() if line.startswith("feature_names=")), None
    )
    if found is None:
        raise ArtifactError("the ranker is not a LightGBM model", hint=_AGAIN)
    own = found.removeprefix("feature_names=").split()
    if own != list(names):
        differing = sorted(set(own) ^ set(names))
        what = f", such as {differing[0]}" if differing else ", in another order"
        raise ArtifactError(
            f"the ranker was trained on {counted(len(own), 'features')}, "
            f"and there are {len(names)} now{what}",
            hint=_AGAIN,
        )
