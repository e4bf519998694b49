"""RetailRocket: latest properties per item, the category tree, and its optional files."""

from __future__ import annotations

import pytest

from recsys_cli.datasets.adapters import raw_files
from recsys_cli.datasets.ingest import validate
from recsys_cli.datasets.spec import DatasetSpec

from .conftest import N_ROWS, Workspace


def test_events_and_spec(rr: Workspace) -> None:
    report = rr.ingest()
    spec = DatasetSpec.model_validate_json((rr.out / "spec_shop.json").read_text())
    events = rr.table("events")

    assert spec.events == ["view", "addtocart", "transaction"]
    assert spec.weights == {"view": 1.0, "addtocart": 3.0, "transaction": 5.0}
    assert (spec.repurchase, spec.horizon_days, spec.segment_columns) == (False, 7, [])
    assert events["event"].to_list()[:5] == [0, 0, 1, 2, 0]
    assert events["value"].null_count() == N_ROWS
    assert report.first == "2015-05-30T15:33:20"
    assert rr.table("users")["user"].to_list() == [str(i) for i in range(17)]


def test_items_have_their_latest_properties_and_ancestors(rr: Workspace) -> None:
    rr.ingest()
    items = rr.table("items")
    rows = {row["item"]: row for row in items.iter_rows(named=True)}

    assert items["item"].to_list() == [*map(str, range(100, 113)), "9"]
    assert items["in_catalogue"].to_list() == [True] * 10 + [False] * 3 + [True]
    assert rows["100"]["categoryid"] == "8"
    assert rows["100"]["available"] == "1"
    assert rows["100"]["tokens"] == "12 n3.000 45 99"
    assert (rows["100"]["parentid"], rows["100"]["rootid"]) == ("7", "3")
    assert rows["100"]["name"] == "item 100, category 8"
    assert rows["101"]["categoryid"] == "7", "an older snapshot must not win"
    assert rows["9"]["name"] == "item 9"
    assert rows["112"]["name"] == "item 112"
    assert rows["112"]["tokens"] is None


def test_the_order_of_property_rows_does_not_matter(rr: Workspace) -> None:
    rr.ingest()
    plain = rr.artifacts()
    for file in ("item_properties_part1.csv", "item_properties_part2.csv"):
        header, *rows = rr.lines(file)
        (rr.raw / file).write_bytes(b"".join([header, *rows[::-1]]))

    rr.ingest()

    assert rr.artifacts() == plain


def test_one_whole_property_file_is_the_same(rr: Workspace) -> None:
    rr.ingest()
    plain = rr.artifacts()
    rows = rr.lines("item_properties_part2.csv")[1:]
    first = rr.raw / "item_properties_part1.csv"
    (rr.raw / "item_properties.csv").write_bytes(first.read_bytes() + b"".join(rows))
    first.unlink()
    (rr.raw / "item_properties_part2.csv").unlink()

    rr.ingest()

    assert rr.artifacts() == plain


@pytest.mark.parametrize("missing", ["item_properties_part2", "category_tree"])
def test_optional_files_may_be_missing(rr: Workspace, missing: str) -> None:
    (rr.raw / f"{missing}.csv").unlink()

    report = rr.ingest()

    assert report.events == N_ROWS
    warned = [f for f in report.findings if f.status == "warn"]
    assert [f.check for f in warned][1:] == ["events.unknown_items"]
    assert missing in warned[0].message


def test_events_alone_are_enough(rr: Workspace) -> None:
    for path in raw_files(rr.config, rr.root):
        if path.name != "events.csv":
            path.unlink()

    report = rr.ingest()
    items = rr.table("items")

    assert report.items == 13
    assert items.columns == ["item", "source", "name", "in_catalogue", "image"]
    assert items["name"].to_list() == [str(100 + i) for i in range(13)]
    assert items["in_catalogue"].all()


def test_a_loop_in_the_tree_is_told_and_survived(rr: Workspace) -> None:
    rr.rewrite("category_tree.csv", lambda b: b + b"20,21\n21,20\n")

    finding = rr.find("categories.tree")

    assert (finding.status, finding.column) == ("warn", "parentid")
    rr.ingest()


def test_property_rows_without_a_time_are_left_out(rr: Workspace) -> None:
    rr.edit("item_properties_part2.csv", 2, lambda b: b"soon" + b[b.index(b",") :])

    finding = rr.find("properties2.incomplete")

    assert (finding.status, finding.count, finding.column) == ("warn", 1, "timestamp")
    rr.ingest()
    assert dict(rr.table("items").select("item", "categoryid").iter_rows())["100"] == "7"


def test_good_files_give_no_warning(rr: Workspace) -> None:
    rr.rewrite("item_properties_part1.csv", lambda b: b + b"1,110,6,x\n" * 3)
    rows = b"".join(b"1433000000000,%d,available,0\n" % item for item in (110, 111, 112))
    rr.rewrite("item_properties_part1.csv", lambda b: b + rows)

    report = validate(rr.name, rr.config, workspace=rr.root)

    assert [str(f) for f in report.findings if f.status != "pass"] == []
