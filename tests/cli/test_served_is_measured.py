"""The numbers of `recsys eval` are those of the lists that `recsys recommend --all` writes."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from evaluation.ranx_process import Ranx
from recsys_cli.cli.app import app

KS = (5, 12)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def held_out(workspace: Path, dataset: str, cutoff: date, days: int) -> dict[str, list[str]]:
    """Item ids by user id in the test window, from the canonical tables alone.

    Where an item is not recommended again, what users had before the window is no test.
    """
    folder = workspace / "artifacts"
    events = pl.read_parquet(folder / f"events_{dataset}.parquet").select("user", "item", "time")
    start = pl.lit(cutoff).cast(pl.Datetime("ms"))
    time = pl.col("time")
    pairs = events.filter(time >= start, time < start + pl.duration(days=days))
    if not json.loads((folder / f"spec_{dataset}.json").read_text())["repurchase"]:
        pairs = pairs.join(events.filter(time < start), on=["user", "item"], how="anti")
    users = pl.read_parquet(folder / f"users_{dataset}.parquet")["user"]
    items = pl.read_parquet(folder / f"items_{dataset}.parquet")["item"]
    named = pl.DataFrame(
        {"user": users.gather(pairs["user"]), "item": items.gather(pairs["item"])}
    ).unique(maintain_order=True)
    grouped = named.group_by("user", maintain_order=True).agg("item")
    return dict(zip(grouped["user"], grouped["item"].to_list(), strict=True))


def by_ranx(ranx: Ranx, lists: list[list[str]], truth: list[list[str]]) -> dict[str, float]:
    found = ranx.ask(lists, truth, KS)
    values = {name: np.array(per_user) for name, per_user in found.items()}
    relevant = np.array([len(items) for items in truth])
    for k in KS:
        # ranx divides average precision by all relevant items, not by min(k, relevant).
        values[f"map@{k}"] = values[f"map@{k}"] * relevant / np.minimum(relevant, k)
    return {name: float(per_user.mean()) for name, per_user in values.items()}


def check(ranx: Ranx, workspace: Path, dataset: str, strategy: str, out: Path) -> dict:
    """Measure a strategy, write its lists at the snapshot, and let ranx measure these."""
    options = ["--dataset", dataset, "--strategy", strategy, "-w", workspace]
    measured = json.loads(run("eval", "--json", "-", "-k", ",".join(map(str, KS)), *options))
    cutoff = date.fromisoformat(measured["cutoff"])
    run("recommend", "--all", "--as-of", cutoff, "--out", out, "-k", KS[-1], *options)
    truth = held_out(workspace, dataset, cutoff, measured["horizon_days"])
    assert len(truth) == measured["users"] > 10
    lists = pl.read_parquet(out).group_by("user", maintain_order=True).agg("item")
    served = dict(zip(lists["user"], lists["item"].to_list(), strict=True))
    expected = by_ranx(ranx, [served.get(user, []) for user in truth], list(truth.values()))
    found = measured["strategies"][strategy]["all"]
    assert len(expected) == 6 * len(KS)
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-9), name
    return found


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["twotower", "collab", "content", "popular", "repurchase"])
def test_evaluation_equals_an_independent_library_on_the_batch_file(
    ranx, workspace, tmp_path, strategy
):
    check(ranx, workspace, "hm", strategy, tmp_path / "lists.parquet")


def test_the_same_where_items_are_not_recommended_again(ranx, workspace, tmp_path):
    check(ranx, workspace, "rr", "collab", tmp_path / "lists.parquet")


@pytest.mark.realdata
def test_the_same_on_movielens(ranx, realdata, tmp_path):
    if not (realdata / "ml-100k").is_dir():
        pytest.skip("no ml-100k")
    path = json.dumps(str(realdata / "ml-100k"))
    (tmp_path / "recsys.toml").write_text(f'[datasets.ml]\nkind = "generic"\npath = {path}\n')
    for strategy in ("collab", "itemknn", "popular"):
        found = check(ranx, tmp_path, "ml", strategy, tmp_path / f"{strategy}.parquet")
        # Lists that find nothing would agree too.
        assert found["ndcg@12"]["value"] > 0.1
