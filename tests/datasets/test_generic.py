"""The generic adapter: guessing files and columns, and saying what to write where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets import guess
from recsys_cli.datasets.adapters import raw_files
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import ConfigError, DataError

from .conftest import N_ROWS, Workspace, gzipped, write_csv


def spec_of(shop: Workspace) -> DatasetSpec:
    return DatasetSpec.model_validate_json((shop.out / "spec_shop.json").read_text())


def frame_of(shop: Workspace) -> pl.DataFrame:
    return pl.read_csv(shop.raw / "log.csv", infer_schema=False)


def test_roles_are_guessed(shop: Workspace) -> None:
    report = shop.ingest()
    events, spec = shop.table("events"), spec_of(shop)

    assert (report.events, report.users, report.items) == (N_ROWS, 23, 19)
    assert spec.events == ["buy", "view"]
    assert spec.weights == {"buy": 5.0, "view": 1.0}
    assert (spec.repurchase, spec.has_time) == (False, True)
    assert events["event"].to_list()[:4] == [1, 0, 0, 1]
    assert events["value"].to_list()[:6] == [0, 1, 2, 3, 4, 0]
    users = shop.table("users")
    assert users["user"].to_list() == [f"u{i}" for i in range(23)]
    assert users["in_catalogue"].all()


@pytest.mark.parametrize("format_", ["tsv", "jsonl", "jsonl.gz", "csv.gz", "parquet", "ndjson"])
def test_every_format_gives_the_same_events(shop: Workspace, format_: str) -> None:
    shop.ingest()
    plain = shop.artifacts()
    frame, path = frame_of(shop), shop.raw / "log.csv"
    typed = frame.with_columns(pl.col("timestamp", "rating").cast(int))
    target = shop.raw / f"log.{format_.removesuffix('.gz')}"
    match format_.removesuffix(".gz"):
        case "tsv":
            frame.write_csv(target, separator="\t")
        case "csv":
            frame.write_csv(target)
        case "parquet":
            typed.write_parquet(target)
        case _:
            typed.write_ndjson(target)
    if target != path:
        path.unlink()
    if format_.endswith(".gz"):
        gzipped(target)

    shop.ingest()

    assert shop.artifacts() == plain


def test_json_lines_with_numbers_as_ids_and_odd_lines(shop: Workspace) -> None:
    rows = [{"user": i % 9, "item": f"0{i % 5}", "rating": i / 2} for i in range(N_ROWS)]
    lines = [json.dumps(row).encode() for row in rows]
    lines[7] = b'{"user": 1, "item"'
    lines[9] = b"[1, 2]"
    lines[11] = b'{"user": "caf\xe9", "item": "1"}'
    lines[13] = b""
    (shop.raw / "log.csv").unlink()
    (shop.raw / "log.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))

    report = shop.ingest()

    assert shop.table("users")["user"].to_list() == [str(i) for i in range(9)]
    assert (report.events, report.skipped) == (N_ROWS - 4, 3)
    finding = shop.find("events.json")
    assert (finding.status, finding.line, finding.count) == ("warn", 8, 2)
    assert shop.find("events.encoding").line == 12


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "ndjson"])
def test_json_lines_with_missing_keys_and_mixed_ids(shop: Workspace, suffix: str) -> None:
    rows = [{"user": i % 9 if i % 2 else str(i % 9), "item": i % 5, "price": i} for i in range(400)]
    for row in rows[::4]:
        del row["price"]
    lines = [json.dumps(row) for row in rows]
    lines[30] = '{"user": 1,'
    (shop.raw / "log.csv").unlink()
    path = shop.raw / f"log.{suffix.removesuffix('.gz')}"
    path.write_text("\n".join(lines) + "\n")
    if suffix.endswith(".gz"):
        gzipped(path)

    report = shop.ingest()

    assert (report.users, report.items, report.events, report.skipped) == (9, 5, 399, 1)
    assert shop.table("events")["value"].null_count() == 100
    finding = shop.find("events.json")
    assert (finding.file, finding.line, finding.count) == (f"log.{suffix}", 31, 1)


def test_json_lines_without_an_item_key_name_the_line(shop: Workspace) -> None:
    lines = [json.dumps({"user": i % 9, "item": i % 5}) for i in range(N_ROWS)]
    lines[5] = '{"user": 3}'
    lines.insert(2, "")
    (shop.raw / "log.csv").unlink()
    (shop.raw / "log.jsonl").write_text("\n".join(lines))

    finding = shop.find("events.empty_item")

    assert (finding.status, finding.line, finding.count) == ("warn", 7, 1)


def test_items_and_users_files_are_found_and_used(shop: Workspace) -> None:
    header = ("id", "title", "genre", "year", "source")
    movies = [(f"i{i}", f"Film {i}", f"g{i % 3}", 1990 + i, "tape") for i in range(25)]
    write_csv(shop.raw / "films.csv", ("item_id", *header[1:]), movies)
    people = [(f"u{i}", 20 + i, "m" if i % 2 else "f") for i in range(23)]
    write_csv(shop.raw / "people.csv", ("user_id", "age", "sex"), people)
    shop.set(segment_columns=["sex"])

    report = shop.ingest()
    items, spec = shop.table("items"), spec_of(shop)

    assert (report.items, report.users) == (25, 23)
    assert items.columns == [
        "item", "source", "name", "in_catalogue", "image", "title", "genre", "year", "source_raw",
    ]  # fmt: skip
    assert items["name"].to_list()[:2] == ["Film 0", "Film 1"]
    assert items["source"].unique().to_list() == ["shop"]
    assert items["source_raw"].unique().to_list() == ["tape"]
    assert spec.text_columns == ["title", "genre", "source_raw"]
    assert spec.category_columns == ["genre", "source_raw"]
    assert spec.segment_columns == ["sex"]
    assert shop.table("users").columns == ["user", "in_catalogue", "age", "sex"]
    names = [path.name for path in raw_files(shop.config, shop.root)]
    assert names == ["log.csv", "films.csv", "people.csv"]


def test_columns_of_items_can_be_chosen(shop: Workspace) -> None:
    films = [(i, f"i{i}", f"Film {i}", f"p/{i}.jpg") for i in range(19)]
    write_csv(shop.raw / "films.csv", ("id", "code", "label", "poster"), films)
    shop.set(items="films.csv", item_id="code", name_column="label", image_column="poster")

    shop.ingest()

    items = shop.table("items")
    assert items["item"].to_list() == [f"i{i}" for i in range(19)]
    assert items["name"].to_list()[3] == "Film 3"
    assert items["image"].to_list()[3] == "p/3.jpg"
    assert spec_of(shop).image_root == "raw"
    with pytest.raises(ConfigError, match="no column 'nome'") as raised:
        shop.set(name_column="nome").ingest()
    assert "label" in (raised.value.hint or "")


def test_recbole_headers_and_files(shop: Workspace) -> None:
    frame = frame_of(shop).select(
        pl.col("user_id").alias("user_id:token"),
        pl.col("item_id").alias("item_id:token"),
        pl.col("timestamp").alias("timestamp:float"),
    )
    (shop.raw / "log.csv").unlink()
    frame.write_csv(shop.raw / "x.inter", separator="\t", quote_style="never")
    lines = ["item_id:token\ttitle:token_seq"] + [f'i{i}\tThe "{i}' for i in range(19)]
    (shop.raw / "x.item").write_text("\n".join(lines) + "\n")

    shop.ingest()

    assert shop.table("items")["name"].to_list()[:2] == ['The "0', 'The "1']
    assert spec_of(shop).events == ["interaction"]
    again = shop.table("events")
    shop.set(columns={"user": "user_id", "item": "item_id:token"}).ingest()
    assert shop.table("events").equals(again)


@pytest.mark.parametrize(
    ("header", "words", "hint"),
    [
        ("who,what,when", "no file looks like events", "events ="),
        ("user_id,when", "no file looks like events", "item ="),
        ("user_id,customer_id,item_id", "several columns could be the user", "user ="),
        ("user_id,item_id,product_id", "several columns could be the item", "item ="),
    ],
)
def test_a_failed_guess_names_the_columns_and_the_line_to_write(
    shop: Workspace, header: str, words: str, hint: str
) -> None:
    (shop.raw / "log.csv").write_text(f"{header}\n" + "a,b,c\n" * 3)

    with pytest.raises(ConfigError, match=words) as raised:
        shop.ingest()

    assert all(column in raised.value.message for column in header.split(","))
    assert hint in (raised.value.hint or "")


def test_configured_columns_settle_an_ambiguity(shop: Workspace) -> None:
    frame = frame_of(shop).rename({"event": "customer_id"})
    frame.write_csv(shop.raw / "log.csv")

    report = shop.set(columns={"user": "user_id"}).ingest()

    assert report.users == 23


def test_columns_of_any_name_can_be_configured(shop: Workspace) -> None:
    frame_of(shop).rename({"user_id": "who", "item_id": "what"}).write_csv(shop.raw / "log.csv")

    report = shop.set(columns={"user": "who", "item": "what"}).ingest()

    assert (report.users, report.items) == (23, 19)


def test_a_configured_column_that_is_not_there(shop: Workspace) -> None:
    finding = shop.set(columns={"value": "stars"}).find("events.columns")

    assert (finding.status, finding.column, finding.line) == ("fail", "stars", 1)
    assert "rating" in finding.message
    assert 'columns = { value = "COLUMN" } in [datasets.shop]' in (finding.hint or "")


def test_a_configured_column_that_is_misspelt_is_corrected_in_recsys_toml(shop: Workspace) -> None:
    write_csv(shop.raw / "films.csv", ("film_id", "title"), [(f"i{i}", i) for i in range(19)])
    finding = shop.set(columns={"user": "user"}).find("events.columns")

    assert finding.hint == 'correct recsys.toml: columns = { user = "user_id" } in [datasets.shop]'
    shop.set(columns={}, items="films.csv", item_id="film")
    assert shop.find("items.columns").hint == (
        'correct recsys.toml: item_id = "film_id" in [datasets.shop]'
    )


def test_two_files_of_items_prefer_the_one_with_titles(shop: Workspace) -> None:
    write_csv(shop.raw / "films.csv", ("item_id", "title"), [("i1", "One")])
    write_csv(shop.raw / "links.csv", ("item_id", "url"), [("i1", "x")])

    assert [p.name for p in raw_files(shop.config, shop.root)] == ["log.csv", "films.csv"]
    write_csv(shop.raw / "links.csv", ("item_id", "title"), [("i1", "x")])
    with pytest.raises(ConfigError, match="several files look like items"):
        raw_files(shop.config, shop.root)
    assert len(raw_files(shop.set(items="").config, shop.root)) == 1


def test_a_configured_file_that_is_not_there(shop: Workspace) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        raw_files(shop.set(events="nowhere.csv").config, shop.root)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()

    with pytest.raises(ConfigError, match="holds no CSV"):
        raw_files(DatasetConfig(kind="generic", path="raw"), tmp_path)


def test_settings_that_do_not_fit_the_data(shop: Workspace) -> None:
    for setting, value in (
        ("weights", {"steal": 1.0}),
        ("truth_events", ["steal"]),
        ("text_columns", ["plot"]),
        ("segment_columns", ["town"]),
    ):
        with pytest.raises(ConfigError, match=setting) as raised:
            shop.set(**{setting: value}).ingest()
        assert raised.value.hint
        shop.set(**{setting: None})
    with pytest.raises(ConfigError, match="value_as_weight"):
        shop.set(value_as_weight=True, columns={"value": ""}).ingest()


def test_too_many_kinds_of_event_mean_the_wrong_column(shop: Workspace) -> None:
    finding = shop.set(columns={"event": "timestamp"}).find("events.kinds")

    assert (finding.status, finding.column, finding.count) == ("fail", "timestamp", N_ROWS)
    assert 'event = ""' in (finding.hint or "")


def test_users_of_rows_left_out_get_no_row(shop: Workspace) -> None:
    shop.edit("log.csv", 3, lambda b: b.replace(b"u1,", b"ghost,").replace(b"1600000001", b"soon"))

    report = shop.ingest()

    assert (report.users, report.skipped) == (23, 1)
    assert "ghost" not in shop.table("users")["user"].to_list()


@pytest.mark.parametrize(
    ("columns", "user", "item", "time", "value"),
    [
        ("userId,movieId,rating,timestamp", "userId", "movieId", "timestamp", "rating"),
        ("visitorid,event,itemid,timestamp", "visitorid", "itemid", "timestamp", None),
        ("t_dat,customer_id,article_id,price", "customer_id", "article_id", "t_dat", "price"),
        ("User-ID,ISBN,Book-Rating", "User-ID", "ISBN", None, "Book-Rating"),
        ("session_id,user_id,item_id,date", "user_id", "item_id", "date", None),
        ("user_id:token,item_id:token,rating:float", "user_id:token", "item_id:token", None,
         "rating:float"),
        ("uid,product id,Order Date,Quantity", "uid", "product id", "Order Date", "Quantity"),
    ],
)  # fmt: skip
def test_guesses_on_well_known_headers(
    columns: str, user: str, item: str, time: str | None, value: str | None
) -> None:
    names = columns.split(",")

    roles = ("user", "item", "time", "value")
    assert [guess.guess_role(names, role) for role in roles] == [user, item, time, value]


def test_an_items_column_called_name_is_the_name(shop: Workspace) -> None:
    films = [(f"i{i}", f"Film {i}", f"{i}.jpg", f"s{i}") for i in range(19)]
    write_csv(shop.raw / "films.csv", ("item_id", "name", "image", "item"), films)
    shop.set(item_id="item_id")

    shop.ingest()
    items = shop.table("items")

    assert items.columns[5:] == ["image_raw", "item_raw"]
    assert items["name"].to_list()[:2] == ["Film 0", "Film 1"]
    assert items["image"].null_count() == 19
    assert spec_of(shop).text_columns == ["name", "item_raw"]
    shop.set(image_column="image").ingest()
    assert shop.table("items")["image"].to_list()[1] == "1.jpg"
