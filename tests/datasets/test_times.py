"""Times in every unit and format become the same milliseconds."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import polars as pl
import pytest

from recsys_cli.datasets.times import detect_time, tells_clock, with_clock

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


@pytest.mark.parametrize(
    "text", ["2020-09", "202009", "2020/09", "09/2020", "09.2020", "Sep-20", "September 2020"]
)
def test_months_are_their_first_day(text: str) -> None:
    name, times = read([text, text])

    assert name.endswith("(the first of each month)")
    assert times == [datetime(2020, 9, 1)] * 2


NOON = datetime(2020, 9, 16, 13, 45)


@pytest.mark.parametrize("day", ["2020-09-16", "20200916", "16.09.2020", "2020-09-16 00:00:00"])
@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("13:45:12", MOMENT), ("13:45", NOON), ("1:45 PM", NOON), ("1:45:12 p.m.", MOMENT),
        ("1345", NOON), ("134512", MOMENT), ("13:45 Uhr", NOON), ("1899-12-30 13:45:12", MOMENT),
        ("13", datetime(2020, 9, 16, 13)),
    ],
)  # fmt: skip
def test_a_day_and_a_time_of_day_are_one_time(day: str, clock: str, expected: datetime) -> None:
    frame = pl.DataFrame({"day": [day] * 3, "time": [clock, clock, None]})
    another = "7" if clock == "13" else clock.replace("45", "46")
    assert tells_clock(pl.Series("time", [clock, another]))
    joined = frame.select(with_clock(pl.col("day"), pl.col("time"))).to_series()
    found = detect_time(joined)
    assert found is not None
    midnight = datetime(2020, 9, 16)
    read_as = joined.to_frame().select(found.expr).to_series().to_list()
    assert read_as == [expected, expected, midnight]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("price", ["1345", "1701"]), ("timeframe", ["899000", "1000"]), ("time", ["13:45", "soon"]),
        ("time", ["5", "1345"]), ("when", ["2020-09-16 13:45", "2020-09-16 14:45"]),
        ("time", ["13:45", "13:45"]),
    ],
)  # fmt: skip
def test_what_is_no_time_of_day(name: str, cells: list[str]) -> None:
    assert not tells_clock(pl.Series(name, cells))


@pytest.mark.parametrize("text", ["September", "", "1:30"])
def test_what_is_no_time_is_refused(text: str) -> None:
    assert detect_time(pl.Series("t", [text, text])) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("16.09.2020 13:45:12", "%d.%m.%Y %H:%M:%S%.f"),
        ("09/16/2020 1:45:12 PM", "%m/%d/%Y %I:%M:%S %p"),
        ("9/16/2020, 1:45:12 pm", "%m/%d/%Y, %I:%M:%S %p"),
        ("16-Sep-2020 13:45:12", "%d-%B-%Y %H:%M:%S%.f"),
        ("September 16, 2020 13:45:12", "%B %d, %Y %H:%M:%S%.f"),
        ("Wed Sep 16 13:45:12 2020", "%a %b %d %H:%M:%S %Y"),
        ("2020-09-16 15:45:12 +0200", "%Y-%m-%d %H:%M:%S%.f%#z"),
        ("20200916134512", "%Y%m%d%H%M%S"),
    ],
)
def test_other_ways_to_write_a_moment(text: str, name: str) -> None:
    assert read([text]) == (name, [MOMENT])


def dated(shop: Workspace, *cells: str) -> None:
    lines = [f"u{i % 5},i{i % 7},{cells[i % len(cells)]}" for i in range(50)]
    for file in shop.raw.iterdir():
        file.unlink()
    (shop.raw / "log.csv").write_text("user,item,time\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("cells", "first", "last"),
    [
        (("01/02/2024", "14/03/2024"), "2024-02-01", "2024-03-14"),
        (("01/02/2024", "03/14/2024"), "2024-01-02", "2024-03-14"),
        (("1/2/24 8:05", "3/14/24 9:05"), "2024-01-02T08:05:00", "2024-03-14T09:05:00"),
        (("02/02/2024", "03/03/2024"), "2024-02-02", "2024-03-03"),
    ],
)
def test_the_whole_column_tells_days_from_months(
    shop: Workspace, cells: tuple[str, ...], first: str, last: str
) -> None:
    dated(shop, *cells)
    report = shop.ingest()
    assert str(report.first).startswith(first)
    assert str(report.last).startswith(last)


def test_days_that_could_be_months_are_refused_with_both_readings(shop: Workspace) -> None:
    dated(shop, "01/02/2024", "03/04/2024")
    finding = shop.find("events.time")
    assert finding.status == "fail"
    assert "2024-02-01 as %d/%m/%Y or 2024-01-02 as %m/%d/%Y" in finding.message
    assert 'time_format = "%d/%m/%Y"' in str(finding.hint)
    shop.set(time_format="%m/%d/%Y")
    assert str(shop.ingest().last).startswith("2024-03-04")


def test_a_late_day_decides(shop: Workspace) -> None:
    dated(shop, *["01/02/2024"] * 49, "14/02/2024")
    assert str(shop.ingest().last).startswith("2024-02-14")


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
    assert sorted(shop.table("users")["user"]) == sorted(
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


def test_every_epoch_is_read_in_its_own_unit(shop: Workspace) -> None:
    shop.edit("log.csv", 4, lambda b: b.replace(b"1600000002", b"1600000002000"))
    report = shop.ingest()
    assert (report.skipped, report.first) == (0, "2020-09-13T12:26:40")
    assert report.last == "2020-09-13T12:33:19"
    assert "epoch in s and ms" in shop.find("events.time_format").message


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
