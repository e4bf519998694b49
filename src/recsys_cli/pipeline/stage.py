"""What a stage is: declared inputs and outputs, the config it reads, and a function.

Edges of the graph are derived from the declarations; two stages that make the same artifact,
an input nobody makes, or a cycle fail when the graph is constructed.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_cli.config.load import section_for
from recsys_cli.cores import available_cores
from recsys_cli.errors import ConfigError, UsageError
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import ALL, ARTIFACTS, Workspace

if TYPE_CHECKING:
    from recsys_cli.config import Config
    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.pipeline.timeline import Timeline
    from recsys_cli.progress import Progress
    from recsys_cli.store.files import HashMemo

Facts = dict[str, Any]
Source = tuple[str, str]
"""A kind of artifact and the dataset it is of."""
Past = tuple[str, int]
"""A kind of artifact and how many test windows before the stage's snapshot it is from."""


@dataclass(frozen=True)
class Context:
    """What a running stage may use.

    Attributes:
        workspace: where inputs lie.
        config: the whole configuration; a stage reads only the sections it declares.
        dataset: name of the dataset.
        snapshot: the events it may see.
        staging: folder that receives the outputs under their final names.
        progress: where it reports.
        timeline: tells which snapshots lie before this one.
        reads: the artifacts it may read; of its declared inputs, those whose stage is on.
        past_reads: likewise of earlier snapshots.
    """

    workspace: Workspace
    config: Config
    dataset: str
    snapshot: Snapshot
    staging: Path
    progress: Progress
    timeline: Timeline
    reads: Sequence[Source] = ()
    past_reads: Sequence[Past] = ()

    def input(self, kind: str, dataset: str | None = None, *, windows_ago: int = 0) -> Path:
        """Path of an input artifact, by default of this stage's dataset and snapshot."""
        at = self.earlier(windows_ago)
        return self.workspace.path(kind, dataset or self.dataset, at)

    def earlier(self, windows: int) -> Snapshot:
        """The snapshot that many test windows before this one."""
        if not windows:
            return self.snapshot
        return self.timeline.earlier(self.dataset, self.snapshot, windows)

    def inputs(self, kind: str) -> dict[str, Path]:
        """Paths of the inputs of one kind by dataset; none where its stage is off."""
        return {owner: self.input(kind, owner) for read, owner in self.reads if read == kind}

    def output(self, kind: str) -> Path:
        """Path to write an output artifact to."""
        return self.staging / self.workspace.path(kind, self.dataset, self.snapshot).name

    def section(self, name: str) -> Any:
        """A config section with this dataset's overrides applied."""
        return section_for(self.config, name, self.dataset)

    @cached_property
    def spec(self) -> DatasetSpec:
        """The dataset's spec."""
        from recsys_cli.datasets.spec import DatasetSpec

        return DatasetSpec.model_validate_json(self.input("spec").read_text())

    @property
    def threads(self) -> int:
        """Threads to use: the config's, or all cores this process may run on."""
        return self.config.threads or available_cores()


@dataclass(frozen=True)
class Switch:
    """What turns a stage on.

    Attributes:
        on: whether it is, for a dataset; a whole stage asks for `ALL`.
        message: why it is not.
        hint: what to do to turn it on.
        announced: whether a build of everything says that it leaves this out.
    """

    on: Callable[[Config, str], bool]
    message: str
    hint: str
    announced: bool = False

    def refusal(self) -> ConfigError:
        """What to tell somebody who asks for what is off."""
        return ConfigError(self.message, hint=self.hint)


@dataclass(frozen=True)
class Surroundings:
    """What a stage may look at, besides its inputs, to tell what its result depends on."""

    workspace: Workspace
    config: Config
    dataset: str
    hashes: HashMemo
    progress: Progress


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline.

    Attributes:
        name: name on the command line, such as als.train.
        summary: what it does, for `--explain` and the docs.
        inputs: kinds of artifact it reads.
        outputs: kinds of artifact it makes.
        sections: config sections, or single settings of one, that change its result.
        run: the work; returns facts for the manifest (counts, shapes, seed, device).
        version: raised when a code change changes the result.
        reads_raw: whether it reads the dataset's raw files.
        per_snapshot: whether each snapshot has its own result.
        whole: whether it runs once for the workspace, reading every dataset's inputs.
        switch: what turns it on; None is always on. One that is off is left out.
        pool: other datasets whose inputs it reads too, where they are there yet.
        beyond: what its result depends on besides inputs and config, by name.
        earlier: artifacts of earlier snapshots that it reads, such as ("als", 1) for the
            factors as they were one test window before.
        timed: whether it makes sense only where events have times; whatever reads earlier
            snapshots does.
    """

    name: str
    summary: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sections: tuple[str, ...]
    run: Callable[[Context], Facts]
    version: int = 1
    reads_raw: bool = False
    per_snapshot: bool = True
    whole: bool = False
    switch: Switch | None = None
    pool: Callable[[Config, str], Sequence[str]] | None = None
    beyond: Callable[[Surroundings], Mapping[str, str]] | None = None
    earlier: tuple[Past, ...] = ()
    timed: bool = False

    def enabled(self, config: Config, dataset: str) -> bool:
        """Whether it has anything to do for a dataset."""
        return self.switch is None or self.switch.on(config, dataset)

    def pooled(self, config: Config, dataset: str) -> Sequence[str]:
        """The other datasets that it reads."""
        return self.pool(config, dataset) if self.pool else ()


class Graph:
    """Stages in an order in which each comes after what it reads."""

    def __init__(self, stages: Iterable[Stage]) -> None:
        self.stages: dict[str, Stage] = {}
        self.producer: dict[str, str] = {}
        for stage in stages:
            if stage.name in self.stages:
                raise ValueError(f"two stages are named {stage.name}")
            self.stages[stage.name] = stage
            for kind in stage.outputs:
                if kind in self.producer:
                    raise ValueError(f"{kind} is made by {self.producer[kind]} and {stage.name}")
                if kind not in ARTIFACTS or ARTIFACTS[kind].per_snapshot != stage.per_snapshot:
                    raise ValueError(f"{stage.name} and the workspace disagree about {kind}")
                self.producer[kind] = stage.name
        self.upstream = {s.name: self._parents(s) for s in self.stages.values()}
        try:
            self.order = tuple(TopologicalSorter(self.upstream).static_order())
        except CycleError as error:
            raise ValueError(f"stages form a cycle: {' → '.join(error.args[1])}") from error

    def _parents(self, stage: Stage) -> tuple[str, ...]:
        past = [kind for kind, _ in stage.earlier]
        unmade = [kind for kind in (*stage.inputs, *past) if kind not in self.producer]
        if unmade:
            raise ValueError(f"{stage.name} reads {unmade[0]}, which no stage makes")
        timeless = [kind for kind in past if not ARTIFACTS[kind].per_snapshot]
        if timeless or any(windows < 1 for _, windows in stage.earlier):
            raise ValueError(f"{stage.name} reads what has no earlier snapshot")
        return tuple(dict.fromkeys(self.producer[kind] for kind in (*stage.inputs, *past)))

    def ancestors(self, name: str) -> set[str]:
        """All stages that `name` needs, itself included."""
        return _closure(name, self.upstream)

    def descendants(self, name: str) -> set[str]:
        """All stages that need `name`, itself included."""
        downstream: dict[str, list[str]] = {s: [] for s in self.stages}
        for child, parents in self.upstream.items():
            for parent in parents:
                downstream[parent].append(child)
        return _closure(name, downstream)

    def select(self, targets: Iterable[str]) -> tuple[set[str], set[str]]:
        """Stages named by `all`, `STAGE` or `STAGE+` (the stage and what follows from it).

        Returns:
            The named stages, and these together with everything they need.

        Raises:
            UsageError: no such stage.
        """
        named: set[str] = set()
        for target in targets:
            name = target.removesuffix("+")
            if name == "all":
                named |= set(self.stages)
            elif name not in self.stages:
                raise UsageError(
                    f"there is no stage {name!r}", hint=f"stages: all, {', '.join(self.order)}"
                )
            else:
                named |= self.descendants(name) if target.endswith("+") else {name}
        needed: set[str] = set()
        for name in named:
            needed |= self.ancestors(name)
        return named, needed

    def plan(
        self, needed: Container[str], datasets: Sequence[str], config: Config
    ) -> list[tuple[Stage, str]]:
        """Stages with their datasets in an order to run them in, without those that are off.

        What stages of other datasets read too comes first. Whole-workspace stages come last,
        and only where no dataset is left out.

        Args:
            needed: names of stages.
            datasets: the datasets asked for.
            config: tells which stages are on, and all datasets of the workspace.
        """
        stages = [self.stages[name] for name in self.order if name in needed]
        plan = [
            (stage, dataset)
            for dataset in datasets
            for stage in stages
            if not stage.whole and stage.enabled(config, dataset)
        ]
        shared = {
            (producer, owner)
            for stage, dataset in plan
            for owner in stage.pooled(config, dataset)
            for producer in self.ancestors(stage.name) - {stage.name}
        }
        plan.sort(key=lambda node: (node[0].name, node[1]) not in shared)
        if set(datasets) == set(config.datasets):
            plan += [(stage, ALL) for stage in stages if stage.whole and stage.enabled(config, ALL)]
        return plan

    def left_out(self, datasets: Sequence[str], config: Config) -> list[str]:
        """Sentences about what a build of everything leaves out and would be missed."""
        switches = [
            stage.switch
            for stage in self.stages.values()
            if stage.switch and stage.switch.announced
            if not any(stage.enabled(config, ALL if stage.whole else d) for d in datasets)
        ]
        return list(dict.fromkeys(f"{switch.message}; {switch.hint}" for switch in switches))

    def refuse_off(self, targets: Iterable[str], datasets: Sequence[str], config: Config) -> None:
        """Refuse stages that are named although they would do nothing.

        Raises:
            ConfigError: a stage is off for all the datasets.
            UsageError: a stage is about all datasets, and one is left out.
        """
        for target in targets:
            stage = self.stages.get(target.removesuffix("+"))
            if stage is None:
                continue
            owners = [ALL] if stage.whole else datasets
            if stage.switch and not any(stage.enabled(config, owner) for owner in owners):
                raise stage.switch.refusal()
            if stage.whole and set(datasets) != set(config.datasets):
                raise UsageError(f"{stage.name} is about all datasets", hint="leave out --dataset")

    def reads(self, stage: Stage, dataset: str, config: Config) -> list[Source]:
        """The artifacts that a stage of a plan reads, with the datasets they are of.

        A dataset's own come first, then those of other datasets. What a stage that is off left
        behind is not read.
        """
        whole = stage.whole
        owners = [*config.datasets] if whole else [dataset, *stage.pooled(config, dataset)]
        return [
            (kind, owner)
            for owner in owners
            for kind in stage.inputs
            if self.stages[self.producer[kind]].enabled(config, owner)
        ]

    def past_reads(self, stage: Stage, dataset: str, config: Config) -> list[Past]:
        """The artifacts of earlier snapshots that a stage reads, less those that are off."""
        return [
            (kind, windows)
            for kind, windows in stage.earlier
            if self.stages[self.producer[kind]].enabled(config, dataset)
        ]

    def reach(self, stage: Stage, dataset: str, config: Config) -> int:
        """How many test windows before its snapshot the oldest is that a stage looks back to."""
        back = [(kind, 0) for kind, owner in self.reads(stage, dataset, config) if owner == dataset]
        back += self.past_reads(stage, dataset, config)
        return max(
            (
                windows + self.reach(self.stages[self.producer[kind]], dataset, config)
                for kind, windows in back
            ),
            default=0,
        )


def _closure(start: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        for other in edges[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen
