"""The workspace on disk: where artifacts lie, how a stage's files are committed, recovery.

A stage writes into a staging folder. Committing first records, in a journal, which file goes
where and the new manifest; then renames; then writes the manifest; then drops the journal.
Killed before the journal, the previous artifacts are whole; killed after it, the next writer
(or `recsys status`) finishes the renames. There is no moment at which a manifest on disk
vouches for files that it does not describe, other than with a journal beside it that says so.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from recsys_cli.errors import LockedError, UsageError
from recsys_cli.store.files import HashMemo, fsync, read_json, sha256, write_json
from recsys_cli.store.lock import HOLDER, writer_lock
from recsys_cli.store.manifest import Manifest, Output
from recsys_cli.store.snapshot import NOW, Snapshot


class ArtifactKind(NamedTuple):
    """Where the artifacts of one kind lie.

    Attributes:
        suffix: of the file name.
        per_snapshot: whether each snapshot has its own.
        stem: first part of the file name; empty means the kind itself.
        part: file name within a folder of that name, for artifacts of several files; empty
            means that the artifact is a single file.
    """

    suffix: str
    per_snapshot: bool
    stem: str = ""
    part: str = ""


ARTIFACTS: dict[str, ArtifactKind] = {
    "events": ArtifactKind(".parquet", False),
    "items": ArtifactKind(".parquet", False),
    "users": ArtifactKind(".parquet", False),
    "ids": ArtifactKind(".joblib", False),
    "spec": ArtifactKind(".json", False),
    "interactions": ArtifactKind(".joblib", True),
    "als": ArtifactKind(".joblib", True),
    "popular": ArtifactKind(".joblib", True),
    "itemknn": ArtifactKind(".joblib", True),
    "graph": ArtifactKind(".joblib", True),
    "statistics": ArtifactKind(".joblib", True),
    "hybrid": ArtifactKind(".joblib", True),
    "ranker": ArtifactKind(".txt", True),
    "ranker_facts": ArtifactKind(".json", True, "ranker"),
    "text_encoder": ArtifactKind(".joblib", False),
    "text_embeddings": ArtifactKind(".joblib", False),
    "image_embeddings": ArtifactKind(".joblib", False),
    "content": ArtifactKind(".joblib", False),
    "index": ArtifactKind(".faiss", False, "faiss_items"),
    "index_facts": ArtifactKind(".json", False, "faiss_items"),
    "all_index": ArtifactKind(".faiss", False, "faiss_items"),
    "all_index_facts": ArtifactKind(".json", False, "faiss_items"),
    "all_index_rows": ArtifactKind(".joblib", False, "faiss_items_rows"),
    "user_vectors": ArtifactKind(".joblib", True),
    "train_pairs": ArtifactKind(".parquet", True, part="train"),
    "validation_pairs": ArtifactKind(".parquet", True, "train_pairs", "validation"),
    "all_train_pairs": ArtifactKind(".parquet", True, "train_pairs_all", "train"),
    "all_validation_pairs": ArtifactKind(".parquet", True, "train_pairs_all", "validation"),
    "two_tower": ArtifactKind(".pt", True),
    "two_tower_vectors": ArtifactKind(".joblib", True),
    "two_tower_curve": ArtifactKind(".json", True),
    "two_tower_plot": ArtifactKind(".svg", True),
}
# Stands in a dataset's place for artifacts of the whole workspace.
ALL = "all"
_JOURNAL = ".journal.json"
_STAGING = ".staging-"
# A commit is a handful of renames, so it is over in milliseconds.
_PATIENCE, _PAUSE = 10.0, 0.01


class Workspace:
    """A folder with recsys.toml, data/ and artifacts/."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise UsageError(f"the workspace {root} is not a folder", hint="see --workspace")
        self.root = root
        self.artifacts = root / "artifacts"

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
        return self.artifacts / snapshot.folder / "manifests" / f"{stage}_{dataset}.json"

    def manifest(self, stage: str, dataset: str, snapshot: Snapshot = NOW) -> Manifest | None:
        """A stage's manifest, or None."""
        return Manifest.load(self.manifest_path(stage, dataset, snapshot))

    def manifests(self, dataset: str, snapshot: Snapshot = NOW) -> dict[str, Manifest]:
        """Manifests by stage of one dataset: its shared stages' and the snapshot's own."""
        found = {}
        for at in dict.fromkeys([NOW, snapshot]):
            folder = self.artifacts / at.folder / "manifests"
            for path in sorted(folder.glob(f"*_{dataset}.json")):
                manifest = Manifest.load(path)
                if manifest and manifest.dataset == dataset:
                    found[manifest.stage] = manifest
        return found

    @property
    def cache(self) -> Path:
        """Folder of what is costly to make again and outlives rebuilds."""
        return self.artifacts / "cache"

    def hashes(self) -> HashMemo:
        """Memoised hashes of raw files."""
        return HashMemo(self.artifacts / ".hashes.json")

    def relative(self, path: Path) -> str:
        """`path` as it is shown to the user and stored in manifests."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the workspace's lock, after finishing or clearing what a killed writer left."""
        try:
            self.artifacts.mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write to {self.artifacts}: {error.strerror}") from error
        with writer_lock(self.artifacts):
            self._recover()
            yield

    def recover(self) -> None:
        """Finish or clear what a killed writer left; no effect while a writer is alive."""
        left = [_JOURNAL, f"{_STAGING}*", HOLDER]
        if any(any(self.artifacts.glob(pattern)) for pattern in left):
            with suppress(LockedError, OSError), self.writing():
                pass

    def settle(self) -> None:
        """Wait for a commit that is under way, and finish one that a killed writer left.

        Raises:
            LockedError: a commit takes longer than it ever should.
        """
        journal, patience = self.artifacts / _JOURNAL, time.monotonic() + _PATIENCE
        while journal.exists():
            self.recover()
            if time.monotonic() > patience:
                raise LockedError(
                    f"{journal} has been there for {_PATIENCE} s", hint="recsys status"
                )
            time.sleep(_PAUSE)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A scratch folder on the artifacts' file system, gone at the end of the block."""
        folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.artifacts))
        try:
            yield folder
        finally:
            if not (self.artifacts / _JOURNAL).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def describe(self, files: dict[Path, Path]) -> dict[str, Output]:
        """Sync staged files and describe them, as a manifest's `outputs` (staged → final)."""
        from concurrent.futures import ThreadPoolExecutor

        outputs = {}
        # The disk is waited for while hashing, which reads what is in memory still.
        with ThreadPoolExecutor(1) as disk:
            synced = [disk.submit(fsync, staged) for staged in files]
            for staged, final in files.items():
                digest, stat = sha256(staged), staged.stat()
                outputs[self.relative(final)] = Output(digest, stat.st_size, stat.st_mtime_ns)
            for done in synced:
                done.result()
        return outputs

    def commit(self, files: dict[Path, Path], manifest: Manifest, manifest_path: Path) -> None:
        """Put staged files in their places together with their manifest, or not at all."""
        moves = [[self.relative(a), self.relative(b)] for a, b in files.items()]
        journal = {
            "moves": moves,
            "manifest": manifest.to_json(),
            "manifest_path": self.relative(manifest_path),
        }
        write_json(self.artifacts / _JOURNAL, journal)
        self._replay()

    def _replay(self) -> None:
        path = self.artifacts / _JOURNAL
        journal = read_json(path)
        if journal is None:
            path.unlink(missing_ok=True)
            return
        folders = set()
        for source, target in journal["moves"]:
            final = self.root / target
            final.parent.mkdir(parents=True, exist_ok=True)
            # Already moved by the writer that was killed.
            with suppress(FileNotFoundError):
                (self.root / source).replace(final)
            folders.add(final.parent)
        for folder in folders:
            fsync(folder)
        write_json(self.root / journal["manifest_path"], journal["manifest"])
        path.unlink()
        fsync(self.artifacts)

    def _recover(self) -> None:
        if (self.artifacts / _JOURNAL).exists():
            self._replay()
        for left in self.artifacts.glob(f"{_STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)
        # What `atomic_path` was writing when its process was killed.
        for left in self.artifacts.rglob(".*.json-*"):
            left.unlink(missing_ok=True)
