"""The canonical tables of good input, cell by cell, and the same for every file format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.ingest import validate
from recsys_cli.datasets.spec import DatasetSpec, read_spec
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.packs import load_pack

from .conftest import (
    ARTICLES,
    CUSTOMERS,
    N_ROWS,
    Workspace,
    as_parquet,
    by_first_event,
    gzipped,
    purchase,
)

HM_FILES = ("articles.csv", "customers.csv", "transactions_train.csv")


def test_events_are_the_rows_of_the_file_in_order(hm: Workspace) -> None:
    report = hm.ingest()
    schema, events = hm.table("events").schema, hm.events()

    rows = [purchase(i) for i in range(N_ROWS)]
    expected = pl.DataFrame(
        {
            "user": [row[1] for row in rows],
            "item": [row[2] for row in rows],
            "time": [datetime.fromisoformat(row[0]) for row in rows],
            "event": [0] * N_ROWS,
            "value": [float(row[3]) for row in rows],
        },
        schema={
            "user": pl.String,
            "item": pl.String,
            "time": pl.Datetime("ms"),
            "event": pl.UInt8,
            "value": pl.Float32,
        },
    )
    assert schema == expected.schema | {"user": pl.Int32, "item": pl.Int32}
    assert events.equals(expected)
    pairs = len({(row[1], row[2]) for row in rows})
    assert (report.events, report.users, report.items, report.pairs) == (400, 30, 20, pairs)
    assert (report.first, report.last) == ("2020-01-01T00:00:00", "2020-10-28T00:00:00")


def test_items_and_users_have_what_their_catalogues_say(hm: Workspace) -> None:
    hm.ingest()
    items, users = hm.table("items"), hm.table("users")

    assert items.columns[:5] == ["item", "source", "name", "in_catalogue", "image"]
    assert items.columns[5:] == [
        "product_code", "prod_name", "product_type_name", "colour_group_name", "detail_desc",
    ]  # fmt: skip
    first = items.row(by_predicate=pl.col("item") == ARTICLES[1], named=True)
    assert (first["source"], first["name"]) == ("shop", "Top 1")
    assert first["image"] == f"images/{ARTICLES[1][:3]}/{ARTICLES[1]}.jpg"
    assert first["detail_desc"] == "Soft, warm"
    assert users.columns == ["user", "in_catalogue", "club_member_status", "age", "age_group"]
    assert sorted(users["user"]) == CUSTOMERS
    ages = dict(zip(users["age"].to_list(), users["age_group"].to_list(), strict=True))
    assert ages[None] == "unknown"
    assert [ages[a] for a in (16, 24, 26, 34, 36, 44, 46, 54, 56, 64, 66)] == [
        "16-24", "16-24", "25-34", "25-34", "35-44", "35-44", "45-54", "45-54", "55-64", "55-64",
        "65+",
    ]  # fmt: skip


def test_the_spec_and_the_ids(hm: Workspace) -> None:
    hm.ingest()
    spec = DatasetSpec.model_validate_json((hm.out / "spec_shop.json").read_text())
    pack = load_pack(hm.out / "ids_shop.joblib")

    assert (spec.events, spec.weights) == (["purchase"], {"purchase": 1.0})
    assert (spec.repurchase, spec.horizon_days, spec.has_time) == (True, 7, True)
    assert spec.segment_columns == ["age_group"]
    assert spec.text_columns == [
        "prod_name", "product_type_name", "colour_group_name", "detail_desc",
    ]  # fmt: skip
    assert spec.image_root == "raw"
    rows = [purchase(i) for i in range(N_ROWS)]
    users = by_first_event(CUSTOMERS, [(row[1], row[0]) for row in rows])
    items = by_first_event(ARTICLES, [(row[2], row[0]) for row in rows])
    for prefix, ids in (("user", users), ("item", items)):
        table = IdTable.from_pack(pack, prefix)
        assert table.to_list() == ids
        assert [table.find(i) for i in ids] == list(range(len(ids)))
        assert table.find("nobody") == -1
        assert pack[f"{prefix}s_fingerprint"] == IdTable.from_strings(ids).fingerprint()
    assert IdTable.from_pack(pack, "name").to_list() == [
        f"Top {ARTICLES.index(item)}" for item in items
    ]


def test_the_config_overrides_the_spec(hm: Workspace) -> None:
    hm.set(
        source="sweden", repurchase=False, horizon_days=14, weights={"purchase": 2.5},
        text_columns=["prod_name"], category_columns=[], segment_columns=["club_member_status"],
    )  # fmt: skip
    hm.ingest()
    spec = json.loads((hm.out / "spec_shop.json").read_text())

    assert spec["source"] == "sweden"
    assert (spec["repurchase"], spec["horizon_days"]) == (False, 14)
    assert spec["weights"] == {"purchase": 2.5}
    assert (spec["text_columns"], spec["category_columns"]) == (["prod_name"], [])
    assert spec["segment_columns"] == ["club_member_status"]
    assert hm.table("items")["source"].unique().to_list() == ["sweden"]


@pytest.mark.parametrize(
    ("given", "days"),
    [({"horizon": "6h"}, 0.25), ({"horizon": "2w"}, 14), ({"horizon_days": 1.5}, 1.5), ({}, 7)],
)
def test_the_horizon_is_kept_in_days(hm: Workspace, given: dict, days: float) -> None:
    hm.set(**given)
    hm.ingest()
    text = (hm.out / "spec_shop.json").read_text()
    assert f'"horizon_days": {days},' in text
    assert read_spec(hm.out / "spec_shop.json").horizon == timedelta(days=days)
    # What was made before `horizon` was there stays what a run now would make.
    config = DatasetConfig(kind="hm", path="raw", **given)
    assert "horizon" not in config.model_dump(mode="json")


@pytest.mark.parametrize("given", [{"horizon": "soon"}, {"horizon": "6h", "horizon_days": 7}])
def test_a_horizon_is_one_length(given: dict) -> None:
    with pytest.raises(ValueError, match=r"number of minutes|give one of the two"):
        DatasetConfig(kind="hm", path="raw", **given)


@pytest.mark.parametrize("change", [gzipped, as_parquet], ids=["gzip", "parquet"])
@pytest.mark.parametrize("kind", ["hm", "rr"])
def test_every_format_gives_the_same_bytes(
    kind: str, change: Callable[[Path], None], request: pytest.FixtureRequest
) -> None:
    workspace: Workspace = request.getfixturevalue(kind)
    workspace.ingest()
    plain = workspace.artifacts()
    for path in sorted(workspace.raw.iterdir()):
        change(path)

    workspace.ingest()

    assert workspace.artifacts() == plain
    assert len(plain) == 6


def test_typed_parquet_gives_the_same_events(hm: Workspace) -> None:
    hm.ingest()
    plain = hm.table("events")
    path = hm.raw / "transactions_train.csv"
    frame = pl.read_csv(path, infer_schema=False).with_columns(
        pl.col("t_dat").str.to_date(),
        pl.col("price").cast(float),
        pl.col("customer_id").cast(pl.Categorical),
    )
    frame.write_parquet(path.with_suffix(".parquet"))
    path.unlink()

    hm.ingest()

    assert hm.table("events").equals(plain)


def test_validation_finds_what_ingest_finds_and_keeps_nothing(hm: Workspace) -> None:
    hm.edit("transactions_train.csv", 8, lambda b: b.replace(b"2020", b"202O"))
    before = sorted(hm.root.rglob("*"))

    report = validate(hm.name, hm.config, workspace=hm.root)

    assert sorted(hm.root.rglob("*")) == before
    assert report.findings == hm.ingest().findings
    assert report.ok
    plain = json.loads(json.dumps(report.to_json()))
    wrong = next(f for f in plain["findings"] if f["status"] == "warn")
    assert (wrong["check"], wrong["line"], wrong["column"]) == ("events.time", 8, "t_dat")


def test_every_check_of_good_files_passes_and_is_listed_once(hm: Workspace) -> None:
    report = validate(hm.name, hm.config, workspace=hm.root)

    assert {f.status for f in report.findings} == {"pass"}
    checks = [f.check for f in report.findings]
    assert len(checks) == len(set(checks))
    assert {"events.time", "items.duplicate_ids", "events.unknown_items"} <= set(checks)


@pytest.mark.slow
def test_the_bytes_depend_on_nothing_but_the_input(hm: Workspace, tmp_path: Path) -> None:
    hm.edit("transactions_train.csv", 8, lambda b: b.replace(ARTICLES[1].encode(), b"0999"))
    rows = hm.lines("transactions_train.csv")
    hm.rewrite("transactions_train.csv", lambda b: b + b"".join(rows[1:]) * 400)
    hm.ingest()
    code = (
        "import sys; from pathlib import Path;"
        "from recsys_cli.config.models import DatasetConfig;"
        "from recsys_cli.datasets.ingest import ingest;"
        "ingest('shop', DatasetConfig(kind='hm', path='raw'), workspace=Path(sys.argv[1]),"
        " out=Path(sys.argv[2]))"
    )
    for threads in ("1", "4"):
        out = tmp_path / f"out{threads}"
        out.mkdir()
        environment = os.environ | {"POLARS_MAX_THREADS": threads}
        subprocess.run([sys.executable, "-c", code, hm.root, out], check=True, env=environment)
        assert {p.name: p.read_bytes() for p in sorted(out.iterdir())} == hm.artifacts()
