"""What nothing reads any more goes, nothing else does, and no link leads out of artifacts/."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import recsys_cli
from conftest import CONFIG, QUICK, build
from recsys_cli.apps.clean import clean
from recsys_cli.apps.evaluate import Question, run_evaluation
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.tuning.targets import TARGETS
from recsys_cli.apps.tuning.windows import Search, prepare
from recsys_cli.build.stage import FITTED, START
from recsys_cli.build.timeline import Timeline
from recsys_cli.cli.app import app
from recsys_cli.errors import ConfigError, LockedError, UnsafeWorkspaceError
from recsys_cli.store.journal import owners_of
from recsys_cli.store.kinds import ALL, ARTIFACTS
from recsys_cli.store.snapshot import FIRST_ROUND, NOW, Snapshot
from recsys_cli.store.workspace import Workspace

PAST = Snapshot(as_of=datetime(2019, 6, 1))
ONLY_HM = '[datasets.hm]\nkind = "hm"\npath = "data/hm_raw"\n' + CONFIG


def files(folder: Path) -> dict[str, bytes]:
    """What there is, but for locks and memos."""
    memos = {".lock", ".hashes.json", ".checked.json", ".lock-holder.json"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in memos
    }


def seen(root: Path, **options) -> dict[str, str]:
    return {leftover.path: leftover.why for leftover in clean(Opened(root), **options)}


@pytest.fixture(scope="session")
def with_past(made_once: Callable[..., Path], built: Path) -> Path:
    """The built workspace with a past snapshot that nothing reads. Do not write to it."""
    return made_once("with_past", lambda root: build(root, "itemknn", snapshot=PAST), built)


@pytest.fixture
def left(with_past: Path, tmp_path: Path) -> Path:
    root = tmp_path / "left"
    shutil.copytree(with_past, root)
    return root


def test_a_snapshot_that_nothing_reads_goes_and_all_else_stays(built, left):
    assert seen(built, dry_run=True) == {}
    before = files(left)
    folder = f"artifacts/{PAST}"
    assert seen(left, dry_run=True) == {folder: "nothing reads this snapshot"}
    assert files(left) == before
    found = clean(Opened(left))
    gone = {name: data for name, data in before.items() if name.startswith(folder)}
    assert gone
    assert found[0].files == len(gone)
    assert found[0].bytes == sum(map(len, gone.values()))
    assert files(left) == {name: data for name, data in before.items() if name not in gone}
    assert not (left / folder).exists()
    assert seen(left) == {}


@pytest.mark.slow
def test_what_builds_evaluations_and_searches_read_stays(workspace):
    opened = Opened(workspace)
    for dataset in ("hm", "rr"):
        run_evaluation(opened, dataset, Question(strategies=["twotower", "itemknn"]))
    _, grounds = prepare(opened, "hm", Search(TARGETS["als"], trials=1))
    assert len(grounds.searched) + len(grounds.held_out) > 2
    assert seen(workspace) == {}
    assert {step.action for step in build(workspace)} == {"skipped"}


def test_with_another_protocol_other_snapshots_are_read(left):
    last = Snapshot(leave_last=1)
    build(left, "itemknn", snapshot=last)
    assert f"artifacts/{last}" in seen(left, dry_run=True)
    with (left / "recsys.toml").open("a") as file:
        file.write('[eval]\nprotocol = "leave-last-out"\n')
    assert seen(left) == {f"artifacts/{PAST}": "nothing reads this snapshot"}


@pytest.mark.parametrize("towers", [True, False])
def test_what_others_start_from_and_are_applied_to_stays(left, towers):
    """Where no test window would keep it, and for as long as something reads it."""
    text = CONFIG if towers else CONFIG.replace("[twotower]", "[twotower]\nenabled = false")
    (left / "recsys.toml").write_text(f'{text}[eval]\nprotocol = "leave-last-out"\n')
    workspace = Workspace(left)
    gone = {PAST}
    for dataset in ("hm", "rr"):
        extent = Timeline(workspace).known(dataset)
        start, fitted = (extent.past(NOW, back, 28) for back in (START, FITTED))
        assert workspace.path("als", dataset, start).exists()
        assert workspace.path("two_tower_weights", dataset, fitted).exists()
        gone |= set() if towers else {fitted}
    folders = {path for path in seen(left) if "cache" not in path}
    assert folders == {f"artifacts/{at}" for at in gone}
    assert {step.action for step in build(left)} == {"skipped"}


def test_a_dataset_that_is_named_no_more_goes_with_all_that_is_its_own(left):
    (left / "recsys.toml").write_text(ONLY_HM)
    weights = left / "artifacts/two_tower_rr.pt"
    assert weights.exists()
    assert seen(left)["artifacts/*_rr.*"] == "there is no dataset rr"
    names = [Path(name).name for name in files(left / "artifacts")]
    assert not [name for name in names if "_rr." in name or "_rr" in Path(name).stem]
    assert not (left / "artifacts/train_pairs_rr").exists()
    build(left)
    assert {step.action for step in build(left)} == {"skipped"}


def test_what_a_setting_names_stays(left):
    (left / "recsys.toml").write_text(
        ONLY_HM.replace("[twotower]", '[twotower]\ninit_from = "artifacts/two_tower_rr.pt"')
    )
    clean(Opened(left))
    names = [name for name in files(left / "artifacts") if "_rr" in name]
    assert names == ["two_tower_rr.pt"]


def test_what_killed_stages_and_encoders_that_are_no_more_left_goes(workspace):
    cache = workspace / "artifacts/cache"
    kept = files(cache)
    assert kept  # the pictures' vectors
    fitted = Timeline(Workspace(workspace)).known("hm").past(NOW, FITTED, 28)
    staging = workspace / "artifacts/.staging-abc"
    for path in (
        staging / "als_hm.joblib",
        cache / ("0" * 24) / "chunk-1.joblib",
        cache / f"twotower/hm_{PAST}.pt",
        cache / f"twotower/hm_{fitted}.pt",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
    stage, read = "a killed stage left it", "nothing reads it"
    expected = {
        "artifacts/.staging-*": stage,
        f"artifacts/cache/{'0' * 24}": read,
        f"artifacts/cache/twotower/hm_{PAST}.pt": read,
    }
    assert seen(workspace, dry_run=True) == expected
    assert staging.exists()
    assert seen(workspace) == expected
    assert not staging.exists()
    assert files(cache) == kept | {f"twotower/hm_{fitted}.pt": b"x" * 10}


def test_what_is_not_known_stays(left):
    names = [
        "artifacts/notes.txt",
        f"artifacts/{PAST}/notes.txt",
        f"artifacts/{PAST}/itemknn_hm.joblib.bak",
        "artifacts/asof=2019-6-1/als_hm.joblib",
        "artifacts/asof=yesterday/als_hm.joblib",
        "artifacts/leave-last-007-out/als_hm.joblib",
        "artifacts/tuning/als_hm.db",
        "artifacts/.journal.json.aside-20200101T000000",
    ]
    for name in names:
        (left / name).parent.mkdir(exist_ok=True)
        (left / name).write_text("mine")
    clean(Opened(left))
    assert [name for name in names if (left / name).is_file()] == names
    assert not (left / f"artifacts/{PAST}/itemknn_hm.joblib").exists()


def test_where_it_is_not_known_what_is_read_all_of_it_stays(left):
    Workspace(left).manifest_path("ingest", "hm").unlink()
    stale = left / "artifacts/cache" / ("0" * 24)
    stale.mkdir()
    before = [name for name in files(left) if str(PAST) in name and "_hm" in name]
    assert len(before) > 2
    assert seen(left) == {f"artifacts/{PAST}/*_rr.*": "nothing reads it"}
    assert [name for name in files(left) if str(PAST) in name] == before
    assert stale.exists()


def test_without_datasets_nothing_goes(left):
    shutil.rmtree(left / "data")
    for path in (left / "artifacts/manifests").glob("ingest_*"):
        path.unlink()
    before = files(left)
    with pytest.raises(ConfigError, match="no datasets"):
        clean(Opened(left))
    assert files(left) == before


def test_while_somebody_writes_nothing_goes(left):
    before = files(left)
    with Workspace(left).writing(), pytest.raises(LockedError):
        clean(Opened(left))
    assert files(left) == before


def test_killed_on_the_way_no_manifest_vouches_for_what_is_gone(left, monkeypatch):
    unlink = Path.unlink

    def dying(path: Path, **options) -> None:
        if path.suffix == ".joblib":
            raise KeyboardInterrupt
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", dying)
    with pytest.raises(KeyboardInterrupt):
        clean(Opened(left))
    monkeypatch.undo()
    assert not list((left / f"artifacts/{PAST}").rglob("*.json"))
    assert list((left / f"artifacts/{PAST}").rglob("*.joblib"))
    assert seen(left) == {f"artifacts/{PAST}": "nothing reads this snapshot"}


def _artifacts(root: Path, outside: Path) -> None:
    (root / "artifacts").rename(outside / "artifacts")
    (root / "artifacts").symlink_to(outside / "artifacts")


def _whole(name: str) -> Callable[[Path, Path], None]:
    """Has a folder of artifacts/ be a link to one outside."""

    def link(root: Path, outside: Path) -> None:
        folder = root / "artifacts" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(root / f"artifacts/{PAST}", outside / "moved")
        if folder.exists():
            shutil.copytree(folder, outside / "moved", dirs_exist_ok=True)
            shutil.rmtree(folder)
        folder.symlink_to(outside / "moved")

    return link


def _within(name: str) -> Callable[[Path, Path], None]:
    """Puts links to a folder and to a file outside into a folder of artifacts/."""

    def link(root: Path, outside: Path) -> None:
        folder = root / "artifacts" / name
        folder.mkdir(parents=True, exist_ok=True)
        (outside / "als_gone.joblib").write_text("mine")
        shutil.copytree(root / f"artifacts/{PAST}/manifests", outside / "manifests")
        (folder / "train_pairs_gone").symlink_to(outside)
        (folder / "link").symlink_to(outside)
        (folder / "als_gone.joblib").symlink_to(outside / "als_gone.joblib")

    return link


@pytest.mark.parametrize(
    "attack",
    [
        _artifacts,
        _whole(str(PAST)),
        _whole("asof=2018-12-12"),
        _whole(f"{PAST}/manifests"),
        _whole(f"{PAST}/train_pairs_gone"),
        _whole("manifests"),
        _whole("cache"),
        _whole("cache/0123"),
        _whole("cache/twotower"),
        _whole(".staging-abc"),
        _within(""),
        _within(str(PAST)),
        _within("cache/0123"),
        _within("cache/twotower"),
        _within(".staging-abc"),
    ],
)
@pytest.mark.parametrize("config", [CONFIG, ONLY_HM])
def test_nothing_outside_of_artifacts_is_touched(left, tmp_path, attack, config):
    (left / "recsys.toml").write_text(config)
    outside = tmp_path / "outside"
    outside.mkdir()
    attack(left, outside)
    before = files(outside)
    assert before
    if attack is _artifacts:
        with pytest.raises(UnsafeWorkspaceError, match="is a link"):
            clean(Opened(left))
    else:
        clean(Opened(left))
    assert files(outside) == before
    assert files(left / "data")


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2Jx", "..x", os.fsdecode(b"\xff\xfe"), "ü"])
def test_odd_names_are_shown_as_they_can_be(workspace, name):
    (workspace / "artifacts/cache" / name).mkdir()
    (shown,) = seen(workspace)
    assert shown.isprintable()
    assert shown.encode()
    assert not (workspace / "artifacts/cache" / name).exists()


@pytest.mark.parametrize("snapshot", [NOW, PAST])
def test_every_artifact_has_its_dataset_among_its_owners(built, snapshot):
    workspace = Workspace(built)
    for kind in ARTIFACTS:
        for dataset in ("hm", "a_b", "vectors_hm", ALL):
            path = workspace.path(kind, dataset, snapshot)
            assert dataset in owners_of(workspace.relative(path)), (kind, dataset)
    assert owners_of("artifacts/notes.txt") == owners_of("../artifacts/als_hm.joblib") == set()


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_command_says_what_goes_and_what_that_frees(left):
    found = json.loads(run("clean", "--dry-run", "--json", "-w", left).stdout)
    (row,) = found["leftovers"]
    assert row["path"] == f"artifacts/{PAST}"
    assert found["bytes"] == row["bytes"] > 0
    assert found["removed"] is False
    said = run("clean", "--dry-run", "-w", left).stdout.splitlines()
    assert said[0].split() == ["path", "files", "size", "why"]
    assert said[-1] == f"`recsys clean -w {left}` would free {row['bytes'] / 1000:.0f} kB."
    said = run("clean", "-w", left).stdout.splitlines()
    assert said[-1] == f"Freed {row['bytes'] / 1000:.0f} kB."
    assert run("clean", "-w", left).stdout == "There is nothing to remove.\n"
    assert run("clean", "--json", "-w", left).stdout == (
        '{"leftovers": [], "bytes": 0, "removed": true}\n'
    )


def test_a_build_of_everything_offers_it(left, built):
    offer = "1 past snapshot that nothing reads any more, "
    assert offer in run("build", "-w", left).stderr
    assert offer not in run("build", "--dry-run", "-w", left).stderr
    assert offer not in run("build", "als.train", "-w", left).stderr
    assert "nothing reads" not in run("build", "-w", built).stderr


def test_python_has_it_too(left):
    shop = recsys_cli.open(left)
    would = shop.clean(dry_run=True)
    assert would["path"].to_list() == [f"artifacts/{PAST}"]
    assert would.schema == {
        "path": pl.String, "why": pl.String, "files": pl.Int64, "bytes": pl.Int64
    }  # fmt: skip
    assert shop.clean().equals(would)
    assert shop.clean().is_empty()


def test_where_events_carry_no_time_rounds_of_random_pairs_are_read(tmp_path):
    (tmp_path / "data").mkdir()
    ratings = [f"u{user},i{(user * 7 + n) % 11}" for user in range(20) for n in range(5)]
    (tmp_path / "data/ratings.csv").write_text("\n".join(["user_id,item_id", *ratings]))
    dataset = '[datasets.shop]\nkind = "generic"\npath = "data"\n'
    (tmp_path / "recsys.toml").write_text(dataset + QUICK)
    last = Snapshot(leave_last=1)
    searched = Timeline(Workspace(tmp_path))
    for snapshot in (NOW, FIRST_ROUND, last):
        build(tmp_path, "als.export", snapshot=snapshot)
    build(tmp_path, "als.export", snapshot=searched.earlier("shop", FIRST_ROUND, 3))
    assert seen(tmp_path) == {f"artifacts/{last}": "nothing reads this snapshot"}


def test_windows_may_reach_back_to_before_the_calendar(left):
    text = ONLY_HM.replace("[datasets.hm]", '[datasets.hm]\nhorizon = "36500d"')
    (left / "recsys.toml").write_text(f"{text}[eval]\nwindows = 30\n")
    build(left, "ingest")
    assert f"artifacts/{PAST}" in seen(left)
