"""The numbers of `recsys eval` are those of the lists that `recsys recommend --all` writes."""

import json
import os
import subprocess
import sys
from datetime import date

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from conftest import REPOSITORY
from recsys_cli.cli.app import app

K = 12
REFERENCE = REPOSITORY / "tests" / "evaluation" / "ranx_reference.py"


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def held_out(workspace, cutoff: date, days: int) -> dict[str, list[str]]:
    """Item ids by user id in the test window, from the canonical tables alone."""
    start = pl.lit(cutoff).cast(pl.Datetime("ms"))
    events = pl.read_parquet(workspace / "artifacts/events_hm.parquet").filter(
        pl.col("time") >= start, pl.col("time") < start + pl.duration(days=days)
    )
    users = pl.read_parquet(workspace / "artifacts/users_hm.parquet")["user"]
    items = pl.read_parquet(workspace / "artifacts/items_hm.parquet")["item"]
    pairs = pl.DataFrame(
        {"user": users.gather(events["user"]), "item": items.gather(events["item"])}
    ).unique(maintain_order=True)
    grouped = pairs.group_by("user", maintain_order=True).agg("item")
    return dict(zip(grouped["user"], grouped["item"].to_list(), strict=True))


@pytest.mark.parametrize("strategy", ["collab", "content", "popular", "repurchase"])
def test_evaluation_equals_an_independent_library_on_the_batch_file(workspace, tmp_path, strategy):
    out = tmp_path / "lists.parquet"
    options = ["--dataset", "hm", "--strategy", strategy, "-k", K, "-w", workspace]
    measured = json.loads(run("eval", "--json", "-", *options))
    cutoff = date.fromisoformat(measured["cutoff"])
    run("recommend", "--all", "--as-of", cutoff, "--out", out, *options)
    truth = held_out(workspace, cutoff, measured["horizon_days"])
    assert len(truth) == measured["users"] > 10
    lists = pl.read_parquet(out).group_by("user", maintain_order=True).agg("item")
    served = dict(zip(lists["user"], lists["item"].to_list(), strict=True))
    cases = {
        "ks": [K],
        "truth": list(truth.values()),
        "lists": [served.get(user, []) for user in truth],
    }
    done = subprocess.run(
        [sys.executable, str(REFERENCE)],
        input=json.dumps(cases), capture_output=True, text=True, check=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    expected = {name: float(np.mean(values)) for name, values in json.loads(done.stdout).items()}
    found = measured["strategies"][strategy]["all"]
    for metric in ("recall", "precision", "hitrate", "mrr", "ndcg"):
        name = f"{metric}@{K}"
        assert found[name]["value"] == pytest.approx(expected[name], abs=1e-9), name
