"""Which strategies an evaluation measures, and which stages make them.

A question and the graph of stages come in; names and stages go out, with what is left out and why.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet

from recsys_cli.apps.testsplit import Question, snapshot_before
from recsys_cli.build.freshness import Freshness
from recsys_cli.build.graph import Graph
from recsys_cli.config import Config
from recsys_cli.engine.registry import AUTO
from recsys_cli.errors import DataError, RecsysError
from recsys_cli.evaluation.truth import TRUTH_FILE, Truth
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
    truths: Sequence[Truth],
    *,
    has_time: bool,
) -> dict[str, RecsysError]:
    """Why strategies cannot be made for every window, by strategy, each with the way out.

    What is off cannot; what learns from windows before a snapshot needs events that reach back
    further.
    """
    freshness = Freshness(workspace, config, graph)
    found: dict[str, RecsysError] = {}
    for name, spec in STRATEGIES.items():
        makers = {graph.producer[kind] for kind in spec.needs}
        for maker in sorted(makers):
            switch = graph.stages[maker].switch
            if switch and not graph.stages[maker].enabled(config, dataset):
                found.setdefault(name, switch.refusal())
        for stage in sorted(set().union(*(graph.ancestors(maker) for maker in makers))):
            for snapshot in map(snapshot_before, truths):
                obstacle = freshness.obstacle(graph.stages[stage], dataset, snapshot)
                if obstacle:
                    hint = _more_past(truths) if has_time else _TIMELESS
                    error = DataError(f"{stage} of {snapshot}: {obstacle}", hint=hint)
                    found.setdefault(name, error)
    return found


_TIMELESS = "name the column of the time in recsys.toml, if there is one"


def _more_past(truths: Sequence[Truth]) -> str:
    """How to leave more events before the first window."""
    if len(truths) > 1:
        return "fewer --windows leave more events to learn from"
    if truths[0].protocol == TRUTH_FILE:
        return "a later --cutoff leaves more events to learn from"
    return "a later --cutoff or a shorter --horizon leaves more events to learn from"


def chosen_strategies(
    question: Question,
    on: Container[str],
    obstacles: Mapping[str, RecsysError],
    *,
    exclude_seen: bool,
) -> tuple[list[str], dict[str, RecsysError]]:
    """The strategies to measure, and why others are left out, by strategy.

    Without a choice that is every one that is on, less those whose every item would be left out
    of lists; of these and of those asked for, the ones that can be made.

    Raises:
        RecsysError: none can be made.
    """
    wanted = list(question.strategies) or [
        name
        for name, spec in STRATEGIES.items()
        if name in on and not (exclude_seen and spec.seen_only)
    ]
    wanted = list(dict.fromkeys([*wanted, *([question.baseline] if question.baseline else [])]))
    left_out = {name: obstacles[name] for name in wanted if name in obstacles}
    return what_remains(wanted, left_out), left_out


def what_remains(names: Sequence[str], left_out: Mapping[str, RecsysError]) -> list[str]:
    """The names that are not left out.

    Raises:
        RecsysError: none remains; the first one's reason.
    """
    kept = [name for name in names if name not in left_out]
    if not kept:
        name, error = next(iter(left_out.items()))
        failure = type(error)(f"{name} cannot be measured: {error.message}", hint=error.advice)
        raise failure from error
    return kept


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
