"""A day later, with new users and items: what was built of the past is what it would be anyway."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from conftest import CONFIG, build
from recsys_cli.store.snapshot import NOW
from recsys_cli.store.workspace import Workspace

RANKER = "[hybrid]\nenabled = true\nwindows = 1\nrounds = 10\nmin_in_leaf = 20"
TRAINED = {"als.train", "itemknn", "graph", "transitions", "sessions", "twotower.fit"}
NEW = 9


def with_a_day_more(raw: Path) -> None:
    """Add a day of sales in which new customers buy old and new articles, all files sorted."""
    tables = {
        name: pl.read_csv(raw / f"{name}.csv", infer_schema=False)
        for name in ("transactions_train", "customers", "articles")
    }
    sales = tables["transactions_train"]
    last = date.fromisoformat(str(sales["t_dat"].max()))
    others = tables["customers"].head(NEW).with_columns(pl.col("customer_id").str.reverse())
    novel = (
        tables["articles"]
        .head(NEW)
        .with_columns(
            (pl.col("article_id").cast(pl.Int64) + 1_000_007).cast(pl.String).str.zfill(10)
        )
    )
    row = pl.int_range(pl.len())
    more = sales.tail(4 * NEW).with_columns(
        pl.lit((last + timedelta(days=1)).isoformat()).alias("t_dat"),
        pl.when(row % 3 == 0)
        .then(others["customer_id"].gather(pl.arange(0, 4 * NEW, eager=True) % NEW))
        .otherwise("customer_id")
        .alias("customer_id"),
        pl.when(row % 2 == 0)
        .then(novel["article_id"].gather(pl.arange(0, 4 * NEW, eager=True) % NEW))
        .otherwise("article_id")
        .alias("article_id"),
    )
    grown = {
        "transactions_train": pl.concat([sales, more]),
        "customers": pl.concat([tables["customers"], others]).sort("customer_id"),
        "articles": pl.concat([tables["articles"], novel]).sort("article_id"),
    }
    for name, table in grown.items():
        table.write_csv(raw / f"{name}.csv")
    for old, new in zip(tables["articles"]["article_id"], novel["article_id"], strict=False):
        picture = raw / "images" / old[:3] / f"{old}.jpg"
        if picture.exists():
            (raw / "images" / new[:3]).mkdir(exist_ok=True)
            shutil.copy(picture, raw / "images" / new[:3] / f"{new}.jpg")


def files(root: Path) -> dict[str, bytes]:
    """All that was made, less what says when and what is only remembered."""
    artifacts = root / "artifacts"
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in artifacts.rglob("*")
        if path.is_file()
        and not {"manifests", "cache"} & set(path.relative_to(artifacts).parts)
        and not path.name.startswith(".")
    }


def shop(raw: Path, root: Path) -> Path:
    """A workspace of one shop, with a two-tower and a ranker."""
    shutil.copytree(raw, root)
    shutil.rmtree(root / "data/rr_raw")
    (root / "recsys.toml").write_text(CONFIG.replace("[hybrid]\nenabled = false", RANKER))
    return root


@pytest.mark.slow
def test_no_model_of_the_past_is_trained_again(raw: Path, tmp_path: Path) -> None:
    root = shop(raw, tmp_path / "workspace")
    build(root)
    with_a_day_more(root / "data/hm_raw")
    steps = build(root)
    ran = {(step.stage, step.snapshot) for step in steps if step.action == "ran"}
    assert {stage for stage, at in ran if at == NOW} >= TRAINED - {"twotower.fit"}
    assert {stage for stage, at in ran if at != NOW} & TRAINED == set()
    past = {step.snapshot for step in steps if step.stage == "als.train"} - {NOW}
    assert len(past) > 1

    # From nothing it comes to the same bytes.
    other = tmp_path / "other"
    shutil.copytree(root, other, ignore=shutil.ignore_patterns("artifacts"))
    build(other)
    ours, theirs = files(root), files(other)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []

    # A past snapshot knows of nobody who came later, and is read as if it knew of all.
    workspace = Workspace(root)
    at = max(past, key=lambda each: each.age)
    pack = workspace.pack("als", "hm", at)
    now = workspace.pack("als", "hm")
    assert len(pack["user_factors"]) < len(now["user_factors"])
    assert len(pack["item_factors"]) < len(now["item_factors"])


def started(root: Path) -> subprocess.Popen[bytes]:
    """A build of everything in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "recsys_cli", "build", "all", "-w", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_builds_killed_on_both_days_come_to_the_same_bytes(
    raw: Path, tmp_path: Path, seed: int
) -> None:
    undisturbed = shop(raw, tmp_path / "undisturbed")
    start = time.monotonic()
    assert started(undisturbed).wait(timeout=600) == 0
    whole = time.monotonic() - start
    with_a_day_more(undisturbed / "data/hm_raw")
    assert started(undisturbed).wait(timeout=600) == 0

    root, moments = shop(raw, tmp_path / "killed"), random.Random(seed)
    for day, (kills, share) in enumerate(((6, 0.5), (4, 0.3))):
        if day:
            with_a_day_more(root / "data/hm_raw")
        for _ in range(kills):
            process = started(root)
            time.sleep(moments.uniform(0.1, share) * whole)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert started(root).wait(timeout=600) == 0
    ours, theirs = files(root), files(undisturbed)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
