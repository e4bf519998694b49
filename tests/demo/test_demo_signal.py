"""There is taste to be learned: factors beat popularity on the demo's last week, in both shops."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from recsys_cli.datasets.demo import DemoSummary, make_demo

K = 12
DAY = 86_400_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoSummary:
    return make_demo(tmp_path_factory.mktemp("demo"), images=False)


def hm_events(folder: Path) -> pl.DataFrame:
    rows = pl.read_csv(folder / "transactions_train.csv", infer_schema=False)
    day = pl.col("t_dat").str.to_date() - date(2018, 9, 20)
    return rows.select(user="customer_id", item="article_id", day=day.dt.total_days())


def rr_events(folder: Path) -> pl.DataFrame:
    rows = pl.read_csv(folder / "events.csv")
    return rows.select(user="visitorid", item="itemid", day=pl.col("timestamp") // DAY)


def ndcg(scores: np.ndarray, truth: sp.csr_matrix) -> float:
    top = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    hits = np.take_along_axis(truth.toarray() > 0, top, axis=1)
    discount = 1 / np.log2(np.arange(2, K + 2))
    best = np.array([discount[: min(K, n)].sum() for n in np.diff(truth.indptr)])
    return float(((hits * discount).sum(axis=1) / best).mean())


def gain_over_popularity(events: pl.DataFrame, *, exclude_seen: bool) -> float:
    from implicit.als import AlternatingLeastSquares

    user = events["user"].rank("dense").to_numpy().astype(int) - 1
    item = events["item"].rank("dense").to_numpy().astype(int) - 1
    day = events["day"].to_numpy()
    shape = (user.max() + 1, item.max() + 1)
    cut = day.max() - 6
    past, recent = day < cut, (day < cut) & (day >= cut - 28)
    ones = np.ones(len(events), np.float32)
    history = sp.csr_matrix((ones[past], (user[past], item[past])), shape)
    truth = sp.csr_matrix((ones[~past], (user[~past], item[~past])), shape)
    if exclude_seen:
        truth = sp.csr_matrix(truth - truth.multiply(history > 0))
        truth.eliminate_zeros()
    warm = np.flatnonzero((np.diff(truth.indptr) > 0) & (np.diff(history.indptr) > 0))
    popular = np.bincount(item[recent], 0.5 ** ((cut - day[recent]) / 7), shape[1])
    with threadpool_limits(1):
        model = AlternatingLeastSquares(
            factors=32, iterations=8, alpha=10, random_state=1, num_threads=1
        )
        model.fit(history, show_progress=False)
    learned = np.asarray(model.user_factors[warm] @ model.item_factors.T, np.float64)
    plain = np.tile(popular.astype(np.float64), (warm.size, 1))
    if exclude_seen:
        seen = history[warm].toarray() > 0
        learned[seen] = plain[seen] = -1e9
    return ndcg(learned, truth[warm]) / ndcg(plain, truth[warm])


def test_factors_beat_popularity_on_hm(demo: DemoSummary) -> None:
    assert 1.5 < gain_over_popularity(hm_events(demo.hm), exclude_seen=False) < 4


def test_factors_beat_popularity_on_retailrocket(demo: DemoSummary) -> None:
    assert 1.5 < gain_over_popularity(rr_events(demo.rr), exclude_seen=True) < 4
