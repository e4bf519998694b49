"""The journal of a commit: which staged file goes where, and the manifest that vouches for them.

Whoever finds one finishes the commit, so a journal that somebody else wrote would have this
process move files. It is believed only as far as a commit of our own could have written it: from
one staging folder of this workspace to places where artifacts and manifests lie, links followed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from recsys_cli.config.found import is_dataset_name
from recsys_cli.errors import Command, UnsafeWorkspaceError
from recsys_cli.store.files import fsync, read_json, write_json
from recsys_cli.store.kinds import ALL, ARTIFACTS
from recsys_cli.store.manifest import Manifest
from recsys_cli.store.snapshot import Snapshot

JOURNAL = ".journal.json"
STAGING = ".staging-"
ARTIFACTS_FOLDER, MANIFESTS_FOLDER = "artifacts", "manifests"
_HINT = (Command("recover"), " puts it aside")


@dataclass(frozen=True, slots=True)
class Journal:
    """A commit that is under way.

    Attributes:
        moves: staged files and their places, relative to the workspace.
        manifest: what the manifest will say.
        manifest_path: its place, likewise.
    """

    moves: tuple[tuple[str, str], ...]
    manifest: Mapping[str, Any]
    manifest_path: str

    @classmethod
    def read(cls, root: Path) -> Journal | None:
        """The journal of the workspace `root`; None where there is none.

        Raises:
            UnsafeWorkspaceError: it is one that no commit of ours can have written.
        """
        path = root / ARTIFACTS_FOLDER / JOURNAL
        raw = read_json(path)
        if raw is None and not os.path.lexists(path):
            return None
        if not isinstance(raw, dict) or set(raw) != {"moves", "manifest", "manifest_path"}:
            raise _unsafe(path, "is not a journal")
        moves, at = raw["moves"], raw["manifest_path"]
        pairs = isinstance(moves, list) and all(
            isinstance(move, list) and [type(name) for name in move] == [str, str] for move in moves
        )
        if not pairs or not isinstance(at, str) or Manifest.from_json(raw["manifest"]) is None:
            raise _unsafe(path, "is not a journal")
        journal = cls(tuple((source, target) for source, target in moves), raw["manifest"], at)
        try:
            journal._refuse_strange(root, path)
        except (OSError, ValueError):
            raise _unsafe(path, "names what no path can be") from None
        return journal

    def _refuse_strange(self, root: Path, path: Path) -> None:
        folders = {str(PurePosixPath(source).parent) for source, _ in self.moves}
        for source, target in self.moves:
            if not _is_staged(source) or len(folders) > 1:
                raise _unsafe(path, f"would move {source!r}, which no stage made")
            if not is_artifact(target) or PurePosixPath(source).name != PurePosixPath(target).name:
                raise _unsafe(path, f"would write {target!r}, which is no artifact")
            if (root / source).is_symlink():
                raise _unsafe(path, f"would move {source!r}, which is a link")
        if not is_manifest(self.manifest_path):
            raise _unsafe(path, f"would write {self.manifest_path!r}, which is no manifest")
        for name in [*(name for move in self.moves for name in move), self.manifest_path]:
            refuse_link_out(root, name)

    def write(self, root: Path) -> None:
        """Put it where whoever comes next finds it."""
        journal = {
            "moves": self.moves,
            "manifest": self.manifest,
            "manifest_path": self.manifest_path,
        }
        write_json(root / ARTIFACTS_FOLDER / JOURNAL, journal)

    def replay(self, root: Path) -> None:
        """Finish the commit."""
        folders = set()
        for source, target in self.moves:
            final = root / target
            final.parent.mkdir(parents=True, exist_ok=True)
            if (root / source).exists():
                # Otherwise the writer that was killed has moved it.
                (root / source).replace(final)
            folders.add(final.parent)
        for folder in folders:
            fsync(folder)
        write_json(root / self.manifest_path, self.manifest)
        (root / ARTIFACTS_FOLDER / JOURNAL).unlink()
        fsync(root / ARTIFACTS_FOLDER)


def is_artifact(name: str) -> bool:
    """Whether an artifact can lie at `name`, which is relative to the workspace."""
    return bool(owners_of(name))


def owners_of(name: str) -> set[str]:
    """The datasets, or `ALL`, that can have an artifact at `name`; see `is_artifact`."""
    below = _below_snapshot(name)
    owners = (_owner(kind, below) for kind in ARTIFACTS) if below else ()
    return {owner for owner in owners if owner}


def _owner(kind: str, parts: tuple[str, ...]) -> str | None:
    """Whose artifact of that kind lies there; None where none does."""
    about = ARTIFACTS[kind]
    *folders, file = parts
    named = file.removesuffix(about.suffix) if file.endswith(about.suffix) else ""
    if about.part:
        named, folders = (folders[0], folders[1:]) if folders and named == about.part else ("", [])
    stem = about.stem or kind
    if folders:
        return None
    if named == stem:
        return ALL
    dataset = named.removeprefix(f"{stem}_")
    return dataset if dataset != named and is_dataset_name(dataset) else None


def is_manifest(name: str) -> bool:
    """Whether a manifest can lie at `name`, which is relative to the workspace."""
    return described_by(name) is not None


def described_by(name: str) -> str | None:
    """The dataset, or `ALL`, whose stage's manifest can lie at `name`; see `is_manifest`."""
    below = _below_snapshot(name)
    if below is None or len(below) != 2 or below[0] != MANIFESTS_FOLDER:  # noqa: PLR2004
        return None
    stage, _, dataset = below[1].removesuffix(".json").partition("_")
    named = dataset == ALL or is_dataset_name(dataset)
    fits = below[1].endswith(".json") and named and stage.replace(".", "").isalpha()
    return dataset if fits else None


def _is_staged(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return (
        len(parts) == 3  # noqa: PLR2004
        and parts[0] == ARTIFACTS_FOLDER
        and parts[1].startswith(STAGING)
        and ".." not in parts
    )


def _below_snapshot(name: str) -> tuple[str, ...] | None:
    """The parts of a name below artifacts/ and the snapshot's folder; None for any other name."""
    parts = PurePosixPath(name).parts
    if len(parts) < 2 or parts[0] != ARTIFACTS_FOLDER or ".." in parts:  # noqa: PLR2004
        return None
    past = Snapshot.from_folder(parts[1])
    return parts[2:] if past is not None and len(parts) > 2 else parts[1:]  # noqa: PLR2004


def refuse_link_out(root: Path, name: str) -> None:
    """Refuse a name below artifacts/ that a link takes elsewhere.

    Raises:
        UnsafeWorkspaceError: it does.
    """
    folder = (root / name).parent
    artifacts = (root / ARTIFACTS_FOLDER).resolve()
    if not folder.resolve().is_relative_to(artifacts):
        raise UnsafeWorkspaceError(
            f"{folder} is a link that leads out of {root / ARTIFACTS_FOLDER}",
            hint="replace the link by a folder",
        )


def _unsafe(path: Path, why: str) -> UnsafeWorkspaceError:
    return UnsafeWorkspaceError(f"{path} {why}, so nothing was moved", hint=_HINT)
