"""A day is added to the demo: like those before it, by new customers and of new articles too."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from recsys_cli.assembly import load_config
from recsys_cli.cli.app import app
from recsys_cli.datasets.demo import add_day, make_demo
from recsys_cli.datasets.demo.folders import MARKER
from recsys_cli.datasets.demo.nextday import last_week
from recsys_cli.datasets.ingest import validate
from recsys_cli.errors import UsageError

SIZE = {"customers": 4_500, "transactions": 60_000, "articles": 2_100}
TINY = {"customers": 20, "transactions": 100, "articles": 15}
DAY = 86_400_000
HM = {"articles.csv": "article_id", "customers.csv": "customer_id"}
NEXT, AFTER = "2020-09-23", "2020-09-24"


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted((root / "data").rglob("*"))
        if path.is_file()
    }


def cli(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("before")
    make_demo(root, **SIZE, seed=3, images=False)
    return root


@pytest.fixture(scope="module")
def after(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo and two days more."""
    root = tmp_path_factory.mktemp("after") / "shop"
    shutil.copytree(before, root)
    for _ in range(2):
        add_day(root, seed=7)
    return root


@pytest.fixture
def shop(before: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(before, tmp_path / "shop"))


def test_what_was_there_stays_and_tables_stay_sorted(before: Path, after: Path) -> None:
    new = contents(after)
    for name, was in contents(before).items():
        if (key := HM.get(Path(name).name)) is None:
            assert new[name].startswith(was)
            continue
        old, table = read(before / name), read(after / name)
        assert table.filter(pl.col(key).is_in(old[key].implode())).equals(old)
        assert table[key].is_sorted()
        assert table[key].n_unique() == table.height
        assert table[-1, key] == old[-1, key], "new ids come in the middle"
    assert set(new) == set(contents(before))


def test_sales_of_the_days_are_like_those_of_the_week_before(before: Path, after: Path) -> None:
    name = "data/hm_raw/transactions_train.csv"
    old = read(before / name)
    rows = read(after / name)[old.height :]
    assert rows["t_dat"].unique(maintain_order=True).to_list() == [NEXT, AFTER]
    week = old.filter(pl.col("t_dat") > "2020-09-15")
    first = rows.filter(pl.col("t_dat") == NEXT)
    assert first.height == round(week.height / 7)
    assert not first["price"].is_in(week["price"].implode()).not_().any()
    for key, table in (("customer_id", "customers"), ("article_id", "articles")):
        sold = set(first[key])
        known = set(read(before / f"data/hm_raw/{table}.csv")[key])
        assert len(sold - known) == 2
        assert sold & known <= set(week[key])
        everyone = set(read(after / f"data/hm_raw/{table}.csv")[key])
        assert set(rows[key]) <= everyone
        assert len(everyone) == len(known) + 4


@pytest.mark.parametrize("chunk", [500, 20_000, 1 << 30])
def test_the_last_week_is_read_from_the_end(before: Path, chunk: int) -> None:
    path = before / "data/hm_raw/transactions_train.csv"
    week = read(path).filter(pl.col("t_dat") > "2020-09-15")
    assert last_week(path, chunk=chunk).equals(week)


def test_new_customers_and_articles_look_like_others(before: Path, after: Path) -> None:
    looks = {"articles.csv": r"^0\d{9}$", "customers.csv": r"^[0-9a-f]{64}$"}
    for name, key in HM.items():
        old, table = read(before / "data/hm_raw" / name), read(after / "data/hm_raw" / name)
        new = table.filter(pl.col(key).is_in(old[key].implode()).not_())
        assert new[key].str.contains(looks[name]).all()
        rest = [column for column in table.columns if column not in (key, "product_code")]
        assert new.join(old, on=rest, how="anti", nulls_equal=True).is_empty()
        if name == "articles.csv":
            assert (
                new[key].str.slice(0, 7).str.strip_chars_start("0") == new["product_code"]
            ).all()
            assert not new["product_code"].is_in(old["product_code"].implode()).any()


def test_events_of_the_days_are_like_those_of_the_week_before(before: Path, after: Path) -> None:
    old, table = (pl.read_csv(root / "data/rr_raw/events.csv") for root in (before, after))
    rows = table[old.height :].with_columns(day=pl.col("timestamp") // DAY)
    last = old["timestamp"].max() // DAY
    assert rows["day"].unique(maintain_order=True).to_list() == [last + 1, last + 2]
    week = old.filter(pl.col("timestamp") // DAY >= last - 7)
    first = rows.filter(pl.col("day") == last + 1)
    assert 0.8 < first.height / (week.height / 7) < 1.2
    assert dict(first["event"].value_counts().iter_rows())["view"] > 0.8 * first.height
    assert len(set(first["visitorid"]) - set(old["visitorid"])) == 3
    paid = table.drop_nulls("transactionid").group_by("transactionid")
    assert paid.agg(pl.col("visitorid").n_unique())["visitorid"].max() == 1
    assert (rows["transactionid"].is_not_null() == (rows["event"] == "transaction")).all()
    assert table.drop_nulls("transactionid").height > old.drop_nulls("transactionid").height


def test_new_items_have_the_properties_of_others(before: Path, after: Path) -> None:
    name = "data/rr_raw/item_properties_part2.csv"
    old = pl.concat(read(path) for path in (before / "data/rr_raw").glob("item_properties*"))
    rows = read(after / name)[read(before / name).height :]
    assert not rows["itemid"].is_in(old["itemid"].implode()).any()
    assert rows["itemid"].n_unique() == 4
    assert rows.group_by("itemid").agg(pl.col("property").n_unique())[
        "property"
    ].unique().item() == (old["property"].n_unique())
    assert rows.join(old, on=["property", "value"], how="anti").is_empty()
    events = read(after / "data/rr_raw/events.csv")
    seen = events.group_by("itemid").agg(pl.col("timestamp").min().alias("first"))
    assert (
        (rows.join(seen, on="itemid").select(pl.col("timestamp") <= pl.col("first")))
        .to_series()
        .all()
    )
    assert set(rows["itemid"]) <= set(seen["itemid"])


def test_nothing_is_found_in_the_files_that_was_not_there_before(before: Path, after: Path) -> None:
    for dataset in ("hm", "rr"):
        found = [
            validate(dataset, load_config(root).datasets[dataset], workspace=root).findings
            for root in (before, after)
        ]
        was, now = ({(f.check, f.status) for f in findings} for findings in found)
        assert now == was


def test_the_same_call_gives_the_same_bytes(shop: Path, after: Path, tmp_path: Path) -> None:
    other = shutil.copytree(shop, tmp_path / "other")
    for _ in range(2):
        add_day(shop, seed=7)
    assert contents(shop) == contents(after)
    add_day(other, seed=8)
    rows = read(other / "data/hm_raw/transactions_train.csv")
    assert rows[-1, "t_dat"] == NEXT
    assert not rows.equals(read(after / "data/hm_raw/transactions_train.csv").head(rows.height))


def test_a_run_that_was_killed_between_two_files_is_made_good(shop: Path) -> None:
    sales = shop / "data/hm_raw/transactions_train.csv"
    was = sales.read_bytes()
    add_day(shop)
    sales.write_bytes(was)
    add_day(shop)
    for name, key in HM.items():
        assert not read(shop / "data/hm_raw" / name)[key].is_duplicated().any()
    assert read(sales)[-1, "t_dat"] == NEXT


def test_a_run_that_fails_leaves_all_as_it_was(shop: Path) -> None:
    events = shop / "data/rr_raw/events.csv"
    events.write_text("timestamp,visitorid,event,itemid,transactionid\nsoon,1,view,2,\n")
    was = contents(shop)
    with pytest.raises(pl.exceptions.PolarsError):
        add_day(shop)
    assert contents(shop) == was


def test_a_tiny_demo_has_a_next_day_too_and_pictures_of_it(tmp_path: Path) -> None:
    make_demo(tmp_path, **TINY)
    for _ in range(3):
        hm, rr = add_day(tmp_path)
        assert hm.added["purchases"] >= hm.added["new customers"] == hm.added["new articles"] == 1
        assert rr.added["events"] >= rr.added["new visitors"] == rr.added["new items"] == 1
    pictures = {path.stem for path in (tmp_path / "data/hm_raw/images").rglob("*.jpg")}
    assert pictures == set(read(tmp_path / "data/hm_raw/articles.csv")["article_id"])


def test_it_says_what_was_added(shop: Path) -> None:
    output = cli("demo", "--next-day", "-w", shop)
    sales = read(shop / "data/hm_raw/transactions_train.csv").filter(pl.col("t_dat") == NEXT)
    assert f"hm_raw {NEXT}: {sales.height} purchases, 2 new customers, 2 new articles" in output
    assert "rr_raw 2015-09-19: " in output
    assert "3 new visitors, 2 new items" in output
    assert f"recsys build all -w {shop}" in output


@pytest.mark.parametrize("missing", ["data/hm_raw", "data/rr_raw", "data/rr_raw/events.csv"])
def test_without_a_whole_demo_it_says_how_to_make_one(shop: Path, missing: str) -> None:
    there = shop / missing
    there.rename(shop / "elsewhere")
    output = cli("demo", "--next-day", "-w", shop, code=2)
    assert "There is no demo in" in output
    assert f"recsys demo -w {shop}" in output
    assert not (shop / "artifacts").exists()


def test_a_folder_without_the_marker_is_refused(shop: Path) -> None:
    (shop / "data/rr_raw" / MARKER).unlink()
    was = contents(shop)
    output = cli("demo", "--next-day", "-w", shop, code=2)
    assert "was not made by `recsys demo`" in output
    assert contents(shop) == was


def test_where_nothing_is_nothing_is_left(tmp_path: Path) -> None:
    assert "There is no demo" in cli("demo", "--next-day", "-w", tmp_path / "none", code=2)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "option",
    [["--customers", 9], ["--transactions", 9], ["--articles", 9], ["--force"], ["--images"],
     ["--no-images"]],
)  # fmt: skip
def test_options_of_a_whole_demo_are_refused(tmp_path: Path, option: list[object]) -> None:
    output = cli("demo", "--next-day", *option, "-w", tmp_path, code=2)
    assert f"--{str(option[0]).removeprefix('--').removeprefix('no-')} is idle" in output


def test_a_negative_seed_is_refused(shop: Path) -> None:
    with pytest.raises(UsageError, match="--seed"):
        add_day(shop, seed=-1)
