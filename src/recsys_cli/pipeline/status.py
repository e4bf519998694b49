"""What exists in a workspace, how old and large it is, and what is stale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from recsys_cli.config import Config, chosen_datasets
from recsys_cli.pipeline.freshness import Freshness, State, Verdict
from recsys_cli.pipeline.stage import Graph, Stage
from recsys_cli.pipeline.stages import default_graph
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

_SHARED = "all"
_THOUSAND = 1000
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

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    def row(self) -> list[str]:
        """Cells of the table that `recsys status` prints."""
        age, size = "", ""
        if self.finished:
            seconds = (datetime.now(UTC) - datetime.fromisoformat(self.finished)).total_seconds()
            age = _age(seconds)
        if self.bytes is not None:
            size = _size(self.bytes)
        why = "" if self.state == "fresh" else self.reason
        return [self.dataset, self.name, self.snapshot, self.state, age, size, why]


def stage_states(
    workspace: Workspace, config: Config, *, dataset: str | None = None, thorough: bool = False
) -> list[StageState]:
    """States of all stages, "now" first, then the past snapshots that exist.

    A commit that was cut short by a kill is finished first, so that what is reported is
    what the next command will find.

    Args:
        workspace: the workspace.
        config: its configuration.
        dataset: one dataset's name; None or "all" means all.
        thorough: hash every output instead of trusting size and modification time.
    """
    workspace.recover()
    graph = default_graph()
    plan = graph.plan(set(graph.stages), chosen_datasets(config, dataset), config)
    states = []
    for snapshot in [NOW, *_snapshots(workspace)]:
        states += _states_of(workspace, config, graph, plan, snapshot, thorough=thorough)
    return states


def _states_of(
    workspace: Workspace,
    config: Config,
    graph: Graph,
    plan: Sequence[tuple[Stage, str]],
    snapshot: Snapshot,
    *,
    thorough: bool,
) -> list[StageState]:
    freshness = Freshness(workspace, config, graph)
    unready: dict[tuple[str, str], State] = {}
    states = []
    for stage, dataset in plan:
        verdict = freshness.check(stage, dataset, snapshot, thorough=thorough)
        parents = graph.parents(stage, dataset, config)
        waiting = [node for node in parents if node in unready]
        imported = freshness.imported(stage, dataset, snapshot)
        if verdict.state == "fresh" and waiting and not imported:
            verdict = Verdict("stale", f"{waiting[0][0]} is {unready[waiting[0]]}")
        if verdict.state != "fresh":
            unready[stage.name, dataset] = verdict.state
        # A past snapshot lists what it has, and of the shared stages only needs to know.
        made = stage.per_snapshot and workspace.manifest(stage.name, dataset, snapshot)
        if snapshot == NOW or made:
            states.append(_state(workspace, stage, dataset, snapshot, verdict))
    return states


def _state(
    workspace: Workspace, stage: Stage, dataset: str, snapshot: Snapshot, verdict: Verdict
) -> StageState:
    manifest = workspace.manifest(stage.name, dataset, snapshot)
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


def _snapshots(workspace: Workspace) -> list[Snapshot]:
    found = []
    for folder in sorted(workspace.artifacts.glob("asof=*")):
        try:
            found.append(Snapshot(as_of=date.fromisoformat(folder.name.removeprefix("asof="))))
        except ValueError:
            continue
    last_out = Snapshot(leave_last=True)
    if (workspace.artifacts / last_out.folder).is_dir():
        found.append(last_out)
    return found


def _age(seconds: float) -> str:
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < _THOUSAND:
            return f"{count:.0f} {unit}"
        count /= _THOUSAND
    return f"{count:.1f} GB"
