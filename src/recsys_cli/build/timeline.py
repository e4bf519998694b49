"""Which snapshots lie before a snapshot, and whether a dataset's events reach back to them.

The facts of a dataset's ingest come in. Windows are as long as the dataset's test window and lie
on a grid (see `Snapshot.earlier`), so that what was built of the past stays fresh as events are
added. On a coarser grid, of as many days as a stage says, lie the moments at which something is
trained from nothing: models of later moments start from it, or are applied as they are. Where
events carry no time, rounds of random pairs are the windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from recsys_cli.build.graph import Graph
from recsys_cli.build.stage import START, Back, Stage
from recsys_cli.config import Config
from recsys_cli.datasets.spec import read_spec
from recsys_cli.errors import ArtifactError, Command
from recsys_cli.moments import DAY, after, on_grid, said, spoken, whole_days
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

_SHARE = 8
"""What is trained from nothing is at most this part of the log old."""


class Node(NamedTuple):
    """A stage of one dataset in one snapshot; shared stages belong to "now"."""

    stage: str
    dataset: str
    snapshot: Snapshot


class Extent(NamedTuple):
    """What the snapshots of a dataset follow from.

    Attributes:
        dataset: its name.
        first: time of the first event; None without times.
        last: of the last one, likewise.
        horizon: length of a test window.
        single: whether every user has one item alone.
    """

    dataset: str
    first: datetime | None
    last: datetime | None
    horizon: timedelta
    single: bool

    def past(self, snapshot: Snapshot, back: Back, days: int) -> Snapshot | None:
        """The snapshot that a stage looks back to; None where there is none to look at.

        Args:
            snapshot: the stage's own.
            back: how many windows before it, or what is to be found there.
            days: age at which something is trained from nothing again.
        """
        if isinstance(back, int):
            return self.earlier(snapshot, back)
        return self._start(snapshot, days) if back == START else self._fitted(snapshot, days)

    def earlier(self, snapshot: Snapshot, windows: int) -> Snapshot:
        """The snapshot that many windows before another."""
        return snapshot.earlier(windows, length=self.horizon, end=self.end) if windows else snapshot

    def window(self, snapshot: Snapshot, ago: int) -> tuple[Snapshot, Snapshot]:
        """Where the window begins that follows the snapshot `ago` windows before, and ends."""
        begin = self.earlier(snapshot, ago)
        if begin.as_of is None:
            return begin, self.earlier(snapshot, ago - 1)
        return begin, Snapshot(as_of=begin.as_of + self.horizon)

    @property
    def end(self) -> datetime | None:
        """Where the last window of what there is ends: with the last event or its day."""
        return self.last and after(self.last, days=whole_days(self.horizon))

    def _start(self, snapshot: Snapshot, days: int) -> Snapshot | None:
        """The snapshot whose model that of this one starts from.

        None on the coarse grid, and where no events lie before.
        """
        moment = snapshot.as_of or self.end
        if not self.first or not moment or snapshot.leave_last:
            return None
        period = self._period(moment, days)
        start = on_grid(moment - self.horizon, period)
        if on_grid(moment, period) == moment or start <= self.first:
            return None
        return Snapshot(as_of=start)

    def _fitted(self, snapshot: Snapshot, days: int) -> Snapshot | None:
        """The snapshot whose model is applied to this one: of a window after the coarse grid.

        It learns from the events before that window, and stops by what was had in it.
        """
        if snapshot.leave_last:
            return snapshot
        moment = snapshot.as_of or self.end
        if not self.first or not moment:
            return None
        start = on_grid(moment - self.horizon, self._period(moment, days))
        return Snapshot(as_of=start + self.horizon)

    def _period(self, moment: datetime, days: int) -> timedelta:
        """The horizon, doubled as long as it stays a small part of the log, and within days."""
        period, log = self.horizon, moment - (self.first or moment)
        while 2 * period <= min(days * DAY, log / _SHARE):
            period *= 2
        return period

    def obstacle(self, snapshot: Snapshot, oldest: Snapshot, *, timed: bool = False) -> str | None:
        """Why nothing can be learned from a snapshot's past, in words; None where it can.

        Args:
            snapshot: whose.
            oldest: the earliest of the snapshots that it learns from, itself if no other.
            timed: whether random pairs cannot stand for what comes next.
        """
        if self.first is None:
            timeless = f"the events of {self.dataset} carry no time"
            if timed:
                return f"{timeless}, and it learns from their order"
            if snapshot.as_of:
                return timeless
            alone = oldest != snapshot and self.single
            return f"{timeless}, and no user has two items" if alone else None
        if oldest.as_of and self.first >= oldest.as_of:
            none = f"it learns from events before {said(oldest.as_of)}, and there are none"
            windows = f"of {spoken(self.horizon)} (horizon in [datasets.{self.dataset}])"
            return f"{none}: it looks back over windows {windows}" if oldest != snapshot else none
        return None

    def allows(self, stage: Stage) -> bool:
        """Whether a stage makes sense with the events."""
        return not stage.timed or self.first is not None


class Timeline:
    """Looks up what the snapshots of the datasets of a workspace follow from."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def earlier(self, dataset: str, snapshot: Snapshot, windows: int) -> Snapshot:
        """The snapshot that many windows before `snapshot`.

        Raises:
            ArtifactError: the dataset is not ingested.
        """
        return self.known(dataset).earlier(snapshot, windows)

    def known(self, dataset: str) -> Extent:
        """The same as `extent`.

        Raises:
            ArtifactError: the dataset is not ingested.
        """
        extent = self.extent(dataset)
        if extent is None:
            raise ArtifactError(f"{dataset} is not ingested", hint=Command("ingest", "-d", dataset))
        return extent

    def extent(self, dataset: str) -> Extent | None:
        """What the snapshots of a dataset follow from; None before it is ingested."""
        manifest = self._workspace.manifest("ingest", dataset)
        if manifest is None:
            return None
        try:
            horizon = read_spec(self._workspace.file("spec", dataset)).horizon
            first, last = (_moment(manifest.facts[which]) for which in ("first", "last"))
            single = manifest.facts["pairs"] <= manifest.facts["users"]
            return Extent(dataset, first, last, horizon, single)
        except (ArtifactError, KeyError, TypeError, ValueError):
            # Whoever looks for what is stale finds it to be that.
            return None

    def imported(self, node: Node) -> bool:
        """Whether what a stage makes came from elsewhere, so that it looks back to nothing."""
        manifest = self._workspace.manifest(*node)
        return manifest is not None and manifest.imported


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
        extent = timeline.extent(dataset) if stage.earlier else None
        if extent and not timeline.imported(node):
            oldest = graph.oldest(stage, node.snapshot, config, extent)
            if extent.obstacle(node.snapshot, oldest, timed=stage.timed) is None:
                for before, needed in graph.needed_earlier(stage, node.snapshot, config, extent):
                    of_then = graph.plan(needed, [dataset], config)
                    yield from walk(graph, of_then, before, config, timeline, passed=passed)
        yield stage, node
