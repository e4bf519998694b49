"""What exports do to their files and rows, one thing at a time."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from datasets.formats import EVENTS
from datasets.test_formats import run
from recsys_cli.assembly import load_config
from recsys_cli.config.models import ColumnsConfig
from recsys_cli.datasets.cleaning import money_style
from recsys_cli.datasets.spelling import twins

from .conftest import Workspace

ROWS = [(f"u{e.user}", f"i{e.item}", f"{e.time:%Y-%m-%d}") for e in EVENTS[:200]]
HEADER = "user_id,item_id,date"


def only(shop: Workspace, text: str | bytes, name: str = "log.csv") -> None:
    """Put one file in place of those that are there."""
    for file in shop.raw.iterdir():
        file.unlink()
    (shop.raw / name).write_bytes(text.encode() if isinstance(text, str) else text)


def table(rows: list[tuple[object, ...]], header: str = HEADER, separator: str = ",") -> str:
    return "\n".join([header, *(separator.join(map(str, row)) for row in rows)]) + "\n"


def counted(shop: Workspace) -> tuple[int, int, int]:
    report = shop.ingest()
    return report.events, report.users, report.items


WANT = (200, len({row[0] for row in ROWS}), len({row[1] for row in ROWS}))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "cp1252", "utf-8-sig"])
def test_other_encodings(shop: Workspace, encoding: str) -> None:
    rows = [(user, f"café {item}", day) for user, item, day in ROWS]
    only(shop, table(rows).encode(encoding))
    if encoding not in ("utf-16", "utf-8-sig"):
        shop.set(encoding=encoding)
    assert counted(shop) == WANT
    assert shop.table("items")["item"][0].startswith("café i")


@pytest.mark.parametrize("separator", ["::", "||", "~|~", "\t", ";", "|", " "])
def test_separators(shop: Workspace, separator: str) -> None:
    only(shop, table(ROWS, HEADER.replace(",", separator), separator), "log.txt")
    assert counted(shop) == WANT


def test_a_separator_that_is_set_wins(shop: Workspace) -> None:
    only(shop, table(ROWS, HEADER.replace(",", " # "), " # "), "log.txt")
    shop.set(separator=" # ")
    assert counted(shop) == WANT


def test_lines_that_end_in_cr(shop: Workspace) -> None:
    only(shop, table(ROWS).replace("\n", "\r"))
    assert counted(shop) == WANT


def test_quotes_after_backslashes_keep_what_they_quote(shop: Workspace) -> None:
    rows = [(user, f'"a \\"{item}\\", b"', day) for user, item, day in ROWS]
    only(shop, table(rows))
    assert counted(shop) == WANT
    assert shop.table("items")["item"][0].startswith('a "i')


def test_a_json_array(shop: Workspace) -> None:
    names = HEADER.split(",")
    records = [dict(zip(names, row, strict=True)) for row in ROWS]
    only(shop, json.dumps(records, indent=2), "log.json")
    assert counted(shop) == WANT


def test_names_that_are_empty_or_there_twice_are_left_aside(shop: Workspace) -> None:
    only(shop, table([(*row, "", "x", "y") for row in ROWS], f"{HEADER},,note,note"))
    assert counted(shop) == WANT


def test_parts_are_one_table_and_lines_are_those_of_their_files(shop: Workspace) -> None:
    only(shop, table(ROWS[:70]), "log_2021-01.csv")
    broken = [*ROWS[70:130], ("", "i1", "2021-01-01")]
    (shop.raw / "log_2021-02.csv").write_text(table(broken))
    (shop.raw / "log_2021-03.csv").write_text(table(ROWS[130:]))
    assert counted(shop) == WANT
    finding = shop.find("events.empty_user")
    assert (finding.file, finding.line, finding.count) == ("log_2021-02.csv", 62, 1)


def test_parts_whose_columns_are_in_another_order(shop: Workspace) -> None:
    only(shop, table(ROWS[:70]), "log_1.csv")
    other = [(day, user, item) for user, item, day in ROWS[70:]]
    (shop.raw / "log_2.csv").write_text(table(other, "date,user_id,item_id"))
    assert counted(shop) == WANT


def test_a_folder_of_parts(shop: Workspace) -> None:
    only(shop, "")
    for file in shop.raw.iterdir():
        file.unlink()
    folder = shop.raw / "events"
    folder.mkdir()
    frame = pl.DataFrame(ROWS, schema=HEADER.split(","), orient="row")
    frame[:90].write_parquet(folder / "part-0.parquet")
    frame[90:].write_parquet(folder / "part-1.parquet")
    (folder / "_SUCCESS").touch()
    shop.set(events="events")
    assert counted(shop) == WANT


def test_a_join_needs_one_row_for_each_key(shop: Workspace) -> None:
    only(shop, table([(n, row[1]) for n, row in enumerate(ROWS)], "order_id,item_id"), "lines.csv")
    orders = [(n, row[0], row[2]) for n, row in enumerate(ROWS)]
    (shop.raw / "orders.csv").write_text(table(orders, "order_id,user_id,date"))
    shop.set(events="lines.csv", items="", join=[{"file": "orders.csv", "on": "order_id"}])
    assert counted(shop) == WANT
    (shop.raw / "orders.csv").write_text(table([*orders, orders[0]], "order_id,user_id,date"))
    assert shop.find("join1.keys").status == "fail"


@pytest.mark.parametrize("word", ["NA", "null", "None", "nan", "<NA>", " n/a "])
def test_words_for_missing_are_no_user(shop: Workspace, word: str) -> None:
    only(shop, table([*ROWS, (word, "i1", "2021-01-01")]))
    assert counted(shop) == WANT
    finding = shop.find("events.missing_user")
    assert (finding.status, finding.count) == ("warn", 1)
    shop.set(missing_ids=[])
    assert counted(shop) == (WANT[0] + 1, WANT[1] + 1, WANT[2])


def test_one_who_holds_far_more_than_any_other_is_no_user(shop: Workspace) -> None:
    crowd = [("0", f"i{n % 20}", "2021-01-01") for n in range(300)]
    only(shop, table([*ROWS, *crowd]))
    shop.set(guests="drop")
    assert counted(shop) == WANT
    assert shop.find("events.missing_user").example == "0"
    shop.set(missing_ids=[], guests=None)
    assert counted(shop)[1] == WANT[1] + 1


def test_guests(shop: Workspace) -> None:
    rows = [(row[0] if n % 4 else "", *row[1:], f"s{n % 9}") for n, row in enumerate(ROWS)]
    only(shop, table(rows, f"{HEADER},session_id"))
    assert shop.find("events.empty_user").status == "fail"
    shop.set(guests="drop")
    assert shop.ingest().events == 150
    shop.set(guests="session")
    assert shop.ingest().events == 200
    assert "session_id:s0" in shop.table("users")["user"].to_list()


def test_rows_are_kept_by_conditions(shop: Workspace) -> None:
    rows = [(*row, n % 5 + 1, "yes" if n % 2 else "no") for n, row in enumerate(ROWS)]
    only(shop, table(rows, f"{HEADER},rating,is_click"))
    for keep, want in (
        (["rating>=4"], 80), (["rating<2"], 40), (["rating=5"], 40), (["rating!=5"], 160),
        (["is_click=yes"], 100), (["is_click=yes", "rating>3"], 40), (["rating <= 2.0"], 80),
    ):  # fmt: skip
        shop.set(keep=keep)
        assert shop.ingest().events == want
        assert shop.find("events.keep").count == 200 - want


def test_returned_pieces(shop: Workspace) -> None:
    rows = [("a", "x", "2021-01-01", 3), ("a", "x", "2021-01-02", 2), ("a", "x", "2021-01-03", -4),
            ("b", "x", "2021-01-01", 1), ("b", "x", "2021-01-05", -1), ("b", "y", "2021-01-01", 2)]  # fmt: skip
    only(shop, table(rows, f"{HEADER},quantity"))
    assert shop.ingest().events == 6
    shop.set(returns="drop")
    assert shop.ingest().events == 4
    shop.set(returns="subtract", value_as_weight=True)
    assert shop.ingest().events == 2
    assert shop.table("events")["value"].to_list() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("cells", "style"),
    [
        (["$12.50", "€3"], "."), (["1,234.56"], "."), (["1.234,56"], ","), (["12,50 €"], ","),
        (["1,234"], "."), (["(12.50)", "$3"], "."), (["abc", "def"], None),
    ],
)  # fmt: skip
def test_amounts(cells: list[str], style: str | None) -> None:
    assert money_style(cells) == style


def test_too_many_cells_that_are_no_number_stop(shop: Workspace) -> None:
    rows = [(*row, "cheap" if n % 40 == 0 else n) for n, row in enumerate(ROWS)]
    only(shop, table(rows, f"{HEADER},price"))
    assert shop.find("events.value").status == "fail"


def test_twins_of_each_kind() -> None:
    ids = pl.Series(
        ["18", "18.0", "sku-1", "SKU-1", "a", "a\u00a0", "caf\u00e9", "cafe\u0301", "007", "7"]
    )
    assert {rule: count for rule, (count, _, _) in twins(ids).items()} == dict.fromkeys(
        ("spaces", "unicode", "decimals", "case", "zeros"), 1
    )


def test_twins_become_one(shop: Workspace) -> None:
    rows = [
        (user, item if n % 3 else item.upper(), day) for n, (user, item, day) in enumerate(ROWS)
    ]
    only(shop, table(rows))
    finding = shop.find("events.twins_item_case")
    assert (finding.status, 'normalize_ids = ["case"]' in (finding.hint or "")) == ("warn", True)
    shop.set(normalize_ids=["case"])
    assert counted(shop) == WANT


def test_gone_items_are_flagged_and_can_stay(shop: Workspace) -> None:
    from recsys_cli.store.packs import load_pack

    only(shop, table(ROWS))
    listed = sorted({row[1] for row in ROWS})[3:]
    (shop.raw / "items.csv").write_text(
        table([(item, f"Thing {item}") for item in listed], "item_id,name")
    )
    shop.ingest()
    ids = load_pack(shop.out / f"ids_{shop.name}.joblib")
    assert int(ids["item_gone"].sum()) == 3
    shop.set(gone_items="keep").ingest()
    assert "item_gone" not in load_pack(shop.out / f"ids_{shop.name}.joblib")


def test_pictures_by_hm_folders(shop: Workspace) -> None:
    only(shop, table([(user, "0108775015", day) for user, _, day in ROWS]))
    (shop.raw / "items.csv").write_text("item_id,name\n0108775015,Top\n108775044,Skirt\n")
    picture: Path = shop.raw / "images" / "010" / "0108775015.jpg"
    picture.parent.mkdir(parents=True)
    picture.touch()
    shop.ingest()
    assert shop.table("items")["image"].to_list() == ["images/010/0108775015.jpg", None]


def test_that_no_picture_is_found_says_what_lies_there(tmp_path: Path) -> None:

    folder = tmp_path / "data" / "shop"
    (folder / "img").mkdir(parents=True)
    (folder / "log.csv").write_text(table(ROWS))
    (folder / "items.csv").write_text("item_id,name\ni1,Mug\ni2,Cup\n")
    options = ("-w", tmp_path, "--set", "image.encoder=histogram")
    run("init", "-w", tmp_path)
    assert "there is no JPEG" in run("embed", "image", *options)
    (folder / "img" / "front.jpg").touch()
    run("ingest", "--force", "-w", tmp_path)
    said = run("embed", "image", "--force", *options)
    assert "img/front.jpg, that no column of the items names" in " ".join(said.split())


def test_a_quote_left_open_near_the_end_costs_its_row_alone(shop: Workspace) -> None:
    rows = [*ROWS[:190], ("u1", '"i1', "2021-01-01"), *ROWS[190:]]
    only(shop, table(rows))
    report = shop.ingest()
    assert (report.events, report.skipped) == (200, 1)
    assert shop.find("events.quotes").line == 192


def test_files_straight_in_data_and_folders_of_parts_are_found(tmp_path: Path) -> None:
    from recsys_cli.datasets.adapters import find_datasets

    parts = tmp_path / "data" / "lake" / "events.parquet"
    parts.mkdir(parents=True)
    frame = pl.DataFrame(ROWS, schema=HEADER.split(","), orient="row")
    frame[:90].write_parquet(parts / "part-0.parquet")
    frame[90:].write_parquet(parts / "part-1.parquet")
    (tmp_path / "data" / "log.csv").write_text(table(ROWS))
    found = {each.name: each.path for each in find_datasets(tmp_path)}
    assert found == {"lake": "data/lake", "shop": "data"}
    run("init", "-w", tmp_path)
    run("ingest", "-w", tmp_path)
    for name in found:
        assert len(pl.read_parquet(tmp_path / f"artifacts/events_{name}.parquet")) == len(ROWS)


def test_columns_with_names_of_another_language_are_known_by_what_they_hold(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "laden"
    folder.mkdir(parents=True)
    rows = [(user, item, f"{day[8:]}.{day[5:7]}.{day[:4]}", "3,50") for user, item, day in ROWS]
    (folder / "verkauf.csv").write_text(table(rows, "kunde;artikel;datum;preis", ";"))
    run("init", "-w", tmp_path)
    columns = load_config(tmp_path).datasets["laden"].columns
    assert (columns.user, columns.item, columns.time) == ("kunde", "artikel", "datum")
    run("validate", "-w", tmp_path)


@pytest.mark.parametrize(
    "before", ["sep=;\n", "\n\n", "# exported today\n# by the shop\n", "\ufeffsep=;\n"]
)
def test_lines_before_the_table_are_skipped_and_counted(shop: Workspace, before: str) -> None:
    rows = [*ROWS, ("", "i1", "2021-01-01")]
    only(shop, before + table(rows, HEADER.replace(",", ";"), ";"))
    assert counted(shop) == WANT
    assert shop.find("events.empty_user").line == len(rows) + 1 + before.count("\n")


def test_a_date_in_a_column_of_any_name_is_the_time(shop: Workspace) -> None:
    only(shop, table(ROWS, "user_id,item_id,bought"))
    assert str(shop.ingest().first).startswith(min(row[2] for row in ROWS))


def written(root: Path, name: str, text: str | bytes) -> tuple[str, ColumnsConfig]:
    """What `init` says of one file, and the columns that it writes."""
    folder = root / "data" / "shop"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    said = run("init", "-w", root)
    return said, load_config(root).datasets["shop"].columns


def test_of_several_times_of_day_that_called_like_the_day_is_taken(tmp_path: Path) -> None:
    rows = [(*row, f"{n % 24:02d}:00", f"{n % 12:02d}:30") for n, row in enumerate(ROWS)]
    header = "user_id,item_id,InvoiceDate,PickTime,InvoiceTime"
    said, columns = written(tmp_path, "log.csv", table(rows, header))
    assert (columns.time, columns.clock) == ("InvoiceDate", "InvoiceTime")
    assert "clock = InvoiceTime" in said
    run("ingest", "-w", tmp_path)
    times = pl.read_parquet(tmp_path / "artifacts/events_shop.parquet")["time"]
    assert set(times.dt.minute()) == {30}
    assert set(times.dt.hour()) == set(range(12))


def test_columns_whose_names_nobody_knows_are_found_beside_one_that_is_known(
    tmp_path: Path,
) -> None:
    rows = [(n // 2, user, item, day) for n, (user, item, day) in enumerate(ROWS)]
    rows = [(order, user, item, ROWS[2 * order][2]) for order, user, item, _ in rows]
    _, columns = written(tmp_path, "log.csv", table(rows, "tilaus,email,tuote,pvm"))
    assert (columns.user, columns.item, columns.time) == ("email", "tuote", "pvm")


def test_orders_are_not_taken_for_users(tmp_path: Path) -> None:
    rows = [(n // 2, *row[:2], ROWS[n // 2 * 2][2]) for n, row in enumerate(ROWS)]
    _, columns = written(tmp_path, "log.csv", table(rows, "tilaus,asiakas,tuote,pvm"))
    assert (columns.user, columns.item, columns.time) == ("asiakas", "tuote", "pvm")


def test_an_encoding_that_only_the_rows_show_is_found(tmp_path: Path) -> None:
    rows = [(*row, "Käse" if n > 20 else "Brot") for n, row in enumerate(ROWS)]
    text = table(rows, f"{HEADER},thing").encode("cp1252")
    said, _ = written(tmp_path, "log.csv", text)
    assert load_config(tmp_path).datasets["shop"].encoding == "cp1252"
    assert "not clear" not in said


def test_one_row_of_another_encoding_does_not_change_that_of_the_file(tmp_path: Path) -> None:
    rows = [(*row, "Käse") for row in ROWS]
    text = table(rows, f"{HEADER},thing").encode()
    broken = text.replace("Käse".encode(), "Käse".encode("cp1252"), 1)
    written(tmp_path, "log.csv", broken)
    assert load_config(tmp_path).datasets["shop"].encoding is None
