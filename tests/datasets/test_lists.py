"""Cells that list several items: told by what they hold, and read as a row for each."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from datasets.formats import EVENTS, FORMATS, Event
from datasets.test_formats import run
from recsys_cli.assembly import load_config
from recsys_cli.config.models import DatasetConfig, SplitConfig
from recsys_cli.datasets.lists import list_in
from recsys_cli.errors import ConfigError

from .conftest import Workspace

BASKETS = [[f"A{(e.item + n) % 30}" for n in range(1 + e.number % 3)] for e in EVENTS]
PAIRS = {(f"u{e.user}", item) for e, basket in zip(EVENTS, BASKETS, strict=True) for item in basket}


@pytest.mark.parametrize(
    ("cells", "split"),
    [
        (["N5-1 N3-0", "N3-0 N5-0 N1-1", "N1-0 N3-1"], (" ", "-")),
        (["a1, b2", "b2, a1", "a1"], (",", None)),
        (["['a1', 'b2']", "['b2', 'a1', 'b2']"], (",", None)),
        (["a1:2;b2:1", "b2:12;a1:1"], (";", ":")),
        (["MUG-12 MUG-7", "MUG-7 MUG-12"], (" ", None)),
        (["12|7", "7|12|7"], ("|", None)),
        (["1,234", "12,50", "1,234"], None),
        (["Drama|Comedy", "Comedy|Drama"], None),
        (["Mug 12", "Mug 7", "Mug 12"], None),
        (["a1", "b2", "a1", "b2"], None),
        (["a1 b2", "c3 d4", "e5 f6"], None),
        (["0.1 0.2", "0.2 0.1"], None),
    ],
)
def test_lists_are_told_by_ids_that_are_there_again(
    cells: list[str], split: tuple[str, str | None] | None
) -> None:
    want = SplitConfig(by=split[0], mark=split[1]) if split else None
    assert list_in(pl.Series(cells)) == want


def as_written(root: Path) -> Workspace:
    """The dataset as `init` wrote it down."""
    written = load_config(root).datasets["shop"].model_dump(exclude_unset=True)
    return Workspace(root, DatasetConfig.model_validate(written))


def csv(folder: Path, between: str = ", ", mark: str = "") -> None:
    lines = [
        f'{e.number},u{e.user},{e.time:%Y-%m-%d},"{between.join(f"{i}{mark}" for i in basket)}"'
        for e, basket in zip(EVENTS, BASKETS, strict=True)
    ]
    (folder / "log.csv").write_text("\n".join(["order_id,customer,date,products", *lines, ""]))


def quantities(folder: Path) -> None:
    csv(folder, ";", ":3")


def records(event: Event, basket: list[str]) -> dict[str, object]:
    return {"user": f"u{event.user}", "ts": event.seconds, "items": basket}


def json_lines(folder: Path) -> None:
    rows = (records(e, basket) for e, basket in zip(EVENTS, BASKETS, strict=True))
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def parquet(folder: Path) -> None:
    rows = [records(e, basket) for e, basket in zip(EVENTS, BASKETS, strict=True)]
    pl.DataFrame(rows).write_parquet(folder / "log.parquet")


@pytest.mark.parametrize("write", [csv, quantities, json_lines, parquet])
def test_what_init_writes_has_a_row_for_each(tmp_path: Path, write: object) -> None:
    folder = tmp_path / "data" / "shop"
    folder.mkdir(parents=True)
    write(folder)  # type: ignore[operator]
    assert "lists items" in run("init", "-w", tmp_path)
    run("ingest", "-w", tmp_path)
    events = pl.read_parquet(tmp_path / "artifacts/events_shop.parquet")
    users, items = (
        pl.read_parquet(tmp_path / f"artifacts/{table}_shop.parquet")[table[:-1]]
        for table in ("users", "items")
    )
    read = zip(users[events["user"]], items[events["item"]], strict=True)
    assert (set(read), len(events)) == (PAIRS, sum(map(len, BASKETS)))
    assert set(events["value"]) == ({3.0} if write is quantities else {None})


def test_a_history_comes_before_what_was_clicked(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "shop"
    folder.mkdir(parents=True)
    FORMATS["MIND"].write(folder)
    assert 'history = "column_4"' in run("init", "-w", tmp_path)
    split = {"by": " ", "mark": "-", "history": "column_4"}
    shop = as_written(tmp_path).set(split=split)
    shop.ingest()
    events, users = shop.table("events"), shop.table("users")["user"].to_list()
    for user in range(6):
        first = min(e.time for e in EVENTS if e.user == user).replace(tzinfo=None)
        own = events.filter(user=users.index(f"U{13740 + user}"))
        assert len(own) == sum(e.user == user for e in EVENTS) + user % 6
        assert (own["time"] == first).sum() == 1 + user % 6


def test_lists_that_no_setting_takes_apart_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "shop"
    folder.mkdir(parents=True)
    csv(folder)
    run("init", "-w", tmp_path)
    shop = as_written(tmp_path).set(split=None, columns={})
    with pytest.raises(ConfigError, match="products lists several items") as raised:
        shop.ingest()
    assert 'split = {by = ","}' in (raised.value.hint or "")
    shop.set(split={"by": ","})
    with pytest.raises(ConfigError, match=r"recsys\.toml does not name"):
        shop.ingest()
