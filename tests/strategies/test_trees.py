"""Boosted trees score as LightGBM does, bit for bit, and damaged ones are refused."""

from __future__ import annotations

import subprocess
import sys

import lightgbm
import numpy as np
import pytest

from recsys_cli.errors import ArtifactError
from recsys_cli.strategies.hybrid.ranker import Ranker
from recsys_cli.strategies.hybrid.trees import Trees

NAMES = ["a", "b", "c", "d"]


def table_of(n: int, seed: int) -> np.ndarray:
    """Rows with unknown values, zeros, and values that are as good as zero."""
    rng = np.random.default_rng(seed)
    table = rng.normal(0, 3, (n, len(NAMES))).astype(np.float32)
    chance = rng.random(table.shape)
    table[chance < 0.2] = np.nan
    table[(chance > 0.2) & (chance < 0.3)] = 0
    table[(chance > 0.3) & (chance < 0.33)] = 1e-36
    # Unknown in no row that is trained on, so that the model has no branch for it.
    table[:, 3] = np.nan_to_num(table[:, 3])
    return table


def model(**parameters: object) -> lightgbm.Booster:
    table = table_of(3000, 1)
    relevant = (np.nan_to_num(table[:, 0]) * np.isnan(table[:, 1]) + table[:, 3] > 1).astype(int)
    data = lightgbm.Dataset(table, relevant, group=[10] * 300, feature_name=NAMES)
    plain = {"objective": "lambdarank", "verbosity": -1, "num_threads": 1, "seed": 1}
    return lightgbm.train(plain | parameters, data, num_boost_round=30)


@pytest.mark.parametrize(
    "parameters",
    [
        {"num_leaves": 7},
        {"num_leaves": 63, "min_data_in_leaf": 1},
        {"use_missing": False},
        {"objective": "rank_xendcg"},
        # Nothing can be split: each tree is one leaf.
        {"min_data_in_leaf": 3000},
    ],
)
def test_the_scores_are_lightgbms(parameters: dict[str, object]) -> None:
    booster = model(**parameters)
    trees = Trees.parse(booster.model_to_string(), features=len(NAMES))
    table = table_of(2000, 2)
    table[:50, 3] = np.nan
    np.testing.assert_array_equal(trees.predict(table), booster.predict(table))
    assert len(trees.predict(table[:0])) == 0


def test_a_user_is_scored_without_lightgbm() -> None:
    code = """
import sys, numpy as np
from recsys_cli.strategies.hybrid.ranker import Ranker
ranker = Ranker(sys.stdin.read(), ["a", "b", "c", "d"])
print(*ranker.predict(np.ones((2, 4), np.float32)), "lightgbm" in sys.modules)
"""
    booster = model()
    out = subprocess.run(
        [sys.executable, "-c", code],
        input=booster.model_to_string(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert out[2] == "False"
    expected = booster.predict(np.ones((2, 4))).astype(np.float32)
    np.testing.assert_array_equal(np.array(out[:2], np.float32), expected)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("num_cat=0", "num_cat=1", "category"),
        ("decision_type=", "decision_type=4 ", "a tree has 7 for decision_type, not 6"),
        ("is_linear=0", "is_linear=1", "linear"),
        ("objective=lambdarank", "objective=binary sigmoid:1", "binary"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=2", "plain sum"),
        ("num_leaves=7", "num_leaves=6", "a tree has 6 for split_feature, not 5"),
        ("leaf_value=", "leaf_value=1 ", "leaf_value"),
        ("threshold=", "threshold=x", "could not convert"),
        ("left_child=1", "left_child=0", "leads nowhere"),
        ("left_child=1", "left_child=99", "leads nowhere"),
        ("right_child=", "right_child=-99 ", "right_child"),
        ("split_feature=", "split_feature=4 ", "split_feature"),
    ],
)
def test_what_is_damaged_or_of_another_kind_is_refused(old: str, new: str, why: str) -> None:
    text = model(num_leaves=7).model_to_string()
    assert old in text
    with pytest.raises(ArtifactError, match=f"cannot be read.*{why}"):
        Ranker(text.replace(old, new, 1), NAMES)
    with pytest.raises(ArtifactError, match="cannot be read"):
        Ranker(text[: len(text) // 2], NAMES)


def test_zero_as_unknown_is_refused() -> None:
    text = model(zero_as_missing=True).model_to_string()
    with pytest.raises(ArtifactError, match="it takes zero for unknown"):
        Ranker(text, NAMES)
