"""Small raw folders that are in order, for tests to break one thing at a time."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.findings import Finding, IngestReport
from recsys_cli.datasets.ingest import ingest, validate

N_ROWS = 400
ARTICLES = [f"0{100 + i}775015" for i in range(20)]
CUSTOMERS = [f"{i:064x}" for i in range(30)]


@dataclass
class Workspace:
    """A workspace with one dataset, and the ways to run it."""

    root: Path
    config: DatasetConfig
    name: str = "shop"

    @property
    def raw(self) -> Path:
        return self.root / self.config.path

    @property
    def out(self) -> Path:
        return self.root / "out"

    def ingest(self) -> IngestReport:
        self.out.mkdir(exist_ok=True)
        return ingest(self.name, self.config, workspace=self.root, out=self.out)

    def find(self, check: str) -> Finding:
        """The one finding of a check that is no pass; else its pass."""
        report = validate(self.name, self.config, workspace=self.root)
        found = [f for f in report.findings if f.check == check]
        wrong = [f for f in found if f.status != "pass"] or found
        assert len(wrong) == 1, [f"{f.status} {f.check}: {f}" for f in report.findings]
        return wrong[0]

    def table(self, kind: str) -> pl.DataFrame:
        return pl.read_parquet(self.out / f"{kind}_{self.name}.parquet")

    def events(self) -> pl.DataFrame:
        """The events with ids in place of rows."""
        return self.table("events").with_columns(
            pl.col(side).replace_strict(dict(enumerate(self.table(f"{side}s")[side])))
            for side in ("user", "item")
        )

    def artifacts(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.out.iterdir())}

    def set(self, **settings: object) -> Workspace:
        self.config = DatasetConfig.model_validate(self.config.model_dump() | settings)
        return self

    def lines(self, file: str) -> list[bytes]:
        return (self.raw / file).read_bytes().splitlines(keepends=True)

    def edit(self, file: str, line: int, change: Callable[[bytes], bytes]) -> None:
        """Change one line (the header is line 1) of a text file."""
        lines = self.lines(file)
        lines[line - 1] = change(lines[line - 1])
        (self.raw / file).write_bytes(b"".join(lines))

    def rewrite(self, file: str, change: Callable[[bytes], bytes]) -> None:
        path = self.raw / file
        path.write_bytes(change(path.read_bytes()))


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def purchase(i: int) -> tuple[str, str, str, str, str]:
    """The i-th row of transactions: every row differs from every other."""
    day = f"2020-{1 + i // 40:02d}-{1 + i % 28:02d}"
    return day, CUSTOMERS[i * 7 % 30], ARTICLES[i * 3 % 20], f"0.{i + 100}", str(1 + i % 2)


def by_first_event(ids: Iterable[str], events: Iterable[tuple[str, Any]]) -> list[str]:
    """Ids in the order of their rows, by the ids and times of events."""
    first: dict[str, Any] = {}
    for id_, time in events:
        first[id_] = min(time, first.get(id_, time))
    return sorted(ids, key=lambda id_: (id_ not in first, first.get(id_, id_), id_))


@pytest.fixture
def hm(tmp_path: Path) -> Workspace:
    raw = tmp_path / "raw"
    raw.mkdir()
    articles = [
        (a, a[:7], f"Top {i}", "Vest top", "Black", "Soft, warm" if i % 2 else "")
        for i, a in enumerate(ARTICLES)
    ]
    header = ("article_id", "product_code", "prod_name", "product_type_name",
              "colour_group_name", "detail_desc")  # fmt: skip
    write_csv(raw / "articles.csv", header, articles)
    customers = [(c, "ACTIVE", 14 + 2 * i if i else "") for i, c in enumerate(CUSTOMERS)]
    write_csv(raw / "customers.csv", ("customer_id", "club_member_status", "age"), customers)
    header = ("t_dat", "customer_id", "article_id", "price", "sales_channel_id")
    write_csv(raw / "transactions_train.csv", header, [purchase(i) for i in range(N_ROWS)])
    return Workspace(tmp_path, DatasetConfig(kind="hm", path="raw"))


@pytest.fixture
def rr(tmp_path: Path) -> Workspace:
    raw = tmp_path / "raw"
    raw.mkdir()
    start = 1_433_000_000_000
    kinds = ("view", "view", "addtocart", "transaction")
    events = [
        (start + i * 1000, i % 17, kinds[i % 4], 100 + i % 13, i if i % 4 == 3 else "")
        for i in range(N_ROWS)
    ]
    header = ("timestamp", "visitorid", "event", "itemid", "transactionid")
    write_csv(raw / "events.csv", header, events)
    header = ("timestamp", "itemid", "property", "value")
    first = [(start, 100 + i, "categoryid", 7) for i in range(10)]
    second = [
        (start + 5, 100, "categoryid", 8),
        (start - 5, 101, "categoryid", 9),
        (start, 100, "available", 0),
        (start + 9, 100, "available", 1),
        (start, 100, "888", "12 n3.000 45"),
        (start, 100, "283", "99"),
        (start, 100, "790", "n55.000"),
        (start, 9, "available", 1),
    ]
    write_csv(raw / "item_properties_part1.csv", header, first)
    write_csv(raw / "item_properties_part2.csv", header, second)
    tree = [(7, 3), (8, 7), (3, "")]
    write_csv(raw / "category_tree.csv", ("categoryid", "parentid"), tree)
    return Workspace(tmp_path, DatasetConfig(kind="retailrocket", path="raw"))


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """A generic dataset of one events file with every role."""
    raw = tmp_path / "raw"
    raw.mkdir()
    rows = [
        (f"u{i % 23}", f"i{i % 19}", 1_600_000_000 + i, "buy" if i % 3 else "view", i % 5)
        for i in range(N_ROWS)
    ]
    write_csv(raw / "log.csv", ("user_id", "item_id", "timestamp", "event", "rating"), rows)
    return Workspace(tmp_path, DatasetConfig(kind="generic", path="raw"))


def gzipped(path: Path) -> None:
    """Replace a file by its gzipped self."""
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def as_parquet(path: Path) -> None:
    """Replace a CSV file by Parquet with every column as text."""
    pl.read_csv(path, infer_schema=False).write_parquet(path.with_suffix(".parquet"))
    path.unlink()
