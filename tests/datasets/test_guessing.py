"""Which files the generic adapter takes for what, and what it says of those it cannot read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from recsys_cli.datasets.adapters import find_datasets, raw_files
from recsys_cli.errors import ConfigError, DataError

from .conftest import N_ROWS, Workspace, gzipped, write_csv

FILMS = [(f"i{i}", f"Film {i}") for i in range(19)]


@dataclass
class Case:
    change: Callable[[bytes], bytes]
    check: str
    words: str
    hint: str
    file: str = "log.csv"


UNREADABLE = {
    "empty": Case(lambda b: b"", "events.rows", "empty", "write the file again"),
    "not UTF-8": Case(lambda b: b"\xe9" + b, "events.encoding", "not UTF-8", "encoding = "),
    "not gzipped": Case(lambda b: b, "events.file", "not gzipped", "without .gz", "log.csv.gz"),
    "cut gzip": Case(
        lambda b: gzip.compress(b)[:500], "events.file", "ends before", "cut off", "log.csv.gz"
    ),
    "broken Parquet": Case(lambda b: b, "events.file", "parquet", "damaged", "log.parquet"),
    "no JSON": Case(lambda b: b, "events.file", "JSON object", "per line", "log.jsonl"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_is_told_as_such_without_being_named(shop: Workspace, name: str) -> None:
    case = UNREADABLE[name]
    data = case.change((shop.raw / "log.csv").read_bytes())
    (shop.raw / "log.csv").unlink()
    (shop.raw / case.file).write_bytes(data)

    finding = shop.find(case.check)

    assert (finding.status, finding.file) == ("fail", case.file)
    assert case.words in finding.message
    assert case.hint in (finding.hint or "")
    guessed = str(finding)
    assert str(shop.set(events=case.file).find(case.check)) == guessed
    with pytest.raises(DataError, match=case.words):
        shop.ingest()


def test_every_unreadable_file_is_told_where_none_can_be_the_events(shop: Workspace) -> None:
    (shop.raw / "log.csv").write_bytes(b"")
    (shop.raw / "more.csv.gz").write_bytes(b"x")
    write_csv(shop.raw / "films.csv", ("item_id", "title"), FILMS)

    with pytest.raises(DataError, match=r"log\.csv: the file is empty") as raised:
        shop.ingest()

    assert "more.csv.gz: cannot be read (it is not gzipped)" in raised.value.message


def test_an_unreadable_file_does_not_hide_one_with_unknown_columns(shop: Workspace) -> None:
    (shop.raw / "log.csv").write_text("who,what\na,b\n")
    (shop.raw / "more.csv").write_bytes(b"")

    with pytest.raises(ConfigError) as raised:
        shop.ingest()

    assert raised.value.message.startswith("more.csv: the file is empty")
    assert "log.csv (who, what)" in raised.value.message


def test_an_unreadable_file_beside_good_events_is_left_aside(shop: Workspace) -> None:
    (shop.raw / "films.csv").write_bytes(b"")

    finding = shop.find("files.unreadable")

    assert (finding.status, finding.file) == ("warn", "films.csv")
    assert "empty" in finding.message
    assert shop.ingest().events == N_ROWS


def test_a_configured_separator_that_does_not_occur_is_told(shop: Workspace) -> None:
    finding = shop.set(separator=";").find("events.separator")

    assert (finding.status, finding.file, finding.line) == ("fail", "log.csv", 1)
    assert "';', the separator set in recsys.toml" in finding.message
    assert "remove separator" in (finding.hint or "")


def test_configured_columns_that_no_file_has_are_named(shop: Workspace) -> None:
    shop.rewrite("log.csv", lambda b: b.replace(b"user_id", b"who"))

    with pytest.raises(ConfigError, match=r"no file has the columns \['whom'\]"):
        shop.set(columns={"user": "whom"}).ingest()


@pytest.mark.parametrize("header", [("item_id", "user", "title"), ("user_id", "item_id", "tag")])
def test_the_file_with_a_time_and_a_kind_is_the_events(
    shop: Workspace, header: tuple[str, ...]
) -> None:
    write_csv(shop.raw / "extra.csv", header, [("u1", "i1", "dull")])

    assert [p.name for p in raw_files(shop.config, shop.root)] == ["log.csv"]
    assert shop.ingest().events == N_ROWS


def test_items_with_a_user_column_are_still_the_items(shop: Workspace) -> None:
    rows = [(item, "seller", title) for item, title in FILMS]
    write_csv(shop.raw / "items.csv", ("item_id", "user", "title"), rows)

    assert [p.name for p in raw_files(shop.config, shop.root)] == ["log.csv", "items.csv"]
    shop.ingest()
    assert shop.table("items")["name"].to_list()[:2] == ["Film 0", "Film 1"]


def test_two_files_of_events_are_ambiguous_until_one_is_chosen(shop: Workspace) -> None:
    shop.rewrite("log.csv", lambda b: b.replace(b",event,", b",sort,").replace(b",buy,", b",dull,"))
    header = ("user_id", "item_id", "tag", "timestamp")
    write_csv(shop.raw / "a_tags.csv", header, [("u1", "i1", "dull", "1600000000")])

    with pytest.raises(ConfigError, match=r"a_tags.csv .* log.csv") as raised:
        raw_files(shop.config, shop.root)

    assert 'events = "log.csv"' in (raised.value.hint or "")
    assert shop.set(events="log.csv").ingest().events == N_ROWS


def test_events_without_a_time_warn_unless_that_is_meant(shop: Workspace) -> None:
    shop.rewrite("log.csv", lambda b: b.replace(b"timestamp", b"number"))

    finding = shop.find("events.time")

    assert (finding.status, finding.count) == ("warn", N_ROWS)
    assert "random pairs are held out" in finding.message
    assert "time =" in (finding.hint or "")
    assert shop.set(columns={"time": ""}).find("events.time").status == "pass"


def test_without_a_catalogue_nothing_is_said_to_be_missing_from_it(shop: Workspace) -> None:
    shop.edit("log.csv", 3, lambda b: b.replace(b"u1,", b",", 1))
    shop.edit("log.csv", 9, lambda b: b.replace(b"160000", b"x"))

    report = shop.ingest()

    warned = {f.check for f in report.findings if f.status != "pass"}
    assert warned == {"events.empty_user", "events.time", "events.ratings"}
    assert not [f for f in report.findings if "catalogue" in f.message]


@pytest.mark.parametrize("name", ["Log.CSV", "LOG.JSONL.GZ"])
def test_the_case_of_a_file_name_does_not_matter(shop: Workspace, name: str) -> None:
    shop.ingest()
    plain = shop.artifacts()
    path = shop.raw / "log.csv"
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    path.rename(shop.raw / "x")
    if "JSON" in name:
        text = "".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows)
        (shop.raw / name).write_bytes(gzip.compress(text.encode()))
    else:
        (shop.raw / "x").rename(shop.raw / name)

    shop.ingest()

    assert shop.artifacts() == plain


def test_the_case_of_known_names_does_not_matter(hm: Workspace) -> None:
    gzipped(hm.raw / "articles.csv")
    (hm.raw / "articles.csv.gz").rename(hm.raw / "Articles.csv.GZ")
    (hm.raw / "transactions_train.csv").rename(hm.raw / "Transactions_Train.CSV")

    assert hm.ingest().events == N_ROWS


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("Log.CSV", "generic"),
        ("Transactions_train.csv", "hm"),
        ("CATEGORY_TREE.CSV", "retailrocket"),
    ],
)
def test_datasets_are_found_whatever_the_case(tmp_path: Path, file: str, kind: str) -> None:
    folder = tmp_path / "data" / "shop_raw"
    folder.mkdir(parents=True)
    (folder / file).write_text("a,b\n")

    assert [found.kind for found in find_datasets(tmp_path)] == [kind]
