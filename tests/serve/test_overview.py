"""`/overview`, and what cards say of items: checked against the tables they are made from."""

import numpy as np
import polars as pl
import pytest

from recsys_cli.engine.overview import SAMPLE
from recsys_cli.serve.cards import Cards
from recsys_cli.serve.items import ItemsTable
from recsys_cli.store.packs import load_pack
from recsys_cli.store.scratch import Scratch


@pytest.fixture(scope="module")
def items(built):
    return pl.read_parquet(built / "artifacts/items_hm.parquet")


def overview(client, **parameters) -> dict:
    answer = client.get("/overview", params={"dataset": "hm"} | parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_shares_are_of_the_whole(client, built, items):
    found = overview(client)
    users = len(pl.read_parquet(built / "artifacts/users_hm.parquet"))
    assert found["lists"] == min(SAMPLE, users)
    assert found["items"] == found["listable"] == len(items)
    assert found["coverage"] == found["listed"] / len(items)
    assert sum(one["share"] for one in found["served_by"]) == pytest.approx(1)
    everything = overview(client, column="index_group_name")["categories"]
    assert len(everything) == items["index_group_name"].n_unique()
    for share in ("of_catalogue", "of_sales", "of_lists"):
        assert sum(one[share] for one in everything) == pytest.approx(1)
    assert sum(one["listed"] for one in everything) == found["listed"]
    sizes = dict(items["index_group_name"].value_counts().iter_rows())
    assert {one["value"]: one["items"] for one in everything} == sizes


def test_lists_are_those_that_are_served(client, built):
    users = pl.read_parquet(built / "artifacts/users_hm.parquet")["user"]
    found = overview(client, strategy="popular", column="product_type_name")
    listed = set()
    for user in users:
        asked = {"dataset": "hm", "strategy": "popular", "top_k": found["k"]}
        answer = client.get(f"/recommend/user/{user}", params=asked).json()
        listed |= {one["item"] for one in answer["items"]}
    assert found["lists"] == len(users)
    assert found["listed"] == len(listed)
    assert found["served_by"] == [{"name": "popular", "share": 1.0}]
    assert found["fallbacks"] == []


def test_fallbacks_are_told_with_their_reason(client, built):
    found = overview(client, strategy="repurchase")
    had = np.diff(load_pack(built / "artifacts/interactions_hm.joblib")["indptr"])
    by_reason = {one["name"]: one["share"] for one in found["fallbacks"]}
    assert None not in by_reason
    assert 0 < sum(by_reason.values()) <= 1
    assert by_reason.get("no history", 0) == pytest.approx((had == 0).mean())


def test_best_sellers_are_the_most_popular_of_their_category(client, items):
    order = client.get(
        "/recommend/user/nobody", params={"dataset": "hm", "strategy": "popular", "top_k": 250}
    ).json()["items"]
    kinds = dict(zip(items["item"], items["product_type_name"], strict=True))
    for one in overview(client, column="product_type_name")["categories"]:
        of_kind = [item["item"] for item in order if kinds[item["item"]] == one["value"]]
        best = [item["item"] for item in one["best"]]
        assert best == of_kind[: len(best)]
        assert len(best) <= 4


def test_says_how_fresh_it_is(client, built):
    found = overview(client)
    last = pl.read_parquet(built / "artifacts/events_hm.parquet")["time"].max()
    assert found["events_until"].startswith(f"{last:%Y-%m-%d}")
    assert found["built"] is not None
    assert found["live"] == 0


@pytest.mark.parametrize(
    ("parameters", "status", "told"),
    [
        ({"column": "product_type_nam"}, 422, "did you mean product_type_name?"),
        ({"strategy": "magic"}, 422, "no such strategy"),
        ({"dataset": "nope"}, 404, "no dataset"),
    ],
)
def test_what_there_is_not_is_an_error(client, parameters, status, told):
    answer = client.get("/overview", params={"dataset": "hm"} | parameters)
    assert answer.status_code == status
    assert told in answer.json()["error"]


def test_cards_say_category_and_what_was_paid_last(client, built, items):
    events = pl.read_parquet(built / "artifacts/events_hm.parquet")
    last = events.filter(pl.col("time") == pl.col("time").max().over("item"))
    paid = dict(last.group_by("item").agg(pl.col("value").max()).iter_rows())
    rows = range(0, len(items), 9)
    asked = [items["item"][row] for row in rows]
    got = client.get("/items", params={"dataset": "hm", "item": asked}).json()["items"]
    assert [one["item"] for one in got] == asked
    for row, one in zip(rows, got, strict=True):
        expected = {"product_type_name": items["product_type_name"][row]}
        assert one["about"].pop("price", None) == (paid.get(row) and pytest.approx(paid[row]))
        assert one["about"] == expected
    assert client.get("/items", params={"dataset": "hm", "item": "?"}).json()["items"] == []


def test_a_price_of_the_items_comes_before_what_was_paid(client, built, items, tmp_path):
    artifacts = client.app.state.context.state.dataset("hm").artifacts
    table = items.with_columns(sale_price=pl.Series([None, "£9.99", *["1"] * (len(items) - 2)]))
    path = tmp_path / "items.parquet"
    table.write_parquet(path)

    class Priced(ItemsTable):
        def __init__(self) -> None:
            self._table, self.columns = pl.scan_parquet(path), table.columns

    cards = Cards(artifacts, Priced(), Scratch(tmp_path))
    kind = items["product_type_name"]
    assert cards.of([1, 0]) == [
        {"product_type_name": kind[1], "sale_price": "£9.99"},
        {"product_type_name": kind[0]},
    ]
    assert cards.of([]) == []
