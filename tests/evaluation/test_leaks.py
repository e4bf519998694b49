"""A strategy that sees the test window is caught, whether or not it owns up to it.

The harness compares what strategies say they were made from with the cut-off. One that lies is
caught here, by what it does: a list that changes when nothing but the test window changes was
made with knowledge of it. Every strategy there is must pass.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conftest import CONFIG
from recsys_cli.apps.evaluate import Evaluation, Question, run_evaluation
from recsys_cli.apps.opened import Opened
from recsys_cli.engine import registry
from recsys_cli.errors import DataError
from recsys_cli.evaluation.truth import Truth
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.strategies import STRATEGIES, Strategy

CUTOFF = "2020-09-16"
SALES = "data/hm_raw/transactions_train.csv"
DEPTH = 12


@dataclass
class Peeking:
    """Recommends what users have last, from a table that holds the test window too."""

    last: np.ndarray
    n_items: int
    reference: int | None
    name: str = "peeking"
    unknown_reason: str = "never"

    def knows(self, users: np.ndarray) -> np.ndarray:
        return users >= 0

    def recommend(self, users, *, k, exclude=None, allow=None) -> Recommendations:
        out = Recommendations.empty(len(users), k, self.name)
        out.items[:, 0], out.scores[:, 0] = self.last[users], 1.0
        return Recommendations.of_one(out.items, out.scores, self.name)


def peeking(reference_shift: int) -> Strategy:
    def build(artifacts, _threads) -> Peeking:
        events = pl.read_parquet(artifacts.workspace.path("events", artifacts.dataset))
        last = np.zeros(len(artifacts.users), np.int32)
        events = events.sort("time")
        last[events["user"].to_numpy()] = events["item"].to_numpy()
        claimed = int(artifacts.pack("interactions")["reference"]) + reference_shift
        return Peeking(last, len(artifacts.items), claimed)

    return Strategy(
        name="peeking", summary="a leak", needs=("interactions",), open=build, auto=None
    )


@pytest.fixture(scope="module")
def shops(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two workspaces that differ in nothing but which sales the test window has."""
    roots = tuple(tmp_path_factory.mktemp("leaks") / name for name in ("shop", "other"))
    for root in roots:
        shutil.copytree(raw, root)
        shutil.rmtree(root / "data/rr_raw")
        (root / "recsys.toml").write_text(CONFIG)
    sales = pl.read_csv(roots[0] / SALES, infer_schema=False)
    later = pl.col("t_dat") >= CUTOFF
    changed = sales.filter(later).with_columns(pl.col("article_id").shuffle(seed=5))
    pl.concat([sales.filter(~later), changed]).write_csv(roots[1] / SALES)
    return roots[0], roots[1]


def evaluated(root: Path, *names: str) -> Evaluation:
    question = Question(strategies=names, ks=[DEPTH])
    return run_evaluation(Opened(root), "hm", question)


def lists(evaluation: Evaluation, name: str) -> dict[str, list[int]]:
    """What every user of the dataset is served in the last window."""
    engine = evaluation.engine
    users = np.arange(len(engine.artifacts.users), dtype=np.int32)
    served = engine.answer(users, strategy=name, k=DEPTH).recommendations.items
    items = engine.artifacts.items
    return {
        engine.artifacts.users[row]: [items[i] for i in listed if i >= 0]
        for row, listed in enumerate(served.tolist())
    }


def depends_on_the_test_window(shops: tuple[Path, Path], name: str) -> bool:
    one, other = (lists(evaluated(root, name), name) for root in shops)
    assert one.keys() == other.keys()
    return one != other


def truth(evaluation: Evaluation) -> Truth:
    return evaluation.windows[-1].truth


def test_the_two_shops_differ_in_what_is_tested(shops: tuple[Path, Path]) -> None:
    one, other = (evaluated(root, "popular") for root in shops)
    assert truth(one).cutoff == truth(other).cutoff
    fingerprints = {e.result.details["test_fingerprint"] for e in (one, other)}
    assert len(fingerprints) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STRATEGIES))
def test_no_strategy_depends_on_the_test_window(shops: tuple[Path, Path], name: str) -> None:
    assert not depends_on_the_test_window(shops, name)


def test_a_leak_that_claims_to_be_none_is_caught(
    shops: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.STRATEGIES, "peeking", peeking(0))
    assert depends_on_the_test_window(shops, "peeking")
    cheat = evaluated(shops[0], "peeking", "popular").result.strategies
    ndcg = {name: r.groups["warm"][f"ndcg@{DEPTH}"].value for name, r in cheat.items()}
    assert ndcg["peeking"] > 3 * ndcg["popular"]


def test_a_leak_that_owns_up_is_refused(
    shops: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.STRATEGIES, "peeking", peeking(7 * 86_400))
    with pytest.raises(DataError, match="peeking was made from events up to 2020-09-23"):
        evaluated(shops[0], "peeking")
