"""The demo's H&M tables: schema, exact counts, determinism, and structure worth learning."""

import hashlib
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys_cli.datasets.demo import DemoSummary, make_demo
from recsys_cli.datasets.demo.generate import price_text

ARTICLE_COLUMNS = [
    "article_id", "product_code", "prod_name", "product_type_no", "product_type_name",
    "product_group_name", "graphical_appearance_no", "graphical_appearance_name",
    "colour_group_code", "colour_group_name", "perceived_colour_value_id",
    "perceived_colour_value_name", "perceived_colour_master_id", "perceived_colour_master_name",
    "department_no", "department_name", "index_code", "index_name", "index_group_no",
    "index_group_name", "section_no", "section_name", "garment_group_no", "garment_group_name",
    "detail_desc",
]  # fmt: skip
SIZE = {"customers": 1_500, "transactions": 40_000, "articles": 600}
LAST_WEEK = "2020-09-16"


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoSummary:
    return make_demo(tmp_path_factory.mktemp("demo"), **SIZE, seed=3, images=False)


@pytest.fixture(scope="module")
def articles(demo: DemoSummary) -> pl.DataFrame:
    return read(demo.hm / "articles.csv")


@pytest.fixture(scope="module")
def customers(demo: DemoSummary) -> pl.DataFrame:
    return read(demo.hm / "customers.csv")


@pytest.fixture(scope="module")
def transactions(demo: DemoSummary) -> pl.DataFrame:
    return read(demo.hm / "transactions_train.csv")


def test_articles_have_the_raw_schema(articles: pl.DataFrame) -> None:
    assert articles.columns == ARTICLE_COLUMNS
    assert articles.height == SIZE["articles"]
    ids = articles["article_id"]
    assert ids.is_sorted()
    assert ids.n_unique() == articles.height
    assert ids.str.contains(r"^0\d{9}$").all()
    assert (ids.str.slice(0, 7).str.strip_chars_start("0") == articles["product_code"]).all()
    empty = articles.null_count().row(0, named=True)
    assert [name for name, count in empty.items() if count] in ([], ["detail_desc"])
    assert empty["detail_desc"] < 0.03 * articles.height


def test_a_product_comes_in_distinct_colours_under_one_name(articles: pl.DataFrame) -> None:
    by_product = articles.group_by("product_code").agg(
        pl.len(),
        pl.col("colour_group_name").n_unique().alias("colours"),
        pl.col("prod_name").n_unique().alias("names"),
    )
    assert (by_product["colours"] == by_product["len"]).all()
    assert (by_product["names"] == 1).all()
    assert by_product["len"].max() > 2


def test_descriptions_state_colour_and_garment(articles: pl.DataFrame) -> None:
    told = articles.drop_nulls("detail_desc")
    for row in told.iter_rows(named=True):
        text = row["detail_desc"].lower()
        assert row["colour_group_name"].lower() in text
        assert text.endswith(" piece.")
        assert "{" not in text
    striped = told.filter(pl.col("graphical_appearance_name") == "Stripe")["detail_desc"]
    assert striped.len() > 10
    assert striped.str.contains("Striped").all()


def test_customers_have_the_raw_schema(customers: pl.DataFrame) -> None:
    assert customers.columns == [
        "customer_id",
        "FN",
        "Active",
        "club_member_status",
        "fashion_news_frequency",
        "age",
        "postal_code",
    ]
    assert customers.height == SIZE["customers"]
    assert customers["customer_id"].n_unique() == customers.height
    for name in ("customer_id", "postal_code"):
        assert customers[name].str.contains(r"^[0-9a-f]{64}$").all()
    assert customers["postal_code"].n_unique() < customers.height
    assert set(customers["FN"].unique()) == {None, "1.0"}
    assert set(customers["Active"].unique()) == {None, "1.0"}
    assert customers["age"].drop_nulls().str.contains(r"^\d\d\.0$").all()
    assert 0 < customers["age"].null_count() < 0.05 * customers.height


def test_ages_have_two_peaks(customers: pl.DataFrame) -> None:
    age = customers["age"].drop_nulls().cast(pl.Float64).to_numpy()
    young, between, older = (((age >= a) & (age < a + 8)).sum() for a in (21, 34, 46))
    assert young > 2 * between
    assert older > between


def test_transactions_have_the_raw_schema(
    transactions: pl.DataFrame, articles: pl.DataFrame, customers: pl.DataFrame
) -> None:
    assert transactions.columns == [
        "t_dat",
        "customer_id",
        "article_id",
        "price",
        "sales_channel_id",
    ]
    assert transactions.height == SIZE["transactions"]
    assert transactions["t_dat"].is_sorted()
    assert transactions["t_dat"].str.to_date("%Y-%m-%d").is_not_null().all()
    assert transactions["t_dat"][0] == "2018-09-20"
    assert transactions["t_dat"][-1] == "2020-09-22"
    assert transactions["article_id"].is_in(articles["article_id"].implode()).all()
    assert transactions["customer_id"].is_in(customers["customer_id"].implode()).all()
    assert set(transactions["sales_channel_id"].unique()) == {"1", "2"}
    price = transactions["price"].cast(pl.Float64)
    assert price.min() > 0
    assert price.max() < 1


@pytest.mark.parametrize(
    ("cents", "text"),
    [(1999, "0.0338813559322033"), (499, "0.008457627118644"), (27, "0.000457627118644")],
)  # fmt: skip
def test_prices_are_written_like_the_raw_ones(cents: int, text: str) -> None:
    assert price_text(cents) == text
    assert abs(float(price_text(cents)) - cents / 59_000) < 1e-15


def test_activity_and_popularity_are_heavy_tailed(
    transactions: pl.DataFrame, customers: pl.DataFrame
) -> None:
    per_customer = transactions.group_by("customer_id").len()["len"]
    assert per_customer.mean() > 1.7 * per_customer.median()
    assert (per_customer <= 2).sum() > 0.05 * customers.height
    assert per_customer.len() < customers.height, "some customers never buy"
    per_article = np.sort(transactions.group_by("article_id").len()["len"].to_numpy())[::-1]
    top = per_article[: SIZE["articles"] // 10].sum()
    assert top > 0.25 * SIZE["transactions"]


def test_some_articles_are_first_sold_in_the_last_week(transactions: pl.DataFrame) -> None:
    first = transactions.group_by("article_id").agg(pl.col("t_dat").min())
    cold = first.filter(pl.col("t_dat") >= LAST_WEEK).height
    assert 3 <= cold < 0.1 * first.height


def test_articles_rise_and_decay(transactions: pl.DataFrame) -> None:
    span = transactions.group_by("article_id").agg(
        pl.len(), (pl.col("t_dat").max().str.to_date() - pl.col("t_dat").min().str.to_date())
        .dt.total_days().alias("days"),
    )  # fmt: skip
    sold = span.filter(pl.col("len") > 20)
    assert (sold["days"] < 300).sum() > 0.2 * sold.height
    assert (sold["days"] > 650).sum() > 0.1 * sold.height


def test_customers_buy_again_the_article_or_another_colour(
    transactions: pl.DataFrame, articles: pl.DataFrame
) -> None:
    joined = transactions.join(articles.select("article_id", "product_code"), on="article_id")
    days = joined.group_by("customer_id", "article_id").agg(pl.col("t_dat").n_unique())["t_dat"]
    assert (days > 1).mean() > 0.03
    colours = joined.group_by("customer_id", "product_code").agg(pl.col("article_id").n_unique())
    assert (colours["article_id"] > 1).mean() > 0.03


def test_swimwear_sells_in_summer(transactions: pl.DataFrame, articles: pl.DataFrame) -> None:
    month = transactions.join(articles, on="article_id").with_columns(
        pl.col("t_dat").str.slice(5, 2).cast(pl.Int32).alias("month")
    )
    swim = month.filter(pl.col("product_group_name") == "Swimwear")["month"]
    summer = swim.is_in([5, 6, 7, 8]).sum()
    winter = swim.is_in([11, 12, 1, 2]).sum()
    assert summer > 3 * winter


def test_taste_follows_age(
    transactions: pl.DataFrame, articles: pl.DataFrame, customers: pl.DataFrame
) -> None:
    rows = transactions.join(articles, on="article_id").join(customers, on="customer_id")
    age = pl.col("age").cast(pl.Float64)
    youth = (pl.col("index_group_name") == "Youth").mean()
    young = rows.filter(age < 28).select(youth).item()
    older = rows.filter(age > 45).select(youth).item()
    assert young > 2 * older


def test_same_arguments_same_bytes_other_seed_other_bytes(tmp_path: Path) -> None:
    small = {"customers": 80, "transactions": 900, "articles": 60}
    made = {}
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        make_demo(tmp_path / name, **small, seed=seed, max_images=8)
        made[name] = digests(tmp_path / name)
    assert made["a"] == made["b"]
    assert len(made["a"]) > 12
    changed = {name for name in made["c"] if made["a"].get(name) != made["c"][name]}
    assert {"data/hm_raw/transactions_train.csv", "data/rr_raw/events.csv"} <= changed


@pytest.mark.parametrize(
    ("customers", "transactions", "articles"), [(1, 1, 1), (3, 2, 1), (2, 500, 3), (50, 7, 40)]
)
def test_any_size_is_exact(
    tmp_path: Path, customers: int, transactions: int, articles: int
) -> None:
    made = make_demo(
        tmp_path, customers=customers, transactions=transactions, articles=articles, images=False
    )
    assert read(made.hm / "articles.csv").height == articles
    assert read(made.hm / "customers.csv").height == customers
    assert read(made.hm / "transactions_train.csv").height == transactions


def test_blocks_do_not_depend_on_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from recsys_cli.datasets.demo import purchases
    from recsys_cli.datasets.demo.catalogue import make_catalogue
    from recsys_cli.datasets.demo.customers import make_customers
    from recsys_cli.datasets.demo.shop import open_shop

    monkeypatch.setattr(purchases, "BLOCK", 50)
    catalogue, people = make_catalogue(80, 1), make_customers(120, 2_000, 1)
    shop = open_shop(catalogue, 1)
    alone = purchases.simulate_block(shop, people, 1, 50)
    again = purchases.simulate_block(shop, people, 1, 50)
    assert np.array_equal(alone.article, again.article)
    assert alone.customer.min() >= 50
    assert alone.customer.max() < 100
    assert alone.day.size == people.purchases[50:100].sum()


def test_no_word_of_the_vocabulary_is_left_unfilled(articles: pl.DataFrame) -> None:
    assert not any(re.search(r"[{}]|None|nan", name) for name in articles["prod_name"])
