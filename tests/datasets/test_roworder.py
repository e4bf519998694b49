"""Rows are numbered by first appearance, so that a shop which grows keeps its numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys_cli.config.models import DatasetConfig
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.packs import load_pack

from .conftest import Workspace, by_first_event, write_csv

SIDES = ("user", "item")
Event = tuple[str, str, str]

EVENTS: list[Event] = [
    ("m", "q", "2024-01-03"),
    ("k", "q", "2024-01-02"),
    ("k", "e", "2024-01-02"),
    ("x", "z", "2024-01-05"),
    ("m", "e", "2024-01-01"),
    ("c", "s", "2024-01-05"),
    ("x", "s", "2024-01-05"),
]
LATER: list[Event] = [
    ("d", "q", "2024-01-06"),
    ("m", "f", "2024-01-06"),
    ("a", "f", "2024-01-07"),
    ("zz", "b", "2024-01-06"),
    ("k", "z", "2024-01-09"),
]
CATALOGUE = {"user": ["c", "k", "m", "w", "x"], "item": ["e", "q", "r", "s", "z"]}


def write(folder: Path, events: list[Event], **listed: list[str]) -> Workspace:
    """A generic dataset; catalogues as they are given."""
    raw = folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    write_csv(raw / "events.csv", ("user_id", "item_id", "time"), events)
    files = {}
    for side, ids in listed.items():
        rows = [(id_, f"called {id_}") for id_ in ids]
        write_csv(raw / f"{side}s.csv", (f"{side}_id", "title"), rows)
        files[f"{side}s"] = f"{side}s.csv"
    config = DatasetConfig(kind="generic", path="raw", events="events.csv", **files)
    shop = Workspace(folder, config)
    shop.ingest()
    return shop


def numbered(shop: Workspace, side: str) -> list[str]:
    """The ids of a table by row, which the id table and the columns beside them agree on."""
    table = shop.table(f"{side}s")
    ids = table[side].to_list()
    pack = load_pack(shop.out / "ids_shop.joblib")
    known = IdTable.from_pack(pack, side)
    assert known.to_list() == ids
    assert [known.find(id_) for id_ in ids] == list(range(len(ids)))
    assert pack[f"{side}s_fingerprint"] == IdTable.from_strings(ids).fingerprint()
    if side == "item":
        assert IdTable.from_pack(pack, "name").to_list() == table["name"].to_list()
    if "title" in table.columns:
        listed = table.filter(pl.col("in_catalogue"))
        assert listed["title"].to_list() == [f"called {id_}" for id_ in listed[side]]
    return ids


def test_rows_are_by_first_event_then_by_id_and_those_without_events_are_last(tmp_path):
    shop = write(tmp_path, EVENTS, **{side: CATALOGUE[side][::-1] for side in SIDES})
    assert numbered(shop, "user") == ["m", "k", "c", "x", "w"]
    assert numbered(shop, "item") == ["e", "q", "s", "z", "r"]
    # The events stay in the order of the file.
    assert shop.events().select("user", "item").rows() == [event[:2] for event in EVENTS]


def test_ties_are_by_id_however_the_files_are_ordered_and_whoever_lists_them(tmp_path):
    ids = ["10", "2", "09", "B", "a", "é", "a much longer id than the others", "a much longer"]
    events: list[Event] = [(id_, id_, "2024-01-01") for id_ in ids]
    expected = sorted(ids, key=str.encode)
    shuffled = [ids[n] for n in np.random.default_rng(3).permutation(len(ids))]
    listings = [{}, {"item": ids}, {"item": shuffled[:4], "user": shuffled}]
    for n, listed in enumerate(listings):
        for order in (1, -1):
            shop = write(tmp_path / f"{n}{order}", events[::order], **listed)
            assert numbered(shop, "user") == numbered(shop, "item") == expected


@pytest.mark.parametrize("listed", [(), ("item",), ("item", "user")])
def test_a_shop_that_grows_renumbers_none_who_had_events(tmp_path, listed):
    before = write(tmp_path / "before", EVENTS, **{side: CATALOGUE[side] for side in listed})
    # New ids stand amid the old ones, and new events amid the old ones too.
    events = [event for pair in zip(LATER, EVENTS, strict=False) for event in pair] + EVENTS[5:]
    assert sorted(events) == sorted(EVENTS + LATER)
    grown = {side: sorted({*CATALOGUE[side], "bb", "n"}) for side in listed}
    after = write(tmp_path / "after", events, **grown)
    for at, side in enumerate(SIDES):
        old = [id_ for id_ in numbered(before, side) if id_ in {event[at] for event in EVENTS}]
        now = numbered(after, side)
        assert now[: len(old)] == old
        everyone = {event[at] for event in events} | set(grown.get(side, ()))
        assert now == by_first_event(everyone, [(event[at], event[2]) for event in events])
    then = after.table("events").filter(pl.col("time") < pl.datetime(2024, 1, 6))
    assert then.equals(before.table("events"))


def test_whether_an_item_is_gone_goes_with_its_row(tmp_path):
    listed = ["z", "r", "e", "aa"]
    shop = write(tmp_path, EVENTS, item=listed)
    shop.set(gone_items="hide").ingest()
    pack = load_pack(shop.out / "ids_shop.joblib")
    items = numbered(shop, "item")
    assert items == ["e", "q", "s", "z", "aa", "r"]
    assert [item for item, gone in zip(items, pack["item_gone"], strict=True) if gone] == ["q", "s"]
    assert (shop.table("items")["in_catalogue"].to_numpy() == ~pack["item_gone"].astype(bool)).all()


def test_events_of_a_time_that_cannot_be_do_not_number_rows(tmp_path):
    # So many good rows that a bad one is left out.
    good: list[Event] = [("k", "q", f"2024-03-{1 + n % 28:02d}") for n in range(200)]
    shop = write(tmp_path, [("b", "q", "someday"), *EVENTS, *good, ("b", "b", "2999-01-01")])
    assert numbered(shop, "user") == ["m", "k", "c", "x"]
    assert numbered(shop, "item") == ["e", "q", "s", "z"]


def test_without_times_rows_stay_as_listed_with_what_only_events_have_behind(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    events = [("x", "z"), ("m", "q"), ("k", "b"), ("b", "aa")]
    write_csv(raw / "events.csv", ("user_id", "item_id"), events)
    write_csv(raw / "items.csv", ("item_id", "title"), [(i, f"called {i}") for i in "zqrs"])
    files = {"events": "events.csv", "items": "items.csv"}
    shop = Workspace(tmp_path, DatasetConfig(kind="generic", path="raw", **files))
    shop.ingest()
    assert numbered(shop, "item") == [*"zqrs", "aa", "b"]
    assert numbered(shop, "user") == ["b", "k", "m", "x"]
    assert shop.events().select("user", "item").rows() == events
