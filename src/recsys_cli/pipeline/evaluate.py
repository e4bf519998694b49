"""Builds the snapshot at the cut-off, and measures strategies on what came after it."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.config import Config
from recsys_cli.config.models import EvalConfig
from recsys_cli.errors import ArtifactError, DataError, UsageError
from recsys_cli.evaluation.truth import (
    LEAVE_LAST_OUT,
    TEMPORAL,
    TRUTH_FILE,
    Truth,
    refuse_overlap,
    seen_pairs,
    without_seen,
)
from recsys_cli.pipeline.build import Builder, Step
from recsys_cli.pipeline.graph import Graph
from recsys_cli.pipeline.stages import default_graph
from recsys_cli.progress import Progress, Silent
from recsys_cli.recommend.artifacts import Artifacts
from recsys_cli.recommend.engine import Engine
from recsys_cli.recommend.registry import AUTO, STRATEGIES, find_strategy
from recsys_cli.store.manifest import Output
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from recsys_cli.evaluation.result import EvalResult

    Mask = npt.NDArray[np.bool_]

_MAX_SEGMENTS = 64


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

    def check(self, protocol: str) -> None:
        """Refuse what does not go together.

        Args:
            protocol: the one asked for, or the config's.

        Raises:
            UsageError: options contradict each other, or a strategy is unknown.
        """
        if self.truth and self.protocol:
            raise UsageError("--truth brings its own test split", hint="leave out --protocol")
        if self.truth and self.horizon_days:
            raise UsageError("--truth brings its own test window", hint="leave out --horizon")
        windowed = self.cutoff or self.horizon_days
        if not self.truth and protocol == LEAVE_LAST_OUT and windowed:
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

    settings: EvalConfig = config.eval
    question.check(question.protocol or settings.protocol)
    builder = Builder(workspace, config, default_graph(), progress=progress)
    _build(builder, ["ingest"], dataset, NOW, on_step)
    artifacts, tables = Artifacts(workspace, dataset), _tables(workspace, dataset)
    spec = artifacts.spec
    exclude_seen = not spec.repurchase if question.exclude_seen is None else question.exclude_seen
    truth = _truth(workspace, artifacts, question, settings)
    snapshot = _snapshot(truth, question)
    on = _switched_on(builder.graph, config, dataset)
    names = list(question.strategies) or _all_strategies(on, exclude_seen=exclude_seen)
    _build(builder, _stages(builder.graph, names, on), dataset, snapshot, on_step)
    engine = Engine(workspace, dataset, snapshot, threads=config.threads)
    if _tables(workspace, dataset) != tables:
        raise ArtifactError(
            f"{dataset} was ingested again while it was being evaluated", hint="run this again"
        )
    truth = _without_what_cannot_be_hit(truth, engine, exclude_seen=exclude_seen)
    return evaluate(
        {name: engine.strategy(name) for name in names},
        truth,
        dataset=dataset,
        history=engine.history,
        history_reference=int(engine.artifacts.pack("interactions")["reference"]),
        ks=list(question.ks) or settings.k,
        exclude_seen=exclude_seen,
        segments=_segments(workspace, engine, truth),
        resamples=settings.resamples,
        seed=settings.seed,
        details={"snapshot": str(snapshot), "artifacts": _keys(workspace, dataset, snapshot)},
        progress=progress or Silent(),
    )


def _switched_on(graph: Graph, config: Config, dataset: str) -> set[str]:
    """The strategies that need no stage that is off."""
    return {
        name
        for name, spec in STRATEGIES.items()
        if all(graph.stages[graph.producer[k]].enabled(config, dataset) for k in spec.needs)
    }


def _all_strategies(on: Container[str], *, exclude_seen: bool) -> list[str]:
    """Every strategy, less those whose every item would be left out of the lists."""
    return [
        name
        for name, spec in STRATEGIES.items()
        if name in on and not (exclude_seen and spec.seen_only)
    ]


def _truth(
    workspace: Workspace, artifacts: Artifacts, question: Question, settings: EvalConfig
) -> Truth:
    import polars as pl

    from recsys_cli.evaluation.splits import leave_last_out_truth, temporal_truth
    from recsys_cli.evaluation.truth_file import truth_from_file

    events = pl.scan_parquet(workspace.path("events", artifacts.dataset))
    n_items = len(artifacts.items)
    if question.truth:
        given = truth_from_file(question.truth, users=artifacts.users, items=artifacts.items)
        if given.items.indices.min() >= n_items and given.users.max() < 0:
            raise DataError(
                f"{artifacts.dataset} has none of the users and items in {question.truth}",
                hint="check --dataset, and that the file holds external ids",
            )
        return replace(given, cutoff=question.cutoff)
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
        return Snapshot(leave_last=1)
    return Snapshot(as_of=truth.cutoff or question.cutoff)


def _tables(workspace: Workspace, dataset: str) -> dict[str, Output]:
    """What identifies the ingested tables."""
    manifest = workspace.manifest("ingest", dataset)
    return manifest.outputs if manifest else {}


def _without_what_cannot_be_hit(truth: Truth, engine: Engine, *, exclude_seen: bool) -> Truth:
    """Reconcile the test pairs with what users already had.

    Items that lists leave out cannot be hits: our own splits drop them, a given split that has
    them is wrong. Where having an item again counts, a given split may still be one that the
    models were trained on, which nobody but its author can tell.
    """
    if exclude_seen and truth.protocol == TRUTH_FILE:
        ids = engine.artifacts
        refuse_overlap(truth, engine.history, users=ids.users, items=ids.items)
    elif exclude_seen:
        return without_seen(truth, engine.history)
    elif truth.protocol == TRUTH_FILE:
        seen = int(seen_pairs(truth, engine.history).sum())
        if seen:
            warning = (
                f"{seen:,} of {truth.items.nnz:,} pairs of the truth file are in the history that "
                "the models learned from; unless users really had these items again, give the "
                "split's first day as --cutoff"
            )
            return replace(truth, warnings=(*truth.warnings, warning))
    return truth


def _segments(workspace: Workspace, engine: Engine, truth: Truth) -> dict[str, Mask]:
    """Masks over the test users, one for each value of the spec's segment columns."""
    import numpy as np
    import polars as pl

    masks = {}
    inside = truth.users >= 0
    for column in engine.artifacts.spec.segment_columns:
        table = pl.read_parquet(workspace.path("users", engine.dataset), columns=[column])
        values = np.full(len(truth.users), None, object)
        values[inside] = table[column].cast(pl.String).gather(truth.users[inside]).to_list()
        known = sorted({value for value in values if value is not None})
        for value in known[:_MAX_SEGMENTS]:
            masks[f"{column}={value}"] = values == value
    return masks


def _stages(graph: Graph, names: Sequence[str], on: AbstractSet[str]) -> list[str]:
    """The stages that make what these strategies, and those they fall back to, need.

    Args:
        graph: the stages.
        names: what was asked for; building what is off then says how to turn it on.
        on: strategies that may be chosen without having been asked for.
    """
    wanted = set(names) - {AUTO}
    if AUTO in names:
        wanted |= {name for name in on if STRATEGIES[name].auto}
    for name in list(wanted):
        wanted |= set(STRATEGIES[name].fallback) & on
    kinds = {"interactions"} | {kind for name in wanted for kind in STRATEGIES[name].needs}
    return sorted({graph.producer[kind] for kind in kinds})


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
