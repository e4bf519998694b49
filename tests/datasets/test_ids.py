"""External ids come out as they went in, whatever they look like."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.idpack import id_table
from recsys_cli.datasets.ingest import ingest
from recsys_cli.datasets.lookup import RowLookup
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.packs import load_pack

from .conftest import Workspace, write_csv

ODD = ["0108775015", "108775015", "00", "0", "a" * 64, "ключ", "日本語", "🙂", "x" * 5000, "a b",
       "1e5", "123.0", "NaN", "null", "None", "true", "-1", "+1", 'quo"ted', "com,ma", "semi;colon",
       "é", "e\u0301", "1_000", "９"]  # fmt: skip

# Characters that a CSV writer and UTF-8 can carry; no line ends, which Windows would rewrite.
texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=30
).filter(lambda s: s != "")


def ids_after(folder: Path, users: list[str], items: list[str]) -> tuple[list[str], list[str]]:
    raw, out = folder / "raw", folder / "out"
    raw.mkdir()
    out.mkdir()
    rows = [(u, items[i % len(items)]) for i, u in enumerate(users)]
    rows += [(users[i % len(users)], item) for i, item in enumerate(items)]
    write_csv(raw / "log.csv", ("user_id", "item_id"), rows)
    config = DatasetConfig(kind="generic", path="raw", missing_ids=[])
    ingest("x", config, workspace=folder, out=out)
    pack = load_pack(out / "ids_x.joblib")
    events = pl.read_parquet(out / "events_x.parquet")
    names = [IdTable.from_pack(pack, prefix).to_list() for prefix in ("user", "item")]
    seen = [(names[0][u], names[1][i]) for u, i in events.select("user", "item").iter_rows()]
    assert seen == rows
    return names[0], names[1]


def test_odd_ids_survive(tmp_path: Path) -> None:
    users, items = ids_after(tmp_path, ODD, ODD[::-1])

    assert users == items == sorted(ODD, key=str.encode)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(texts, min_size=1, max_size=20, unique=True))
def test_any_ids_survive(ids: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        users, _ = ids_after(Path(folder), ids, ids)
    assert users == sorted(ids, key=str.encode)


def test_whole_numbers_in_parquet_become_their_digits(shop: Workspace) -> None:
    (shop.raw / "log.csv").unlink()
    frame = pl.DataFrame({"user_id": [7, 2**63 - 1, 7], "item_id": [0, -5, 10**12]})
    frame.write_parquet(shop.raw / "log.parquet")

    shop.ingest()

    assert shop.table("users")["user"].to_list() == ["7", "9223372036854775807"][::1]
    assert shop.table("items")["item"].to_list() == ["-5", "0", "1000000000000"]


def test_id_tables_equal_the_reference() -> None:
    table, reference = id_table(pl.Series(ODD), search=True), IdTable.from_strings(ODD)

    assert table.fingerprint() == reference.fingerprint()
    assert table.order is not None
    assert reference.order is not None
    np.testing.assert_array_equal(table.order, reference.order)
    assert table.order.dtype == reference.order.dtype
    assert id_table(pl.Series([], dtype=pl.String), search=False).to_list() == []


@pytest.mark.parametrize("n", [0, 1, 2, 1000, 50_000])
def test_the_lookup_finds_every_id_and_nothing_else(n: int) -> None:
    ids = pl.Series([f"id-{i}" for i in range(n)], dtype=pl.String)
    rng = np.random.default_rng(0)
    asked = rng.integers(0, 2 * n + 2, 3 * n + 5)
    frame = pl.DataFrame({"x": [f"id-{i}" for i in asked]})

    rows = frame.select(RowLookup(ids).expr(pl.col("x"))).to_series()

    assert rows.dtype == pl.Int32
    assert rows.to_list() == [int(i) if i < n else None for i in asked]


def test_the_lookup_maps_null_to_null() -> None:
    lookup = RowLookup(pl.Series(["a", "b"]))

    found = pl.DataFrame({"x": ["b", None, "", "a"]}).select(lookup.expr(pl.col("x"))).to_series()

    assert found.to_list() == [1, None, None, 0]


@pytest.mark.parametrize("common", ["", "abcdefgh", "abcdefghij"])
def test_ids_with_common_beginnings_are_in_byte_order(common: str) -> None:
    rng = np.random.default_rng(1)
    tails = {bytes(rng.integers(48, 58, rng.integers(0, 6))).decode() for _ in range(300)}
    ids = [f"{common if i % 9 == 0 else tail}{tail}~{i}" for i, tail in enumerate(sorted(tails))]
    ids += [common + "\0", common, "é"] if common else ["\0", "\0\0"]

    table = id_table(pl.Series(ids), search=True)

    assert table.order is not None
    assert table.order.tolist() == sorted(range(len(ids)), key=lambda i: ids[i].encode())


@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 2), (1, 3), (2, 2), (3, 9)])
def test_a_run_of_rows_comes_back_as_strings(start, stop):
    strings = ["å", "", "0108775015", "b"]
    table = IdTable.from_strings(strings)
    assert table.to_list(start, stop) == strings[start:stop]
