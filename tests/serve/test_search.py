"""Searches hear attributes alike on every path, and are what they were where there are none."""

import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import recsys_cli
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.cli import app as recsys
from recsys_cli.engine.attributes import Attributes
from recsys_cli.engine.similar import Similar
from recsys_cli.errors import UsageError
from recsys_cli.store.workspace import Workspace

K = 6


@pytest.fixture(scope="module")
def shop(built):
    return recsys_cli.open(built)


@pytest.fixture(scope="module")
def items(built):
    return pl.read_parquet(built / "artifacts/items_hm.parquet")


def rows(items, answer: dict) -> pl.DataFrame:
    listed = pl.DataFrame({"item": [one["item"] for one in answer["items"]]})
    return listed.join(items, on="item", maintain_order="left")


def test_what_is_named_is_found_first(shop, items):
    columns = ("colour_group_name", "perceived_colour_master_name")
    right = []
    for colour, kind in (
        items.select(columns[0], "product_type_name").unique().sort(pl.all()).rows()
    ):
        found = rows(items, shop.search(f"{colour} {kind}", dataset="hm", k=K))

        def has(table: pl.DataFrame, colour=colour, kind=kind) -> pl.Series:
            either = pl.any_horizontal(pl.col(name) == colour for name in columns)
            return table.select(either & (pl.col("product_type_name") == kind)).to_series()

        right += has(found)[: min(int(has(items).sum()), K)].to_list()
    assert len(right) > 100
    assert np.mean(right) > 0.97


def test_every_path_answers_alike(shop, client, built):
    words = "red dress for men"
    one = shop.search(words, dataset="hm", k=K)
    assert one["understood"]["red"][0].endswith("=Red")
    assert "for" not in one["understood"]
    assert all(item["matched"] for item in one["items"][:1])
    over = client.post(
        "/recommend/from_text", json={"text": words, "dataset": "hm", "top_k": K}
    ).json()
    del over["request_id"]
    assert over == one
    options = ["search", words, "-d", "hm", "-k", str(K), "-w", str(built)]
    told = CliRunner().invoke(recsys.app, [*options, "--json"])
    assert json.loads(told.stdout) == one
    assert "red: " in CliRunner().invoke(recsys.app, options).stdout


def test_all_datasets_together_hear_too(shop):
    one = shop.search("red dress", dataset="hm", k=K)
    everywhere = shop.search("red dress", k=K)
    assert everywhere["dataset"] == "all"
    assert everywhere["understood"] == one["understood"]
    assert [i["item"] for i in everywhere["items"]] == [i["item"] for i in one["items"]]
    assert [i["rank"] for i in everywhere["items"]] == list(range(1, K + 1))


def test_without_attributes_nothing_changes(shop, built):
    artifacts = Artifacts(Workspace(built), "hm")
    heard = Attributes.of(artifacts)
    words = next(
        word
        for text in pl.read_parquet(built / "artifacts/items_hm.parquet")["detail_desc"]
        for word in text.split()
        if word.isalpha() and heard.heard(word) is None and len(word) > 4
    )
    answer = shop.search(words, dataset="hm", k=K)
    assert "understood" not in answer
    assert all("matched" not in item for item in answer["items"])
    plain = Similar(artifacts)
    vectors = artifacts.pack("content")["vectors"]
    query = vectors[5]
    assert plain.like(query, k=K) == plain.like(query, k=K, heard=None)
    order = np.argsort(-(vectors @ query), kind="stable")[0]
    assert plain.like(query, k=1)[0]["item"] == artifacts.items[int(order)]


def test_words_that_only_columns_have_are_answered(shop, items):
    group = items["index_group_name"].mode().sort()[0]
    found = shop.search(f"qqqq {group}", dataset="hm", k=K)
    assert set(rows(items, found)["index_group_name"]) == {group}


def test_conditions_hold_for_searches(shop, client, items):
    colour = items["colour_group_name"].mode().sort()[0]
    where = [f"colour_group_name!={colour}"]
    for words in ("dress", "cotton", f"{colour} dress"):
        found = shop.search(words, dataset="hm", k=K, where=where)
        assert colour not in set(rows(items, found)["colour_group_name"])
        body = {"text": words, "dataset": "hm", "top_k": K, "where": where}
        over = client.post("/recommend/from_text", json=body).json()
        assert over["items"] == found["items"]
    with pytest.raises(UsageError, match="did you mean colour_group_name"):
        shop.search("dress", dataset="hm", where="colour_group_nam=x")


def test_diverse_neighbours_are_of_more_models(shop, client, items):
    plain, diverse = [], []
    for item in items["item"][::12]:
        one = shop.similar(item, k=K, dataset="hm")
        other = shop.similar(item, k=K, dataset="hm", diverse=True)
        plain.append(rows(items, one)["product_code"].n_unique())
        diverse.append(rows(items, other)["product_code"].n_unique())
        assert len(other["items"]) == len(one["items"])
        assert other["rules"] == []
    assert np.mean(diverse) > np.mean(plain)
    asked = {"dataset": "hm", "top_k": K, "diverse": True}
    over = client.get(f"/recommend/item/{item}", params=asked).json()
    assert over["items"] == other["items"]
