"""Puts a generated folder in its place: made beside the target, moved in at the end.

A folder made here carries a marker with the parameters it was made from. Without the marker it
belongs to someone else and is never touched; with the same parameters there is nothing to do.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from recsys_cli.errors import Command, LockedError, UsageError

MARKER = ".recsys-demo.json"
LOCK = ".recsys-demo.lock"
SCRATCH = ".recsys-demo-tmp"
OUTGOING = ".recsys-demo-old"


def is_current(
    folder: Path, parameters: dict[str, object], files: tuple[str, ...], *, force: bool
) -> bool:
    """Whether `folder` already holds `files` made from `parameters`.

    Raises:
        UsageError: something is there that the demo did not make, or, without `force`, a demo
            made from other parameters.
    """
    if not _is_made(folder) or force:
        return False
    same = _read(folder / MARKER) == parameters
    if not same:
        raise UsageError(
            f"{folder} holds demo data made with other parameters.",
            hint="Add --force to replace it.",
        )
    return all((folder / name).is_file() for name in files)


def require_made(folder: Path, files: tuple[str, ...]) -> None:
    """Refuse a folder without a demo's `files`.

    Raises:
        UsageError: that is so, or something is there that the demo did not make.
    """
    if not _is_made(folder) or not all((folder / name).is_file() for name in files):
        raise UsageError(f"There is no demo in {folder}.", hint=Command("demo"))


def _is_made(folder: Path) -> bool:
    """Whether the demo made `folder`; what somebody else put there is refused."""
    if (folder / MARKER).is_file():
        return True
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(
            f"{folder} exists and was not made by `recsys demo`.",
            hint="Move it away, or use another --workspace.",
        )
    return False


def _read(marker: Path) -> object:
    """The marker's parameters; a damaged marker matches nothing."""
    try:
        return json.loads(marker.read_text("utf-8"))
    except ValueError:
        return None


@contextmanager
def scratch(data: Path) -> Iterator[Path]:
    """An empty folder inside `data`, gone again at the end whatever happens.

    What a killed run left behind is removed first, and a folder it had just taken out is put
    back.

    Raises:
        LockedError: another run is at it.
    """
    data.mkdir(parents=True, exist_ok=True)
    lock = FileLock(data / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LockedError(
            f"Another `recsys demo` is writing to {data}.", hint="Wait for it to end."
        ) from None
    work = data / SCRATCH
    try:
        restore(data)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        lock.release()
        (data / LOCK).unlink(missing_ok=True)


@contextmanager
def publishing(work: Path, target: Path, parameters: dict[str, object]) -> Iterator[Path]:
    """A new folder in `work` that takes the place of `target`, marked, once it is filled."""
    made = work / target.name
    made.mkdir()
    yield made
    (made / MARKER).write_text(json.dumps(parameters, indent=2) + "\n", "utf-8")
    old = target.parent / OUTGOING / target.name
    if target.exists():
        old.parent.mkdir(exist_ok=True)
        target.rename(old)
    try:
        made.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old.parent, ignore_errors=True)


def restore(data: Path) -> None:
    """Put back folders that a killed run had taken out but not yet replaced."""
    outgoing = data / OUTGOING
    if not outgoing.is_dir():
        return
    for old in outgoing.iterdir():
        if not (data / old.name).exists():
            old.rename(data / old.name)
    shutil.rmtree(outgoing, ignore_errors=True)
