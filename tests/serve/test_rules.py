"""Rules hold on every path, and all paths give the same lists under them."""

import shutil
import tomllib
from collections import Counter

import polars as pl
import pytest
from starlette.testclient import TestClient

import recsys_cli
from conftest import build
from recsys_cli.apps.opened import Opened
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.engine.batch import recommend_all
from recsys_cli.engine.checkpoints import Checkpoints
from recsys_cli.engine.engine import Filters
from recsys_cli.engine.registry import available
from recsys_cli.errors import ConfigError
from recsys_cli.serve import held
from recsys_cli.store.workspace import Workspace
from serve.conftest import app_over

K, MOST = 7, 2
LEFT_OUT, RAISED, CAPPED = "product_group_name", "index_group_name", "product_type_name"


@pytest.fixture(scope="module")
def items(built):
    return pl.read_parquet(built / "artifacts/items_hm.parquet")


@pytest.fixture(scope="module")
def rules(items):
    """As `--set` takes them."""
    out, raised = items[LEFT_OUT].mode().sort()[0], items[RAISED].mode().sort()[0]
    return [
        f'rules.where=["{LEFT_OUT}!={out}"]',
        f'rules.boost=[{{ name = "raised", where = "{RAISED}={raised}", by = 4 }}]',
        f'rules.cap=[{{ column = "{CAPPED}", most = {MOST} }}]',
        "rules.diversity={ weight = 0.3 }",
        f'rules.pin=[{{ item = "{items.filter(pl.col(LEFT_OUT) != out)["item"][3]}", rank = 3 }}]',
    ]


@pytest.fixture(scope="module")
def shop(built, rules):
    return recsys_cli.open(built, overrides=rules)


@pytest.fixture(scope="module")
def asked(built, rules, tmp_path_factory):
    app = app_over(built, tmp_path_factory.mktemp("r"), overrides=rules)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def check(listed: list[str], items: pl.DataFrame, k: int = K) -> None:
    rows = pl.DataFrame({"item": listed}).join(items, on="item", maintain_order="left")
    assert len(rows) == k
    assert items[LEFT_OUT].mode().sort()[0] not in rows[LEFT_OUT]
    assert max(Counter(rows[CAPPED]).values()) <= MOST


def test_rules_hold_for_every_strategy_and_all_paths_agree(built, shop, asked, items, rules):
    ids = Artifacts(Workspace(built), "hm").users
    sampled = [ids[row] for row in range(0, len(ids), len(ids) // 3)] + ["nobody"]
    pinned = shop._opened.engine("hm").rules.names[-1].removeprefix("pin ")
    for strategy in [*available(Artifacts(Workspace(built), "hm")), "auto"]:
        options = {"dataset": "hm", "strategy": strategy}
        many = shop.recommend(sampled, k=K, **options)
        for user in sampled:
            one = shop.recommend(user, k=K, **options)
            check([i["item"] for i in one["items"]], items)
            assert one["items"][2]["item"] == pinned
            assert set(one["rules"]) >= {"where 1"}
            rows = many.filter(pl.col("user") == user)
            assert [i["item"] for i in one["items"]] == rows["item"].to_list(), strategy
            got = asked.get(f"/recommend/user/{user}", params=options | {"top_k": K}).json()
            del got["request_id"]
            assert got == one


def test_a_batch_writes_the_same_and_resumes_under_its_rules(built, shop, items, rules, tmp_path):
    engine, options = Opened(built, overrides=rules).request("hm", strategy="popular", k=K)
    summary = recommend_all(engine, tmp_path / "all.parquet", **options)
    assert (summary.short, summary.rows) == (0, K * summary.users)
    batch = pl.read_parquet(tmp_path / "all.parquet")
    user = batch["user"][0]
    one = shop.recommend(user, dataset="hm", strategy="popular", k=K)["items"]
    assert batch.filter(pl.col("user") == user)["item"].to_list() == [i["item"] for i in one]
    few = f'rules.where=["item in {items["item"][0]},{items["item"][1]}"]'
    engine, options = Opened(built, overrides=[few]).request("hm", strategy="popular", k=K)
    assert recommend_all(engine, tmp_path / "few.parquet", **options).short == summary.users


def test_blocks_made_under_other_rules_are_not_used(built, rules, tmp_path, monkeypatch):
    made = []
    keep = Checkpoints.__init__

    def noted(self, out, fingerprint, **rest):
        made.append(fingerprint)
        keep(self, out, fingerprint, **rest)

    monkeypatch.setattr(Checkpoints, "__init__", noted)
    for overrides in ([], rules, rules[:2], [*rules[:2], "rules.cap=[]"], rules):
        engine, options = Opened(built, overrides=overrides).request("hm", strategy="popular", k=K)
        recommend_all(engine, tmp_path / "out.parquet", **options)
    assert len(set(made)) == 3
    assert made[1] == made[4]


def test_what_is_like_an_item_and_what_the_new_like_are_under_rules(shop, asked, items):
    liked = items["item"][10]
    session = {"events": [{"item": liked}]}
    for answer in (
        shop.similar(liked, k=K, dataset="hm"),
        asked.get(f"/recommend/item/{liked}", params={"top_k": K, "dataset": "hm"}).json(),
        asked.post("/recommend/cold", json={"liked": [liked], "top_k": K, "dataset": "hm"}).json(),
        asked.post("/recommend/session", json=session | {"k": K, "dataset": "hm"}).json(),
    ):
        check([i["item"] for i in answer["items"]], items)
        assert "where 1" in answer["rules"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('rules.where=["prod_nam=x"]', "rule 'where 1': where 'prod_nam=x': items of hm have no"),
        ('rules.where=["prod_nam=x"]', "(did you mean prod_name?)"),
        ('rules.cap=[{column="prod_nam",most=1}]', "rule 'cap prod_nam': items of hm have no"),
        ('rules.boost=[{where="prod_name=?",by=2}]', "rule 'boost 1': where: no item has"),
        ('rules.pin=[{item="1"}]', "rule 'pin 1': hm has no item '1'"),
        ('rules.pin=[{item="1"},{item="2"}]', "two rules pin something to rank 1"),
        ('rules.boost=[{where="a=b",by=0}]', "greater than or equal to 0.001"),
        ('rules.boost=[{where="a=b",by=inf}]', "less than or equal to 1000"),
        ('rules.cap=[{column="a",most="3"}]', "should be a valid integer"),
        ('rules.boost=[{where="a=b",by=2,name="x"},{where="a=c",by=2,name="x"}]', "are called 'x'"),
    ],
)
def test_a_rule_that_names_nothing_there_is_is_refused(built, rule, message):
    with pytest.raises(ConfigError) as caught:
        recsys_cli.open(built, overrides=rule).recommend("123", dataset="hm")
    assert message in caught.value.message


def test_masks_that_are_kept_are_few_and_small(asked, items, monkeypatch):
    engine = asked.app.state.context.state.dataset("hm").engine
    monkeypatch.setattr(held, "MASK_BYTES", 3 * len(items))
    for item in items["item"][:6]:
        mask = engine.allowed(Filters(exclude=[item]))
        assert engine.allowed(Filters(exclude=[item])) is mask
    assert len(engine._masks) == 3


def test_a_server_reports_a_rule_that_cannot_be_and_keeps_the_others(built, rules, tmp_path):
    broken = [*rules[:3], 'rules.pin=[{ item = "gone" }]']
    with TestClient(app_over(built, tmp_path, overrides=broken)) as client:
        assert "no item 'gone'" in client.get("/ready").json()["problems"]["hm"]["rule pin gone"]
        answer = client.get("/recommend/user/nobody", params={"dataset": "hm"}).json()
        assert answer["rules"][0] == "where 1"


TRIED = {
    "cap": [{"column": CAPPED, "most": 1}],
    "boost": [{"name": 'say "hi"\n', "where": f"{RAISED}!=x", "by": 2.5}],
    "diversity": {"weight": 0.1},
}


def test_rules_are_tried_as_if_they_were_written(built, asked, rules, tmp_path):
    user = Artifacts(Workspace(built), "hm").users[5]
    body = {"user": user, "dataset": "hm", "k": K, "rules": TRIED}
    served = asked.get(f"/recommend/user/{user}", params={"dataset": "hm", "top_k": K}).json()
    tried = asked.post("/recommend/preview", json=body).json()
    assert tried["items"] != served["items"]
    assert tried["rules"]
    # The lines that it shows, written, give that list to everybody.
    lines = tried["toml"]
    root = tmp_path / "workspace"
    shutil.copytree(built, root)
    with (root / "recsys.toml").open("a") as file:
        file.write("\n" + lines)
    one = recsys_cli.open(root, overrides=rules).recommend(user, dataset="hm", k=K)
    assert one["rules"] == tried["rules"]
    assert [i["item"] for i in one["items"]] == [i["item"] for i in tried["items"]]
    again = asked.get(f"/recommend/user/{user}", params={"dataset": "hm", "top_k": K}).json()
    assert again["items"] == served["items"]


def test_without_any_rules_a_list_is_the_strategys_own(built, asked, client):
    user = Artifacts(Workspace(built), "hm").users[7]
    body = {"user": user, "dataset": "hm", "k": K, "rules": {}}
    plain = client.get(f"/recommend/user/{user}", params={"dataset": "hm", "top_k": K}).json()
    assert asked.post("/recommend/preview", json=body).json()["items"] == plain["items"]
    assert asked.get("/ready").json()["datasets"]["hm"]["ruled"] is True
    assert client.get("/ready").json()["datasets"]["hm"]["ruled"] is False


def test_a_guest_tries_rules_too(asked, items):
    body = {"events": [{"item": items["item"][10]}], "dataset": "hm", "k": K, "rules": TRIED}
    answer = asked.post("/recommend/preview", json=body).json()
    kinds = pl.DataFrame({"item": [i["item"] for i in answer["items"]]}).join(items, on="item")
    assert kinds[CAPPED].n_unique() == K
    assert answer["user"] is None


def test_the_rules_there_are_can_be_asked_for(asked, rules):
    answer = asked.get("/rules", params={"dataset": "hm"}).json()
    assert answer["names"][:2] == ["where 1", "raised"]
    assert tomllib.loads(answer["toml"])["datasets"]["hm"]["rules"]["cap"] == answer["rules"]["cap"]
    assert answer["rules"]["cap"] == [{"column": CAPPED, "most": MOST}]


@pytest.mark.parametrize(
    ("tried", "told"),
    [
        ({"cap": [{"column": "nope", "most": 1}]}, "rule 'cap nope': items of hm have no column"),
        ({"cap": [{"column": CAPPED, "most": "1"}]}, "valid integer"),
        ({"cap": [{"column": CAPPED, "most": 1, "more": 2}]}, "Extra inputs"),
        ({"pin": [{"item": "gone"}]}, "hm has no item 'gone'"),
        ({"boost": [{"where": "a=b", "by": 1e300}]}, "less than or equal to 1000"),
        ({"pin": [{"item": str(n), "rank": n + 1} for n in range(51)]}, "more than 50"),
        ({"boost": [{"where": [], "by": 2}]}, "names no condition"),
        ({"where": ["item=" + "x" * 2001]}, "more than 2,000 characters"),
        ({"where": ["item in a"] * 2 + ["price <"]}, "rule 'where 1'"),
    ],
)
def test_rules_that_cannot_be_tried_are_refused(asked, tried, told):
    body = {"user": "x", "dataset": "hm", "rules": tried}
    answer = asked.post("/recommend/preview", json=body)
    assert answer.status_code == 422
    assert told in answer.json()["error"]


def test_what_is_tried_is_shown_to_nobody(built, tmp_path):
    root = tmp_path / "workspace"
    shutil.copytree(built, root)
    with TestClient(app_over(root, tmp_path, log_lists=True)) as client:
        body = {"user": "somebody", "dataset": "hm", "rules": TRIED}
        assert client.post("/recommend/preview", json=body).status_code == 200
        shown = client.post("/recommend/session", json={"events": [], "dataset": "hm"}).json()
        context = client.app.state.context
        context.shown.close()
        assert [one.request for one in context.live.lists()] == [shown["request_id"]]


def test_a_new_build_without_an_item_or_a_column_goes_on_with_the_other_rules(
    workspace, tmp_path, caplog
):
    articles = workspace / "data/hm_raw/articles.csv"
    table = pl.read_csv(articles, infer_schema=False)
    sales = pl.read_csv(workspace / "data/hm_raw/transactions_train.csv", infer_schema=False)
    unsold = table.filter(~pl.col("article_id").is_in(sales["article_id"].implode()))
    gone = unsold["article_id"][0]
    overrides = [
        f'datasets.hm.rules.pin=[{{ item = "{gone}", rank = 1 }}]',
        "datasets.hm.rules.boost="
        '[{ name = "dark", where = "perceived_colour_value_name=Dark", by = 2 }]',
        f'datasets.hm.rules.cap=[{{ column = "{CAPPED}", most = {MOST} }}]',
    ]
    app = app_over(workspace, tmp_path, overrides=overrides)
    with TestClient(app, raise_server_exceptions=False) as client:
        asked = {"dataset": "hm", "top_k": K, "strategy": "popular"}
        before = client.get("/recommend/user/nobody", params=asked).json()
        assert before["items"][0]["item"] == gone
        left = table.filter(pl.col("article_id") != gone).drop("perceived_colour_value_name")
        left.write_csv(articles)
        build(workspace)
        app.state.context.current.refresh()
        after = client.get("/recommend/user/nobody", params=asked).json()
        assert after["rules"] == [f"cap {CAPPED}"]
        kinds = pl.DataFrame({"item": [i["item"] for i in after["items"]]}).join(
            pl.read_parquet(workspace / "artifacts/items_hm.parquet"), on="item"
        )
        assert len(kinds) == K
        assert max(Counter(kinds[CAPPED]).values()) <= MOST
        problems = client.get("/ready").json()["problems"]["hm"]
    assert f"no item '{gone}'" in problems[f"rule pin {gone}"]
    assert "no column 'perceived_colour_value_name'" in problems["rule dark"]
    told = [record.message for record in caplog.records if record.name == "recsys.serve"]
    assert sum("rule 'dark'" in message for message in told) == 1
