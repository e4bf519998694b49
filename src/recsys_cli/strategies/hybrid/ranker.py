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

from recsys_cli.counted import counted
from recsys_cli.errors import ArtifactError, Command
from recsys_cli.strategies.hybrid.candidates import Candidates
from recsys_cli.strategies.hybrid.features import Features
from recsys_cli.strategies.hybrid.trees import Trees

Floats = npt.NDArray[np.float32]

_AGAIN = Command("hybrid", "train", "--force")


class Ranker:
    """Scores candidates by a LightGBM model.

    Args:
        text: the model in LightGBM's text format.
        names: the features that it was trained on, in order.

    Raises:
        ArtifactError: the text is not a model, or one of other features.
    """

    name = "ranker"

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text = text
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
        return self._trees.predict(table).astype(np.float32)

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
