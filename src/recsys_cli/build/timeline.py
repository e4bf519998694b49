"""Which snapshots lie before a snapshot, and whether a dataset's events reach back to them.

The facts of a dataset's ingest come in. Windows are as long as the dataset's test window, so
that the first one before "now" is the one that `recsys eval` tests on, and shares its snapshot.
Where events carry no time, rounds of random pairs are the windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from recsys_cli.build.graph import Graph
from recsys_cli.build.stage import Stage
from recsys_cli.config import Config
from recsys_cli.datasets.spec import read_spec
from recsys_cli.errors import ArtifactError, Command
from recsys_cli.moments import after, said, spoken, whole_days
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace


class Node(NamedTuple):
    """A stage of one dataset in one snapshot; shared stages belong to "now"."""

    stage: str
    dataset: str
    snapshot: Snapshot


class _Extent(NamedTuple):
    """Times of the first and last event, None without times, and the length of a test window.

    Attributes:
        single: whether every user has one item alone.
    """

    first: datetime | None
    last: datetime | None
    horizon: timedelta
    single: bool


class Timeline:
    """Looks up earlier snapshots of the datasets of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def earlier(self, dataset: str, snapshot: Snapshot, windows: int) -> Snapshot:
        """The snapshot that many test windows before `snapshot`.

        Raises:
            ArtifactError: the dataset is not ingested.
        """
        extent = self._extent(dataset)
        if extent is None:
            raise ArtifactError(f"{dataset} is not ingested", hint=Command("ingest", "-d", dataset))
        end = extent.last and after(extent.last, days=whole_days(extent.horizon))
        return snapshot.earlier(windows, length=extent.horizon, end=end)

    def obstacle(
        self, dataset: str, snapshot: Snapshot, *, reach: int, timed: bool = False
    ) -> str | None:
        """Why nothing can be learned from that many windows before a snapshot, in words.

        Args:
            dataset: name of the dataset.
            snapshot: the one that windows are counted back from.
            reach: how many.
            timed: whether random pairs cannot stand for what comes next.

        Returns:
            None where nothing stands in the way, or that is not known before ingest.
        """
        extent = self._extent(dataset)
        if extent is None:
            return None
        if extent.first is None:
            timeless = f"the events of {dataset} carry no time"
            if timed:
                return f"{timeless}, and it learns from their order"
            if snapshot.as_of:
                return timeless
            return f"{timeless}, and no user has two items" if reach and extent.single else None
        oldest = self.earlier(dataset, snapshot, reach) if reach else snapshot
        if oldest.as_of and extent.first >= oldest.as_of:
            none = f"it learns from events before {said(oldest.as_of)}, and there are none"
            windows = f"of {spoken(extent.horizon)} (horizon in [datasets.{dataset}])"
            return f"{none}: it looks back over windows {windows}" if reach else none
        return None

    def covers(self, dataset: str, snapshot: Snapshot, *, reach: int, timed: bool = False) -> bool:
        """Whether the events are known to begin that many windows before a snapshot."""
        obstacle = self.obstacle(dataset, snapshot, reach=reach, timed=timed)
        return self.known(dataset) and obstacle is None

    def allows(self, stage: Stage, dataset: str) -> bool:
        """Whether a stage makes sense with the dataset's events, as far as these are known."""
        return not stage.timed or self.obstacle(dataset, NOW, reach=0, timed=True) is None

    def known(self, dataset: str) -> bool:
        """Whether the dataset is ingested."""
        return self._extent(dataset) is not None

    def _extent(self, dataset: str) -> _Extent | None:
        manifest = self._workspace.manifest("ingest", dataset)
        if manifest is None:
            return None
        try:
            horizon = read_spec(self._workspace.file("spec", dataset)).horizon
            first, last = (_moment(manifest.facts[which]) for which in ("first", "last"))
            return _Extent(first, last, horizon, manifest.facts["pairs"] <= manifest.facts["users"])
        except (ArtifactError, KeyError, TypeError, ValueError):
            # Whoever looks for what is stale finds it to be that.
            return None


def _moment(fact: str | None) -> datetime | None:
    return datetime.fromisoformat(fact) if fact else None


def walk(
    graph: Graph,
    plan: Sequence[tuple[Stage, str]],
    snapshot: Snapshot,
    config: Config,
    timeline: Timeline,
    *,
    passed: set[Node] | None = None,
) -> Iterator[tuple[Stage, Node]]:
    """The stages of a plan, each after the stages of earlier snapshots that it reads.

    Which snapshots these are is looked up when a stage's turn comes, so that what runs before
    it may be what tells.

    Args:
        graph: all stages.
        plan: stages and datasets in order.
        snapshot: the one that the plan is for.
        config: tells which stages are on.
        timeline: tells which snapshots lie before.
        passed: nodes that are done; those of this walk are added.
    """
    passed = set() if passed is None else passed
    for stage, dataset in plan:
        node = Node(stage.name, dataset, snapshot if stage.per_snapshot else NOW)
        if node in passed:
            continue
        passed.add(node)
        earlier = graph.needed_earlier(stage, dataset, config, timeline)
        reach = graph.reach(stage, dataset, config)
        if earlier and timeline.covers(dataset, node.snapshot, reach=reach, timed=stage.timed):
            for windows, needed in earlier:
                before = timeline.earlier(dataset, node.snapshot, windows)
                of_then = graph.plan(needed, [dataset], config)
                yield from walk(graph, of_then, before, config, timeline, passed=passed)
        yield stage, node
