"""Runs what is missing or stale, in order, and says why it ran or skipped each stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from recsys_cli.build.estimate import Ahead, Countdown, Estimates
from recsys_cli.build.freshness import Freshness
from recsys_cli.build.graph import Graph
from recsys_cli.build.measure import Meter
from recsys_cli.build.stage import Context, Stage
from recsys_cli.build.timeline import Node, Timeline, walk
from recsys_cli.config import Config
from recsys_cli.errors import RecsysError, sentence, way_out
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.manifest import Manifest, environment
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

Action = Literal["ran", "skipped", "would run", "failed", "blocked"]


@dataclass(frozen=True)
class Step:
    """What happened to one stage of one dataset in one snapshot; shared stages have "now"'s.

    Attributes:
        estimate: seconds that it would run, as far as past runs tell.
    """

    stage: str
    dataset: str
    snapshot: Snapshot
    action: Action
    reason: str
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    facts: dict[str, object] = field(default_factory=dict)
    error: RecsysError | None = None
    estimate: float | None = None

    @property
    def node(self) -> Node:
        """What it happened to."""
        return Node(self.stage, self.dataset, self.snapshot)


def context_of(
    stage: Stage,
    node: Node,
    *,
    graph: Graph,
    workspace: Workspace,
    config: Config,
    staging: Path,
    progress: Progress,
) -> Context:
    """What a stage is run with; of other datasets it may read only what is there yet."""
    timeline = Timeline(workspace)
    extent = timeline.extent(node.dataset)
    return Context(
        workspace=workspace,
        config=config,
        dataset=node.dataset,
        snapshot=node.snapshot,
        staging=staging,
        progress=progress,
        timeline=timeline,
        reads=[
            (kind, owner)
            for kind, owner in graph.reads(stage, node.dataset, config, extent)
            if owner == node.dataset or workspace.path(kind, owner, node.snapshot).exists()
        ],
        past_reads=graph.past_reads(stage, node.snapshot, config, extent) if extent else (),
    )


class _Plan(NamedTuple):
    """What to build: stages of datasets in order, for a snapshot; those to run even if fresh."""

    stages: Sequence[tuple[Stage, str]]
    snapshot: Snapshot
    forced: AbstractSet[str]

    def forces(self, stage: Stage, node: Node) -> bool:
        """Whether a stage has to run."""
        own = self.snapshot if stage.per_snapshot else NOW
        return stage.name in self.forced and (stage.behind or node.snapshot == own)


def _would_run(steps: Iterable[Step]) -> list[Node]:
    return [step.node for step in steps if step.action == "would run"]


class Builder:
    """Builds stages of a workspace.

    Args:
        workspace: the folder.
        config: its configuration.
        graph: the stages.
        progress: where long stages report.
    """

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        graph: Graph,
        *,
        progress: Progress | None = None,
    ) -> None:
        self._workspace = workspace
        self._config = config
        self.graph = graph
        self._progress: Progress = progress or Silent()
        self._estimates = Estimates(workspace, config, graph)

    def build(
        self,
        targets: Sequence[str] = ("all",),
        *,
        datasets: Iterable[str],
        snapshot: Snapshot = NOW,
        force: bool = False,
        dry_run: bool = False,
        keep_going: bool = False,
        on_start: Callable[[Ahead], None] | None = None,
    ) -> Iterator[Step]:
        """Yield a step per stage, dataset and snapshot as each is done.

        Stages that the targets need are built too where they are missing or stale, those of
        earlier snapshots among them. With `force` the targets themselves run even if fresh,
        in the snapshot asked for. A failed stage ends the build, or, with `keep_going`, blocks
        only what depends on it; so does one that can be switched off, which need not be
        waited for by those that everybody has. `on_start` is told before each that runs.
        """
        named, needed = self.graph.select(targets)
        chosen = list(datasets)
        self.graph.refuse_off(targets, chosen, self._config)
        self._workspace.recover()
        stages = self.graph.plan(needed, chosen, self._config)
        plan = _Plan(stages, snapshot, named if force else set())
        steps = self._planned(plan)
        # A build that has nothing to do neither waits for a writer nor disturbs one.
        if dry_run or not any(step.action == "would run" for step in steps):
            yield from steps
            return
        with self._workspace.writing():
            countdown = Countdown(self._estimates)
            countdown.expect(_would_run(steps))
            yield from self._carried_out(plan, countdown, on_start, keep_going=keep_going)

    def _planned(self, plan: _Plan) -> list[Step]:
        """What a build would do."""
        unready: dict[Node, Action] = {}
        steps = []
        for stage, node in self._walk(plan):
            step = self._due(stage, node, unready, forced=plan.forces(stage, node))
            if step.action == "would run":
                unready[node] = step.action
                step = replace(step, estimate=self._estimates.seconds(node))
            steps.append(step)
        return steps

    def _carried_out(
        self,
        plan: _Plan,
        countdown: Countdown,
        on_start: Callable[[Ahead], None] | None,
        *,
        keep_going: bool,
    ) -> Iterator[Step]:
        unready: dict[Node, Action] = {}
        for stage, node in self._walk(plan):
            step = self._due(stage, node, unready, forced=plan.forces(stage, node))
            if step.action == "would run":
                if on_start:
                    on_start(countdown.begin(node))
                step = self._run(stage, node, step.reason)
            countdown.passed(node, ran=step.action == "ran")
            if stage.reads_raw and step.action == "ran":
                # Which earlier snapshots there are to build is known from here on.
                countdown.expect(_would_run(self._planned(plan)))
            yield step
            if step.action in ("failed", "blocked"):
                unready[node] = step.action
            if step.action == "failed" and not (keep_going or stage.switch):
                return

    def _walk(self, plan: _Plan) -> Iterator[tuple[Stage, Node]]:
        timeline = Timeline(self._workspace)
        return walk(self.graph, plan.stages, plan.snapshot, self._config, timeline)

    def _freshness(self) -> Freshness:
        return Freshness(self._workspace, self._config, self.graph, progress=self._progress)

    def _due(
        self, stage: Stage, node: Node, unready: Mapping[Node, Action], *, forced: bool
    ) -> Step:
        """Whether a stage would run, after those that it reads from."""
        freshness = self._freshness()
        obstacle = freshness.obstacle(stage, node.dataset, node.snapshot)
        if obstacle:
            return Step(*node, "skipped", obstacle)
        parents = freshness.parents(stage, node.dataset, node.snapshot)
        waiting = [parent for parent in parents if parent in unready]
        # Factors from elsewhere do not wait for what they were not made from.
        if waiting and not forced and freshness.imported(stage, node.dataset, node.snapshot):
            waiting = []
        failed = [parent for parent in waiting if unready[parent] != "would run"]
        if failed:
            return Step(*node, "blocked", f"{failed[0].stage} did not finish")
        if waiting:
            names = ", ".join(dict.fromkeys(parent.stage for parent in waiting))
            return Step(*node, "would run", f"after {names}")
        if forced:
            return Step(*node, "would run", "forced")
        verdict = freshness.check(stage, node.dataset, node.snapshot)
        return Step(*node, "skipped" if verdict.state == "fresh" else "would run", verdict.reason)

    def _run(self, stage: Stage, node: Node, reason: str) -> Step:
        _, dataset, snapshot = node
        try:
            with self._workspace.staging() as staging:
                recipe = self._freshness().recipe(stage, dataset, snapshot)
                context = context_of(
                    stage,
                    node,
                    graph=self.graph,
                    workspace=self._workspace,
                    config=self._config,
                    staging=staging,
                    progress=self._progress,
                )
                meter = Meter()
                facts = stage.run(context)
                seconds, peak = meter.stop()
                made = {kind: context.output(kind) for kind in stage.outputs}
                manifest = Manifest(
                    stage=stage.name,
                    dataset=dataset,
                    recipe=recipe,
                    outputs=self._workspace.describe(made, dataset, snapshot),
                    facts=facts,
                    seconds=round(seconds, 3),
                    size=0.0 if stage.reads_raw else self._estimates.size(node),
                    peak_memory_mb=round(peak, 1),
                    finished=datetime.now(UTC).isoformat(timespec="seconds"),
                    **environment(),
                )
                self._workspace.commit(made, manifest, snapshot)
        except RecsysError as error:
            return Step(*node, "failed", reason, error=error)
        except Exception as error:
            # A full disk or an error inside a library must not take the other stages along.
            known = RecsysError(sentence(error), hint=way_out(error))
            known.__cause__ = error
            return Step(*node, "failed", reason, error=known)
        return Step(*node, "ran", reason, seconds, peak, facts)
