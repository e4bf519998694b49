"""A training job that is killed while it writes leaves nothing that an import would take."""

import os
import shutil
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from recsys_cli.apps.exchange import import_als
from recsys_cli.apps.opened import Opened
from recsys_cli.errors import DataError
from recsys_cli.store.snapshot import NOW
from recsys_cli.strategies.collab.factor_files import factor_files
from spark.cluster import JOBS

pytestmark = pytest.mark.slow

# The job itself, with item factors whose last part takes for ever.
SCRIPT = """
import sys, time
import train_als

train = train_als.train

def stuck(batches):
    for batch in batches:
        yield batch
    time.sleep(600)

def slowly(interactions, args):
    factors = train(interactions, args)
    item = factors["item"]
    return factors | {"item": item.mapInArrow(stuck, item.schema)}

train_als.train = slowly
train_als.main()
"""


def test_a_killed_job_leaves_no_half_result(needs_spark, workspace, tmp_path):
    shutil.copy(JOBS / "train_als.py", tmp_path)
    pairs = [(u, i, 1.0) for u in range(20) for i in range(10) if (u + i) % 3]
    table = pl.DataFrame(pairs, schema=["user", "item", "weight"], orient="row")
    table.write_parquet(tmp_path / "pairs.parquet")
    out = tmp_path / "out"
    words = ["--interactions", tmp_path / "pairs.parquet", "--out", out, "--factors", "2"]
    words += ["--iterations", "1", "--blocks", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *words], cwd=tmp_path, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={
            **os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": str(tmp_path),
            "PYSPARK_SUBMIT_ARGS": "--master local[1] --conf spark.ui.enabled=false pyspark-shell",
        },
    )  # fmt: skip
    try:
        while not (out / "item_factors" / "_temporary").exists():
            assert process.poll() is None, "the job ended before it could be killed"
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert len(factor_files(out / "user_factors"))
    before = (workspace / "artifacts/als_hm.joblib").read_bytes()
    with pytest.raises(DataError, match="item_factors is the output of a Spark job that did not"):
        import_als(
            Opened(workspace), "hm", NOW,
            users=out / "user_factors", items=out / "item_factors",
        )  # fmt: skip
    assert (workspace / "artifacts/als_hm.joblib").read_bytes() == before
