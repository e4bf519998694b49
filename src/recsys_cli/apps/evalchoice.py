"""Which strategies an evaluation measures, and which stages make them.

A question and the graph of stages come in; names and stages go out, with what is left out and why.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet

from recsys_cli.apps.testsplit import Question
from recsys_cli.build.freshness import Freshness
from recsys_cli.build.graph import Graph
from recsys_cli.config import Config
from recsys_cli.engine.registry import AUTO
from recsys_cli.errors import DataError
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies import STRATEGIES


def switched_on(graph: Graph, config: Config, dataset: str) -> set[str]:
    """The strategies that need no stage that is off."""
    return {
        name
        for name, spec in STRATEGIES.items()
        if all(graph.stages[graph.producer[k]].enabled(config, dataset) for k in spec.needs)
    }


def obstacles_of(
    graph: Graph,
    workspace: Workspace,
    config: Config,
    dataset: str,
    snapshots: Sequence[Snapshot],
) -> dict[str, str]:
    """Why strategies cannot be made for every window, by strategy.

    What learns from windows before a snapshot needs events that reach back further.
    """
    freshness = Freshness(workspace, config, graph)
    found: dict[str, str] = {}
    for name, spec in STRATEGIES.items():
        makers = {graph.producer[kind] for kind in spec.needs}
        stages = set().union(*(graph.ancestors(maker) for maker in makers))
        for stage in sorted(stages):
            for snapshot in snapshots:
                obstacle = freshness.obstacle(graph.stages[stage], dataset, snapshot)
                if obstacle:
                    found.setdefault(name, f"{stage} of {snapshot}: {obstacle}")
    return found


def chosen_strategies(
    question: Question, on: Container[str], obstacles: Mapping[str, str], *, exclude_seen: bool
) -> tuple[list[str], list[str]]:
    """The strategies to measure, and sentences about those that are left out.

    Without a choice that is every one, less those whose every item would be left out of lists
    and those that cannot be made.

    Raises:
        DataError: one that was asked for cannot be made.
    """
    baseline = [question.baseline] if question.baseline else []
    for name in (*question.strategies, *baseline):
        if name in obstacles:
            raise DataError(
                f"{name} cannot be measured: {obstacles[name]}",
                hint="fewer --windows or a shorter --horizon need less of the past",
            )
    if question.strategies:
        return list(dict.fromkeys([*question.strategies, *baseline])), []
    names = [
        name
        for name, spec in STRATEGIES.items()
        if name in on and not (exclude_seen and spec.seen_only)
    ]
    left_out = [f"{name} is left out: {obstacles[name]}" for name in names if name in obstacles]
    kept = [name for name in names if name not in obstacles]
    return list(dict.fromkeys([*kept, *baseline])), left_out


def stages_for(
    graph: Graph, config: Config, dataset: str, names: Sequence[str], on: AbstractSet[str]
) -> list[str]:
    """The stages that make what these strategies, and those they fall back to, need and use.

    Args:
        graph: the stages.
        config: tells which of the stages are on that a strategy could do without.
        dataset: for this dataset.
        names: what was asked for; building what is off then says how to turn it on.
        on: strategies that may be chosen without having been asked for.
    """
    wanted = set(names) - {AUTO}
    if AUTO in names:
        wanted |= {name for name in on if STRATEGIES[name].auto is not None}
    for name in list(wanted):
        wanted |= set(STRATEGIES[name].fallback) & on
    kinds = {"interactions"} | {kind for name in wanted for kind in STRATEGIES[name].needs}
    used = {graph.producer[kind] for name in wanted for kind in STRATEGIES[name].uses}
    makers = {graph.producer[kind] for kind in kinds}
    makers |= {name for name in used if graph.stages[name].enabled(config, dataset)}
    return sorted(makers)
