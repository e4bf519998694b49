"""The API, the command line and batch files give identical lists."""

import json

import polars as pl
import pytest
from typer.testing import CliRunner

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.cli import app as recsys
from recsys_cli.engine.registry import available
from recsys_cli.store.workspace import Workspace

SAMPLED = 4
K = 7


def run_json(*arguments) -> dict:
    result = CliRunner().invoke(recsys.app, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def without_id(answer) -> dict:
    """An answer's own id is all that the command line does not have."""
    found = answer.json()
    assert found.pop("request_id")
    return found


def strategies(root, dataset) -> list[str]:
    return [*available(Artifacts(Workspace(root), dataset)), "auto"]


@pytest.mark.parametrize("dataset", ["hm", "rr"])
def test_api_cli_and_batch_agree(built, client, tmp_path, dataset):
    users = Artifacts(Workspace(built), dataset).users
    sampled = [users[row] for row in range(0, len(users), len(users) // SAMPLED)]
    for strategy in strategies(built, dataset):
        out = tmp_path / f"{strategy}.parquet"
        options = ["-w", built, "-d", dataset, "-s", strategy, "-k", K]
        written = CliRunner().invoke(
            recsys.app, [str(o) for o in ["recommend", "--all", "--out", out, *options]]
        )
        assert written.exit_code == 0, written.output
        batch = pl.read_parquet(out)
        for user in sampled:
            asked = {"top_k": K, "strategy": strategy, "dataset": dataset}
            api = without_id(client.get(f"/recommend/user/{user}", params=asked))
            assert api == run_json("recommend", "--user", user, *options), strategy
            rows = batch.filter(pl.col("user") == user).sort("rank")
            assert [i["item"] for i in api["items"]] == rows["item"].to_list(), strategy
            assert [float(str(s)) for s in rows["score"].to_numpy()] == [
                i["score"] for i in api["items"]
            ]


def test_filters_mean_the_same(built, client):
    asked = {"top_k": 5, "exclude_seen": "true", "strategy": "collab", "dataset": "hm"}
    where = "product_group_name=Garment Upper body"
    user = Artifacts(Workspace(built), "hm").users[3]
    api = without_id(client.get(f"/recommend/user/{user}", params=asked | {"where": where}))
    again = without_id(client.get(f"/recommend/user/{user}", params=asked | {"where": where}))
    options = ["-w", built, "-d", "hm", "-s", "collab", "-k", 5, "--exclude-seen"]
    assert api == again == run_json("recommend", "--user", user, *options, "--where", where)


def test_similar_items_and_searches_agree(built, client):
    item = Artifacts(Workspace(built), "hm").items[5]
    api = without_id(client.get(f"/recommend/item/{item}", params={"top_k": 4, "dataset": "hm"}))
    assert api == run_json("similar", "--item", item, "-w", built, "-d", "hm", "-k", 4)
    body = {"text": "dress", "dataset": "hm", "top_k": 3}
    api = without_id(client.post("/recommend/from_text", json=body))
    assert api == run_json("search", "dress", "-w", built, "-d", "hm", "-k", 3)
