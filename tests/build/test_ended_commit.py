"""A build that ends at any step on disk leaves one build or the other, and can be finished."""

import gc
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import QUICK, build
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.status import status_of
from recsys_cli.store.files import sha256
from recsys_cli.store.workspace import Workspace

STEPS = [(Path, "replace"), (Path, "unlink"), (os, "fsync"), (shutil, "rmtree")]


class Ended(BaseException):
    """The process is no more."""


def ends(at: int, work: Callable[[], object]) -> bool:
    """Do some work up to a step on disk, and none of that step or any after it."""
    steps = itertools.count(1)

    def until(step):
        def stepped(*arguments, **options):
            if next(steps) >= at:
                raise Ended
            return step(*arguments, **options)

        return stepped

    with pytest.MonkeyPatch.context() as patched:
        for owner, name in STEPS:
            patched.setattr(owner, name, until(getattr(owner, name)))
        try:
            work()
        except Ended:
            pass
        else:
            return False
    # The lock goes with the process, and here with the last that knows of it.
    gc.collect()
    return True


def sell(root: Path, sales: int) -> None:
    """A shop's raw data, and settings."""
    folder = root / "data"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"u{n % 7},i{n % 11},2024-03-{1 + n % 28:02}" for n in range(sales)]
    (folder / "events.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")
    (root / "recsys.toml").write_text(f'{QUICK}[datasets.shop]\nkind = "generic"\npath = "data"\n')


def artifacts(root: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in (root / "artifacts").glob("*_shop.*")}


def state(root: Path) -> str:
    states = status_of(Opened(root)).stages
    return next(found.state for found in states if found.name == "ingest")


@pytest.mark.slow
def test_every_step_leaves_what_was_or_what_is_to_be(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for root, sales in ((first, 40), (second, 60)):
        sell(root, sales)
        build(root, "ingest")
    before, after = artifacts(first), artifacts(second)
    assert before.keys() == after.keys()
    assert before != after
    seen = []
    for at in itertools.count(1):
        root = tmp_path / "killed"
        shutil.copytree(first, root)
        sell(root, 60)
        ended = ends(at, lambda root=root: build(root, "ingest"))
        Workspace(root).recover()
        found = artifacts(root)
        assert found in (before, after), at
        assert (state(root) == "fresh") == (found == after), at
        seen.append(found == after)
        build(root, "ingest")
        assert artifacts(root) == after, at
        assert state(root) == "fresh", at
        left = {path.name for path in (root / "artifacts").glob(".*")}
        assert left <= {".lock", ".hashes.json", ".checked.json"}, at
        shutil.rmtree(root)
        if not ended:
            break
    # First what was, and from one step on what is to be.
    assert seen == sorted(seen)
    assert 5 < sum(seen) < len(seen) - 5
