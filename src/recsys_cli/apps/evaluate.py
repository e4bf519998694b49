"""Builds the snapshot before each test window, and measures strategies on what came after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from recsys_cli.apps.evalchoice import (
    chosen_strategies,
    obstacles_of,
    stages_for,
    switched_on,
    what_remains,
)
from recsys_cli.apps.evalrules import compared_rules, told_of_short, under_rules
from recsys_cli.apps.opened import Opened, failure_of
from recsys_cli.apps.testsplit import (
    Question,
    segments_of,
    snapshot_before,
    truths_of,
    without_what_cannot_be_hit,
)
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.build.run import Builder, Step
from recsys_cli.config.load import section_for
from recsys_cli.counted import counted
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.registry import AUTO, chain_names
from recsys_cli.errors import ArtifactError, Hint, RecsysError
from recsys_cli.evaluation.truth import LIVE, NEXT_EVENT, UNDER, Truth, fingerprint
from recsys_cli.ranking.contract import FromHistory
from recsys_cli.ranking.fallback import WithFallback
from recsys_cli.store.manifest import Output
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies import STRATEGIES

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
        engine: as it was in the last window.
        strategies: as they were measured in it, by the name in the result.
        hints: what to do about the result's warnings, by their text.
    """

    result: EvalResult
    windows: tuple[Measured, ...]
    engine: Engine
    strategies: Mapping[str, WithFallback]
    hints: Mapping[str, Hint]


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
    rules: Sequence[str] | None
    compared: Sequence[str]
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
        on_step: told of each stage that was built, skipped or failed.

    Raises:
        RecsysError: nothing that was asked for can be built, or there is nothing to evaluate on.
    """
    from recsys_cli.evaluation.summary import lead_of, summarise

    workspace, config, builder = opened.workspace, opened.config, opened.builder()
    settings = config.eval
    question.check(settings)
    build(builder, ["ingest"], dataset, NOW, on_step)
    artifacts, tables = Artifacts(workspace, dataset), _tables(workspace, dataset)
    compared = compared_rules(question.rules, config, artifacts)
    if compared and not question.strategies:
        served = section_for(config, "recommend", dataset).strategy
        question = replace(question, strategies=[served])
    spec = artifacts.spec
    exclude_seen = not spec.repurchase if question.exclude_seen is None else question.exclude_seen
    truths = truths_of(artifacts, question, settings)
    on = switched_on(builder.graph, config, dataset)
    obstacles = obstacles_of(
        builder.graph, workspace, config, dataset, truths, has_time=spec.has_time
    )
    names, left_out = chosen_strategies(question, on, obstacles, exclude_seen=exclude_seen)
    run = _Run(
        opened=opened,
        dataset=dataset,
        builder=builder,
        names=names,
        stages=stages_for(builder.graph, config, dataset, names, on),
        ks=list(question.ks) or settings.k,
        exclude_seen=exclude_seen,
        rules=question.rules,
        compared=compared,
        on_step=on_step,
    )
    left_out |= _build_snapshots(run, truths)
    run = replace(run, names=what_remains(names, left_out))
    windows = []
    for truth in truths:
        engine, strategies, measured = _measure_window(run, truth)
        windows.append(measured)
    if _tables(workspace, dataset) != tables:
        raise ArtifactError(
            f"{dataset} was ingested again while it was being evaluated", hint="run this again"
        )
    ids = engine.artifacts
    told = {f"{name} is left out: {error.message}": error for name, error in left_out.items()}
    windows[0] = replace(windows[0], warnings=(*windows[0].warnings, *told))
    tested = fingerprint([window.truth for window in windows], users=ids.users, items=ids.items)
    own = {name: name.partition(UNDER)[0] for name in windows[0].strategies if UNDER in name}
    if question.live is not None:
        own = {name + LIVE: name for name in run.names}
    result = summarise(
        windows,
        dataset=dataset,
        baseline=own or question.baseline or settings.baseline,
        resamples=settings.resamples,
        seed=settings.seed,
        details={"test_fingerprint": tested} | _rules_told(run, engine),
    )
    auto = _served_by_auto(Artifacts(workspace, dataset, config=config))
    # What auto answers is what stands behind it, so it is no rival of that.
    rivals = [name for name in run.names if name != AUTO or auto not in run.names]
    if question.live is not None:
        rivals = [name + LIVE for name in rivals]
    result = replace(result, lead=lead_of(result, windows, rivals), auto=auto)
    hints = {text: error.advice for text, error in told.items() if error.advice}
    return Evaluation(result, tuple(windows), engine, strategies, hints)


def _rules_told(run: _Run, engine: Engine) -> dict[str, list[str]]:
    """The rules that lists were measured under, where there are any."""
    names = run.compared if run.rules is not None or engine.rules is None else engine.rules.names
    return {"rules": list(names)} if names else {}


def _build_snapshots(run: _Run, truths: Sequence[Truth]) -> dict[str, RecsysError]:
    """Build what every window needs; why strategies could not be built, by strategy.

    Raises:
        RecsysError: what all of them need could not be built.
    """
    graph, failures, unready = run.builder.graph, dict[str, RecsysError](), set[str]()
    for truth in truths:
        for step in run.builder.build(
            run.stages, datasets=[run.dataset], snapshot=snapshot_before(truth), keep_going=True
        ):
            if run.on_step:
                run.on_step(step)
            if step.error:
                failures.setdefault(step.stage, failure_of(step))
            if step.action in ("failed", "blocked"):
                unready.add(step.stage)

    def failure(kinds: Sequence[str]) -> RecsysError | None:
        makers = {graph.producer[kind] for kind in kinds} & unready
        behind = set().union(*(graph.ancestors(maker) for maker in makers))
        return next((failures[stage] for stage in failures if stage in behind), None)

    if error := failure(["interactions"]):
        raise error
    found = {name: failure(STRATEGIES[name].needs) for name in run.names if name != AUTO}
    return {name: error for name, error in found.items() if error}


def _served_by_auto(artifacts: Artifacts) -> str | None:
    """The strategy that `auto` asks first with what is built."""
    try:
        return chain_names(AUTO, artifacts)[0]
    except ArtifactError:
        return None


def _measure_window(run: _Run, truth: Truth) -> tuple[Engine, Mapping[str, WithFallback], Measured]:
    """Measure the strategies on one window, in the snapshot before it."""
    from recsys_cli.evaluation.harness import measure

    snapshot = snapshot_before(truth)
    workspace, config = run.opened.workspace, run.opened.config
    engine = Engine(workspace, run.dataset, snapshot, threads=config.threads, config=config)
    artifacts = engine.artifacts
    truth = without_what_cannot_be_hit(truth, engine, exclude_seen=run.exclude_seen)
    segments, left_out = segments_of(artifacts, truth)
    strategies = under_rules(run.names, engine, run.rules, run.compared)
    if truth.protocol == NEXT_EVENT:
        strategies = {name + end: s for name, s in strategies.items() for end in ("", LIVE)}
    measured = measure(
        strategies,
        replace(truth, warnings=(*truth.warnings, *left_out, *_about_steps(truth, engine, run))),
        dataset=run.dataset,
        history=engine.history,
        history_reference=int(artifacts.pack("interactions")["reference"]),
        ks=run.ks,
        exclude_seen=run.exclude_seen,
        segments=segments,
        # To tell how alike the items of a list are.
        vectors=artifacts.pack("content")["vectors"] if artifacts.has("content") else None,
        boosted=None if engine.rules is None else engine.rules.boosted,
        details={"snapshot": str(snapshot), "artifacts": _keys(run, snapshot)},
        had=engine.had,
        as_built=run.names if truth.protocol == NEXT_EVENT else (),
        trends_halve=_trends_halve(run, truth),
        progress=run.opened.progress,
    )
    told = told_of_short(measured, strategies)
    return engine, strategies, replace(measured, warnings=(*measured.warnings, *told))


def _trends_halve(run: _Run, truth: Truth) -> float | None:
    """Days in which popularity halves, where it follows live events."""
    popular: Any = section_for(run.opened.config, "popular", run.dataset)
    return popular.half_life_days if truth.protocol == NEXT_EVENT and popular.live else None


def _about_steps(truth: Truth, engine: Engine, run: _Run) -> list[str]:
    """What must be known of figures of next-in-session: what cannot be hit, and who cannot see."""
    from recsys_cli.evaluation.groups import cold_truth

    if truth.steps is None:
        return []
    told = []
    if new := cold_truth(truth, engine.history).nnz:
        told.append(
            f"{new:,} of {counted(len(truth.users), 'steps')} {'goes' if new == 1 else 'go'} on to "
            "an item that had no event before the cut-off: a miss, but for strategies that rank "
            "such items"
        )
    blind = [n for n in run.names if not isinstance(engine.strategy(n).chain[0], FromHistory)]
    if blind:
        told.append(
            f"{', '.join(blind)} answered by what was known before the cut-off, whatever the "
            "session shows"
        )
    return told


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
