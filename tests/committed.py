"""Puts artifacts into a workspace as a stage's run would, with a manifest that vouches for them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from recsys_cli.store.manifest import Manifest, Recipe
from recsys_cli.store.packs import save_pack
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace


def commit(
    workspace: Workspace,
    stage: str,
    dataset: str,
    made: Mapping[str, Callable[[Path], object]],
    snapshot: Snapshot = NOW,
) -> None:
    """Commit what `made` writes, by kind of artifact; the stage's manifest keeps what it says."""
    before = workspace.manifest(stage, dataset, snapshot)
    if before is None:
        before = Manifest(stage, dataset, Recipe(1, {}, {}, str(snapshot)), {})
    with workspace.writing(), workspace.staging() as staging:
        files = {kind: staging / workspace.path(kind, dataset).name for kind in made}
        for kind, write in made.items():
            write(files[kind])
        outputs = before.outputs | workspace.describe(files, dataset, snapshot)
        workspace.commit(files, replace(before, outputs=outputs), snapshot)


def commit_pack(
    workspace: Workspace, stage: str, dataset: str, kind: str, pack: Mapping[str, Any]
) -> None:
    """Commit one pack."""
    commit(workspace, stage, dataset, {kind: lambda path: save_pack(path, pack)})
