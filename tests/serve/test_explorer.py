"""What the page asks for beyond the API: items, users to begin with, values of columns."""

import json

import numpy as np
import polars as pl
from starlette.testclient import TestClient

from serve.conftest import app_over


def test_gives_names_and_pictures_of_items(client, built):
    table = pl.read_parquet(built / "artifacts" / "items_hm.parquet")
    asked = [*table["item"].head(3), "nothing", *table["item"].tail(3)]
    answer = client.get("/items", params={"dataset": "hm", "item": asked}).json()
    assert [one["item"] for one in answer["items"]] == [id_ for id_ in asked if id_ != "nothing"]
    for one in answer["items"]:
        single = client.get(f"/items/{one['item']}", params={"dataset": "hm"}).json()
        assert one["name"] == single["name"]
        assert one["image"] == single["image"]
    assert {one["image"] is None for one in answer["items"]} == {True, False}


def test_bounds_the_items_asked_for(client):
    assert client.get("/items", params={"dataset": "hm"}).status_code == 422
    too_many = {"dataset": "hm", "item": ["1"] * 101}
    assert client.get("/items", params=too_many).status_code == 422


def test_offers_users_with_long_and_short_histories(client):
    answer = client.get("/users/examples", params={"dataset": "hm"}).json()
    sizes = [one["items"] for one in answer["users"]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes) > 3
    for one in answer["users"]:
        history = client.get(f"/users/{one['user']}/history", params={"dataset": "hm"}).json()
        assert history["total"] == one["items"]


def test_counts_the_values_of_a_column(client, built):
    table = pl.read_parquet(built / "artifacts" / "items_hm.parquet")
    path = "/columns/product_type_name/values"
    answer = client.get(path, params={"dataset": "hm", "limit": 100}).json()
    counted = {one["value"]: one["items"] for one in answer["values"]}
    values, counts = np.unique(table["product_type_name"].to_numpy(), return_counts=True)
    assert counted == dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert list(counted.values()) == sorted(counted.values(), reverse=True)
    some = client.get(path, params={"dataset": "hm", "query": "SHI(", "limit": 100}).json()
    assert some["values"] == []
    some = client.get(path, params={"dataset": "hm", "query": "SHI", "limit": 100}).json()
    assert {one["value"] for one in some["values"]} == {v for v in counted if "shi" in v.lower()}


def test_names_a_column_that_there_is_not(client):
    answer = client.get("/columns/nonsense/values", params={"dataset": "hm"})
    assert answer.status_code == 422
    assert "nonsense" in answer.json()["error"]


def test_words_that_nothing_has_find_nothing(client):
    answer = client.post("/recommend/from_text", json={"text": "zzqqx", "dataset": "hm"})
    assert answer.status_code == 200
    assert answer.json() | {"request_id": ""} == {
        "request_id": "",
        "query": "zzqqx",
        "dataset": "hm",
        "strategy_used": None,
        "fallback_reason": "no item's text has any of the words 'zzqqx'",
        "items": [],
    }


def test_offers_words_of_the_catalogue(client, built):
    datasets = client.get("/ready").json()["datasets"]
    names = set(pl.read_parquet(built / "artifacts" / "items_hm.parquet")["prod_name"])
    words = datasets["hm"]["examples"]
    assert len(set(words)) == 3
    assert set(words) < names
    for text in words:
        found = client.post("/recommend/from_text", json={"text": text, "dataset": "hm"}).json()
        assert found["items"]


def test_a_dataset_may_have_a_strategy_and_a_length_of_its_own(workspace, tmp_path):
    with (workspace / "recsys.toml").open("a") as file:
        for name, kind in (("hm", "hm"), ("rr", "retailrocket")):
            file.write(f'[datasets.{name}]\nkind = "{kind}"\npath = "data/{name}_raw"\n')
        file.write('[datasets.rr.recommend]\nstrategy = "popular"\nk = 3\n')
    with TestClient(app_over(workspace, tmp_path)) as client:
        datasets = client.get("/ready").json()["datasets"]
        assert (datasets["hm"]["strategy"], datasets["rr"]["strategy"]) == ("auto", "popular")
        for dataset, strategy, length in (("hm", "auto", 12), ("rr", "popular", 3)):
            got = client.get("/recommend/user/nobody", params={"dataset": dataset}).json()
            assert got["strategy"] == strategy
            assert len(got["items"]) == length
        asked = {"dataset": "rr", "top_k": 501}
        assert client.get("/recommend/user/nobody", params=asked).status_code == 422


def test_says_when_the_build_is_from(client, built):
    manifests = (built / "artifacts" / "manifests").glob("*_hm.json")
    newest = max(json.loads(file.read_text())["finished"] for file in manifests)
    assert client.get("/ready").json()["datasets"]["hm"]["built"] == newest


def test_says_what_a_dataset_has(client, built):
    datasets = client.get("/ready").json()["datasets"]
    assert datasets["hm"]["pictures"]
    assert not datasets["rr"]["pictures"]
    assert not datasets["hm"]["excludes_seen"]
    assert datasets["rr"]["excludes_seen"]
