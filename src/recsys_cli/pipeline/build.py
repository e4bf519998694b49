"""Runs what is missing or stale, in order, and says why it ran or skipped each stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from recsys_cli.config import Config
from recsys_cli.errors import RecsysError, sentence, way_out
from recsys_cli.pipeline.freshness import Freshness, Verdict
from recsys_cli.pipeline.measure import Meter
from recsys_cli.pipeline.stage import Context, Graph, Source, Stage
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.manifest import Manifest, environment
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

Action = Literal["ran", "skipped", "would run", "failed", "blocked"]


@dataclass(frozen=True)
class Step:
    """What happened to one stage of one dataset."""

    stage: str
    dataset: str
    action: Action
    reason: str
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    facts: dict[str, object] = field(default_factory=dict)
    error: RecsysError | None = None


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

    def build(
        self,
        targets: Sequence[str] = ("all",),
        *,
        datasets: Iterable[str],
        snapshot: Snapshot = NOW,
        force: bool = False,
        dry_run: bool = False,
        keep_going: bool = False,
    ) -> Iterator[Step]:
        """Yield a step per stage and dataset as each is done.

        Stages that the targets need are built too where they are missing or stale. With
        `force` the targets themselves run even if fresh. A failed stage ends the build,
        or, with `keep_going`, blocks only what depends on it.
        """
        named, needed = self.graph.select(targets)
        chosen = list(datasets)
        self.graph.refuse_off(targets, chosen, self._config)
        self._workspace.recover()
        # A build that has nothing to do neither waits for a writer nor disturbs one.
        plan = self.graph.plan(needed, chosen, self._config)
        freshness = self._freshness()
        idle = dry_run or (
            not force and all(freshness.check(s, d, snapshot).state == "fresh" for s, d in plan)
        )
        with nullcontext() if idle else self._workspace.writing():
            unready: dict[tuple[str, str], Action] = {}
            for stage, dataset in plan:
                forced = force and stage.name in named
                step = self._step(stage, dataset, snapshot, unready, forced=forced, dry_run=dry_run)
                yield step
                if step.action in ("failed", "blocked", "would run"):
                    unready[stage.name, dataset] = step.action
                if step.action == "failed" and not keep_going:
                    return

    def _freshness(self) -> Freshness:
        return Freshness(self._workspace, self._config, self.graph, progress=self._progress)

    def _step(
        self,
        stage: Stage,
        dataset: str,
        snapshot: Snapshot,
        unready: dict[tuple[str, str], Action],
        *,
        forced: bool,
        dry_run: bool,
    ) -> Step:
        freshness = self._freshness()
        parents = self.graph.parents(stage, dataset, self._config)
        waiting = [node for node in parents if node in unready]
        # Factors from elsewhere do not wait for what they were not made from.
        if waiting and not forced and freshness.imported(stage, dataset, snapshot):
            waiting = []
        failed = [node[0] for node in waiting if unready[node] != "would run"]
        if failed:
            return Step(stage.name, dataset, "blocked", f"{failed[0]} did not finish")
        if waiting:
            names = ", ".join(dict.fromkeys(node[0] for node in waiting))
            return Step(stage.name, dataset, "would run", f"after {names}")
        verdict = freshness.check(stage, dataset, snapshot)
        if forced:
            verdict = Verdict("stale", "forced")
        if verdict.state == "fresh":
            return Step(stage.name, dataset, "skipped", verdict.reason)
        if dry_run:
            return Step(stage.name, dataset, "would run", verdict.reason)
        return self._run(stage, dataset, snapshot, freshness, verdict)

    def _present(self, stage: Stage, dataset: str, snapshot: Snapshot) -> list[Source]:
        """What the stage may read: of other datasets, only what is there yet."""
        return [
            (kind, owner)
            for kind, owner in self.graph.reads(stage, dataset, self._config)
            if owner == dataset or self._workspace.path(kind, owner, snapshot).exists()
        ]

    def _run(
        self,
        stage: Stage,
        dataset: str,
        snapshot: Snapshot,
        freshness: Freshness,
        verdict: Verdict,
    ) -> Step:
        snapshot = freshness.snapshot_of(stage, snapshot)
        try:
            with self._workspace.staging() as staging:
                recipe = freshness.recipe(stage, dataset, snapshot)
                context = Context(
                    self._workspace,
                    self._config,
                    dataset,
                    snapshot,
                    staging,
                    self._progress,
                    self._present(stage, dataset, snapshot),
                )
                meter = Meter()
                facts = stage.run(context)
                seconds, peak = meter.stop()
                files = {
                    context.output(kind): self._workspace.path(kind, dataset, snapshot)
                    for kind in stage.outputs
                }
                manifest = Manifest(
                    stage=stage.name,
                    dataset=dataset,
                    recipe=recipe,
                    outputs=self._workspace.describe(files),
                    facts=facts,
                    seconds=round(seconds, 3),
                    peak_memory_mb=round(peak, 1),
                    finished=datetime.now(UTC).isoformat(timespec="seconds"),
                    **environment(),
                )
                at = self._workspace.manifest_path(stage.name, dataset, snapshot)
                self._workspace.commit(files, manifest, at)
        except RecsysError as error:
            return Step(stage.name, dataset, "failed", verdict.reason, error=error)
        except Exception as error:
            # A full disk or an error inside a library must not take the other stages along.
            known = RecsysError(sentence(error), hint=way_out(error))
            known.__cause__ = error
            return Step(stage.name, dataset, "failed", verdict.reason, error=known)
        return Step(stage.name, dataset, "ran", verdict.reason, seconds, peak, facts)
