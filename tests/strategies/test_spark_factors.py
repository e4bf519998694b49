"""Factors that Spark really wrote are read, and its own equations fold its own users in again."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.store.idtable import IdTable
from recsys_cli.strategies.collab.factors import import_factors
from recsys_cli.strategies.collab.foldin import fold_in

JAVA = bool(os.environ.get("JAVA_HOME") or shutil.which("java"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(not JAVA, reason="Spark needs Java"),
]

N_USERS, N_ITEMS, RANK = 40, 24, 4
REGULARIZATION, ALPHA = 0.2, 5.0

# In a process of its own: a JVM that pytest started would outlive the test.
JOB = """
import sys
from pyspark.ml.recommendation import ALS
from pyspark.sql import SparkSession

interactions, out, rank, regularization, alpha = sys.argv[1:]
settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2"}
session = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
model = ALS(
    userCol="user", itemCol="item", ratingCol="weight", implicitPrefs=True, rank=int(rank),
    regParam=float(regularization), alpha=float(alpha), maxIter=4, numUserBlocks=2,
    numItemBlocks=2, seed=3,
).fit(session.read.parquet(interactions))
model.userFactors.write.parquet(out + "/users")
model.itemFactors.write.parquet(out + "/items")
session.stop()
"""


@pytest.fixture(scope="module")
def interactions() -> Interactions:
    """Even users have many even items and few odd ones; the last user and item have nothing."""
    rng = np.random.default_rng(0)
    same = np.arange(N_USERS)[:, None] % 2 == np.arange(N_ITEMS) % 2
    seen = rng.random((N_USERS, N_ITEMS)) < np.where(same, 0.7, 0.05)
    seen[-1] = seen[:, -1] = False
    weight = rng.choice([0.0, 0.5, 1.0, 3.0], size=int(seen.sum()), p=[0.1, 0.3, 0.4, 0.2])
    return Interactions(
        indptr=np.concatenate(([0], np.cumsum(seen.sum(axis=1)))),
        indices=np.nonzero(seen)[1].astype(np.int32),
        weight=weight.astype(np.float32),
        count=np.ones(len(weight), np.uint32),
        last=np.zeros(len(weight), np.uint32),
        reference=0,
        n_users=N_USERS,
        n_items=N_ITEMS,
    )


@pytest.fixture(scope="module")
def model(interactions, tmp_path_factory):
    """What `recsys als import` makes of a Spark job's output."""
    folder = tmp_path_factory.mktemp("spark")
    interactions.to_frame().write_parquet(folder / "interactions.parquet")
    settings = [str(value) for value in (RANK, REGULARIZATION, ALPHA)]
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(folder / "interactions.parquet"), str(folder), *settings],
        capture_output=True, text=True, check=False, timeout=300, cwd=folder,
        env={
            **os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder),
            "PYSPARK_PYTHON": sys.executable,
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    factors, _ = import_factors(
        folder / "users",
        folder / "items",
        user_ids=IdTable.from_strings(f"u{n}" for n in range(N_USERS)),
        item_ids=IdTable.from_strings(f"i{n}" for n in range(N_ITEMS)),
        regularization=REGULARIZATION,
        alpha=ALPHA,
    )
    return factors


def test_rows_get_their_factors(interactions, model):
    table = interactions.to_frame()
    assert len(table) < len(interactions.weight)
    assert np.flatnonzero(model.user_known).tolist() == table["user"].unique().sort().to_list()
    assert np.flatnonzero(model.item_known).tolist() == table["item"].unique().sort().to_list()
    assert model.factors == RANK
    scores = model.user_factors @ model.item_factors.T
    known = np.ix_(model.user_known, model.item_known)
    same = np.arange(N_USERS)[:, None] % 2 == np.arange(N_ITEMS) % 2
    assert scores[known][same[known]].mean() > 2 * abs(scores[known][~same[known]].mean())


def test_folding_in_gives_the_factors_that_spark_gave(interactions, model):
    """Spark solves for the users last, so they fit the item factors it wrote."""
    history = CSR(interactions.indptr, interactions.indices, N_ITEMS, interactions.weight)
    got = model.fold_in(history)
    np.testing.assert_allclose(got, model.user_factors, rtol=1e-4, atol=1e-5)
    plain = fold_in(
        model.item_factors, history, regularization=model.regularization, alpha=model.alpha
    )
    assert np.abs(plain - model.user_factors).max() > 0.01
