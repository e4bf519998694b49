"""The demo appears whole or not at all, and replaces nothing but itself."""

import json
from pathlib import Path

import pytest
from filelock import FileLock

from recsys_cli.datasets.demo import generate, make_demo
from recsys_cli.datasets.demo.folders import LOCK, MARKER, OUTGOING, SCRATCH, scratch
from recsys_cli.errors import LockedError, UsageError

TINY = {"customers": 20, "transactions": 100, "articles": 15, "images": False}


def test_refuses_a_folder_it_did_not_make(tmp_path: Path) -> None:
    theirs = tmp_path / "data" / "hm_raw"
    theirs.mkdir(parents=True)
    (theirs / "articles.csv").write_text("mine")
    for force in (False, True):
        with pytest.raises(UsageError, match="not made by") as caught:
            make_demo(tmp_path, **TINY, force=force)
        assert caught.value.hint
    assert (theirs / "articles.csv").read_text() == "mine"
    assert not (tmp_path / "data" / "rr_raw").exists()


def test_refuses_rr_alone_before_making_anything(tmp_path: Path) -> None:
    theirs = tmp_path / "data" / "rr_raw"
    theirs.mkdir(parents=True)
    (theirs / "events.csv").write_text("mine")
    with pytest.raises(UsageError):
        make_demo(tmp_path, **TINY)
    assert not (tmp_path / "data" / "hm_raw").exists()


def test_refuses_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hm_raw").write_text("a file")
    with pytest.raises(UsageError):
        make_demo(tmp_path, **TINY, force=True)


def test_same_arguments_skip_and_others_need_force(tmp_path: Path) -> None:
    first = make_demo(tmp_path, **TINY)
    assert first.skipped == ()
    before = (first.hm / "customers.csv").stat().st_mtime_ns
    assert make_demo(tmp_path, **TINY).skipped == ("hm_raw", "rr_raw")
    assert (first.hm / "customers.csv").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="other parameters") as caught:
        make_demo(tmp_path, **TINY, seed=1)
    assert "--force" in str(caught.value.hint)
    made = make_demo(tmp_path, **TINY, seed=1, force=True)
    assert made.skipped == ()
    assert json.loads((made.hm / MARKER).read_text())["seed"] == 1


def test_a_deleted_file_is_made_again(tmp_path: Path) -> None:
    made = make_demo(tmp_path, **TINY)
    text = (made.rr / "events.csv").read_bytes()
    (made.rr / "events.csv").unlink()
    assert make_demo(tmp_path, **TINY).skipped == ("hm_raw",)
    assert (made.rr / "events.csv").read_bytes() == text


def test_a_damaged_marker_needs_force(tmp_path: Path) -> None:
    made = make_demo(tmp_path, **TINY)
    (made.hm / MARKER).write_text("{")
    with pytest.raises(UsageError):
        make_demo(tmp_path, **TINY)
    assert make_demo(tmp_path, **TINY, force=True).skipped == ()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_interrupted_leaves_the_earlier_demo_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    made = make_demo(tmp_path, **TINY)
    before = {path: path.read_bytes() for path in made.hm.iterdir()}

    def fail(*args: object, **options: object) -> None:
        raise stop

    monkeypatch.setattr(generate, "write_rr", fail)
    monkeypatch.setattr(generate, "write_pictures", fail)
    with pytest.raises(stop):
        make_demo(tmp_path, **TINY, seed=9, force=True)
    assert {path: path.read_bytes() for path in made.hm.iterdir()} == before
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["hm_raw", "rr_raw"]


def test_leftovers_of_a_killed_run_are_cleared(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / SCRATCH / "hm_raw").mkdir(parents=True)
    taken = data / OUTGOING / "rr_raw"
    taken.mkdir(parents=True)
    (taken / "events.csv").write_text("old")
    with scratch(data) as work:
        assert list(work.iterdir()) == []
        assert (data / "rr_raw" / "events.csv").read_text() == "old"
    assert [p.name for p in data.iterdir()] == ["rr_raw"]


def test_two_at_a_time_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with FileLock(tmp_path / "data" / LOCK), pytest.raises(LockedError):
        make_demo(tmp_path, **TINY)


@pytest.mark.parametrize("name", ["customers", "transactions", "articles"])
def test_sizes_must_be_positive(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=name):
        make_demo(tmp_path, **(TINY | {name: 0}))
    assert not (tmp_path / "data").exists()
