"""How long stages will take, by what the manifests of those that ran before say.

A plan of stages comes in, seconds go out. A stage is as slow as when it ran last, else as it was
in another snapshot, else with another dataset, the most alike in size. Its time grows with the
events that it sees, or with the items where events do not matter to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import ceil, inf, log
from typing import TYPE_CHECKING, Any, NamedTuple

from recsys_cli.build.timeline import Node
from recsys_cli.counted import counted
from recsys_cli.store.journal import MANIFESTS_FOLDER
from recsys_cli.store.layout import whole
from recsys_cli.store.snapshot import NOW, Snapshot

if TYPE_CHECKING:
    from recsys_cli.build.graph import Graph
    from recsys_cli.config import Config
    from recsys_cli.store.manifest import Manifest
    from recsys_cli.store.workspace import Workspace

_SIXTY = 60


class Cost(NamedTuple):
    """What stages will cost together.

    Attributes:
        stages: how many there are.
        seconds: what those will take that something is known of.
        unknown: how many nothing is known of.
    """

    stages: int
    seconds: float
    unknown: int

    def __str__(self) -> str:
        """In words: about 3 min."""
        if self.unknown == self.stages:
            return "no estimate"
        return f"{'at least' if self.unknown else 'about'} {lasting(self.seconds)}"

    def summary(self) -> str:
        """How many stages it is about, and the time in words: 12 stages, about 3 min."""
        text = f"{counted(self.stages, 'stages')}, {self}"
        some = 0 < self.unknown < self.stages
        return text + (f": {counted(self.unknown, 'stages have no estimate')}" if some else "")


def cost_of(estimates: Sequence[float | None]) -> Cost:
    """What stages will cost together; None for one that nothing is known of."""
    known = [seconds for seconds in estimates if seconds is not None]
    return Cost(len(estimates), sum(known), len(estimates) - len(known))


def lasting(seconds: float) -> str:
    """A time for people who wait: 40 s, 3 min, 2 h 15 min."""
    if seconds <= _SIXTY - 1:
        return f"{max(1, ceil(seconds))} s"
    hours, minutes = divmod(round(seconds / _SIXTY), _SIXTY)
    said = [f"{hours:,} h"] if hours else []
    return " ".join([*said, f"{minutes} min"] if minutes else said)


class Estimates:
    """What stages of a workspace will take."""

    def __init__(self, workspace: Workspace, config: Config, graph: Graph) -> None:
        self._workspace, self._config, self._graph = workspace, config, graph

    def cost(self, nodes: Iterable[Node]) -> Cost:
        """What stages will take together."""
        return cost_of([self.seconds(node) for node in nodes])

    def seconds(self, node: Node) -> float | None:
        """What a stage will take; None where nothing alike was ever built."""
        now = self.size(node)
        for like in sorted(self._built.get(node.stage, ()), key=lambda n: self._unlike(n, node)):
            made = self._workspace.manifest(*like)
            if made is None or made.imported:
                continue
            then = made.size or self.size(like)
            if now and then:
                return made.seconds * now / then
            if like.dataset == node.dataset:
                return made.seconds
        return None

    def size(self, node: Node) -> float:
        """The events that a stage sees, or the items if events do not matter; 0: not known."""
        stage = self._graph.stages[node.stage]
        owners = self._config.datasets if stage.whole else [node.dataset]
        found = [self._workspace.manifest("ingest", owner) for owner in owners]
        if stage.per_snapshot or stage.reads_raw:
            return sum(_count(made, "events") * _share(made, node.snapshot) for made in found)
        return sum(_count(made, "items") for made in found)

    def learn(self, node: Node) -> None:
        """Take in that a stage has run."""
        self._built.setdefault(node.stage, set()).add(node)

    @cached_property
    def _built(self) -> dict[str, set[Node]]:
        """What has a manifest, by stage."""
        found: dict[str, set[Node]] = {}
        for at in [NOW, *self._workspace.snapshots()]:
            folder = self._workspace.artifacts / at.folder / MANIFESTS_FOLDER
            for path in folder.glob("*.json"):
                stage, _, dataset = path.stem.partition("_")
                if stage in self._graph.stages:
                    found.setdefault(stage, set()).add(Node(stage, dataset, at))
        return found

    def _unlike(self, one: Node, other: Node) -> tuple[bool, bool, float, str]:
        sizes = self.size(one), self.size(other)
        apart = abs(log(sizes[0] / sizes[1])) if all(sizes) else inf
        return one.dataset != other.dataset, one != other, apart, str(one)


def _count(ingest: Manifest | None, what: str) -> int:
    found: Any = ingest.facts.get(what) if ingest else None
    return found if whole().fits(found) else 0


def _share(ingest: Manifest | None, snapshot: Snapshot) -> float:
    """The part of the events that lies before a snapshot, if they came evenly."""
    if ingest is None or snapshot.as_of is None:
        return 1.0
    try:
        first, last = (datetime.fromisoformat(ingest.facts[which]) for which in ("first", "last"))
        return min(1.0, max(0.0, (snapshot.as_of - first) / (last - first)))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 1.0


@dataclass(frozen=True)
class Ahead:
    """Where a build is when a stage begins.

    Attributes:
        node: the stage.
        done: how many stages were run.
        own: what the stage will cost.
        rest: what those after it will.
    """

    node: Node
    done: int
    own: Cost
    rest: Cost

    def text(self, elapsed: float = 0.0) -> str:
        """A line for who waits; `elapsed` is the seconds since the stage began."""
        of = f"{self.done} of {counted(self.done + 1 + self.rest.stages, 'stages')} done"
        # Of a stage that takes longer than expected nothing is known any more.
        late = bool(self.own.unknown) or elapsed > self.own.seconds
        own = 0.0 if late else self.own.seconds - elapsed
        left = Cost(self.rest.stages + 1, self.rest.seconds + own, self.rest.unknown + late)
        time = "" if left.unknown == left.stages else f", {left} left"
        at = f" [{self.node.snapshot}]" if self.node.snapshot.folder else ""
        return f"{of}{time}: {self.node.dataset} {self.node.stage}{at}"


class Countdown:
    """The stages that a build has yet to run."""

    def __init__(self, estimates: Estimates) -> None:
        self._estimates = estimates
        self._left: dict[Node, None] = {}
        self._passed: set[Node] = set()
        self._done = 0

    def expect(self, nodes: Iterable[Node]) -> None:
        """Set what is still to run."""
        self._left = dict.fromkeys(node for node in nodes if node not in self._passed)

    def begin(self, node: Node) -> Ahead:
        """A stage is next."""
        cost = self._estimates.cost
        self._left.pop(node, None)
        return Ahead(node, self._done, cost([node]), cost(self._left))

    def passed(self, node: Node, *, ran: bool) -> None:
        """A stage was run, or need not or cannot be."""
        self._left.pop(node, None)
        self._passed.add(node)
        if ran:
            self._done += 1
            self._estimates.learn(node)
