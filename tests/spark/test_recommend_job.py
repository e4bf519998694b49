"""The recommend job against `recsys recommend --all --strategy collab` on the same factors."""

import numpy as np
import polars as pl
import pytest

from committed import commit_pack
from recsys_cli.apps.exchange import export_interactions
from recsys_cli.engine.batch import recommend_all
from recsys_cli.engine.engine import Engine, Filters
from recsys_cli.store.packs import load_pack
from recsys_cli.store.snapshot import NOW
from recsys_cli.store.workspace import Workspace
from spark.cluster import why_not

slow = pytest.mark.slow
K = 15


def write_factors(pack, folder) -> None:
    """Known rows as Spark writes them: several parts, one of them empty, in no order."""
    order = np.random.default_rng(0)
    for side in ("user", "item"):
        rows = order.permutation(np.flatnonzero(pack[f"{side}_known"])).astype(np.int32)
        features = pack[f"{side}_factors"][rows]
        table = pl.DataFrame({"id": rows, "features": list(features)})
        table = table.with_columns(pl.col("features").cast(pl.List(pl.Float32)))
        (folder / f"{side}_factors").mkdir(parents=True)
        for number, part in enumerate((table[:7], table[:0], table[7:])):
            part.write_parquet(folder / f"{side}_factors" / f"part-{number}.parquet")


@pytest.fixture(scope="module")
def runs(cluster, built, tmp_path_factory):
    """What both write, with and without what users have; some items tie exactly."""
    import shutil

    root = tmp_path_factory.mktemp("ties") / "workspace"
    shutil.copytree(built, root)
    pack = load_pack(root / "artifacts/als_hm.joblib", mmap=False)
    pack["item_factors"][20:60] = pack["item_factors"][20]
    pack["item_known"][20:60] = True
    pack["item_known"][3] = pack["user_known"][5] = False
    commit_pack(Workspace(root), "als.train", "hm", "als", pack)
    exchange, factors = root / "exchange", root / "factors"
    write_factors(pack, factors)
    list(export_interactions(Workspace(root), "hm", NOW, out=exchange))
    common = ["--factors", factors, "--users", exchange / "users_hm.parquet", "-k", K]
    common += ["--items", exchange / "items_hm.parquet"]
    said = cluster.run(
        ("recommend", [*common, "--out", root / "all"]),
        ("recommend", [*common, "--seen", exchange / "seen_hm.parquet", "--out", root / "unseen"]),
        ("recommend", [*common, "--out", root / "all"]),
        ("recommend", [*common, "--partitions", 1, "--out", root / "all", "--overwrite"]),
    )
    assert said[:2] + said[3:] == [None] * 3
    assert f"{root / 'all'} exists" in said[2]
    engine, files = Engine(Workspace(root), "hm"), {}
    for name, seen in (("all", False), ("unseen", True)):
        ours = root / f"{name}.parquet"
        filters = Filters(exclude_seen=seen)
        recommend_all(engine, ours, strategy="collab", k=K, filters=filters)
        files[name] = (pl.read_parquet(root / name / "*.parquet"), pl.read_parquet(ours))
    return pack, files, engine


@slow
@pytest.mark.parametrize("name", ["all", "unseen"])
def test_the_job_writes_what_recommend_all_writes(runs, name):
    pack, files, _ = runs
    got, want = files[name]
    want = want.filter(pl.col("strategy_used") == "collab")
    assert dict(got.schema) == dict(want.schema)
    assert want["user"].n_unique() == int(pack["user_known"].sum()) > 100
    got, want = (table.sort("user", "rank") for table in (got, want))
    assert got.drop("score").equals(want.drop("score"))
    np.testing.assert_array_equal(got["score"].to_numpy(), want["score"].to_numpy())


@slow
def test_seen_pairs_are_left_out_and_ties_go_to_the_lower_id(runs):
    _, files, engine = runs
    got = files["unseen"][0]
    rows = {name: row for row, name in enumerate(engine.artifacts.users.to_list())}
    items = {name: row for row, name in enumerate(engine.artifacts.items.to_list())}
    for user, listed in got.group_by("user"):
        seen = set(engine.history.row(rows[user[0]]).tolist())
        assert not seen & {items[name] for name in listed["item"]}
    numbered = files["all"][0].with_columns(pl.col("item").replace_strict(items).alias("row"))
    tied = numbered.filter(pl.len().over("user", "score") > 1).sort("user", "rank")
    assert len(tied)
    assert tied.filter(pl.col("row").diff().over("user", "score") < 0).is_empty()


@pytest.fixture
def job():
    reason = why_not()
    if reason:
        pytest.skip(reason)
    return pytest.importorskip("recsys_cli.spark.recommend")


@pytest.mark.filterwarnings("ignore")
def test_blocks_of_items_do_not_change_the_lists(job, monkeypatch):
    rng = np.random.default_rng(3)
    users = rng.normal(size=(40, 6)).astype(np.float32)
    items = np.round(rng.normal(size=(700, 6)) * 2).astype(np.float32)
    seen = rng.random((40, 700)) < 0.3
    seen[7] = True
    seen[8], seen[8, :4] = True, False
    place, row = np.nonzero(seen.T)
    exact = np.where(seen, -np.inf, users.astype(np.float64) @ items.T.astype(np.float64))
    wholes = job.top_k(users, items, k=9, row=row, seen=place)
    for block in (64, 5, 1):
        monkeypatch.setattr(job, "ITEM_BLOCK", block)
        parts = job.top_k(users, items, k=9, row=row, seen=place)
        for whole, part in zip(wholes, parts, strict=True):
            np.testing.assert_array_equal(whole, part)
    user, place, score = wholes
    assert np.bincount(user, minlength=40).tolist() == [9] * 7 + [0, 4] + [9] * 31
    np.testing.assert_allclose(score, exact[user, place], rtol=1e-12)
    for row in range(40):
        kth = np.sort(exact[row])[::-1][8]
        assert (score[user == row] >= kth - 1e-9).all()
