"""Builds the snapshot before each test window, and measures strategies on what came after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recsys_cli.apps.evalchoice import chosen_strategies, obstacles_of, stages_for, switched_on
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.testsplit import (
    Question,
    segments_of,
    snapshot_before,
    truths_of,
    without_what_cannot_be_hit,
)
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.build.run import Builder, Step
from recsys_cli.engine.engine import Engine
from recsys_cli.errors import ArtifactError
from recsys_cli.evaluation.truth import Truth, fingerprint
from recsys_cli.store.manifest import Output
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    from recsys_cli.evaluation.harness import Measured
    from recsys_cli.evaluation.result import EvalResult

__all__ = ["Evaluation", "Question", "run_evaluation"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation with all it was made of.

    Attributes:
        result: the figures.
        windows: what was measured in each window, the earliest first.
        engine: the strategies as they were in the last window.
    """

    result: EvalResult
    windows: tuple[Measured, ...]
    engine: Engine


@dataclass(frozen=True, slots=True)
class _Run:
    """What holds for every window of one evaluation."""

    opened: Opened
    dataset: str
    builder: Builder
    names: Sequence[str]
    stages: Sequence[str]
    ks: Sequence[int]
    exclude_seen: bool
    on_step: Callable[[Step], None] | None


def run_evaluation(
    opened: Opened,
    dataset: str,
    question: Question,
    *,
    on_step: Callable[[Step], None] | None = None,
) -> Evaluation:
    """Measure strategies on one dataset.

    Args:
        opened: the workspace; missing and stale stages of the snapshots are built.
        dataset: name of the dataset.
        question: what to measure.
        on_step: told of each stage that was built or skipped.

    Raises:
        RecsysError: a stage failed, or there is nothing to evaluate on.
    """
    from recsys_cli.evaluation.summary import summarise

    workspace, config, builder = opened.workspace, opened.config, opened.builder()
    settings = config.eval
    question.check(settings)
    build(builder, ["ingest"], dataset, NOW, on_step)
    artifacts, tables = Artifacts(workspace, dataset), _tables(workspace, dataset)
    spec = artifacts.spec
    exclude_seen = not spec.repurchase if question.exclude_seen is None else question.exclude_seen
    truths = truths_of(artifacts, question, settings)
    on = switched_on(builder.graph, config, dataset)
    snapshots = [snapshot_before(truth) for truth in truths]
    obstacles = obstacles_of(builder.graph, workspace, config, dataset, snapshots)
    names, left_out = chosen_strategies(question, on, obstacles, exclude_seen=exclude_seen)
    run = _Run(
        opened=opened,
        dataset=dataset,
        builder=builder,
        names=names,
        stages=stages_for(builder.graph, config, dataset, names, on),
        ks=list(question.ks) or settings.k,
        exclude_seen=exclude_seen,
        on_step=on_step,
    )
    windows = []
    for truth in truths:
        engine, measured = _measure_window(run, truth)
        windows.append(measured)
    if _tables(workspace, dataset) != tables:
        raise ArtifactError(
            f"{dataset} was ingested again while it was being evaluated", hint="run this again"
        )
    ids = engine.artifacts
    windows[0] = replace(windows[0], warnings=(*windows[0].warnings, *left_out))
    tested = fingerprint([window.truth for window in windows], users=ids.users, items=ids.items)
    result = summarise(
        windows,
        dataset=dataset,
        baseline=question.baseline or settings.baseline,
        resamples=settings.resamples,
        seed=settings.seed,
        details={"test_fingerprint": tested},
    )
    return Evaluation(result, tuple(windows), engine)


def _measure_window(run: _Run, truth: Truth) -> tuple[Engine, Measured]:
    """Build the snapshot before one window and measure it."""
    from recsys_cli.evaluation.harness import measure

    snapshot = snapshot_before(truth)
    build(run.builder, run.stages, run.dataset, snapshot, run.on_step)
    workspace, config = run.opened.workspace, run.opened.config
    engine = Engine(workspace, run.dataset, snapshot, threads=config.threads, config=config)
    artifacts = engine.artifacts
    truth = without_what_cannot_be_hit(truth, engine, exclude_seen=run.exclude_seen)
    segments, left_out = segments_of(artifacts, truth)
    measured = measure(
        {name: engine.strategy(name) for name in run.names},
        replace(truth, warnings=(*truth.warnings, *left_out)),
        dataset=run.dataset,
        history=engine.history,
        history_reference=int(artifacts.pack("interactions")["reference"]),
        ks=run.ks,
        exclude_seen=run.exclude_seen,
        segments=segments,
        # To tell how alike the items of a list are.
        vectors=artifacts.pack("content")["vectors"] if artifacts.has("content") else None,
        details={"snapshot": str(snapshot), "artifacts": _keys(run, snapshot)},
        progress=run.opened.progress,
    )
    return engine, measured


def build(
    builder: Builder,
    targets: Sequence[str],
    dataset: str,
    snapshot: Snapshot,
    on_step: Callable[[Step], None] | None = None,
) -> None:
    """Build stages of a snapshot, raising the first error."""
    for step in builder.build(targets, datasets=[dataset], snapshot=snapshot):
        if on_step:
            on_step(step)
        if step.error:
            raise step.error


def _tables(workspace: Workspace, dataset: str) -> dict[str, Output]:
    """What identifies the ingested tables."""
    manifest = workspace.manifest("ingest", dataset)
    return manifest.outputs if manifest else {}


def _keys(run: _Run, snapshot: Snapshot) -> dict[str, str]:
    """Recipe keys of what was measured, by stage."""
    keys = {}
    for stage in run.builder.graph.stages.values():
        at = snapshot if stage.per_snapshot else NOW
        manifest = run.opened.workspace.manifest(stage.name, run.dataset, at)
        if manifest:
            keys[stage.name] = manifest.recipe.key()
    return keys
