"""One trial: the stages that a setting touches, run aside, and the lists that come of it judged.

A trial writes nothing into the workspace. What it makes lies in a scratch folder, and whoever
reads an artifact of that kind, dataset and snapshot during the trial is led there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys_cli.build.graph import Graph
from recsys_cli.build.run import context_of
from recsys_cli.build.stage import Stage
from recsys_cli.build.timeline import Node, Timeline, walk
from recsys_cli.config import Config
from recsys_cli.engine.engine import Engine
from recsys_cli.evaluation.bootstrap import Floats
from recsys_cli.evaluation.truth import Truth
from recsys_cli.progress import Silent
from recsys_cli.ranking.metrics import ranking_metrics
from recsys_cli.store.kinds import ARTIFACTS
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies import STRATEGIES

_USERS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Window:
    """What a trial is judged on: a state, and what users did after it."""

    snapshot: Snapshot
    truth: Truth


class TrialWorkspace(Workspace):
    """A workspace some of whose artifacts lie in another folder."""

    def __init__(self, base: Workspace, folder: Path) -> None:
        super().__init__(base.root)
        self._folder = folder
        self._made: dict[tuple[str, str, Snapshot], Path] = {}

    def path(self, kind: str, dataset: str, snapshot: Snapshot = NOW) -> Path:
        """Where an artifact lies: in the scratch folder if it was made here."""
        at = snapshot if ARTIFACTS[kind].per_snapshot else NOW
        return self._made.get((kind, dataset, at)) or super().path(kind, dataset, at)

    def file(self, kind: str, dataset: str, snapshot: Snapshot = NOW) -> Path:
        """See `Workspace.file`; what was made here was checked when it was."""
        path = self.path(kind, dataset, snapshot)
        return path if path in self._made.values() else super().file(kind, dataset, snapshot)

    def run(self, stage: Stage, node: Node, *, graph: Graph, config: Config) -> None:
        """Run a stage; its outputs stand before the workspace's own from here on."""
        staging = Path(tempfile.mkdtemp(dir=self._folder))
        context = context_of(
            stage,
            node,
            graph=graph,
            workspace=self,
            config=config,
            staging=staging,
            progress=Silent(),
        )
        stage.run(context)
        made = {kind: context.output(kind) for kind in stage.outputs}
        for kind, path in made.items():
            self.check_made(kind, node.dataset, path)
            self._made[kind, node.dataset, node.snapshot] = path


def touched(graph: Graph, strategy: str, settings: Iterable[str]) -> tuple[list[str], list[str]]:
    """The stages behind a strategy: those that the settings leave as they are, and the others.

    Args:
        graph: all stages.
        strategy: a strategy's name.
        settings: section.key of what varies.

    Returns:
        Names in order: to build once, and to run anew for each trial.
    """
    spec = STRATEGIES[strategy]
    makers = {graph.producer[kind] for kind in (*spec.needs, *spec.uses, "interactions")}
    needed = set().union(*(graph.ancestors(maker) for maker in makers))
    varying = {name for setting in settings for name in (setting, setting.partition(".")[0])}
    changed: set[str] = set()
    for name in needed:
        if varying & set(graph.stages[name].sections):
            changed |= graph.descendants(name) & needed
    in_order = [name for name in graph.order if name in needed]
    return [n for n in in_order if n not in changed], [n for n in in_order if n in changed]


@dataclass(frozen=True, slots=True)
class Judge:
    """Tells how good a strategy is with a configuration.

    Attributes:
        workspace: where what does not vary is built.
        graph: all stages.
        dataset: the dataset's name.
        strategy: whose lists are judged.
        stages: names of the stages to run for each configuration, in order.
        metric: such as ndcg@12.
        exclude_seen: whether lists leave out what users already have.
    """

    workspace: Workspace
    graph: Graph
    dataset: str
    strategy: str
    stages: Sequence[str]
    metric: str
    exclude_seen: bool

    def current(self, config: Config, window: Window) -> Floats:
        """The metric of each of the window's users with the artifacts that are built."""
        engine = Engine(self.workspace, self.dataset, window.snapshot, threads=config.threads)
        return self._figures(engine, window.truth)

    def score(self, config: Config, window: Window) -> Floats:
        """The same with the varying stages run anew, as the configuration says."""
        with tempfile.TemporaryDirectory(prefix="recsys-tune-") as folder:
            aside = TrialWorkspace(self.workspace, Path(folder))
            plan = self.graph.plan(self.graph.select(self.stages)[1], [self.dataset], config)
            timeline = Timeline(self.workspace)
            for stage, node in walk(self.graph, plan, window.snapshot, config, timeline):
                # What varies is made anew at the snapshots that it looks back to as well.
                if stage.name in self.stages and node.dataset == self.dataset:
                    aside.run(stage, node, graph=self.graph, config=config)
            engine = Engine(aside, self.dataset, window.snapshot, threads=config.threads)
            return self._figures(engine, window.truth)

    def _figures(self, engine: Engine, truth: Truth) -> Floats:
        """(users,) float64; NaN for who has nothing to measure."""
        k = int(self.metric.partition("@")[2])
        values = []
        for start in range(0, len(truth.users), _USERS_AT_ONCE):
            rows = np.arange(start, min(start + _USERS_AT_ONCE, len(truth.users)))
            answer = engine.answer(
                truth.users[rows], strategy=self.strategy, k=k, exclude_seen=self.exclude_seen
            )
            lists = answer.recommendations.items
            values.append(ranking_metrics(lists, truth.items.take(rows), ks=[k])[self.metric])
        figures: Floats = np.concatenate(values)
        return figures
