"""The real samples, where they are at hand: known counts, no surprises."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.ingest import ingest
from recsys_cli.datasets.spec import DatasetSpec

pytestmark = pytest.mark.realdata

REPOSITORY = Path(__file__).parents[2]
ROOT = Path(os.environ.get("RECSYS_REALDATA", REPOSITORY / ".." / "shared" / "data")).resolve()


def need(folder: str) -> str:
    if not (ROOT / folder).is_dir():
        pytest.skip(f"{ROOT / folder} is absent")
    return folder


def test_hm(tmp_path: Path) -> None:
    config = DatasetConfig(kind="hm", path=need("hm_raw"))
    report = ingest("hm", config, workspace=ROOT, out=tmp_path)
    items = pl.read_parquet(tmp_path / "items_hm.parquet")
    users = pl.read_parquet(tmp_path / "users_hm.parquet")

    assert (report.events, report.users, report.items) == (31_662, 1_364, 17_033)
    assert (report.first, report.last) == ("2018-09-20T00:00:00", "2020-09-22T00:00:00")
    assert {f.status for f in report.findings} == {"pass"}
    assert items.filter(pl.col("item") == "0108775015")["name"].to_list() == ["Strap top"]
    pictures = {p.relative_to(ROOT / "hm_raw").as_posix() for p in (ROOT / "hm_raw").rglob("*.jpg")}
    assert items["image"].is_in(list(pictures)).sum() == len(pictures)
    assert users["age_group"].n_unique() >= 6


@pytest.mark.parametrize("events", [None, "ml-100k.inter"])
def test_movielens(tmp_path: Path, events: str | None) -> None:
    config = DatasetConfig(
        kind="generic", path=need("ml-100k"), events=events, value_as_weight=False
    )
    report = ingest("ml", config, workspace=ROOT, out=tmp_path)
    items = pl.read_parquet(tmp_path / "items_ml.parquet")
    spec = DatasetSpec.model_validate_json((tmp_path / "spec_ml.json").read_text())

    assert (report.events, report.users, report.items) == (100_000, 943, 1_682)
    assert report.pairs == 100_000
    assert report.first == "1997-09-20T03:05:10"
    assert {f.status for f in report.findings} == {"pass"}
    assert items.filter(pl.col("item") == "1")["name"].to_list() == ["Toy Story"]
    assert "class" in spec.text_columns


def test_retailrocket_category_tree(tmp_path: Path) -> None:
    need("rr_raw")
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "category_tree.csv").symlink_to(ROOT / "rr_raw" / "category_tree.csv")
    lines = "timestamp,visitorid,event,itemid,transactionid\n1433221332117,1,view,5,\n"
    (raw / "events.csv").write_text(lines)
    lines = "timestamp,itemid,property,value\n1433221332117,5,categoryid,1016\n"
    (raw / "item_properties_part1.csv").write_text(lines)
    out = tmp_path / "out"
    out.mkdir()
    config = DatasetConfig(kind="retailrocket", path="raw")

    ingest("rr", config, workspace=tmp_path, out=out)

    row = pl.read_parquet(out / "items_rr.parquet").row(0, named=True)
    assert (row["categoryid"], row["parentid"]) == ("1016", "213")
    assert row["rootid"] is not None
