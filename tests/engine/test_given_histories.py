"""Models as the stages make them tell of a given history what they tell of the user who has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later, Visitors
from recsys_cli.ranking.contract import FromHistory
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies import STRATEGIES

SOME = np.arange(0, 300, 7, dtype=np.int32)


@pytest.mark.parametrize("dataset", ["hm", "rr"])
@pytest.mark.parametrize("name", list(STRATEGIES))
def test_ages_and_all_else_are_those_that_the_model_was_made_with(
    built: Path, name: str, dataset: str
) -> None:
    artifacts = Artifacts(Workspace(built), dataset)
    strategy = STRATEGIES[name].open(artifacts, 1)
    if not isinstance(strategy, FromHistory):
        pytest.skip("it ranks no given history")
    had = Interactions.from_pack(artifacts.pack("interactions"))
    users = SOME[had.n_users > SOME]
    nothing = Later.nothing(len(users))
    got = strategy.recommend_from(Visitors.of(had, users, nothing), k=9)
    want = strategy.recommend(users, k=9)
    np.testing.assert_array_equal(got.items, want.items)
    np.testing.assert_array_equal(got.scores, want.scores)
