"""Cut-offs within a day: what is seen, what is found fresh, and what is told of them."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from conftest import QUICK, build
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.cli.app import app
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import Workspace

CUTOFF = datetime(2014, 4, 6, 14)
PAST = Snapshot(as_of=CUTOFF)
SHOP = """
[datasets.shop]
kind = "generic"
path = "data/shop"
horizon = "3h"
[als]
factors = 8
iterations = 3
"""
LEARNERS = """
[hybrid]
enabled = true
windows = 1
rounds = 5
min_in_leaf = 5
[twotower]
folds = 2
epochs = 1
max_pairs = 500
content_dim = 8
"""


def visits() -> pl.DataFrame:
    """Two days of visits, two of them at either side of the cut-off, a millisecond apart."""
    rng = np.random.default_rng(3)
    first, n = datetime(2014, 4, 5), 3000
    times = [first + timedelta(milliseconds=int(ms)) for ms in rng.integers(0, 48 * 3_600_000, n)]
    some = {
        "user": [f"u{user}" for user in rng.integers(0, 120, n)],
        "item": [f"i{item}" for item in rng.integers(0, 40, n) * rng.integers(1, 3, n) % 40],
        "time": times,
    }
    edge = {
        "user": ["edge"] * 2,
        "item": ["before", "at"],
        "time": [CUTOFF - timedelta(milliseconds=1), CUTOFF],
    }
    return pl.concat([pl.DataFrame(some), pl.DataFrame(edge)]).sort("time")


def write(root: Path, events: pl.DataFrame, settings: str) -> None:
    folder = root / "data" / "shop"
    folder.mkdir(parents=True, exist_ok=True)
    written = pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.3f")
    events.with_columns(written).write_csv(folder / "visits.csv")
    (root / "recsys.toml").write_text(SHOP + settings)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop of two days that was measured at an hour, and what was said."""
    root = tmp_path_factory.mktemp("hours") / "workspace"
    write(root, visits(), QUICK)
    said = run(
        "eval", "-s", "popular,collab", "--cutoff", "2014-04-06 14:00", "--horizon", "90m",
        "--json", root / "out.json", "--report", root / "out.html", "--per-user",
        root / "out.parquet", "-w", root,
    )  # fmt: skip
    return root, said


def run(*arguments, code=0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_a_millisecond_before_is_seen_and_the_moment_is_not(shop):
    artifacts = Artifacts(Workspace(shop[0]), "shop", PAST)
    pack, edge = artifacts.pack("interactions"), artifacts.users.find("edge")
    had = pack["indices"][pack["indptr"][edge] : pack["indptr"][edge + 1]]
    assert [artifacts.items[item] for item in had] == ["before"]
    assert pack["reference"] == 1_396_792_800
    per_user = pl.read_parquet(shop[0] / "out.parquet")
    assert "edge" in per_user["user"]
    assert per_user["cutoff"].unique().to_list() == [CUTOFF]


def test_what_was_measured_is_told(shop):
    root, said = shop
    assert "90 minutes from 2014-04-06 14:00" in said
    result = json.loads((root / "out.json").read_text())
    assert (result["cutoff"], result["horizon_days"]) == ("2014-04-06T14:00:00", 0.0625)
    assert result["snapshot"] == "asof=2014-04-06T14-00-00"
    page = (root / "out.html").read_text()
    assert "2014-04-06 14:00<" in page
    assert "90 minutes" in page


def test_the_snapshot_of_an_hour_is_found_fresh_however_it_is_written(shop):
    root, _ = shop
    for moment in ("2014-04-06T14:00", "2014-04-06 16:00:00+02:00", "2014-04-06T14:00:00Z"):
        said = run("build", "popular", "als.train", "--as-of", moment, "-w", root)
        assert "All is fresh" in said
    told = json.loads(run("status", "--json", "-w", root))
    states = {s["state"] for s in told["stages"] if s["snapshot"] == PAST.folder}
    assert states == {"fresh"}
    assert run("recommend", "--user", "edge", "--as-of", CUTOFF.isoformat(), "-w", root)


def test_runs_of_hours_are_compared_user_by_user(shop):
    root, _ = shop
    said = run("eval", "--compare", root / "out.json", root / "out.json")
    assert ", paired" in said


def test_windows_of_hours_follow_each_other(shop):
    root, _ = shop
    out = root / "windows.json"
    options = ["-s", "popular", "--horizon", "6h", "--json", out, "-w", root]
    said = run("eval", "--windows", 2, *options)
    first, last = map(datetime.fromisoformat, json.loads(out.read_text())["cutoffs"])
    assert last - first == timedelta(hours=6)
    end = visits()["time"].max()
    assert end < last + timedelta(hours=6) <= end + timedelta(seconds=1)
    assert "2 windows of 6 hours" in said
    assert "events run from 2014-04-05 00:0" in run("eval", "--windows", 20, *options, code=1)


def files(root: Path) -> dict[str, bytes]:
    """What lies in the folders of past snapshots, less manifests."""
    found = (root / "artifacts").glob("asof=*/*")
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in found if path.is_file()
    }


@pytest.mark.slow
def test_nothing_after_an_hour_reaches_what_learns_from_windows_of_hours(tmp_path):
    events, later = visits(), pl.col("time") >= CUTOFF
    other = events.filter(later).select(
        pl.col("user").reverse(), pl.col("item").shuffle(seed=1), "time"
    )
    changed = pl.concat([events.filter(~later), other])
    for name, table in (("one", events), ("other", changed)):
        root = tmp_path / name
        write(root, table, LEARNERS)
        build(root, snapshot=PAST)
    one, two = files(tmp_path / "one"), files(tmp_path / "other")
    assert {f"artifacts/{PAST.folder}/{name}" for name in (
        "ranker_shop.txt", "two_tower_vectors_shop.joblib", "interactions_shop.joblib",
    )} <= one.keys()  # fmt: skip
    assert {Path(name).parent.name for name in one} == {
        f"asof=2014-04-06T{hour:02}-00-00" for hour in (3, 6, 9, 12, 14)
    }
    assert [name for name in one if one[name] != two.get(name)] == []
