"""Stages in the order in which each comes after what it reads.

Edges of the graph are derived from the stages' declarations; two stages that make the same
artifact, an input nobody makes, or a cycle fail when the graph is constructed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from recsys_cli.build.stage import START, PastSource, Source, Stage
from recsys_cli.errors import Command, Hint, UsageError, meant, parts_of
from recsys_cli.store.kinds import ALL, ARTIFACTS

if TYPE_CHECKING:
    from recsys_cli.build.timeline import Extent
    from recsys_cli.config import Config
    from recsys_cli.store.snapshot import Snapshot


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
        self._beside = {
            s.name: [self.producer[kind] for kind in s.inputs] for s in self.stages.values()
        }
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
        if timeless or any(back in range(1) for _, back in stage.earlier):
            raise ValueError(f"{stage.name} reads what has no earlier snapshot")
        # A stage may look back to what it made itself, where that has an end.
        past = [kind for kind, back in stage.earlier if kind not in stage.outputs or back != START]
        return tuple(dict.fromkeys(self.producer[kind] for kind in (*stage.inputs, *past)))

    def ancestors(self, name: str) -> set[str]:
        """All stages that `name` needs, at its snapshot or before, itself included."""
        return _closure(name, self.upstream)

    def _at_once(self, name: str) -> set[str]:
        """Those of them that it needs at its own snapshot."""
        return _closure(name, self._beside)

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
                    f"there is no stage {name!r}{meant(name, self.order)}",
                    hint=f"stages: all, {', '.join(self.order)}",
                )
            else:
                named |= self.descendants(name) if target.endswith("+") else {name}
        needed: set[str] = set()
        for name in named:
            if not self.stages[name].behind:
                needed |= self._at_once(name)
            elif not (readers := self.descendants(name) - {name}) & named:
                nearest = next(stage for stage in self.order if stage in readers)
                raise UsageError(
                    f"{name} is run at past snapshots only", hint=Command("build", nearest)
                )
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

    def left_out(self, datasets: Sequence[str], config: Config) -> list[Hint]:
        """Sentences about what a build of everything leaves out and would be missed."""
        switches = [
            stage.switch
            for stage in self.stages.values()
            if stage.switch and stage.switch.announced
            if not any(stage.enabled(config, ALL if stage.whole else d) for d in datasets)
        ]
        return list(dict.fromkeys(parts_of(f"{s.message}; ", s.hint) for s in switches))

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

    def reads(
        self, stage: Stage, dataset: str, config: Config, extent: Extent | None = None
    ) -> list[Source]:
        """The artifacts that a stage of a plan reads, with the datasets they are of.

        A dataset's own come first, then those of other datasets. What a stage that is off left
        behind is not read, and, with an extent, what makes no sense with a dataset's events.
        """
        whole = stage.whole
        owners = [*config.datasets] if whole else [dataset, *stage.pooled(config, dataset)]
        return [
            (kind, owner)
            for owner in owners
            for kind in stage.inputs
            if self._makes(kind, owner, config, extent)
        ]

    def _makes(self, kind: str, dataset: str, config: Config, extent: Extent | None) -> bool:
        maker = self.stages[self.producer[kind]]
        allowed = extent is None or extent.allows(maker)
        return allowed and maker.enabled(config, dataset)

    def past_reads(
        self, stage: Stage, snapshot: Snapshot, config: Config, extent: Extent
    ) -> list[PastSource]:
        """The artifacts of earlier snapshots that a stage reads, less those that `reads` lacks."""
        dataset = extent.dataset
        windows = stage.look_back(config, dataset) if stage.look_back else None
        days = stage.retrain_days(config, dataset) if stage.retrain_days else 0
        return [
            (kind, back, at)
            for kind, back in stage.earlier
            if windows is None or not isinstance(back, int) or back <= windows
            if self._makes(kind, dataset, config, extent)
            if (at := extent.past(snapshot, back, days)) is not None
        ]

    def needed_earlier(
        self, stage: Stage, snapshot: Snapshot, config: Config, extent: Extent
    ) -> list[tuple[Snapshot, set[str]]]:
        """The snapshots that a stage looks back to, oldest first, and what makes what it reads."""
        needed: dict[Snapshot, set[str]] = {}
        for kind, _, at in self.past_reads(stage, snapshot, config, extent):
            needed.setdefault(at, set()).update(self._at_once(self.producer[kind]))
        return sorted(needed.items(), key=lambda found: found[0].age)

    def oldest(self, stage: Stage, snapshot: Snapshot, config: Config, extent: Extent) -> Snapshot:
        """The earliest snapshot that a stage looks back to, by itself or through what it reads."""
        back = [
            (kind, snapshot)
            for kind, owner in self.reads(stage, extent.dataset, config)
            if owner == extent.dataset
        ]
        back += [(kind, at) for kind, _, at in self.past_reads(stage, snapshot, config, extent)]
        return min(
            (
                self.oldest(self.stages[self.producer[kind]], at, config, extent)
                for kind, at in back
            ),
            default=snapshot,
            key=lambda found: found.age,
        )


def _closure(start: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        for other in edges[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen
