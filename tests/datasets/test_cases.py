"""Small raw files that went wrong elsewhere, from `recsys init` to a recommendation."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from datasets.test_formats import run
from recsys_cli.assembly import load_config
from recsys_cli.cli.app import app
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.packs import load_pack

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

REPOSITORY = Path(__file__).parents[2]
REALDATA = Path(os.environ.get("RECSYS_REALDATA", REPOSITORY / ".." / "shared" / "data"))
ROOT = REALDATA.resolve().parent / "cases"


@dataclass(frozen=True)
class Case:
    """What becomes of a case.

    Attributes:
        files: a folder, or one file.
        events: rows that are read.
        settings: what `init` writes.
        warned: checks that `validate` points at.
        last: day of the last event; None without times.
        items: how many there are.
    """

    files: str
    events: int
    settings: dict[str, Any] = field(default_factory=dict)
    warned: frozenset[str] = frozenset()
    last: str | None = None
    items: int | None = None


CASES = [
    Case("01-missing-words", 400, {"guests": "session"}, frozenset({"events.missing_user"})),
    Case("02-headerless/ratings.csv", 400, {"header": False}),
    Case("02-headerless/steam.csv", 300, {"header": False}),
    Case("03-headers/trailing.csv", 200),
    Case("04-mixed-epochs", 400, last="2024-04-02"),
    Case("05-twins", 900, {"normalize_ids": ["decimals"]}, items=30),
    Case("05-twins/case", 300, warned=frozenset({"events.twins_item_case"})),
    Case("06-money/events.csv", 200),
    Case("06-money/european.csv", 200),
    Case("07-invoices", 366, {"guests": "drop", "returns": "subtract"}, last="2011-09-23"),
    Case("08-two-times", 600, last="2022-04-11"),
    Case("09-order-ids", 300),
    Case("10-relation", 400),
    Case("11-double-colon", 500, {"header": False, "items": "movies.dat"}),
    Case("12-parts", 450, {"events": "orders_*.csv"}, last="2024-03-28"),
    Case("13-join", 600, {"events": "order_products.csv"}, last="2024-03-19"),
    Case("14-crawler", 30),
    Case("15-gone", 600, {"gone_items": "hide"}),
    Case("16-negatives/orders.csv", 378, {"returns": "subtract"}),
    Case("16-negatives/ratings.csv", 400, warned=frozenset({"events.ratings"})),
    Case("17-pictures", 120, {"image_column": "Image"}),
    Case("17-pictures/by-id", 120),
]


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Case]:
    case: Case = request.param
    source, folder = ROOT / case.files, tmp_path / "data" / "shop"
    if not source.exists():
        pytest.skip(f"{source} is absent")
    if source.is_dir():
        shutil.copytree(source, folder)
    else:
        folder.mkdir(parents=True)
        shutil.copy(source, folder)
    run("init", "-w", tmp_path)
    return tmp_path, case


@pytest.mark.parametrize("shop", CASES, ids=lambda case: case.files, indirect=True)
def test_from_init_to_a_recommendation(shop: tuple[Path, Case]) -> None:
    root, case = shop
    config = load_config(root).datasets["shop"]
    for key, value in case.settings.items():
        assert getattr(config, key) == value
    findings = json.loads(run("validate", "--json", "-w", root))["datasets"][0]["findings"]
    assert case.warned <= {each["check"] for each in findings if each["status"] == "warn"}
    run("build", "popular", "als.train", "itemknn", "-w", root)
    artifacts = root / "artifacts"
    events = pl.read_parquet(artifacts / "events_shop.parquet")
    assert len(events) == case.events
    if case.last is not None:
        assert str(events["time"].max()).startswith(case.last)
    ids = load_pack(artifacts / "ids_shop.joblib")
    if case.items is not None:
        assert len(IdTable.from_pack(ids, "item").to_list()) == case.items
    everyone = IdTable.from_pack(ids, "user").to_list()
    out = root / "all.csv"
    for strategy in ("collab", "itemknn"):
        run("recommend", "--all", "-s", strategy, "-o", out, "-w", root)
        lists = pl.read_csv(out, infer_schema=False)
        assert lists["user"].n_unique() == len(everyone)


@pytest.mark.parametrize("shop", [Case("15-gone", 600)], ids=["15-gone"], indirect=True)
def test_what_left_the_catalogue_is_recommended_to_nobody(shop: tuple[Path, Case]) -> None:
    root, _ = shop
    run("build", "popular", "als.train", "-w", root)
    items = pl.read_parquet(root / "artifacts/items_shop.parquet")
    gone = set(items.filter(~pl.col("in_catalogue"))["item"])
    out = root / "all.csv"
    run("recommend", "--all", "-s", "collab", "-k", 25, "-o", out, "-w", root)
    assert gone
    assert not gone & set(pl.read_csv(out, infer_schema=False)["item"])
    similar = json.loads(run("similar", "--item", "i10", "-k", 25, "--json", "-w", root))
    assert similar["items"]
    assert not gone & {each["item"] for each in similar["items"]}


@pytest.mark.parametrize("shop", [Case("03-headers/twice.csv", 0)], ids=["twice"], indirect=True)
def test_a_column_that_is_there_twice_is_refused_where_it_is_needed(
    shop: tuple[Path, Case],
) -> None:
    root, _ = shop
    result = CliRunner().invoke(app, ["validate", "-w", str(root)])
    assert result.exit_code == 1
    assert "column date: occurs 2 times" in result.output


@pytest.mark.parametrize(
    ("shop", "most"),
    [(Case("06-money/events.csv", 200), 1234.56), (Case("06-money/european.csv", 200), 1234.56)],
    ids=["points", "commas"],
    indirect=["shop"],
)
def test_money_is_read(shop: tuple[Path, Case], most: float) -> None:
    root, _ = shop
    run("ingest", "-w", root)
    values = pl.read_parquet(root / "artifacts/events_shop.parquet")["value"]
    assert values.null_count() == 0
    assert values.max() == pytest.approx(most)


@pytest.mark.parametrize(
    "shop", [Case("17-pictures", 120), Case("17-pictures/by-id", 120)], ids=["named", "by id"],
    indirect=True,
)  # fmt: skip
def test_pictures_are_found(shop: tuple[Path, Case]) -> None:
    root, _ = shop
    run("ingest", "-w", root)
    items = pl.read_parquet(root / "artifacts/items_shop.parquet")
    assert items["image"].null_count() == 0
    spec = json.loads((root / "artifacts/spec_shop.json").read_text())
    assert "Image" not in spec["text_columns"]
    for image in items["image"]:
        assert (root / spec["image_root"] / image).is_file()
