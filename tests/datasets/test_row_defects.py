"""Every kind of bad row, one at a time: found, located, counted, and fatal only in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pytest

from recsys_cli.datasets.findings import MAX_SKIPPED
from recsys_cli.errors import DataError

from .conftest import ARTICLES, CUSTOMERS, N_ROWS, Workspace

FILE = "transactions_train.csv"


def cell(number: int, value: bytes) -> Callable[[bytes], bytes]:
    def change(line: bytes) -> bytes:
        cells = line.rstrip(b"\n").split(b",")
        cells[number] = value
        return b",".join(cells) + b"\n"

    return change


@dataclass
class Case:
    check: str
    change: Callable[[bytes], bytes]
    column: str | None = None
    example: str | None = None
    skipped: int = 1


CASES = {
    "too many fields": Case("events.fields", lambda b: b.replace(b",", b",x,", 1), skipped=1),
    "too few fields": Case("events.fields", lambda b: b.rsplit(b",", 2)[0] + b"\n"),
    "only one field": Case("events.fields", lambda b: b.split(b",")[0] + b"\n"),
    "not UTF-8": Case("events.encoding", cell(3, b"0.1\xe9"), "price"),
    "open quote": Case("events.quotes", cell(3, b'"0.1')),
    "no user": Case("events.empty_user", cell(1, b""), "customer_id"),
    "quoted nothing as user": Case("events.empty_user", cell(1, b'""'), "customer_id"),
    "no item": Case("events.empty_item", cell(2, b""), "article_id"),
    "no time": Case("events.empty_time", cell(0, b""), "t_dat"),
    "other date format": Case("events.time", cell(0, b"16/09/2020"), "t_dat", "16/09/2020"),
    "impossible date": Case("events.time", cell(0, b"2020-02-30"), "t_dat", "2020-02-30"),
    "date too early": Case("events.time_range", cell(0, b"1970-01-01"), "t_dat", "1970-01-01"),
    "date too late": Case("events.time_range", cell(0, b"2999-01-01"), "t_dat", "2999-01-01"),
    "value is text": Case("events.value", cell(3, b"abc"), "price", "abc", 0),
    "value is NaN": Case("events.value", cell(3, b"NaN"), "price", "NaN", 0),
    "value is infinite": Case("events.value", cell(3, b"inf"), "price", "inf", 0),
    "negative value": Case("events.negative", cell(3, b"-0.5"), "price", "-0.5", 0),
    "unknown user": Case("events.unknown_users", cell(1, b"abcd"), "customer_id", "abcd", 0),
    "unknown item": Case("events.unknown_items", cell(2, b"0999"), "article_id", "0999", 0),
}


@pytest.mark.parametrize("name", CASES)
def test_one_bad_row_is_a_warning_with_its_place(hm: Workspace, name: str) -> None:
    case = CASES[name]
    for line in (37, 251):
        hm.edit(FILE, line, case.change)

    finding = hm.find(case.check)

    assert finding.status == "warn", finding
    assert (finding.file, finding.line, finding.count) == (FILE, 37, 2)
    assert finding.column == case.column
    if case.example is not None:
        assert finding.example == case.example
    assert finding.hint
    assert ("2 rows" in finding.message and "left out" in finding.message) == bool(case.skipped)
    report = hm.ingest()
    assert (report.events, report.skipped) == (N_ROWS - 2 * case.skipped, 2 * case.skipped)
    assert hm.table("events").height == report.events
    assert hm.table("events").drop("value").null_count().sum_horizontal().item() == 0


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.skipped])
def test_many_bad_rows_are_fatal(hm: Workspace, name: str) -> None:
    case = CASES[name]
    wrong = int(MAX_SKIPPED * N_ROWS) + 1
    for line in range(50, 50 + 5 * wrong, 5):
        hm.edit(FILE, line, case.change)

    finding = hm.find(case.check)

    assert (finding.status, finding.line, finding.count) == ("fail", 50, wrong)
    assert "left out" not in finding.message
    assert f"more than 1% of {N_ROWS} rows" in finding.message
    with pytest.raises(DataError, match=f"{FILE}, line 50") as raised:
        hm.ingest()
    assert raised.value.hint


def test_rows_around_a_bad_one_keep_their_values(hm: Workspace) -> None:
    hm.ingest()
    clean = hm.events()
    hm.edit(FILE, 5, lambda b: b"x," + b)

    hm.ingest()

    assert hm.events().equals(pl.concat([clean[:3], clean[4:]]))


def test_several_defects_are_all_reported_at_their_own_lines(hm: Workspace) -> None:
    hm.edit(FILE, 10, cell(0, b"bad"))
    hm.edit(FILE, 20, lambda b: b"x," + b)
    hm.edit(FILE, 30, cell(1, b""))
    hm.edit(FILE, 40, lambda b: b"2020-01-01\n")

    assert hm.find("events.time").line == 10
    assert hm.find("events.empty_user").line == 30
    lines = [
        (f.line, f.count)
        for f in hm.ingest().findings
        if f.check == "events.fields" and f.status == "warn"
    ]
    assert lines == [(20, 1), (40, 1)]
    assert hm.ingest().skipped == 4


def test_blank_lines_are_ignored_whatever_their_number(hm: Workspace) -> None:
    hm.rewrite(FILE, lambda b: b.replace(b"\n2020-03", b"\n\n2020-03") + b"\n\n")

    report = hm.ingest()

    assert (report.events, report.skipped) == (N_ROWS, 0)
    finding = hm.find("events.blank")
    assert finding.status == "warn"
    assert finding.count > 20
    assert finding.line == 82


def test_values_that_are_no_numbers_become_null(hm: Workspace) -> None:
    hm.edit(FILE, 4, cell(3, b"n/a"))
    hm.edit(FILE, 6, cell(3, b""))

    hm.ingest()

    assert hm.table("events")["value"].is_null().arg_true().to_list() == [2, 4]
    assert hm.find("events.value").count == 1


def test_a_value_column_without_numbers_is_fatal(hm: Workspace) -> None:
    for line in range(2, N_ROWS + 2):
        hm.edit(FILE, line, cell(3, b"cheap"))

    finding = hm.find("events.value")

    assert (finding.status, finding.count, finding.example) == ("fail", N_ROWS, "cheap")


def test_negative_values_are_fatal_as_weights(hm: Workspace) -> None:
    hm.edit(FILE, 9, cell(3, b"-1"))

    finding = hm.set(value_as_weight=True).find("events.negative")

    assert (finding.status, finding.line, finding.example) == ("fail", 9, "-1")


def test_a_catalogue_of_another_shop_is_fatal(hm: Workspace) -> None:
    hm.rewrite("articles.csv", lambda b: b.replace(b"\n0", b"\n9"))

    finding = hm.find("events.unknown_items")

    assert (finding.status, finding.count, finding.line) == ("fail", N_ROWS, 2)


def test_unknown_ids_are_kept_and_flagged(hm: Workspace) -> None:
    for line, item in ((8, b"0999"), (9, b"0555"), (10, b"0999")):
        hm.edit(FILE, line, cell(2, item))
    hm.edit(FILE, 8, cell(1, b"nobody"))

    report = hm.ingest()

    items, users, events = hm.table("items"), hm.table("users"), hm.events()
    assert sorted(items["item"]) == sorted([*ARTICLES, "0555", "0999"])
    unknown = items.filter(~pl.col("in_catalogue"))
    assert unknown["item"].to_list() == unknown["name"].to_list() == ["0999", "0555"]
    assert sorted(users["user"]) == [*CUSTOMERS, "nobody"]
    unknown = users.filter(~pl.col("in_catalogue"))
    assert unknown.select("user", "age_group").rows() == [("nobody", "unknown")]
    assert events["item"].to_list()[6:9] == ["0999", "0555", "0999"]
    assert events["user"].to_list()[6] == "nobody"
    assert (report.items, report.users, report.events) == (22, 31, N_ROWS)


def test_passes_tell_the_columns_apart(hm: Workspace) -> None:
    passes = [str(f) for f in hm.ingest().findings if f.status == "pass"]

    assert f"{FILE}, column customer_id: every row has its user id" in passes
    assert f"{FILE}, column article_id: every row has its item id" in passes
    assert "articles.csv, column article_id: every row has an id" in passes
    assert len(passes) == len(set(passes))


def test_lost_leading_zeros_are_recognised(hm: Workspace) -> None:
    hm.edit(FILE, 12, cell(2, ARTICLES[4].lstrip("0").encode()))

    finding = hm.find("events.twins_item_zeros")

    assert (finding.status, finding.count) == ("warn", 1)
    assert finding.example == f"{ARTICLES[4]} and {ARTICLES[4].lstrip('0')}"
    assert finding.hint == "if they are the same item: write them in one way"


def test_repeated_purchases_are_a_quantity(hm: Workspace) -> None:
    lines = hm.lines(FILE)
    hm.rewrite(FILE, lambda b: b + lines[5] + lines[5] + lines[9])

    finding = hm.find("events.repeats")

    assert (finding.status, finding.count) == ("pass", 3)
    assert hm.ingest().events == N_ROWS + 3


def test_repeated_events_elsewhere_are_a_warning_with_a_place(rr: Workspace) -> None:
    lines = rr.lines("events.csv")
    rr.rewrite("events.csv", lambda b: b + lines[5])

    finding = rr.find("events.repeats")

    assert (finding.status, finding.count, finding.line) == ("warn", 1, N_ROWS + 2)
    assert rr.ingest().events == N_ROWS + 1


def test_an_unknown_kind_of_event_is_left_out(rr: Workspace) -> None:
    rr.edit("events.csv", 7, lambda b: b.replace(b"view", b"wish").replace(b"addtocart", b"wish"))

    finding = rr.find("events.kinds")

    assert (finding.status, finding.line, finding.example) == ("warn", 7, "wish")
    assert finding.column == "event"
    assert rr.ingest().skipped == 1


def test_spaces_around_ids_are_kept_and_told(hm: Workspace) -> None:
    hm.edit(FILE, 3, cell(1, b" spaced "))
    hm.edit("articles.csv", 4, lambda b: b" " + b)

    events, items = hm.find("events.id_spaces_user"), hm.find("items.id_spaces")

    assert (events.status, events.count, events.example) == ("warn", 1, " spaced ")
    assert (items.status, items.line, items.example) == ("warn", 4, f" {ARTICLES[2]}")
    hm.ingest()
    assert " spaced " in hm.table("users")["user"].to_list()


def test_repeated_ids_in_a_catalogue_keep_the_first_row(hm: Workspace) -> None:
    hm.rewrite("articles.csv", lambda b: b + b",".join((ARTICLES[3].encode(), *[b"again"] * 5)))

    finding = hm.find("items.duplicate_ids")

    assert (finding.status, finding.line, finding.example) == ("warn", 22, ARTICLES[3])
    assert (finding.column, finding.count) == ("article_id", 1)
    hm.ingest()
    names = dict(hm.table("items").select("item", "name").rows())
    assert names == {article: f"Top {n}" for n, article in enumerate(ARTICLES)}


def test_a_catalogue_row_without_id_is_left_out_or_fatal(hm: Workspace) -> None:
    hm.edit("articles.csv", 6, cell(0, b""))

    finding = hm.find("items.empty_ids")

    assert (finding.status, finding.line, finding.count) == ("fail", 6, 1)
    assert finding.column == "article_id"
    assert "left out" not in finding.message


def test_articles_with_lost_zeros_are_told(hm: Workspace) -> None:
    hm.edit("articles.csv", 3, lambda b: b[1:])

    finding = hm.find("items.leading_zeros")

    assert (finding.status, finding.line, finding.example) == ("warn", 3, ARTICLES[1][1:])


def test_counts_of_the_unseen(hm: Workspace) -> None:
    hm.rewrite("articles.csv", lambda b: b + b"0900000001,1,Never sold,Hat,Red,\n")

    finding = hm.find("items.unseen")

    assert (finding.status, finding.count) == ("pass", 1)
    assert hm.find("users.unseen").count == 0


def test_quoted_rows_survive_the_repair_of_others(hm: Workspace) -> None:
    text = b'0900000001,1,"A ""quoted"", name",Hat,Red,"two\nlines"\n'
    hm.rewrite("articles.csv", lambda b: b + text + b"0900000002,2\n" + b"0900000003,3,C,D,E,F\n")
    for i in range(200):
        hm.rewrite("articles.csv", lambda b, i=i: b + b"%010d,3,C,D,E,F\n" % (2 * 10**9 + i))

    finding = hm.find("items.fields")

    assert (finding.status, finding.line, finding.count) == ("warn", 24, 1)
    hm.ingest()
    names = dict(hm.table("items").select("item", "name").iter_rows())
    assert names["0900000001"] == 'A "quoted", name'
    assert "0900000002" not in names
