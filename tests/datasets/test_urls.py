"""Tables behind URLs: s3:// by a server that speaks its protocol, http:// by the same one."""

import gzip
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from datasets.webserver import BUCKET, Files, serving
from recsys_cli.config.models import DatasetConfig
from recsys_cli.config.sources import without_secrets
from recsys_cli.datasets.findings import ValidationReport
from recsys_cli.datasets.ingest import ingest, validate
from recsys_cli.errors import UsageError

KEY = "AKIDOFTHESHOP"
SECRET = "t0p-s3cret"
ROWS = [f"u{n % 9},{n % 7:03d},2024-01-{1 + n % 28:02d} 10:00\n" for n in range(300)]
CSV = ("user,item,ts\n" + "".join(ROWS)).encode()


def parquet(rows: int) -> bytes:
    file = io.BytesIO()
    frame = pl.DataFrame({"user": [f"u{n % 9}" for n in range(rows)], "item": ["i1"] * rows})
    frame.write_parquet(file)
    return file.getvalue()


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as found:
        found.content = {
            "orders.csv.gz": gzip.compress(CSV),
            "orders_1.csv": CSV,
            "orders_2.csv": CSV,
            "day/date=2024-01-01/part-0.parquet": parquet(50),
            "day/date=2024-01-02/part-0.parquet": parquet(60),
            "day/_SUCCESS": b"",
            "day/_temporary/part-9.parquet": b"half",
        }
        yield found


@pytest.fixture
def bucket(files: Files, monkeypatch: pytest.MonkeyPatch) -> Files:
    """The same as a bucket, with credentials in the environment."""
    pytest.importorskip("obstore")
    files.wanted = KEY
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{files.address}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    return files


def section(events: str, **more: object) -> DatasetConfig:
    return DatasetConfig.model_validate({"kind": "generic", "events": events, **more})


def events_of(events: str, root: Path, **more: object) -> int:
    return ingest("shop", section(events, **more), workspace=root, out=root).events


def problems(report: ValidationReport) -> str:
    return " ".join(map(str, (each for each in report.findings if each.status == "fail")))


@pytest.mark.parametrize(
    ("key", "events"),
    [
        ("orders.csv.gz", 300),
        ("orders_*.csv", 600),
        ("day", 110),
        ("day/", 110),
        ("day/*/*.parquet", 110),
        ("day/date=2024-01-0[2]/*", 60),
    ],
)
def test_of_a_bucket(bucket: Files, key: str, events: int, tmp_path: Path) -> None:
    columns = {} if key.startswith("orders") else {"time": "date"}
    assert events_of(f"s3://{BUCKET}/{key}", tmp_path, columns=columns) == events
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_what_is_not_there(bucket: Files, tmp_path: Path) -> None:
    for key in ("none/", "nope.csv"):
        report = validate("shop", section(f"s3://{BUCKET}/{key}"), workspace=tmp_path)
        assert "there is no table at" in problems(report)
    bucket.wanted = "somebody else"
    report = validate("shop", section(f"s3://{BUCKET}/orders.csv.gz"), workspace=tmp_path)
    assert "403" in problems(report)
    assert SECRET not in problems(report)


def test_over_http(files: Files, tmp_path: Path) -> None:
    assert events_of(f"http://{files.address}/orders.csv.gz?sig={SECRET}", tmp_path) == 300
    files.wanted = "Basic "
    assert events_of(f"http://u:{SECRET}@{files.address}/orders_1.csv", tmp_path) == 300
    report = validate("shop", section(f"http://{files.address}/orders_1.csv"), workspace=tmp_path)
    assert "HTTP 403" in problems(report)


def test_an_answer_that_ends_early_is_no_table(files: Files, tmp_path: Path) -> None:
    files.cut = {"orders_1.csv"}
    report = validate("shop", section(f"http://{files.address}/orders_1.csv"), workspace=tmp_path)
    assert "lacks its last" in problems(report)


def recsys(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recsys_cli", *words, "-w", root],
        env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("way", ["s3", "http"])
def test_a_change_is_seen_and_nothing_is_fetched_without(
    way: str, bucket: Files, tmp_path: Path
) -> None:
    if way == "http":
        bucket.wanted = ""
    place = f"s3://{BUCKET}" if way == "s3" else f"http://{bucket.address}"
    (tmp_path / "recsys.toml").write_text(
        f'[datasets.shop]\nkind = "generic"\nevents = "{place}/orders_1.csv"\n'
    )
    assert "events 300" in recsys(tmp_path, "ingest").stdout
    bucket.asked.clear()
    assert "skipped" in recsys(tmp_path, "ingest").stdout
    # A GET over HTTP is closed before its body is read.
    assert way == "http" or {each.split()[0] for each in bucket.asked} == {"HEAD"}
    bucket.content["orders_1.csv"] += b"u1,001,2024-02-01 10:00\n"
    assert "stale" in recsys(tmp_path, "status").stdout
    assert "events 301" in recsys(tmp_path, "ingest").stdout
    bucket.content.clear()
    done = recsys(tmp_path, "status")
    assert done.returncode == 0
    assert "stale" in done.stdout
    manifests = (tmp_path / "artifacts" / "manifests").glob("*.json")
    assert all(SECRET not in path.read_text() for path in manifests)


def test_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("obstore", "obstore.exceptions"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match="obstore, which is not installed") as raised:
        validate("shop", section("s3://shop/x.csv"), workspace=tmp_path)
    assert "recsys-cli[cloud]" in (raised.value.hint or "")


@pytest.mark.parametrize("events", ["ftp://h/x.csv", "s3://", "postgresql://h/x"])
def test_other_urls_are_refused(events: str) -> None:
    with pytest.raises(ValueError, match="://"):
        section(events)


def test_partitions_of_a_folder(tmp_path: Path) -> None:
    for day, rows in (("2024-01-01", 20), ("2024-01-02", 30)):
        part = tmp_path / "data" / "events" / f"date={day}" / "part-0.parquet"
        part.parent.mkdir(parents=True)
        part.write_bytes(parquet(rows))
    assert events_of("events", tmp_path, path="data", columns={"time": "date"}) == 50
    times = pl.read_parquet(tmp_path / "events_shop.parquet")["time"].dt.date().value_counts()
    assert sorted(times["count"]) == [20, 30]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/x.csv", "https://h/x.csv"),
        ("https://h/x.csv?a=1&sig=2#f", "https://h/x.csv?a=***&sig=***#f"),
        ("https://u@h/x.csv", "https://u@h/x.csv"),
        (
            "postgresql://u:p@h:5432/d?sslmode=require",
            "postgresql://u:***@h:5432/d?sslmode=require",
        ),
        ("postgresql://u:${PW}@h/d", "postgresql://u:${PW}@h/d"),
        ("postgresql://u:a@b/c@h/d", "postgresql://u:***@h/d"),
        ("postgresql:///d?password=x&host=/tmp", "postgresql:///d?password=***&host=/tmp"),
        ("postgresql:///d?password=${PW}", "postgresql:///d?password=${PW}"),
        ("postgresql://h1:1,h2:2/d", "postgresql://h1:1,h2:2/d"),
        ("orders.csv", "orders.csv"),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
