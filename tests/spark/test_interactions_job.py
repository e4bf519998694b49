"""The interactions job against `recsys als export`: same pairs, weights, ids."""

import json
from datetime import datetime

import polars as pl
import pytest

from conftest import build
from recsys_cli.apps.exchange import import_als
from recsys_cli.apps.opened import Opened
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.errors import DataError
from recsys_cli.events.interactions import Interactions
from recsys_cli.store.packs import load_pack
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.collab.als import AlsFactors

pytestmark = pytest.mark.slow

SETTINGS = """
[interactions]
half_life_days = 30
max_weight = 6.5
[als]
factors = 4
iterations = 2
[datasets.hm]
kind = "hm"
path = "data/hm_raw"
[datasets.rr]
kind = "retailrocket"
path = "data/rr_raw"
[datasets.odd]
kind = "generic"
path = "data/odd_raw"
events = "all.csv"
columns = { user = "who", item = "what", time = "when", event = "", value = "stars" }
value_as_weight = true
"""
DECAY = ["--half-life-days", 30, "--max-weight", 6.5]
CUTOFF = "2015-08-20T14:30:00"
USERS = [
    "007",
    "7",
    "0" * 64,
    "ab" * 32,
    "Jürgen",
    "李",
    "a,b",
    'say "hi"',
    "with space",
    "é",
    "e\u0301",
]
ITEMS = ["0108775015", "108775015", "00", "0", "Größe 38", "x;y", "🧦"]


def odd_rows() -> pl.DataFrame:
    """Every user with several items; some without a value, some of 0, times in seconds."""
    rows = [
        (user, ITEMS[(u * 3 + j) % len(ITEMS)], 1_600_000_000 + 86_400 * (5 * u + j), stars)
        for u, user in enumerate(USERS)
        for j, stars in enumerate(["4.5", "2", None, "1", "0"][: 3 + u % 3])
    ]
    return pl.DataFrame(rows, schema=["who", "what", "when", "stars"], orient="row")


@pytest.fixture(scope="module")
def shop(raw, tmp_path_factory):
    """A workspace with three datasets and their interactions."""
    root = tmp_path_factory.mktemp("shop")
    (root / "data").mkdir()
    for name in ("hm_raw", "rr_raw"):
        (root / "data" / name).symlink_to(raw / "data" / name)
    (root / "data" / "odd_raw").mkdir()
    odd_rows().write_csv(root / "data" / "odd_raw" / "all.csv")
    (root / "recsys.toml").write_text(SETTINGS)
    build(root, "als.export")
    return root


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The same odd events in several part files, one of them with nothing but its header."""
    folder = tmp_path_factory.mktemp("parts")
    table = odd_rows()
    for number, frame in enumerate([table[:9], table[:0], table[9:10], table[10:]]):
        frame.write_csv(folder / f"part-{number}.csv")
    return folder


@pytest.fixture(scope="module")
def out(cluster, shop, parts, tmp_path_factory):
    """Folder of what the runs wrote, and what they said."""
    out, data = tmp_path_factory.mktemp("out"), shop / "data"
    odd = ["--kind", "generic", "--user-column", "who", "--item-column", "what"]
    odd += ["--time-column", "when", "--value-column", "stars", "--value-as-weight", *DECAY]
    spec = json.loads((shop / "artifacts/spec_rr.json").read_text())
    canonical = ["--kind", "canonical", "--events", shop / "artifacts/events_rr.parquet"]
    canonical += ["--event-names", ",".join(spec["events"])]
    for kind, weight in spec["weights"].items():
        canonical += ["--weight", f"{kind}={weight}"]
    hm = ["--kind", "hm", "--events", data / "hm_raw/transactions_train.csv"]
    rr = ["--kind", "retailrocket", "--events", data / "rr_raw/events.csv"]
    factors = ["--interactions", out / "odd" / "interactions", "--out", out / "odd_als"]
    factors += ["--factors", 4, "--iterations", 2, "--blocks", 2, "--csv"]
    said = cluster.run(
        ("interactions", [*hm, *DECAY, "--out", out / "hm"]),
        ("interactions", [*rr, *DECAY, "--as-of", CUTOFF, "--out", out / "rr"]),
        ("interactions", [*canonical, *DECAY, "--out", out / "canonical"]),
        ("interactions", [*odd, "--events", *parts.glob("*.csv"), "--out", out / "odd"]),
        ("interactions", [*odd, "--events", data / "odd_raw/all.csv", "--partitions", 1,
                          "--out", out / "one"]),
        ("train_als", factors),
        ("interactions", [*hm, "--out", out / "hm"]),
        ("interactions", [*hm, "--item-column", "article", "--out", out / "no"]),
        ("train_als", factors),
    )  # fmt: skip
    assert said[:6] == [None] * 6
    return out, said


def by_name(folder) -> pl.DataFrame:
    """The job's pairs with external ids."""
    table = pl.read_parquet(folder / "interactions/*.parquet")
    for column in ("user", "item"):
        ids = pl.read_parquet(folder / f"{column}s/*.parquet")
        assert ids["id"].sort().to_list() == list(range(len(ids)))
        table = table.join(ids, left_on=column, right_on="id", suffix="_name")
        table = table.drop(column).rename({f"{column}_name": column})
    return table.select("user", "item", "weight", "count", "last").sort("user", "item")


def exported(root, dataset, snapshot=NOW) -> tuple[pl.DataFrame, int]:
    """Our pairs with external ids, and the moment ages are counted from."""
    artifacts = Artifacts(Workspace(root), dataset, snapshot)
    ours = Interactions.from_pack(artifacts.pack("interactions"))
    users, items = (pl.Series(ids.to_list()) for ids in (artifacts.users, artifacts.items))
    table = ours.seen().select(
        users.gather(ours.users).alias("user"),
        items.gather(ours.indices).alias("item"),
        pl.Series("weight", ours.weight),
        pl.Series("count", ours.count).cast(pl.Int64),
        pl.Series("last", ours.last).cast(pl.Int64),
    )
    return table.sort("user", "item"), ours.reference


def assert_same(got: pl.DataFrame, want: pl.DataFrame) -> None:
    assert got.drop("weight").equals(want.drop("weight"))
    assert (got["weight"] - want["weight"]).abs().max() <= 1e-6 * want["weight"].max()


@pytest.mark.parametrize("name", ["hm", "odd"])
def test_raw_events_give_the_pairs_of_als_export(out, shop, name):
    folder, _ = out
    want, reference = exported(shop, name)
    assert_same(by_name(folder / name), want)
    summary = json.loads(next((folder / name / "summary").glob("part*")).read_text())
    assert (summary["reference"], summary["pairs"]) == (reference, len(want))
    assert summary["events"] == want["count"].sum()
    assert not (folder / name / "_work").exists()


def test_a_past_day_sees_nothing_of_what_came_later(out, shop):
    folder, _ = out
    past = Snapshot(as_of=datetime.fromisoformat(CUTOFF))
    build(shop, "als.export", snapshot=past)
    want, _ = exported(shop, "rr", past)
    assert 0 < len(want) < len(exported(shop, "rr")[0])
    assert_same(by_name(folder / "rr"), want)


def test_canonical_events_keep_their_rows(out, shop):
    folder, _ = out
    ours = Interactions.from_pack(load_pack(shop / "artifacts/interactions_rr.joblib"))
    got = pl.read_parquet(folder / "canonical/interactions/*.parquet").sort("user", "item")
    want = ours.seen().with_columns(weight=ours.weight, count=ours.count, last=ours.last)
    assert_same(got, want.cast({"count": pl.Int64, "last": pl.Int64}))
    assert not (folder / "canonical/users").exists()


def test_an_id_is_its_rank_however_the_data_is_split(out):
    folder, _ = out
    for column, names in (("user", USERS), ("item", ITEMS)):
        found = {
            name: pl.read_parquet(folder / name / f"{column}s/*.parquet").sort("id")
            for name in ("odd", "one")
        }
        assert found["odd"].equals(found["one"])
        assert found["odd"][column].to_list() == sorted(names, key=str.encode)
    one, odd = (pl.read_parquet(folder / n / "interactions/*.parquet") for n in ("one", "odd"))
    assert one.sort("user", "item").equals(odd.sort("user", "item"))


def test_every_id_survives_the_way_through_spark(out, shop):
    folder, _ = out
    made = folder / "odd_als"
    workspace, artifacts = Workspace(shop), Artifacts(Workspace(shop), "odd")
    kept = {}
    for form in ("", "_csv"):
        paths = {side + "s": made / f"{side}_factors{form}" for side in ("user", "item")}
        report = import_als(Opened(shop), "odd", NOW, mapping=folder / "odd", **paths)
        assert (report.users.rows, report.items.rows) == (len(USERS), len(ITEMS))
        assert (report.users.foreign, report.items.missing) == (0, 0)
        kept[form] = AlsFactors.from_pack(load_pack(workspace.path("als", "odd"), mmap=False))
    for side, names in (("user", artifacts.users), ("item", artifacts.items)):
        ids = pl.read_parquet(folder / "odd" / f"{side}s/*.parquet")
        wrote = pl.read_parquet(made / f"{side}_factors/*.parquet").join(ids, on="id")
        want = dict(zip(wrote[side].to_list(), wrote["features"].to_list(), strict=True))
        for model in kept.values():
            got = getattr(model, f"{side}_factors")
            assert {name: got[row].tolist() for row, name in enumerate(names.to_list())} == want


def test_factors_have_mllibs_layout(out):
    folder, _ = out
    for side in ("user", "item"):
        assert (folder / "odd_als" / f"{side}_factors" / "_SUCCESS").exists()
        table = pl.read_parquet(folder / "odd_als" / f"{side}_factors/*.parquet")
        assert dict(table.schema) == {"id": pl.Int32, "features": pl.List(pl.Float32)}
        assert set(table["features"].list.len()) == {4}
    assert not (folder / "odd_als" / "_checkpoint").exists()


def test_jobs_refuse_with_a_sentence(out):
    _, said = out
    assert "hm exists; choose another folder or add --overwrite" in said[6]
    assert "have no column article; they have t_dat, customer_id" in said[7]
    assert "user_factors exists" in said[8]


def test_a_mapping_of_an_unfinished_job_is_refused(out, shop, tmp_path):
    folder, _ = out
    (tmp_path / "users").mkdir()
    paths = {side + "s": folder / "odd_als" / f"{side}_factors" for side in ("user", "item")}
    with pytest.raises(DataError, match="users has no _SUCCESS"):
        import_als(Opened(shop), "odd", NOW, mapping=tmp_path, **paths)
