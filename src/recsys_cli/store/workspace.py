"""The workspace on disk: where artifacts lie, how a stage's files are committed, recovery.

A stage writes into a staging folder. Committing first records, in a journal, which file goes
where and the new manifest; then renames; then writes the manifest; then drops the journal.
Killed before the journal, the previous artifacts are whole; killed after it, the next writer
(or `recsys status`) finishes the renames. There is no moment at which a manifest on disk
vouches for files that it does not describe, other than with a journal beside it that says so.

Whoever reads an artifact gets it checked: its bytes are those of its manifest, and what a pack
holds is what its kind holds (`kinds`). That is done once for each file, see `files.FileMemo`.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from recsys_cli.columns import ITEM, USER
from recsys_cli.errors import (
    ArtifactError,
    Command,
    LockedError,
    TrainingError,
    UnsafeWorkspaceError,
    UsageError,
)
from recsys_cli.moments import iso
from recsys_cli.store.files import FileMemo, HashMemo, fsync, identity, sha256
from recsys_cli.store.idtable import FINGERPRINTS, IdTable
from recsys_cli.store.journal import (
    ARTIFACTS_FOLDER,
    JOURNAL,
    MANIFESTS_FOLDER,
    STAGING,
    Journal,
    refuse_link_out,
)
from recsys_cli.store.kinds import ALL, ARTIFACTS
from recsys_cli.store.layout import ITEMS, USERS, Wrong, check
from recsys_cli.store.lock import HOLDER, writer_lock
from recsys_cli.store.manifest import Manifest, Output
from recsys_cli.store.packs import Pack, load_pack
from recsys_cli.store.snapshot import NOW, Snapshot

# A commit is a handful of renames, so it is over in milliseconds.
_PATIENCE, _PAUSE = 10.0, 0.01
OTHER_IDS = "was made for other users or items than there are now"
"""What is said of artifacts that a build has not come to yet."""
_HASHES = ".hashes.json"

Stamp = tuple[tuple[str, int, int], ...]
"""Name, time and inode of each manifest there is."""


class Workspace:
    """A folder with recsys.toml, data/ and artifacts/."""

    def __init__(self, root: Path, *, checked: Path | None = None) -> None:
        """Look at nothing yet.

        Args:
            root: the folder.
            checked: where to remember which artifacts were checked; None means beside them.

        Raises:
            UsageError: there is no such folder.
        """
        if not root.is_dir():
            raise UsageError(f"the workspace {root} is not a folder", hint="see --workspace")
        self.root = root
        self.artifacts = root / ARTIFACTS_FOLDER
        self._manifests: dict[Path, tuple[list[int], Manifest | None]] = {}
        self._checked_file = checked or self.artifacts / ".checked.json"

    def path(self, kind: str, dataset: str, snapshot: Snapshot = NOW) -> Path:
        """Where an artifact lies, whether or not it exists."""
        about = ARTIFACTS[kind]
        folder = self.artifacts / snapshot.folder if about.per_snapshot else self.artifacts
        stem = about.stem or kind
        name = stem if dataset == ALL else f"{stem}_{dataset}"
        if about.part:
            return folder / name / f"{about.part}{about.suffix}"
        return folder / f"{name}{about.suffix}"

    def manifest_path(self, stage: str, dataset: str, snapshot: Snapshot = NOW) -> Path:
        """Where a stage's manifest lies."""
        return self.artifacts / snapshot.folder / MANIFESTS_FOLDER / f"{stage}_{dataset}.json"

    def manifest(self, stage: str, dataset: str, snapshot: Snapshot = NOW) -> Manifest | None:
        """A stage's manifest, or None."""
        return self._manifest(self.manifest_path(stage, dataset, snapshot))

    def _manifest(self, path: Path) -> Manifest | None:
        """The manifest in a file, which is read once for as long as nobody touches it."""
        try:
            now = identity(path)
        except OSError:
            return None
        known = self._manifests.get(path)
        if known is None or known[0] != now:
            known = self._manifests[path] = now, Manifest.load(path)
        return known[1]

    def snapshots(self) -> list[Snapshot]:
        """The past snapshots that have a folder."""
        folders = sorted(path.name for path in self.artifacts.glob("*/") if path.is_dir())
        return [found for name in folders if (found := Snapshot.from_folder(name))]

    def manifests(self, dataset: str, snapshot: Snapshot = NOW) -> dict[str, Manifest]:
        """Manifests by stage of one dataset: its shared stages' and the snapshot's own."""
        return {made.stage: made for _, made in self._manifest_files(dataset, NOW, snapshot)}

    def own_manifests(self, dataset: str, snapshot: Snapshot) -> dict[str, Manifest]:
        """Manifests by stage of one dataset that lie in the snapshot's own folder."""
        return {made.stage: made for _, made in self._manifest_files(dataset, snapshot)}

    def _manifest_files(self, dataset: str, *at: Snapshot) -> Iterator[tuple[Path, Manifest]]:
        for snapshot in dict.fromkeys(at):
            folder = self.artifacts / snapshot.folder / MANIFESTS_FOLDER
            for path in sorted(folder.glob(f"*_{dataset}.json")):
                manifest = self._manifest(path)
                if manifest and manifest.dataset == dataset:
                    yield path, manifest

    def stamp(self, snapshot: Snapshot = NOW) -> Stamp:
        """What changes whenever a stage of that snapshot, or of "now", commits."""
        found = []
        for at in dict.fromkeys([NOW, snapshot]):
            folder = self.artifacts / at.folder / MANIFESTS_FOLDER
            for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
                stat = path.stat()
                found.append((path.name, stat.st_mtime_ns, stat.st_ino))
        return tuple(found)

    @property
    def cache(self) -> Path:
        """Folder of what is costly to make again and outlives rebuilds."""
        return self.artifacts / "cache"

    def hashes(self) -> HashMemo:
        """Memoised hashes of raw files."""
        return HashMemo(self.artifacts / _HASHES)

    @cached_property
    def _checked(self) -> FileMemo:
        """Of artifacts that were checked, the manifest that vouches for them."""
        return FileMemo(self._checked_file)

    def file(self, kind: str, dataset: str, snapshot: Snapshot = NOW) -> Path:
        """Path of an artifact whose bytes are those of its manifest, and its content of its kind.

        Raises:
            ArtifactError: it is missing, no manifest vouches for it, or it is something else.
            UnsafePackError: it is a pack that holds more than arrays and plain values.
        """
        path = self.path(kind, dataset, snapshot)
        if not path.is_file():
            raise self._refused(path, "does not exist", dataset, snapshot)
        vouching = self._checked.get(path)
        if vouching is None or self._checked.get(self.root / vouching) is None:
            self._check(kind, path, dataset, snapshot)
        return path

    def pack(self, kind: str, dataset: str, snapshot: Snapshot = NOW) -> Pack:
        """A pack, checked; see `file`. Arrays are memory maps."""
        return load_pack(self.file(kind, dataset, snapshot))

    def _check(self, kind: str, path: Path, dataset: str, snapshot: Snapshot) -> None:
        refuse_link_out(self.root, self.relative(path))
        vouching = self._vouching(path, dataset, snapshot)
        if vouching is None:
            # A commit may have come between its manifest and the file.
            self.settle()
            vouching = self._vouching(path, dataset, snapshot)
        if vouching is None:
            raise self._refused(
                path, "is damaged, or no manifest vouches for it", dataset, snapshot
            )
        try:
            self._check_content(kind, dataset, path)
        except Wrong as wrong:
            raise self._refused(path, str(wrong), dataset, snapshot) from None
        self._checked.put(self.relative(vouching), path, vouching)

    def _vouching(self, path: Path, dataset: str, snapshot: Snapshot) -> Path | None:
        """The manifest that describes a file as it is; None where there is none."""
        name, size = self.relative(path), path.stat().st_size
        for at, manifest in self._manifest_files(dataset, NOW, snapshot):
            output = manifest.outputs.get(name)
            if output is not None and output.bytes == size and output.sha256 == self._hash(path):
                return at
        return None

    def _hash(self, path: Path) -> str:
        # Where a build looks for what was changed it finds what was found here.
        return HashMemo(self._checked_file.with_name(_HASHES)).sha256(path)

    def _refused(self, path: Path, why: str, dataset: str, snapshot: Snapshot) -> ArtifactError:
        return ArtifactError(f"{self.relative(path)} {why}", hint=build_command(dataset, snapshot))

    def _check_content(
        self, kind: str, dataset: str, path: Path, *, ids: Path | None = None
    ) -> None:
        """Raise `Wrong` where the file at `path` is not what a pack of its kind holds.

        What is no pack is checked by who reads it. With `ids`, those are not in their place yet.
        """
        about, pack = ARTIFACTS[kind], {}
        if about.layout is not None:
            pack = load_pack(path)
        if about.layout is None or (about.or_nothing and not pack):
            return
        sizes: dict[str, int] = {}
        if kind != "ids" and dataset != ALL:
            known = load_pack(ids) if ids else self.pack("ids", dataset)
            sizes = sizes_of(pack, known, [key for key in FINGERPRINTS if key in about.layout])
            if not about.per_snapshot and sizes != sizes_of(known, known):
                raise Wrong(OTHER_IDS)
        check(pack, about.layout, sizes)

    def relative(self, path: Path) -> str:
        """`path` as it is shown to the user and stored in manifests."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )

    @contextmanager
    def writing(self, *, clearing: bool = True) -> Iterator[None]:
        """Hold the workspace's lock, after finishing what a killed writer left.

        What it left that cannot be finished is removed, unless `clearing` is false.
        """
        with self._locked():
            self._finish()
            if clearing:
                self._clear()
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.artifacts.mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write to {self.artifacts}: {error.strerror}") from error
        with writer_lock(self.artifacts):
            yield

    def recover(self) -> None:
        """Finish or clear what a killed writer left; no effect while a writer is alive."""
        left = [JOURNAL, f"{STAGING}*", HOLDER]
        if any(any(self.artifacts.glob(pattern)) for pattern in left):
            with suppress(LockedError, OSError), self.writing():
                pass

    def settle(self) -> None:
        """Wait for a commit that is under way, and finish one that a killed writer left.

        Raises:
            LockedError: a commit takes longer than it ever should.
        """
        journal, patience = self.artifacts / JOURNAL, time.monotonic() + _PATIENCE
        while journal.exists():
            try:
                with suppress(LockedError), self.writing():
                    pass
            except OSError as error:
                raise LockedError(
                    f"a commit was cut short, and cannot be finished: {error}",
                    hint=Command("status"),
                ) from error
            if time.monotonic() > patience:
                raise LockedError(
                    f"{journal} has been there for {_PATIENCE} s", hint=Command("status")
                )
            time.sleep(_PAUSE)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A scratch folder on the artifacts' file system, gone at the end of the block."""
        folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=self.artifacts))
        try:
            yield folder
        finally:
            if not (self.artifacts / JOURNAL).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def check_made(self, kind: str, dataset: str, staged: Path, *, ids: Path | None = None) -> None:
        """Refuse a file that a stage made and that is not what its kind holds.

        Args:
            kind: of artifact.
            dataset: its dataset.
            staged: the file.
            ids: the ids that its rows stand for, where they are not in their place yet.

        Raises:
            TrainingError: a pack holds what none of its kind may, such as NaN.
        """
        try:
            self._check_content(kind, dataset, staged, ids=ids)
        except Wrong as wrong:
            raise TrainingError(f"what was made of {kind} {wrong}") from None

    def describe(
        self, made: Mapping[str, Path], dataset: str, snapshot: Snapshot = NOW
    ) -> dict[str, Output]:
        """Check and sync staged files, and describe them as a manifest's `outputs`.

        Args:
            made: staged file by kind of artifact.
            dataset: its dataset.
            snapshot: its snapshot.

        Raises:
            TrainingError: a pack holds what none of its kind may, such as NaN.
        """
        from concurrent.futures import ThreadPoolExecutor

        outputs = {}
        # The disk is waited for while hashing, which reads what is in memory still.
        with ThreadPoolExecutor(1) as disk:
            synced = [disk.submit(fsync, staged) for staged in made.values()]
            for kind, staged in made.items():
                self.check_made(kind, dataset, staged, ids=made.get("ids"))
                digest, stat = sha256(staged), staged.stat()
                final = self.relative(self.path(kind, dataset, snapshot))
                outputs[final] = Output(digest, stat.st_size, stat.st_mtime_ns)
            for done in synced:
                done.result()
        return outputs

    def commit(
        self, made: Mapping[str, Path], manifest: Manifest, snapshot: Snapshot = NOW
    ) -> None:
        """Put staged files, by kind, in their places with their manifest, or not at all."""
        dataset = manifest.dataset
        finals = {staged: self.path(kind, dataset, snapshot) for kind, staged in made.items()}
        vouching = self.manifest_path(manifest.stage, dataset, snapshot)
        for final in [*finals.values(), vouching]:
            refuse_link_out(self.root, self.relative(final))
        moves = tuple((self.relative(a), self.relative(b)) for a, b in finals.items())
        at = self.relative(vouching)
        journal = Journal(moves, manifest.to_json(), at)
        journal.write(self.root)
        journal.replay(self.root)
        self._checked.put(at, *finals.values(), vouching)

    def put_right(self) -> Path | None:
        """Finish what a killed writer left, or put aside a journal that is not to be trusted.

        Returns:
            Where such a journal is now; None where there was none.

        Raises:
            LockedError: a writer is alive.
        """
        aside = None
        with self._locked():
            try:
                Journal.read(self.root)
            except UnsafeWorkspaceError:
                journal = self.artifacts / JOURNAL
                aside = journal.with_name(f"{JOURNAL}.aside-{time.strftime('%Y%m%dT%H%M%S')}")
                journal.replace(aside)
            self._finish()
            self._clear()
        return aside

    def _finish(self) -> None:
        journal = Journal.read(self.root)
        if journal is not None:
            journal.replay(self.root)

    def _clear(self) -> None:
        for left in self.artifacts.glob(f"{STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)
        # What `atomic_path` was writing when its process was killed.
        for left in self.artifacts.rglob(".*.json-*"):
            left.unlink(missing_ok=True)


def sizes_of(
    pack: Mapping[str, Any], ids: Mapping[str, Any], keys: Sequence[str] = FINGERPRINTS
) -> dict[str, int]:
    """How many of the first users and items a pack is of, by the fingerprints that it has.

    Raises:
        Wrong: it is of others.
    """
    sizes = {}
    for size, table, key in zip((USERS, ITEMS), (USER, ITEM), FINGERPRINTS, strict=True):
        whole = len(ids[f"{table}_offsets"]) - 1
        same = key not in keys or pack.get(key) == ids[key]
        rows = whole if same else IdTable.from_pack(ids, table).begins_with(pack.get(key))
        if rows is None:
            raise Wrong(OTHER_IDS)
        sizes[size] = rows
    return sizes


def build_command(dataset: str, snapshot: Snapshot = NOW) -> Command:
    """The command that makes what is missing or stale."""
    of = () if dataset == ALL else ("--dataset", dataset)
    at = ("--as-of", iso(snapshot.as_of)) if snapshot.as_of else ()
    return Command("build", "all", *of, *at)
