"""Decides whether a stage's artifacts are fresh, and says why not.

They are where a run now would follow the recipe that their manifest holds. `Freshness` works
that recipe out from what the stages declare; `outdated` brings the recipes that are there up to
date, which needs no stages and hashes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recsys_cli.config import Config
from recsys_cli.config.found import overridable
from recsys_cli.config.load import dataset_config, section_for
from recsys_cli.errors import RecsysError
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.files import HashMemo, sha256
from recsys_cli.store.idtable import FINGERPRINTS
from recsys_cli.store.kinds import ARTIFACTS
from recsys_cli.store.manifest import Manifest, Recipe
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    from recsys_cli.build.artifacts import Artifacts
    from recsys_cli.build.graph import Graph
    from recsys_cli.build.stage import Stage
    from recsys_cli.build.timeline import Node

State = Literal["fresh", "stale", "missing"]
_UNKNOWN = ""
"""In place of the SHA-256 of what is not there, or has changed and was not hashed."""


@dataclass(frozen=True)
class Verdict:
    """A stage's state, and the reason in words."""

    state: State
    reason: str


def outdated(artifacts: Artifacts, config: Config) -> list[str]:
    """Stages whose artifacts are not what a build would make now, and why.

    A glance for those who are about to use them: of raw files only size and time are compared,
    and what a stage declares anew goes unseen. `recsys status --check` is thorough.
    """
    glance = _Glance(artifacts, config)
    return [
        f"{stage} ({now.difference(manifest.recipe)})"
        for stage, manifest in artifacts.manifests.items()
        if not manifest.imported and (now := glance.recipe(manifest)) != manifest.recipe
    ]


class _Glance:
    """Brings the recipes of what is built up to date."""

    def __init__(self, artifacts: Artifacts, config: Config) -> None:
        self._artifacts, self._config = artifacts, config
        self._workspace = artifacts.workspace
        self._hashes = self._workspace.hashes()
        self._past: dict[Snapshot, Mapping[str, Manifest]] = {}

    def recipe(self, manifest: Manifest) -> Recipe:
        """A manifest's recipe with the settings and inputs of now."""
        made = min((output.mtime_ns for output in manifest.outputs.values()), default=0)
        recipe = manifest.recipe
        inputs = {name: self._input(name, digest, made) for name, digest in recipe.inputs.items()}
        config = {section: self._settings(section, old) for section, old in recipe.config.items()}
        return replace(recipe, config=config, inputs=inputs)

    def _input(self, name: str, digest: str, made: int) -> str:
        """The SHA-256 of an input now; `digest` where it is not known to be another."""
        kind, _, folder = name.partition("@")
        if kind not in ARTIFACTS:
            changed = self._hashes.surely_changed(self._workspace.root / name, digest)
            return _UNKNOWN if changed else digest
        dataset = self._artifacts.dataset
        manifests: Mapping[str, Manifest] = self._artifacts.manifests
        at = Snapshot.from_folder(folder) or self._artifacts.snapshot
        path = self._workspace.path(kind, dataset, at)
        if folder:
            # What is older than what was made from it need not be looked up.
            if path.exists() and path.stat().st_mtime_ns < made:
                return digest
            if at not in self._past:
                self._past[at] = self._workspace.own_manifests(dataset, at)
            manifests = self._past[at]
        name = self._workspace.relative(path)
        found = [each.outputs[name] for each in manifests.values() if name in each.outputs]
        return found[0].sha256 if found else _UNKNOWN if folder else digest

    def _settings(self, section: str, made_with: Mapping[str, Any]) -> dict[str, Any]:
        """A section as it is now, as far as a recipe holds it."""
        dataset, config = self._artifacts.dataset, self._config
        if section == "dataset" and dataset in config.datasets:
            now = config.datasets[dataset].model_dump(mode="json")
        elif section not in type(config).model_fields:
            now = {}
        else:
            now = section_for(config, section, dataset).model_dump(mode="json")
        if "encoder" in now and now["encoder"] is None:
            # What was switched off is not made again.
            return dict(made_with)
        return {key: now.get(key) for key in made_with}


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
        from recsys_cli.build.timeline import Timeline

        self._progress: Progress = progress or Silent()
        self._workspace = workspace
        self._config = config
        self._graph = graph
        self._hashes: HashMemo = workspace.hashes()
        self.timeline = Timeline(workspace)

    def obstacle(self, stage: Stage, dataset: str, snapshot: Snapshot) -> str | None:
        """Why a stage cannot be made of this dataset's events; None where it can."""
        extent = self.timeline.extent(dataset)
        if extent is None:
            return None
        oldest = self._graph.oldest(stage, snapshot, self._config, extent)
        if not stage.timed and oldest == snapshot:
            return None
        return extent.obstacle(snapshot, oldest, timed=stage.timed)

    def parents(self, stage: Stage, dataset: str, snapshot: Snapshot) -> list[Node]:
        """The stages that one stage of a plan reads from, those of earlier snapshots too."""
        from recsys_cli.build.timeline import Node

        graph, config, extent = self._graph, self._config, self.timeline.extent(dataset)
        found = graph.reads(stage, dataset, config, extent)
        reads = [(kind, owner, snapshot) for kind, owner in found]
        if extent:
            past = graph.past_reads(stage, snapshot, config, extent)
            reads += [(kind, dataset, at) for kind, _, at in past]
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
            from recsys_cli.datasets.fetch import states

            own = dataset_config(self._config, dataset)
            own_sections = set(overridable(type(self._config)))
            config["dataset"] = own.model_dump(mode="json", exclude=own_sections)
            for path in raw_files(own, self._workspace.root):
                inputs[self._workspace.relative(path)] = self._hashes.sha256(path)
            inputs |= states(own, self._workspace.root)
        extent = self.timeline.extent(dataset)
        for kind, owner in self._graph.reads(stage, dataset, self._config, extent):
            name = kind if owner == dataset else f"{kind}_{owner}"
            try:
                inputs[name] = self._input_hash(kind, owner, snapshot)
            except RecsysError:
                # Another dataset that is not there yet is joined when it is, and one that has
                # nothing to offer never.
                maker = self._graph.stages[self._graph.producer[kind]]
                if owner == dataset or (stage.whole and not self.obstacle(maker, owner, snapshot)):
                    raise
        if extent:
            for kind, _, past in self._graph.past_reads(stage, snapshot, self._config, extent):
                inputs[f"{kind}@{past}"] = self._input_hash(kind, dataset, past)
        if stage.beyond:
            from recsys_cli.build.stage import Surroundings

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
