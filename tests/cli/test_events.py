"""`recsys events` as a user meets it."""

import json
import os
import subprocess
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from recsys_cli.cli.app import app
from recsys_cli.config.models import LiveConfig
from recsys_cli.live.opening import open_log
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.packs import load_pack


@pytest.fixture
def events(workspace):
    """Runs `recsys events …`; what it printed."""

    def run(*words, given=None, code=0):
        arguments = ["events", *words, "-w", str(workspace)]
        result = CliRunner().invoke(app, arguments, input=given)
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.stderr

    return run


@pytest.fixture
def user(workspace):
    """One of hm's."""
    pack = load_pack(workspace / "artifacts/ids_hm.joblib")
    return IdTable.from_pack(pack, "user").to_list(0, 1)[0]


def lines(*records) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


def test_what_is_exported_can_be_added_elsewhere(events, workspace, user, tmp_path):
    odd = {"user": user, "item": "é\u2028\x1b'\"", "value": 0.1, "id": "1", "request": "r"}
    told = events("add", "-", given=lines(odd, {"user": user, "item": "i", "time": "2026-11-30"}))
    assert told.startswith("2 events were added; 2 events are of items that no build has.")
    events("add", "-", "-d", "rr", given=lines({"user": "new", "item": "i", "event": "view"}))
    exported = events("export")
    assert [json.loads(line)["dataset"] for line in exported.splitlines()] == ["hm", "hm", "rr"]
    out = tmp_path / "out.jsonl"
    events("export", "--out", str(out))
    assert out.read_text() == exported
    before = list(open_log(workspace, LiveConfig()).export())
    assert events("drop", "--before", "2100-01-01") == "3 events were dropped.\n"
    assert events("export") == ""
    assert "3 events were added" in events("add", str(out))
    assert list(open_log(workspace, LiveConfig()).export()) == before
    assert [json.loads(line)["dataset"] for line in events("export", "-d", "rr").splitlines()] == [
        "rr"
    ]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "csv.gz", "jsonl"])
def test_tables_are_read_too(events, user, tmp_path, suffix):
    rows = [
        {"user": user, "item": "0108", "time": "2026-10-01T08:00:00", "value": 3.5, "id": "b"},
        {"user": user, "item": "0108", "time": "2026-10-02", "value": None, "id": None},
    ]
    file, frame = tmp_path / f"events.{suffix}", pl.DataFrame(rows)
    if suffix == "jsonl":
        file.write_text(lines(*rows))
    elif suffix == "parquet":
        frame.write_parquet(file)
    else:
        frame.write_csv(file, compression="gzip" if suffix.endswith("gz") else "uncompressed")
    assert json.loads(events("add", str(file), "--json")) == {
        "accepted": 2,
        "known_items": 0,
        "duplicates": 0,
    }
    first, second = map(json.loads, events("export").splitlines())
    rest = {"dataset": "hm", "user": user, "item": "0108", "event": "purchase"}
    assert first == rest | {"time": "2026-10-01T08:00:00.000Z", "value": 3.5, "id": "b"}
    assert second == rest | {"time": "2026-10-02T00:00:00.000Z"}


def test_a_line_that_is_wrong_is_named_and_keeps_all_out(events, user):
    good = {"user": user, "item": "i"}
    told = events("add", "-", given="\n" + lines(good, {"user": user, "item": ""}), code=2)
    assert told == "Error: line 3: item: it is empty\n"
    told = events("add", "-", given=lines(good) + "{\n", code=1)
    assert "line 2 is no JSON" in told
    assert "an event a line" in told
    assert events("export") == ""
    assert events("status") == "There are no live events.\n"


@pytest.mark.parametrize("name", ["none.jsonl", "none.csv", "."])
def test_a_file_that_cannot_be_read_is_named(events, tmp_path, name):
    told = events("add", str(tmp_path / name), code=1)
    assert "cannot read" in told
    assert "Traceback" not in told


def test_status_tells_what_is_newer_than_the_build(events, workspace, user):
    items = IdTable.from_pack(load_pack(workspace / "artifacts/ids_hm.joblib"), "item")
    known = items.to_list(0, 1)[0]
    given = [(known, "1999-01-01"), (known, "2026-11-30"), ("new", "2026-11-30T08:00")]
    records = [{"user": user, "item": item, "time": time} for item, time in given]
    events("add", "-", given=lines(*records))
    events("add", "-", "-d", "hm", given=lines({"user": "other", "item": "new"}))
    told = json.loads(events("status", "--json"))
    (hm,) = told["datasets"]
    assert told["bytes"] > 0
    assert hm | {"last": None} == {
        "dataset": "hm",
        "events": 4,
        "users": 2,
        "first": "1999-01-01T00:00:00.000Z",
        "last": None,
        "newer": 3,
        "unknown_items": 1,
    }
    assert "newer than the build" in events("status")


def test_live_events_that_are_switched_off_are_not_taken(events, user):
    given = lines({"user": user, "item": "i"})
    told = events("add", "-", "--set", "live.enabled=false", given=given, code=2)
    assert "switched off" in told


def test_building_and_cleaning_leave_the_log_alone(events, workspace, user):
    events("add", "-", given=lines({"user": user, "item": "i"}))
    before = events("export")
    for words in (["clean"], ["build", "popular", "--force"]):
        result = CliRunner().invoke(app, [*words, "-w", str(workspace)])
        assert result.exit_code == 0, result.output
    assert events("export") == before


def test_a_reader_that_has_seen_enough_ends_an_export(events, workspace, user):
    events("add", "-", given=lines(*[{"user": user, "item": "i"}] * 3000))
    command = f"{sys.executable} -m recsys_cli events export -w {workspace} | head -1"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=True, env=os.environ
    )
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")
