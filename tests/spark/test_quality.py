"""Spark's factors and implicit's rank held-out items equally well, by the same settings."""

import numpy as np
import polars as pl
import pytest

from recsys_cli.datasets.demo import make_demo
from recsys_cli.events.interactions import Interactions
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.als import train_als
from recsys_cli.strategies.collab.factors import read_factors

pytestmark = pytest.mark.slow

DEPTH = 10
HELD_OUT = 0.2


def movielens(realdata) -> pl.DataFrame:
    path = realdata / "ml-100k" / "ml-100k.inter"
    table = pl.read_csv(path, separator="\t").sort("timestamp:float", maintain_order=True)
    return table.select(pl.nth(0).alias("user"), pl.nth(1).alias("item"))


def demo(folder) -> pl.DataFrame:
    make_demo(folder, customers=1500, transactions=30_000, articles=400, seed=7, images=False)
    path = folder / "data/hm_raw/transactions_train.csv"
    events = pl.read_csv(path, infer_schema=False).sort("t_dat", maintain_order=True)
    pairs = events.select(user="customer_id", item="article_id").unique(maintain_order=True)
    return pairs.filter(pl.len().over("user") >= 1 / HELD_OUT)


class Split:
    """The last fifth of each user's pairs (user, item, in order of time) held out."""

    def __init__(self, pairs: pl.DataFrame) -> None:
        pairs = pairs.select(pl.all().rank("dense").cast(pl.Int32) - 1)
        self.shape = tuple(int(pairs[c].max()) + 1 for c in ("user", "item"))
        later = pl.int_range(pl.len()).over("user") >= pl.len().over("user") * (1 - HELD_OUT)
        self.train = pairs.filter(~later).sort("user", "item")
        self.truth, self.seen = self.mask(pairs.filter(later)), self.mask(self.train)

    def mask(self, pairs: pl.DataFrame) -> np.ndarray:
        found = np.zeros(self.shape, np.bool_)
        found[pairs["user"].to_numpy(), pairs["item"].to_numpy()] = True
        return found

    def interactions(self) -> Interactions:
        ones = np.ones(len(self.train), np.uint32)
        indptr = np.searchsorted(self.train["user"].to_numpy(), np.arange(self.shape[0] + 1))
        return Interactions(
            indptr.astype(np.int64), self.train["item"].to_numpy(), ones.astype(np.float32),
            ones, ones, 0, *self.shape,
        )  # fmt: skip

    def ndcg(self, scores: np.ndarray) -> np.ndarray:
        """NDCG@10 of each user, seen items left out, over the full catalogue."""
        scores = np.where(self.seen, -np.inf, scores)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
        discount = 1 / np.log2(np.arange(DEPTH) + 2)
        ideal = np.cumsum(discount)[np.minimum(self.truth.sum(axis=1), DEPTH) - 1]
        return np.take_along_axis(self.truth, best, 1) @ discount / ideal


def difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Mean of a - b over users, and its standard error."""
    return float((a - b).mean()), float((a - b).std(ddof=1) / np.sqrt(len(a)))


def compare(split, cluster, folder) -> None:
    config = AlsConfig(factors=16, iterations=8, regularization=0.05, alpha=10, backend="cpu")
    split.interactions().to_frame().write_parquet(folder / "pairs.parquet")
    words = ["--interactions", folder / "pairs.parquet", "--out", folder, "--factors", 16]
    words += ["--iterations", 8, "--alpha", config.alpha, "--blocks", 2]
    assert cluster.run(("train_als", [*words, "--regularization", config.regularization])) == [None]
    users, items = (
        read_factors(folder / f"{side}_factors", n_rows=n, what=side)[0]
        for side, n in zip(("user", "item"), split.shape, strict=True)
    )
    ours = train_als(split.interactions(), config)
    implicit = split.ndcg(ours.user_factors @ ours.item_factors.T)
    spark = split.ndcg(users @ items.T)
    popular = split.ndcg(np.broadcast_to(split.seen.sum(axis=0), split.shape))
    for other in (implicit, spark):
        better, error = difference(other, popular)
        assert better > 3 * error, (better, error)
    apart, error = difference(spark, implicit)
    assert abs(apart) < 3 * error, (apart, error)
    assert error < 0.3 * implicit.mean()


@pytest.mark.realdata
def test_on_movielens(realdata, cluster, tmp_path):
    compare(Split(movielens(realdata)), cluster, tmp_path)


def test_on_the_demo(cluster, tmp_path):
    compare(Split(demo(tmp_path / "shop")), cluster, tmp_path)
