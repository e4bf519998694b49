"""What exists in a workspace, how old and large it is, and what is stale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from recsys_cli.apps.opened import Opened
from recsys_cli.assembly import default_graph
from recsys_cli.build.estimate import Cost, Estimates
from recsys_cli.build.freshness import Freshness, State, Verdict
from recsys_cli.build.stage import Stage
from recsys_cli.build.timeline import Node, walk
from recsys_cli.config import chosen_datasets
from recsys_cli.counted import sized
from recsys_cli.store.snapshot import NOW
from recsys_cli.store.workspace import Workspace

_SHARED = "all"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True)
class StageState:
    """One stage of one dataset in one snapshot."""

    name: str
    dataset: str
    snapshot: str
    state: State
    reason: str
    path: str
    bytes: int | None
    finished: str | None
    seconds: float | None
    peak_memory_mb: float | None
    facts: dict[str, Any]

    @property
    def current(self) -> bool:
        """Whether recommending uses it; past snapshots serve evaluation, which renews them."""
        return self.snapshot in (str(NOW), _SHARED)

    def row(self) -> list[str]:
        """Cells of the table that `recsys status` prints."""
        age, size = "", ""
        if self.finished:
            seconds = (datetime.now(UTC) - datetime.fromisoformat(self.finished)).total_seconds()
            age = _age(seconds)
        if self.bytes is not None:
            size = sized(self.bytes)
        why = "" if self.state == "fresh" else self.reason
        return [self.dataset, self.name, self.state, age, size, why]


class Status(NamedTuple):
    """What there is in a workspace.

    Attributes:
        stages: "now" first, then the past snapshots that exist.
        build: what a build of everything would cost.
    """

    stages: list[StageState]
    build: Cost


def status_of(opened: Opened, *, dataset: str | None = None, thorough: bool = False) -> Status:
    """States of all stages, and what it would take to have all of them fresh.

    A commit that was cut short by a kill is finished first, so that what is reported is
    what the next command will find.

    Args:
        opened: the workspace.
        dataset: one dataset's name; None or "all" means all.
        thorough: hash every output instead of trusting size and modification time.
    """
    workspace, config = opened.workspace, opened.config
    workspace.recover()
    graph = default_graph()
    datasets = chosen_datasets(config, dataset)
    served, past = (
        graph.plan(stages, datasets, config)
        for stages in (graph.select(["all"])[1], set(graph.stages))
    )
    freshness = Freshness(workspace, config, graph, progress=opened.progress)
    unready: dict[Node, State] = {}
    passed: set[Node] = set()
    states, due = [], []
    for plan, snapshot in [(served, NOW), *((past, at) for at in workspace.snapshots())]:
        for stage, node in walk(graph, plan, snapshot, config, freshness.timeline, passed=passed):
            if freshness.obstacle(stage, node.dataset, node.snapshot):
                continue
            # A past snapshot lists what it has; it is there for evaluation and training.
            there = node.snapshot == NOW or workspace.manifest(*node)
            if not there and snapshot != NOW:
                continue
            verdict = _verdict(freshness, stage, node, unready, thorough=thorough)
            if snapshot == NOW and verdict.state != "fresh":
                due.append(node)
            if there:
                states.append(_state(workspace, stage, node, verdict))
    states.sort(key=lambda state: "" if state.current else state.snapshot)
    return Status(states, Estimates(workspace, config, graph).cost(due))


def _verdict(
    freshness: Freshness, stage: Stage, node: Node, unready: dict[Node, State], *, thorough: bool
) -> Verdict:
    """State of one stage, after those that it reads from; notes it if it is not fresh."""
    dataset, snapshot = node.dataset, node.snapshot
    verdict = freshness.check(stage, dataset, snapshot, thorough=thorough)
    waiting = [p for p in freshness.parents(stage, dataset, snapshot) if p in unready]
    imported = freshness.imported(stage, dataset, snapshot)
    if verdict.state == "fresh" and waiting and not imported:
        verdict = Verdict("stale", f"{waiting[0].stage} is {unready[waiting[0]]}")
    if verdict.state != "fresh":
        unready[node] = verdict.state
    return verdict


def _state(workspace: Workspace, stage: Stage, node: Node, verdict: Verdict) -> StageState:
    _, dataset, snapshot = node
    manifest = workspace.manifest(*node)
    return StageState(
        name=stage.name,
        dataset=dataset,
        snapshot=str(snapshot) if stage.per_snapshot else _SHARED,
        state=verdict.state,
        reason=verdict.reason,
        path=workspace.relative(workspace.path(stage.outputs[0], dataset, snapshot)),
        bytes=sum(o.bytes for o in manifest.outputs.values()) if manifest else None,
        finished=manifest.finished if manifest else None,
        seconds=manifest.seconds if manifest else None,
        peak_memory_mb=manifest.peak_memory_mb if manifest else None,
        facts=manifest.facts if manifest else {},
    )


def _age(seconds: float) -> str:
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
