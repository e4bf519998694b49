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
from recsys_cli.errors import UsageError
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import ALL, ARTIFACTS, Workspace

if TYPE_CHECKING:
    from recsys_cli.config import Config
    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.progress import Progress

Facts = dict[str, Any]


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
    """

    workspace: Workspace
    config: Config
    dataset: str
    snapshot: Snapshot
    staging: Path
    progress: Progress

    def input(self, kind: str, dataset: str | None = None) -> Path:
        """Path of an input artifact, by default of this stage's dataset."""
        return self.workspace.path(kind, dataset or self.dataset, self.snapshot)

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
class Stage:
    """One step of the pipeline.

    Attributes:
        name: name on the command line, such as als.train.
        summary: what it does, for `--explain` and the docs.
        inputs: kinds of artifact it reads.
        outputs: kinds of artifact it makes.
        sections: config sections that change its result.
        run: the work; returns facts for the manifest (counts, shapes, seed, device).
        version: raised when a code change changes the result.
        reads_raw: whether it reads the dataset's raw files.
        per_snapshot: whether each snapshot has its own result.
        whole: whether it runs once for the workspace, reading every dataset's inputs.
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
                if kind not in ARTIFACTS or ARTIFACTS[kind][1] != stage.per_snapshot:
                    raise ValueError(f"{stage.name} and the workspace disagree about {kind}")
                self.producer[kind] = stage.name
        self.upstream = {s.name: self._parents(s) for s in self.stages.values()}
        try:
            self.order = tuple(TopologicalSorter(self.upstream).static_order())
        except CycleError as error:
            raise ValueError(f"stages form a cycle: {' → '.join(error.args[1])}") from error

    def _parents(self, stage: Stage) -> tuple[str, ...]:
        unmade = [kind for kind in stage.inputs if kind not in self.producer]
        if unmade:
            raise ValueError(f"{stage.name} reads {unmade[0]}, which no stage makes")
        return tuple(dict.fromkeys(self.producer[kind] for kind in stage.inputs))

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
        self, needed: Container[str], datasets: Sequence[str], everything: Sequence[str]
    ) -> list[tuple[Stage, str]]:
        """Stages with their datasets in an order to run them in.

        Whole-workspace stages come last, and only where no dataset is left out.

        Args:
            needed: names of stages.
            datasets: the datasets asked for.
            everything: all datasets of the workspace.
        """
        stages = [self.stages[name] for name in self.order if name in needed]
        plan = [(stage, dataset) for dataset in datasets for stage in stages if not stage.whole]
        if set(datasets) == set(everything):
            plan += [(stage, ALL) for stage in stages if stage.whole]
        return plan

    def parents(
        self, stage: Stage, dataset: str, everything: Sequence[str]
    ) -> list[tuple[str, str]]:
        """Names and datasets of the stages that one stage of a plan reads from."""
        owners = everything if stage.whole else [dataset]
        return [(parent, owner) for owner in owners for parent in self.upstream[stage.name]]


def _closure(start: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        for other in edges[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen
