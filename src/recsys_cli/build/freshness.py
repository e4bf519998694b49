"""Decides whether a stage's artifacts are fresh, and says why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recsys_cli.build.graph import Graph
from recsys_cli.build.stage import Stage, Surroundings
from recsys_cli.build.timeline import Node, Timeline
from recsys_cli.config import Config
from recsys_cli.config.found import overridable
from recsys_cli.config.load import dataset_config, section_for
from recsys_cli.errors import RecsysError
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.files import HashMemo, sha256
from recsys_cli.store.idtable import FINGERPRINTS
from recsys_cli.store.manifest import Manifest, Recipe
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

State = Literal["fresh", "stale", "missing"]


@dataclass(frozen=True)
class Verdict:
    """A stage's state, and the reason in words."""

    state: State
    reason: str


class Freshness:
    """Compares manifests with what a run now would be made from."""

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        graph: Graph,
        *,
        progress: Progress | None = None,
    ) -> None:
        self._progress: Progress = progress or Silent()
        self._workspace = workspace
        self._config = config
        self._graph = graph
        self._hashes: HashMemo = workspace.hashes()
        self.timeline = Timeline(workspace)

    def obstacle(self, stage: Stage, dataset: str, snapshot: Snapshot) -> str | None:
        """Why a stage cannot be made of this dataset's events; None where it can."""
        reach = self._graph.reach(stage, dataset, self._config)
        if not stage.timed and not reach:
            return None
        return self.timeline.obstacle(dataset, snapshot, reach=reach)

    def parents(self, stage: Stage, dataset: str, snapshot: Snapshot) -> list[Node]:
        """The stages that one stage of a plan reads from, those of earlier snapshots too."""
        graph, config = self._graph, self._config
        reads = [(kind, owner, snapshot) for kind, owner in graph.reads(stage, dataset, config)]
        reads += [
            (kind, dataset, self.timeline.earlier(dataset, snapshot, windows))
            for kind, windows in graph.past_reads(stage, dataset, config)
            if self.timeline.known(dataset)
        ]
        makers = [(graph.stages[graph.producer[kind]], owner, at) for kind, owner, at in reads]
        return [Node(made.name, owner, self.snapshot_of(made, at)) for made, owner, at in makers]

    def snapshot_of(self, stage: Stage, snapshot: Snapshot) -> Snapshot:
        """The snapshot a stage's result belongs to; shared stages belong to "now"."""
        return snapshot if stage.per_snapshot else NOW

    def manifest(self, stage: Stage, dataset: str, snapshot: Snapshot) -> Manifest | None:
        """The manifest of the last run."""
        at = self.snapshot_of(stage, snapshot)
        return self._workspace.manifest(stage.name, dataset, at)

    def recipe(self, stage: Stage, dataset: str, snapshot: Snapshot) -> Recipe:
        """What a run now would be made from; inputs must exist.

        Raises:
            RecsysError: a raw file or an upstream manifest is missing.
        """
        config = self._settings(stage, dataset)
        inputs: dict[str, str] = {}
        if stage.reads_raw:
            from recsys_cli.datasets.adapters import raw_files

            own = dataset_config(self._config, dataset)
            own_sections = set(overridable(type(self._config)))
            config["dataset"] = own.model_dump(mode="json", exclude=own_sections)
            for path in raw_files(own, self._workspace.root):
                inputs[self._workspace.relative(path)] = self._hashes.sha256(path)
        for kind, owner in self._graph.reads(stage, dataset, self._config):
            name = kind if owner == dataset else f"{kind}_{owner}"
            try:
                inputs[name] = self._input_hash(kind, owner, snapshot)
            except RecsysError:
                # Another dataset that is not there yet is joined when it is, and one that has
                # nothing to offer never.
                maker = self._graph.stages[self._graph.producer[kind]]
                if owner == dataset or (stage.whole and not self.obstacle(maker, owner, snapshot)):
                    raise
        for kind, windows in self._graph.past_reads(stage, dataset, self._config):
            past = self.timeline.earlier(dataset, snapshot, windows)
            inputs[f"{kind}@{past}"] = self._input_hash(kind, dataset, past)
        if stage.beyond:
            around = Surroundings(
                self._workspace, self._config, dataset, self._hashes, self._progress
            )
            inputs |= stage.beyond(around)
        at = self.snapshot_of(stage, snapshot)
        return Recipe(stage.version, config, inputs, str(at))

    def _settings(self, stage: Stage, dataset: str) -> dict[str, dict[str, Any]]:
        """What the stage reads of the config, by section."""
        found: dict[str, dict[str, Any]] = {}
        for setting in stage.sections:
            section, _, key = setting.partition(".")
            known = section_for(self._config, section, dataset)
            values = known.model_dump(
                mode="json", include={key} if key else None, exclude=set(known.where)
            )
            found[section] = found.get(section, {}) | values
        return found

    def _input_hash(self, kind: str, dataset: str, snapshot: Snapshot) -> str:
        producer = self._graph.stages[self._graph.producer[kind]]
        manifest = self.manifest(producer, dataset, snapshot)
        path = self._workspace.path(kind, dataset, snapshot)
        output = manifest and manifest.outputs.get(self._workspace.relative(path))
        if not output:
            raise RecsysError(f"{producer.name} has not run")
        return output.sha256

    def check(
        self, stage: Stage, dataset: str, snapshot: Snapshot, *, thorough: bool = False
    ) -> Verdict:
        """State of one stage, taking its upstream artifacts as they are.

        Args:
            stage: the stage.
            dataset: the dataset's name.
            snapshot: the snapshot asked for.
            thorough: hash every output instead of trusting size and modification time.
        """
        manifest = self.manifest(stage, dataset, snapshot)
        if manifest is None:
            return Verdict("missing", "never built")
        at = self.snapshot_of(stage, snapshot)
        paths = [self._workspace.path(kind, dataset, at) for kind in stage.outputs]
        damaged = self._damage(manifest, paths, thorough=thorough)
        if damaged:
            return damaged
        if manifest.imported:
            return self._check_imported(manifest, dataset)
        try:
            recipe = self.recipe(stage, dataset, snapshot)
        except RecsysError as error:
            return Verdict("stale", error.message)
        if recipe.key() != manifest.recipe.key():
            return Verdict("stale", recipe.difference(manifest.recipe))
        return Verdict("fresh", "nothing it depends on changed")

    def imported(self, stage: Stage, dataset: str, snapshot: Snapshot) -> bool:
        """Whether a stage's artifact was imported, so that what is upstream does not matter."""
        manifest = self.manifest(stage, dataset, snapshot)
        return manifest is not None and manifest.imported

    def _check_imported(self, manifest: Manifest, dataset: str) -> Verdict:
        """Imported factors stay fresh for as long as the ids they were made for do."""
        ingest = self._workspace.manifest("ingest", dataset)
        for side in FINGERPRINTS:
            if ingest is None or ingest.facts.get(side) != manifest.facts.get(side):
                return Verdict("stale", f"imported for other {side.split('_')[0]} than there are")
        return Verdict("fresh", "imported; `recsys als train --force` replaces it")

    def _damage(
        self, manifest: Manifest, paths: Sequence[Path], *, thorough: bool
    ) -> Verdict | None:
        if set(manifest.outputs) != {self._workspace.relative(path) for path in paths}:
            return Verdict("stale", "the stage makes other files now")
        for name, output in manifest.outputs.items():
            path = self._workspace.root / name
            try:
                stat = path.stat()
            except FileNotFoundError:
                return Verdict("missing", f"{name} is gone")
            if stat.st_size != output.bytes:
                return Verdict("stale", f"{name} was changed by something else")
            if thorough:
                digest = sha256(path)
            elif stat.st_mtime_ns != output.mtime_ns:
                digest = self._hashes.sha256(path)
            else:
                digest = self._hashes.known(path) or output.sha256
            if digest != output.sha256:
                return Verdict("stale", f"{name} was changed by something else")
        return None
