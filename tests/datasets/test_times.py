"""Times in every unit and format become the same milliseconds."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import polars as pl
import pytest

from recsys_cli.datasets.times import detect_time

from .conftest import Workspace

MOMENT = datetime(2020, 9, 16, 13, 45, 12)
EPOCH = 1_600_263_912


def read(values: list[object], dtype: pl.DataType | None = None) -> tuple[str, list[object]]:
    series = pl.Series("t", values, dtype=dtype)
    found = detect_time(series)
    assert found is not None
    return found.name, series.to_frame().select(found.expr).to_series().to_list()


@pytest.mark.parametrize(
    ("unit", "factor"), [("s", 1), ("ms", 10**3), ("µs", 10**6), ("ns", 10**9)]
)
@pytest.mark.parametrize("kind", [str, int, float, lambda n: f"{n}.0", lambda n: f" {n}"])
def test_epochs_are_told_apart_by_size(unit: str, factor: int, kind) -> None:  # type: ignore[no-untyped-def]
    name, times = read([kind(EPOCH * factor), kind((EPOCH + 60) * factor)])

    assert name == f"epoch in {unit}"
    assert times == [MOMENT, MOMENT + timedelta(minutes=1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-09-16", datetime(2020, 9, 16)),
        ("20200916", datetime(2020, 9, 16)),
        ("2020/09/16", datetime(2020, 9, 16)),
        ("2020-09-16 13:45:12", MOMENT),
        ("2020-09-16T13:45:12", MOMENT),
        ("2020-09-16 13:45:12.250", MOMENT + timedelta(milliseconds=250)),
        ("2020-09-16T13:45:12.250000", MOMENT + timedelta(milliseconds=250)),
        ("2020-09-16T13:45:12Z", MOMENT),
        ("2020-09-16T15:45:12+02:00", MOMENT),
        ("2020-09-16 15:45:12+0200", MOMENT),
        ("2020-09-16 13:45:12 UTC", MOMENT),
        ("2020-09-16 13:45", MOMENT.replace(second=0)),
        ("2020/09/16 13:45:12", MOMENT),
    ],
)
def test_iso_texts(text: str, expected: datetime) -> None:
    _, times = read([text, None, "rubbish", text])

    assert times == [expected, None, None, expected]


@pytest.mark.parametrize("text", ["16.09.2020", "09/16/2020", "September", "", "1:30"])
def test_formats_that_could_mean_several_days_are_refused(text: str) -> None:
    assert detect_time(pl.Series("t", [text, text])) is None


def test_iso_dates_among_datetimes() -> None:
    name, times = read(["2020-09-16T13:45:12", "2020-09-16", "2020-09-16T13:45:12Z", "x", "2020"])

    assert times == [MOMENT, datetime(2020, 9, 16), MOMENT, None, None]
    assert name == "%Y-%m-%d or %Y-%m-%dT%H:%M:%S%.f or %Y-%m-%dT%H:%M:%S%.f%#z"


def test_a_format_that_only_comes_late_is_read(shop: Workspace) -> None:
    lines = [f"u{i},i{i % 9},2024-01-01T10:00:{i % 60:02d}" for i in range(2_500)]
    lines[2_400:] = [f"late{i},i{i % 9},2024-02-01" for i in range(100)]
    lines[7] = "u7,i7,01.02.2024"
    (shop.raw / "log.csv").write_text("user,item,time\n" + "\n".join(lines) + "\n")

    report = shop.ingest()

    assert (report.events, report.users, report.skipped) == (2_499, 2_499, 1)
    assert report.last == "2024-02-01T00:00:00"
    assert shop.table("users")["user"].to_list() == sorted(
        x.split(",")[0] for i, x in enumerate(lines) if i != 7
    )
    assert shop.find("events.time").line == 9
    assert " or %Y-%m-%d" in shop.find("events.time_format").message


def test_typed_times() -> None:
    assert read([date(2020, 9, 16)])[1] == [datetime(2020, 9, 16)]
    assert read([MOMENT], pl.Datetime("us"))[1] == [MOMENT]
    zone = timezone(timedelta(hours=2))
    aware = pl.Series("t", [MOMENT.replace(tzinfo=zone)])
    found = detect_time(aware)
    assert found is not None
    assert aware.to_frame().select(found.expr).item() == MOMENT - timedelta(hours=2)


@pytest.mark.parametrize(("unit", "zeros"), [("s", ""), ("ms", "000"), ("µs", "000000")])
def test_the_unit_of_a_file_is_told(shop: Workspace, unit: str, zeros: str) -> None:
    for kind in (b",buy", b",view"):
        shop.rewrite("log.csv", lambda b, kind=kind: b.replace(kind, zeros.encode() + kind))

    report = shop.ingest()

    assert report.first == "2020-09-13T12:26:40"
    assert report.last == "2020-09-13T12:33:19"
    assert f"epoch in {unit}" in shop.find("events.time_format").message


def test_a_lone_time_in_another_unit_is_impossible(shop: Workspace) -> None:
    shop.edit("log.csv", 4, lambda b: b.replace(b"1600000002", b"1600000002000"))

    finding = shop.find("events.time_range")

    assert (finding.status, finding.line, finding.count) == ("warn", 4, 1)
    assert (finding.column, finding.example) == ("timestamp", "1600000002000")


def test_a_counter_is_no_time_unless_it_is_left_out(shop: Workspace) -> None:
    shop.rewrite("log.csv", lambda b: b.replace(b",160000", b","))

    finding = shop.find("events.time_range")

    assert finding.status == "fail"
    assert 'time = ""' in (finding.hint or "")
    report = shop.set(columns={"time": ""}).ingest()
    assert (report.first, report.last) == (None, None)
    events = shop.table("events")
    assert events["time"].null_count() == events.height == 400
    assert events.schema["time"] == pl.Datetime("ms")
