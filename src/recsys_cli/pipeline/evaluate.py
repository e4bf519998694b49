"""Builds the snapshot at the cut-off, and measures strategies on what came after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.config import Config
from recsys_cli.config.models import EvalConfig
from recsys_cli.errors import UsageError
from recsys_cli.evaluation.truth import (
    LEAVE_LAST_OUT,
    TEMPORAL,
    TRUTH_FILE,
    Truth,
    refuse_overlap,
    without_seen,
)
from recsys_cli.pipeline.build import Builder, Step
from recsys_cli.pipeline.stages import default_graph
from recsys_cli.progress import Progress, Silent
from recsys_cli.recommend.artifacts import Artifacts
from recsys_cli.recommend.engine import Engine
from recsys_cli.recommend.registry import AUTO, STRATEGIES, find_strategy
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    from recsys_cli.evaluation.result import EvalResult


@dataclass(frozen=True, slots=True)
class Question:
    """What `recsys eval` asks.

    Attributes:
        strategies: names; empty means all that make sense for the dataset.
        ks: depths; empty means those of the config.
        protocol: temporal or leave-last-out; None means the config's.
        cutoff: first day of the test window; None means that it ends with the last event.
        horizon_days: length of the window; None means the dataset's.
        truth: file with a given test split, in place of a protocol.
        exclude_seen: None means what the dataset's spec says.
    """

    strategies: Sequence[str] = ()
    ks: Sequence[int] = ()
    protocol: str | None = None
    cutoff: date | None = None
    horizon_days: int | None = None
    truth: Path | None = None
    exclude_seen: bool | None = None

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: options contradict each other, or a strategy is unknown.
        """
        if self.truth and self.protocol:
            raise UsageError("--truth brings its own test split", hint="leave out --protocol")
        if self.truth and self.horizon_days:
            raise UsageError("--truth brings its own test window", hint="leave out --horizon")
        if self.protocol == LEAVE_LAST_OUT and (self.cutoff or self.horizon_days):
            raise UsageError(
                "leave-last-out has no window", hint="leave out --cutoff and --horizon"
            )
        for name in self.strategies:
            if name != AUTO:
                find_strategy(name)


def evaluate_dataset(
    workspace: Workspace,
    config: Config,
    dataset: str,
    question: Question,
    *,
    on_step: Callable[[Step], None] | None = None,
    progress: Progress | None = None,
) -> EvalResult:
    """Measure strategies on one dataset.

    Args:
        workspace: the workspace; missing and stale stages of the snapshot are built.
        config: its configuration.
        dataset: name of the dataset.
        question: what to measure.
        on_step: told of each stage that was built or skipped.
        progress: told how far building and ranking are.

    Raises:
        RecsysError: a stage failed, or there is nothing to evaluate on.
    """
    from recsys_cli.evaluation.harness import evaluate

    question.check()
    settings: EvalConfig = config.eval
    builder = Builder(workspace, config, default_graph(), progress=progress)
    _build(builder, ["ingest"], dataset, NOW, on_step)
    artifacts = Artifacts(workspace, dataset)
    spec = artifacts.spec
    exclude_seen = not spec.repurchase if question.exclude_seen is None else question.exclude_seen
    truth = _truth(workspace, artifacts, question, settings)
    snapshot = _snapshot(truth, question)
    names = list(question.strategies) or _all_strategies(exclude_seen=exclude_seen)
    _build(builder, _stages(builder, names), dataset, snapshot, on_step)
    engine = Engine(workspace, dataset, snapshot, threads=config.threads)
    if exclude_seen:
        truth = _drop_or_refuse(truth, engine)
    return evaluate(
        {name: engine.strategy(name) for name in names},
        truth,
        dataset=dataset,
        history=engine.history,
        history_reference=int(engine.artifacts.pack("interactions")["reference"]),
        ks=list(question.ks) or settings.k,
        exclude_seen=exclude_seen,
        resamples=settings.resamples,
        seed=settings.seed,
        details={"snapshot": str(snapshot), "artifacts": _keys(workspace, dataset, snapshot)},
        progress=progress or Silent(),
    )


def _all_strategies(*, exclude_seen: bool) -> list[str]:
    """Every strategy, less those whose every item would be left out of the lists."""
    return [name for name, spec in STRATEGIES.items() if not (exclude_seen and spec.seen_only)]


def _truth(
    workspace: Workspace, artifacts: Artifacts, question: Question, settings: EvalConfig
) -> Truth:
    import polars as pl

    from recsys_cli.evaluation.splits import leave_last_out_truth, temporal_truth
    from recsys_cli.evaluation.truth_file import truth_from_file

    events = pl.scan_parquet(workspace.path("events", artifacts.dataset))
    n_items = len(artifacts.items)
    if question.truth:
        return truth_from_file(question.truth, users=artifacts.users, items=artifacts.items)
    if (question.protocol or settings.protocol) == TEMPORAL:
        return temporal_truth(
            events,
            spec=artifacts.spec,
            n_items=n_items,
            cutoff=question.cutoff,
            horizon_days=question.horizon_days,
        )
    return leave_last_out_truth(events, spec=artifacts.spec, n_items=n_items)


def _snapshot(truth: Truth, question: Question) -> Snapshot:
    if truth.protocol == LEAVE_LAST_OUT:
        return Snapshot(leave_last=True)
    return Snapshot(as_of=truth.cutoff or question.cutoff)


def _drop_or_refuse(truth: Truth, engine: Engine) -> Truth:
    """Items that lists leave out cannot be hits: our own splits drop them, a given one is wrong."""
    if truth.protocol == TRUTH_FILE:
        ids = engine.artifacts
        refuse_overlap(truth, engine.history, users=ids.users, items=ids.items)
        return truth
    return without_seen(truth, engine.history)


def _stages(builder: Builder, names: Sequence[str]) -> list[str]:
    """The stages that make what these strategies, and those they fall back to, need."""
    wanted = set(names) - {AUTO}
    if AUTO in names:
        wanted |= {name for name, spec in STRATEGIES.items() if spec.auto}
    for name in list(wanted):
        wanted |= set(STRATEGIES[name].fallback)
    kinds = {"interactions"} | {kind for name in wanted for kind in STRATEGIES[name].needs}
    producer = builder.graph.producer
    return sorted({producer[kind] for kind in kinds})


def _build(
    builder: Builder,
    targets: Sequence[str],
    dataset: str,
    snapshot: Snapshot,
    on_step: Callable[[Step], None] | None,
) -> None:
    for step in builder.build(targets, datasets=[dataset], snapshot=snapshot):
        if on_step:
            on_step(step)
        if step.error:
            raise step.error


def _keys(workspace: Workspace, dataset: str, snapshot: Snapshot) -> dict[str, str]:
    """Recipe keys of what was measured, by stage."""
    keys = {}
    for stage in default_graph().stages.values():
        at = snapshot if stage.per_snapshot else NOW
        manifest = workspace.manifest(stage.name, dataset, at)
        if manifest:
            keys[stage.name] = manifest.recipe.key()
    return keys
