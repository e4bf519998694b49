"""Test splits from files: formats, ids kept exactly, unknown ids, errors that say what is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys_cli.errors import DataError
from recsys_cli.evaluation.truth import Truth
from recsys_cli.evaluation.truth_file import truth_from_file
from recsys_cli.store.idtable import IdTable

USERS = IdTable.from_strings(["b", "a", "c"])
ITEMS = IdTable.from_strings(["007", "7", "12", "5"])
PAIRS = [("a", "007"), ("b", "12"), ("a", "5"), ("a", "007")]


def write(folder: Path, name: str) -> Path:
    path = folder / name
    frame = pl.DataFrame(PAIRS, schema=["user", "item"], orient="row")
    if name.endswith(".parquet"):
        frame.write_parquet(path)
    elif ".jsonl" in name or ".ndjson" in name:
        frame.write_ndjson(path)
    else:
        text = frame.write_csv(separator="\t" if ".tsv" in name else ",")
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def read(path: Path) -> Truth:
    return truth_from_file(path, users=USERS, items=ITEMS)


def rows(truth: Truth) -> list[tuple[int, list[int]]]:
    return [(int(u), truth.items.row(i).tolist()) for i, u in enumerate(truth.users)]


@pytest.mark.parametrize(
    "name", ["t.csv", "t.tsv", "t.txt", "t.csv.gz", "t.tsv.gz", "t.parquet", "t.jsonl"]
)
def test_every_format_keeps_leading_zeros_and_drops_duplicates(tmp_path: Path, name: str) -> None:
    truth = read(write(tmp_path, name))
    assert rows(truth) == [(0, [2]), (1, [0, 3])]
    assert truth.counts == {"pairs": 3, "unknown_users": 0, "unknown_items": 0}
    assert (truth.protocol, truth.cutoff, truth.warnings) == ("truth-file", None, ())


def test_integer_columns_of_parquet_are_ids_too(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"user": ["a"], "item": [12], "extra": [0.5]}).write_parquet(path)
    assert rows(read(path)) == [(1, [2])]


def test_a_cell_may_list_several_items(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("customer_id,prediction\na,7 12\nb,12 7\nc,7 12 5\n")
    assert rows(read(path)) == [(0, [1, 2]), (1, [1, 2]), (2, [1, 2, 3])]
    path.write_text("user_id,impressions\na,7-1 12-0\nb,12-1 7-0\nc,7-0 12-1 5-1\n")
    assert rows(read(path)) == [(0, [2]), (1, [1]), (2, [2, 3])]


def test_byte_order_mark_semicolons_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("user;item\r\na;7\r\n".encode("utf-8-sig"))
    assert rows(read(path)) == [(1, [1])]


def test_unknown_users_are_new_and_unknown_items_are_missed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("user,item\nzoe,7\na,nope\nyan,nope\nyan,5\n")
    truth = read(path)
    assert sorted(rows(truth)) == [(-1, [1]), (-1, [3, 4]), (1, [4])]
    assert truth.items.n_columns == len(ITEMS) + 1
    assert np.diff(truth.items.indptr).sum() == 4
    assert (truth.counts["unknown_users"], truth.counts["unknown_items"]) == (2, 1)
    assert "'zoe'" in truth.warnings[0]
    assert "'nope'" in truth.warnings[1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"who,item\na,7\n", "no column user; its columns are who, item"),
        ("t.csv", b"user,item\n", "has no rows"),
        ("t.csv", b"", "cannot read"),
        ("t.csv", b"user,item\na,\n", "1 row .* without a user or an item"),
        ("t.parquet", b"user,item\na,7\n", "cannot read"),
        ("t.csv.gz", b"user,item\na,7\n", "cannot read"),
        ("t.csv", "user,item\nä,7\n".encode("latin-1"), "cannot read"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.dat", b"a::007::1::978300760\na::5::1::978300760\nb::12::5::978300761\n"),
        ("t.csv", b"a,007\na,5\nb,12\n"),
        ("t.csv", b"customer_id;article_id;date\na;007;x\na;5;x\nb;12;x\n"),
        ("t.json", b'[{"user_id": "a", "sku": "007"}, {"user_id": "a", "sku": "5"},'
                   b' {"user_id": "b", "sku": "12"}]'),
    ],
)  # fmt: skip
def test_a_split_may_be_written_as_events_are(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert rows(read(path)) == [(0, [2]), (1, [0, 3])]
