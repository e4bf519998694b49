"""What lies in artifacts/ that nothing reads any more, and its removal.

Read is what `recsys build`, `eval` and `tune` read when they are asked for nothing special: the
artifacts of the datasets there are, "now" and in the past snapshots that their stages, test windows
and searches look at. Of the rest only what has the name and place of an artifact goes, what
stages left that were killed, and caches. No link is followed, and what is not known stays.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_cli.apps.opened import Opened
from recsys_cli.assembly import default_graph
from recsys_cli.build.stage import Surroundings
from recsys_cli.build.timeline import Extent, Node, Timeline, walk
from recsys_cli.config import chosen_datasets
from recsys_cli.errors import UnsafeWorkspaceError
from recsys_cli.store.journal import STAGING, described_by, is_manifest, owners_of
from recsys_cli.store.kinds import ALL
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    from recsys_cli.config.models import EvalConfig

_PAST, _KILLED, _CACHE = "nothing reads this snapshot", "a killed stage left it", "nothing reads it"


@dataclass(frozen=True)
class Leftover:
    """What goes together.

    Attributes:
        path: where it lies, relative to the workspace.
        why: why it can go.
        paths: files, and folders with all that is in them.
        files: how many there are.
        bytes: what they take.
    """

    path: str
    why: str
    paths: Sequence[Path]
    files: int
    bytes: int

    def row(self) -> dict[str, Any]:
        """What is said of it."""
        return {"path": self.path, "why": self.why, "files": self.files, "bytes": self.bytes}

    @property
    def is_past(self) -> bool:
        """Whether it is a whole snapshot."""
        return self.why == _PAST


def clean(opened: Opened, *, dry_run: bool = False) -> list[Leftover]:
    """Remove what nothing reads any more.

    Args:
        opened: the workspace.
        dry_run: only find it.

    Returns:
        What is gone, or would go.

    Raises:
        LockedError: another process is writing.
        UnsafeWorkspaceError: artifacts/ is a link.
        ConfigError: there are no datasets, so that all would be left over.
    """
    workspace = opened.workspace
    chosen_datasets(opened.config)
    if workspace.artifacts.is_symlink():
        raise UnsafeWorkspaceError(
            f"{workspace.artifacts} is a link, so nothing was removed",
            hint="replace the link by the folder",
        )
    if not workspace.artifacts.is_dir():
        return []
    with workspace.writing(clearing=False):
        found = [*unread(opened), *_staged(workspace), *_caches(opened)]
        if not dry_run:
            for leftover in found:
                _remove(workspace, leftover)
    return found


def unread(opened: Opened) -> list[Leftover]:
    """Artifacts that nothing reads, by snapshot and by dataset."""
    workspace, reading = opened.workspace, _Reading(opened)
    if workspace.artifacts.is_symlink():
        return []
    named = _named(opened.config.model_dump(), workspace.root)
    groups: dict[tuple[str, str], list[Path]] = {}
    for at in [NOW, *workspace.snapshots()]:
        folder = workspace.artifacts / at.folder
        for path in _files(folder):
            name = workspace.relative(path)
            described = described_by(name)
            owners = {described} if described else owners_of(name)
            read = any(reading.has(owner, at) for owner in owners)
            if owners and not read and os.path.realpath(path) not in named:
                group = _group(workspace, at, min(owners, key=len), reading)
                groups.setdefault(group, []).append(path)
    return [_leftover(*group, paths) for group, paths in groups.items()]


def _group(workspace: Workspace, at: Snapshot, owner: str, reading: _Reading) -> tuple[str, str]:
    """Where it is said that a file lies, and why it can go."""
    folder = workspace.relative(workspace.artifacts / at.folder)
    if at != NOW and not reading.has_any(at):
        return folder, _PAST
    if owner in reading.datasets:
        return f"{folder}/*_{owner}.*", _CACHE
    return f"{folder}/*_{owner}.*", f"there is no dataset {owner}"


def _files(folder: Path) -> Iterator[Path]:
    """The files in a folder and in the folders in it, links among neither."""
    if folder.is_symlink():
        return
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (p for p in sorted(path.iterdir()) if p.is_file() and not p.is_symlink())


class _Reading:
    """Who reads what by default."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.datasets = {*opened.config.datasets, ALL}

    def has(self, dataset: str, at: Snapshot) -> bool:
        """Whether the artifacts of a dataset in a snapshot are read, or may be."""
        if at == NOW:
            return dataset in self.datasets
        return dataset in self.unknown or (dataset, at) in self._past

    def has_any(self, at: Snapshot) -> bool:
        """Whether those of any dataset are."""
        return any(self.has(dataset, at) for dataset in self.datasets)

    @cached_property
    def unknown(self) -> set[str]:
        """Datasets that are not ingested, so that no one can tell which snapshots are read."""
        timeline = Timeline(self._opened.workspace)
        return {name for name in self._opened.config.datasets if timeline.extent(name) is None}

    @cached_property
    def _past(self) -> set[tuple[str, Snapshot]]:
        return {(node.dataset, node.snapshot) for node in self.nodes}

    @cached_property
    def nodes(self) -> set[Node]:
        """The stages of builds, of default test windows and of searches."""
        config, graph = self._opened.config, default_graph()
        timeline, passed = Timeline(self._opened.workspace), set[Node]()

        def follow(datasets: list[str], snapshot: Snapshot) -> None:
            plan = graph.plan(graph.select(["all"])[1], datasets, config)
            for _ in walk(graph, plan, snapshot, config, timeline, passed=passed):
                pass

        follow(list(config.datasets), NOW)
        for dataset in self.datasets - self.unknown - {ALL}:
            extent = timeline.known(dataset)
            for snapshot in _windows(extent, config.eval):
                if extent.obstacle(snapshot, snapshot) is None:
                    follow([dataset], snapshot)
        return passed


def _windows(extent: Extent, settings: EvalConfig) -> Iterator[Snapshot]:
    """The snapshots that an evaluation and a search look at if they are asked for nothing else."""
    from recsys_cli.apps.tuning.grounds import HELD_OUT, SEARCHED, of_last_events
    from recsys_cli.evaluation.truth import LEAVE_LAST_OUT

    end = extent.end
    if end and settings.protocol == LEAVE_LAST_OUT:
        yield from (snapshot for pair in of_last_events(1) for snapshot in pair)
        return
    # Long windows may go back to before the calendar begins.
    with suppress(OverflowError):
        for ago in range(settings.windows if end else 0):
            yield Snapshot(as_of=end and end - (ago + 1) * extent.horizon)
    with suppress(OverflowError):
        # Those of a search lie on the grid, before the one that the test window begins with.
        test = extent.earlier(NOW, 1)
        for ago in range(SEARCHED + HELD_OUT + 1):
            yield extent.earlier(test, ago)


def _staged(workspace: Workspace) -> list[Leftover]:
    """What stages left that were killed; whoever holds the lock knows that none runs."""
    folders = [path for path in workspace.artifacts.glob(f"{STAGING}*") if _is_folder(path)]
    shown = f"{workspace.relative(workspace.artifacts)}/{STAGING}*"
    return [_leftover(shown, _KILLED, folders)] if folders else []


def _caches(opened: Opened) -> list[Leftover]:
    """Caches of encoders and trainings that there are no more."""
    workspace, reading, graph = opened.workspace, _Reading(opened), default_graph()
    if reading.unknown or not _is_folder(workspace.cache):
        return []
    kept: set[Path] = set()
    for node in reading.nodes:
        caches = graph.stages[node.stage].caches
        if caches is None:
            continue
        around = Surroundings(
            workspace, opened.config, node.dataset, workspace.hashes(), opened.progress
        )
        try:
            kept |= {*caches(around, node.snapshot)}
        except Exception:
            # Without an encoder's library or weights nobody knows what is its own.
            return []
    return [
        _leftover(_shown(workspace.relative(path)), _CACHE, [path])
        for path in _beside(workspace.cache, kept)
    ]


def _beside(folder: Path, kept: Iterable[Path]) -> Iterator[Path]:
    """What is in a folder and is neither one of `kept`, nor in one, nor holds one."""
    for path in sorted(folder.iterdir()):
        if path in kept or path.is_symlink():
            continue
        within = [each for each in kept if each.is_relative_to(path)]
        if path.is_dir() and within:
            yield from _beside(path, within)
        else:
            yield path


def _leftover(shown: str, why: str, paths: Sequence[Path]) -> Leftover:
    sizes = [file.lstat().st_size for path in paths for file in _all_files(path)]
    return Leftover(shown, why, paths, len(sizes), sum(sizes))


def _all_files(path: Path) -> list[Path]:
    """A file, or all that are in a folder."""
    if not _is_folder(path):
        return [path]
    return [Path(at, name) for at, _, names in os.walk(path) for name in names]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(workspace: Workspace, leftover: Leftover) -> None:
    """Manifests first: killed on the way, it leaves nothing that one vouches for and is gone."""
    for path in sorted(leftover.paths, key=lambda p: not is_manifest(workspace.relative(p))):
        if _is_folder(path):
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    emptied = {folder for path in leftover.paths for folder in path.parents}
    for folder in sorted(emptied, key=lambda f: len(f.parts), reverse=True):
        if workspace.artifacts in folder.parents:
            with suppress(OSError):
                folder.rmdir()


def _named(value: Any, root: Path) -> set[str]:
    """The files that settings name, such as weights to start from; links followed."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return {name for each in value for name in _named(each, root)}
    if not isinstance(value, str):
        return set()
    found = set()
    for text in (value, value.partition(":")[2]):
        with suppress(ValueError, OSError):
            found.add(os.path.realpath(root / text))
    return found


def _shown(name: str) -> str:
    """A name that somebody else may have chosen, without what a terminal would obey."""
    return name if name.isprintable() else ascii(name)
