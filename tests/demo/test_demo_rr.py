"""The demo's RetailRocket tables: schema, funnel, category tree, and the known visitor."""

from pathlib import Path

import polars as pl
import pytest

from recsys_cli.datasets.demo import DemoSummary, make_demo
from recsys_cli.datasets.demo.retailrocket import RrSize

DAY = 86_400_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoSummary:
    return make_demo(
        tmp_path_factory.mktemp("demo"), customers=1_000, transactions=30_000, articles=500,
        seed=4, images=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def events(demo: DemoSummary) -> pl.DataFrame:
    return pl.read_csv(demo.rr / "events.csv")


@pytest.fixture(scope="module")
def properties(demo: DemoSummary) -> pl.DataFrame:
    parts = [pl.read_csv(demo.rr / f"item_properties_part{i}.csv",
                         schema_overrides={"value": pl.String, "property": pl.String})
             for i in (1, 2)]  # fmt: skip
    return pl.concat(parts)


@pytest.fixture(scope="module")
def tree(demo: DemoSummary) -> pl.DataFrame:
    return pl.read_csv(demo.rr / "category_tree.csv")


def test_events_have_the_raw_schema(events: pl.DataFrame, demo: DemoSummary) -> None:
    assert events.columns == ["timestamp", "visitorid", "event", "itemid", "transactionid"]
    assert 0.85 * 25_000 < events.height < 1.15 * 25_000
    assert set(events["event"].unique()) == {"view", "addtocart", "transaction"}
    days = (events["timestamp"].max() - events["timestamp"].min()) / DAY
    assert 130 < days < 139
    paid = events["event"] == "transaction"
    assert (events["transactionid"].is_not_null() == paid).all()


def test_no_event_is_logged_twice_and_the_summary_counts_what_is_there(
    events: pl.DataFrame, demo: DemoSummary
) -> None:
    assert events.height == events.unique().height == demo.rr_events
    assert events["visitorid"].n_unique() == demo.rr_visitors
    again = make_demo(
        demo.rr.parents[1], customers=1_000, transactions=30_000, articles=500, seed=4,
        images=False,
    )  # fmt: skip
    assert "rr_raw" in again.skipped
    assert (again.rr_events, again.rr_visitors) == (demo.rr_events, demo.rr_visitors)


def test_funnel_narrows_and_keeps_its_order(events: pl.DataFrame) -> None:
    counts = dict(events["event"].value_counts().iter_rows())
    assert counts["view"] > 8 * counts["addtocart"]
    assert counts["addtocart"] > 1.5 * counts["transaction"]
    first = events.group_by("visitorid", "itemid", "event").agg(pl.col("timestamp").min())
    wide = first.pivot("event", index=["visitorid", "itemid"], values="timestamp")
    bought = wide.drop_nulls("transaction")
    assert bought.height > 50
    assert (bought["view"] < bought["addtocart"]).all()
    assert (bought["addtocart"] < bought["transaction"]).all()


def test_a_transaction_belongs_to_one_visitor(events: pl.DataFrame) -> None:
    bills = events.drop_nulls("transactionid").group_by("transactionid")
    per_bill = bills.agg(pl.col("visitorid").n_unique(), pl.len())
    assert (per_bill["visitorid"] == 1).all()
    assert per_bill["len"].max() > 1


def test_categories_form_a_tree_with_roots(tree: pl.DataFrame, properties: pl.DataFrame) -> None:
    assert tree.columns == ["categoryid", "parentid"]
    assert tree["categoryid"].n_unique() == tree.height
    parent = dict(tree.iter_rows())
    roots = [category for category, above in parent.items() if above is None]
    assert 2 <= len(roots) < tree.height / 3
    for start in parent:
        seen, category = 0, start
        while parent[category] is not None:
            category, seen = parent[category], seen + 1
            assert seen < 10, "a cycle"
    used = properties.filter(pl.col("property") == "categoryid")["value"].cast(pl.Int64)
    assert set(used.to_list()) <= set(parent)


def test_properties_are_weekly_snapshots(properties: pl.DataFrame, events: pl.DataFrame) -> None:
    assert properties.columns == ["timestamp", "itemid", "property", "value"]
    since = properties["timestamp"] - properties["timestamp"].min()
    assert (since % (7 * DAY) == 0).all()
    assert since.n_unique() == 18
    known = properties.filter(pl.col("property") == "categoryid")["itemid"]
    assert set(events["itemid"].unique()) <= set(known.to_list())
    available = properties.filter(pl.col("property") == "available")["value"]
    assert set(available.unique()) == {"0", "1"}
    price = properties.filter(pl.col("property") == "790")["value"]
    assert price.str.contains(r"^n\d+\.000$").all()


@pytest.mark.parametrize(
    "size",
    [
        {"customers": 1, "transactions": 1, "articles": 1},
        {"customers": 30, "transactions": 200, "articles": 20},
        {"customers": 900, "transactions": 3_000, "articles": 700},
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_visitor_123_always_has_history(tmp_path: Path, size: dict[str, int], seed: int) -> None:
    made = make_demo(tmp_path, **size, seed=seed, images=False)
    events = pl.read_csv(made.rr / "events.csv")
    mine = events.filter((pl.col("visitorid") == 123) & (pl.col("event") == "view"))
    assert mine["itemid"].n_unique() >= 8
    assert (mine["timestamp"] // DAY).n_unique() >= 5
    assert events["visitorid"].n_unique() > 10


def test_visitor_123_keeps_to_a_taste(demo: DemoSummary, properties: pl.DataFrame,
                                      events: pl.DataFrame) -> None:  # fmt: skip
    category = properties.filter(pl.col("property") == "categoryid").sort("timestamp")
    leaf = category.unique("itemid", keep="first", maintain_order=True)
    leaf = leaf.select("itemid", pl.col("value").alias("leaf"))
    with_leaf = events.join(leaf, on="itemid")
    mine = with_leaf.filter(pl.col("visitorid") == 123)["leaf"].n_unique()
    assert mine <= 4 < leaf["leaf"].n_unique()


def test_size_follows_hm_within_the_real_bounds() -> None:
    small = RrSize.beside(customers=1, transactions=1, articles=1)
    full = RrSize.beside(customers=1_371_980, transactions=31_788_324, articles=105_542)
    assert small == RrSize(visitors=50, items=60, events=1_000)
    assert full == RrSize(visitors=1_407_580, items=105_542, events=2_756_101)
