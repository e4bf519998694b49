"""What `init` tells from names, contents and keys of tables, and what it must not."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from datasets.formats import EVENTS
from datasets.test_formats import run
from recsys_cli.assembly import load_config
from recsys_cli.config.models import ColumnsConfig, DatasetConfig
from recsys_cli.datasets import guess
from recsys_cli.datasets.jsonlines import flattened

from .conftest import write_csv

EVENT_COLUMNS = ("who", "what", "bought")
ROWS = [(f"u{e.user}", f"i{e.item}", f"{e.time:%Y-%m-%d}") for e in EVENTS]


def init(root: Path, **tables: tuple[tuple[str, ...], list[tuple[object, ...]]]) -> DatasetConfig:
    """What `init` makes of these tables, each a header and rows."""
    folder = root / "data" / "shop"
    folder.mkdir(parents=True)
    for name, (header, rows) in tables.items():
        write_csv(folder / f"{name}.csv", header, rows)
    run("init", "-w", root)
    return load_config(root).datasets["shop"]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("id_customer", "user"), ("household_key", "user"), ("buyer-email", "user"),
        ("Buyer", "user"), ("BuyerID", "user"), ("id_product", "item"), ("Product No.", "item"),
        ("data.sku_code", "item"), ("customer_name", None), ("customer_age", None),
        ("item-price", None), ("order_item_id", None), ("product_category", None),
        ("number", None), ("id", None),
    ],
)  # fmt: skip
def test_names_made_of_words_for_users_or_items_and_for_ids(name: str, role: str | None) -> None:
    found = {each: guess.guess_role(["x", name], each) for each in guess.IDS}
    assert found == {each: name if each == role else None for each in guess.IDS}


def test_two_such_names_are_no_telling() -> None:
    assert guess.guess_role(["buyer_ref", "viewer_ref"], "user") is None


def test_who_bought_is_not_what_was_bought(tmp_path: Path) -> None:
    """Where the user is known and no item, neither names of users nor ids of orders are items."""
    rows = [(n, u, f"Jane {u}", f"{u}@x.com", day) for n, (u, _, day) in enumerate(ROWS)]
    config = init(tmp_path, orders=(("nr", "customer_id", "full", "address", "day"), rows))
    assert config.events is None
    assert config.columns == ColumnsConfig()


def test_what_users_have_is_told_where_one_name_is_known(tmp_path: Path) -> None:
    rows = [(user, f"Jane {user}", item, day) for user, item, day in ROWS]
    columns = init(tmp_path, log=(("customer_id", "full", "thing", "day"), rows)).columns
    assert (columns.user, columns.item) == ("customer_id", "thing")


@pytest.mark.parametrize("key", ["id", "entity_id", "order_id"])
def test_orders_are_joined_by_their_own_id(tmp_path: Path, key: str) -> None:
    orders = [(100 + n, user, day) for n, (user, _, day) in enumerate(ROWS)]
    lines = [(n + 1, 100 + n, item, day) for n, (_, item, day) in enumerate(ROWS)]
    config = init(
        tmp_path,
        orders=((key, "customer_id", "created_at"), orders),
        order_items=(("id", "order_id", "sku", "created_at"), lines),
    )
    (join,) = config.join
    assert (config.events, join.file, join.on) == ("order_items.csv", "orders.csv", "order_id")
    assert join.key == (None if key == "order_id" else key)
    run("ingest", "-w", tmp_path)
    artifacts = tmp_path / "artifacts"
    users = pl.read_parquet(artifacts / "users_shop.parquet")["user"]
    items = pl.read_parquet(artifacts / "items_shop.parquet")["item"]
    events = pl.read_parquet(artifacts / "events_shop.parquet")
    read = zip(users[events["user"]], items[events["item"]], strict=True)
    assert sorted(read) == sorted(row[:2] for row in ROWS)


def test_the_rows_own_id_is_not_the_item(tmp_path: Path) -> None:
    rows = [(n, *row) for n, row in enumerate(ROWS)]
    columns = init(tmp_path, log=(("item_id", "user_id", "product_id", "date"), rows)).columns
    assert columns.item == "product_id"


def test_a_column_of_known_kinds_tells_them(tmp_path: Path) -> None:
    rows = [(*row, "carts" if n % 3 else "clicks") for n, row in enumerate(ROWS)]
    columns = init(tmp_path, log=(("user_id", "item_id", "date", "type"), rows)).columns
    assert columns.event == "type"


def test_rows_without_an_item_are_left_out(tmp_path: Path) -> None:
    rows = [(user, item if n % 3 else "", day) for n, (user, item, day) in enumerate(ROWS)]
    config = init(tmp_path, log=(("user_id", "item_id", "date"), rows))
    assert config.keep == ["item_id!="]
    run("ingest", "-w", tmp_path)
    assert len(pl.read_parquet(tmp_path / "artifacts/events_shop.parquet")) == 400


def test_json_lists_items_however_deep() -> None:
    record = {
        "visitor": "u1",
        "device": {"kind": "phone", "tags": [{"key": "a"}]},
        "actions": [
            {"url": "/", "details": []},
            {"url": "/a", "details": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]},
            {"url": "/c", "details": [{"sku": "c", "n": 3}]},
        ],
    }
    rows = [json.loads(line) for line in flattened(json.dumps(record).encode())]
    alike = {"visitor": "u1", "device.kind": "phone"}
    assert rows == [
        alike | {"actions.url": url, "actions.details.sku": sku, "actions.details.n": n}
        for url, sku, n in (("/a", "a", 1), ("/a", "b", 2), ("/c", "c", 3))
    ]
    nested = {"user": "u", "properties": {"total": 3, "products": [{"sku": "a"}, {"sku": "b"}]}}
    rows = [json.loads(line) for line in flattened(json.dumps(nested).encode())]
    assert [row["properties.products.sku"] for row in rows] == ["a", "b"]
    assert [row["properties.total"] for row in rows] == [3, 3]


@pytest.mark.parametrize("indent", [None, 2])
def test_an_object_with_all_orders_in_it(tmp_path: Path, indent: int | None) -> None:
    folder = tmp_path / "data" / "shop"
    folder.mkdir(parents=True)
    orders = [
        {"id": n, "email": f"{user}@x.com", "created_at": day, "line_items": [{"sku": item}]}
        for n, (user, item, day) in enumerate(ROWS)
    ]
    (folder / "orders.json").write_text(json.dumps({"orders": orders}, indent=indent))
    run("init", "-w", tmp_path)
    columns = load_config(tmp_path).datasets["shop"].columns
    assert (columns.user, columns.item, columns.time) == (
        "orders.email", "orders.line_items.sku", "orders.created_at",
    )  # fmt: skip
    run("ingest", "-w", tmp_path)
    assert len(pl.read_parquet(tmp_path / "artifacts/events_shop.parquet")) == len(ROWS)
