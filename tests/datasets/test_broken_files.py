"""Files that are missing, empty, damaged or not what they should be."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pytest

from recsys_cli.datasets.adapters import raw_files
from recsys_cli.errors import DataError

from .conftest import N_ROWS, Workspace, as_parquet, gzipped

FILE = "transactions_train.csv"


@dataclass
class Case:
    check: str
    change: Callable[[bytes], bytes]
    line: int | None = None
    column: str | None = None
    words: str = ""


FATAL = {
    "no bytes": Case("events.rows", lambda b: b"", words="empty"),
    "only white space": Case("events.rows", lambda b: b" \n\n", words="empty"),
    "header alone": Case("events.rows", lambda b: b.partition(b"\n")[0] + b"\n", words="no rows"),
    "header without line end": Case(
        "events.rows", lambda b: b.partition(b"\n")[0], words="no rows"
    ),
    "column missing": Case(
        "events.columns", lambda b: b.replace(b"t_dat", b"t_date"), 1, "t_dat", "t_date"
    ),
    "no header": Case(
        "events.columns", lambda b: b.partition(b"\n")[2], 1, "customer_id", "2020-01-01"
    ),
    "column twice": Case(
        "events.columns", lambda b: b.replace(b"sales_channel_id", b"price"), 1, "price", "2 times"
    ),
    "header not UTF-8": Case(
        "events.encoding", lambda b: b.replace(b"price", b"pr\xefce"), 1, None, "xef"
    ),
    "UTF-16": Case("events.file", lambda b: b.decode().encode("utf-16"), words="UTF-16"),
    "binary": Case("events.file", lambda b: b"PK\x03\x04\0\0\0" + b, words="binary"),
    "old Macintosh line ends": Case(
        "events.file", lambda b: b.replace(b"\n", b"\r"), words="Macintosh"
    ),
    "no known separator": Case(
        "events.columns", lambda b: b.replace(b",", b"~"), 1, "customer_id", "t_dat~customer_id"
    ),
    "times in no known format": Case(
        "events.time", lambda b: b.replace(b"\n2020-", b"\nJan-"), None, "t_dat", "time format"
    ),
}


@pytest.mark.parametrize("name", FATAL)
def test_an_unusable_file_is_fatal_and_leaves_nothing(hm: Workspace, name: str) -> None:
    case = FATAL[name]
    hm.rewrite(FILE, case.change)

    findings = [f for f in all_findings(hm) if f.check == case.check and f.status == "fail"]

    first = findings[0]
    assert first.file == FILE
    assert case.words in first.message
    assert first.line == case.line
    if case.column is not None:
        assert case.column in [f.column for f in findings]
    with pytest.raises(DataError) as raised:
        hm.ingest()
    assert FILE in raised.value.message
    assert raised.value.hint
    assert not list(hm.out.glob("*"))


def all_findings(workspace: Workspace) -> list:  # type: ignore[type-arg]
    from recsys_cli.datasets.ingest import validate

    report = validate(workspace.name, workspace.config, workspace=workspace.root)
    return list(report.findings)


def test_a_misspelt_column_is_recognised(hm: Workspace) -> None:
    hm.rewrite(FILE, lambda b: b.replace(b"t_dat", b"t_date", 1))

    assert hm.find("events.columns").hint == "rename 't_date' to 't_dat'"


@pytest.mark.parametrize("file", ["articles.csv", "customers.csv", FILE])
def test_a_missing_file_is_named_with_what_was_looked_for(hm: Workspace, file: str) -> None:
    (hm.raw / file).unlink()
    stem = file.removesuffix(".csv")

    with pytest.raises(DataError, match=rf"{stem}\.csv, {stem}\.csv\.gz, {stem}\.parquet"):
        raw_files(hm.config, hm.root)
    with pytest.raises(DataError, match=rf"{stem}\.csv, {stem}\.csv\.gz, {stem}\.parquet"):
        hm.ingest()


def test_every_missing_file_is_named_at_once(hm: Workspace) -> None:
    (hm.raw / "articles.csv").unlink()
    (hm.raw / "customers.csv").unlink()

    failed = [f.check for f in all_findings(hm) if f.status == "fail"]

    assert failed == ["items.file", "users.file"]


def test_a_missing_folder_is_named(hm: Workspace) -> None:
    hm.set(path="elsewhere")

    with pytest.raises(DataError, match="elsewhere does not exist"):
        raw_files(hm.config, hm.root)
    with pytest.raises(DataError, match="elsewhere does not exist"):
        hm.ingest()


def test_raw_files_lists_what_is_read(hm: Workspace) -> None:
    names = sorted(path.name for path in raw_files(hm.config, hm.root))

    assert names == ["articles.csv", "customers.csv", FILE]


def test_problems_of_several_files_are_reported_together(hm: Workspace) -> None:
    hm.rewrite(FILE, lambda b: b"")
    hm.rewrite("customers.csv", lambda b: b.replace(b"customer_id", b"client"))

    failed = {f.check for f in all_findings(hm) if f.status == "fail"}

    assert failed == {"events.rows", "users.columns"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b"\xef\xbb\xbf" + b, "byte-order mark"),
        (lambda b: b.replace(b"\n", b"\r\n"), "Windows line ends"),
        (lambda b: b"\xef\xbb\xbf" + b.replace(b"\n", b"\r\n"), "mark and Windows"),
    ],
    ids=["BOM", "CRLF", "both"],
)
def test_harmless_differences_change_nothing(
    hm: Workspace, change: Callable[[bytes], bytes], words: str
) -> None:
    hm.ingest()
    plain = hm.artifacts()
    for file in ("articles.csv", "customers.csv", FILE):
        hm.rewrite(file, change)

    hm.ingest()

    assert hm.artifacts() == plain
    finding = hm.find("events.text")
    assert finding.status == "pass"
    assert words in finding.message


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_read_and_told(hm: Workspace, separator: str) -> None:
    hm.ingest()
    plain = hm.artifacts()
    hm.rewrite(FILE, lambda b: b.replace(b",", separator.encode()))

    finding = hm.find("events.separator")

    assert (finding.status, finding.line, finding.example) == ("warn", 1, separator)
    hm.ingest()
    assert hm.artifacts() == plain


def test_a_configured_separator_is_not_second_guessed(hm: Workspace) -> None:
    for file in ("articles.csv", "customers.csv", FILE):
        hm.rewrite(file, lambda b: b.replace(b'"Soft, warm"', b"soft").replace(b",", b";"))
    hm.set(separator=";")

    assert hm.find("events.separator").status == "pass"
    finding = hm.set(separator=",").find("events.separator")
    assert (finding.status, finding.line) == ("fail", 1)
    assert "';'" in (finding.hint or "")


@pytest.mark.parametrize("damage", ["gzip", "parquet"])
def test_a_damaged_file_is_fatal(hm: Workspace, damage: str) -> None:
    path = hm.raw / FILE
    if damage == "gzip":
        gzipped(path)
        path = path.with_name(FILE + ".gz")
        path.write_bytes(path.read_bytes()[:2000])
    else:
        as_parquet(path)
        path = path.with_suffix(".parquet")
        path.write_bytes(path.read_bytes()[:-30])

    finding = hm.find("events.file")

    assert (finding.status, finding.file) == ("fail", path.name)
    with pytest.raises(DataError, match="cannot be read"):
        hm.ingest()


def test_a_gzip_that_is_none(hm: Workspace) -> None:
    (hm.raw / FILE).rename(hm.raw / f"{FILE}.gz")

    assert hm.find("events.file").status == "fail"


@pytest.mark.parametrize(
    ("damage", "words", "hint"),
    [
        (lambda b: b[: len(b) * 2 // 3], "ends before", "cut off"),
        (lambda b: b[:-8] + b"\0\0\0\0" + b[-4:], "checksum", "damaged"),
    ],
    ids=["cut", "corrupt"],
)
def test_a_gzip_damaged_past_its_header(
    hm: Workspace, damage: Callable[[bytes], bytes], words: str, hint: str
) -> None:
    random.seed(5)
    rows = [f"2020-01-01,{random.random()},0100775015,1,1\n".encode() for _ in range(60_000)]
    hm.rewrite(FILE, lambda b: b + b"".join(rows))
    gzipped(hm.raw / FILE)
    hm.rewrite(f"{FILE}.gz", damage)

    finding = hm.find("events.file")

    assert finding.status == "fail"
    assert words in finding.message
    assert hint in (finding.hint or "")


def test_an_empty_gzip(hm: Workspace) -> None:
    (hm.raw / FILE).unlink()
    (hm.raw / f"{FILE}.gz").write_bytes(gzip.compress(b""))

    assert hm.find("events.rows").status == "fail"


@pytest.mark.parametrize(("table", "file"), [("events", FILE), ("items", "articles.csv")])
def test_ids_stored_as_floats_are_fatal(hm: Workspace, table: str, file: str) -> None:
    path = hm.raw / file
    frame = pl.read_csv(path, infer_schema=False).with_columns(pl.col("article_id").cast(float))
    frame.write_parquet(path.with_suffix(".parquet"))
    path.unlink()

    finding = hm.find(f"{table}.id_type")

    assert (finding.status, finding.column) == ("fail", "article_id")
    assert "Float64" in finding.message


def test_parquet_defects_name_the_row(hm: Workspace) -> None:
    path = hm.raw / FILE
    frame = pl.read_csv(path, infer_schema=False)
    bad = pl.int_range(N_ROWS).is_in([71, 90])
    frame = frame.with_columns(pl.when(bad).then(pl.lit("?")).otherwise("t_dat").alias("t_dat"))
    frame.write_parquet(path.with_suffix(".parquet"))
    path.unlink()

    finding = hm.find("events.time")

    assert (finding.row, finding.line, finding.count, finding.example) == (71, None, 2, "?")


def test_an_empty_parquet_is_fatal(hm: Workspace) -> None:
    path = hm.raw / FILE
    pl.read_csv(path, infer_schema=False).head(0).write_parquet(path.with_suffix(".parquet"))
    path.unlink()

    assert hm.find("events.rows").status == "fail"
