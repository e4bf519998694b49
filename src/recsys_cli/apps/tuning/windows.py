"""What trials are judged on: states before the test window, and what users did after each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from recsys_cli.apps.evaluate import build
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.testsplit import protocol_for
from recsys_cli.apps.tuning.grounds import (
    HELD_OUT,
    SEARCHED,
    Grounds,
    before_the_test,
    divided,
    of_last_events,
)
from recsys_cli.apps.tuning.targets import judged_by
from recsys_cli.apps.tuning.trial import Judge, Window, touched
from recsys_cli.build.artifacts import Artifacts
from recsys_cli.build.freshness import Freshness
from recsys_cli.engine.engine import Engine
from recsys_cli.errors import DataError, UsageError
from recsys_cli.evaluation.splits import leave_last_out_truth, random_out_truth, temporal_truth
from recsys_cli.evaluation.truth import (
    LEAVE_LAST_OUT,
    NEXT_IN_SESSION,
    RANDOM_OUT,
    Truth,
    without_seen,
)
from recsys_cli.ranking.metrics import METRICS
from recsys_cli.store.snapshot import FIRST_ROUND, NOW, Snapshot
from recsys_cli.strategies import STRATEGIES
from recsys_cli.strategies.tunable import Target


@dataclass(frozen=True, slots=True)
class Search:
    """What `recsys tune` asks.

    Attributes:
        target: what to tune.
        trials: how many more to run at most; None for as many as the time allows.
        minutes: time after which no trial begins; None for any.
        windows: windows that each trial is judged on at most; None for `grounds.SEARCHED`.
        metric: what to maximise, such as ndcg@12.
        protocol: temporal, leave-last-out or random-out; None means the config's, and random-out
            where events carry no time.
        cutoff: start of the test window that stays unseen; None means the last window.
        exclude_seen: None means what the dataset's spec says.
        seed: seed of the sampler.
    """

    target: Target
    trials: int | None
    minutes: float | None = None
    windows: int | None = None
    metric: str = "ndcg@12"
    protocol: str | None = None
    cutoff: datetime | None = None
    exclude_seen: bool | None = None
    seed: int = 42

    def check(self, protocol: str) -> None:
        """Refuse what cannot be searched.

        Args:
            protocol: the one asked for, or the config's.

        Raises:
            UsageError: there is no such metric, or options contradict each other.
        """
        name, _, depth = self.metric.partition("@")
        if name not in METRICS or not depth.isdigit() or int(depth) < 1:
            raise UsageError(
                f"there is no metric {self.metric!r}",
                hint=f"one of {', '.join(METRICS)}, with a depth, such as ndcg@12",
            )
        if protocol == NEXT_IN_SESSION:
            raise UsageError(
                "settings are searched by windows as a whole, not by next-in-session",
                hint="--protocol temporal, or leave-last-out",
            )
        if self.cutoff and protocol in (LEAVE_LAST_OUT, RANDOM_OUT):
            raise UsageError(f"{protocol} has no window", hint="leave out --cutoff")


def prepare(opened: Opened, dataset: str, search: Search) -> tuple[Judge, Grounds]:
    """Build the states with the settings as they are, and say what trials are judged on.

    Raises:
        RecsysError: a stage is off or failed, or there is nothing to judge on.
    """
    workspace, config, builder = opened.workspace, opened.config, opened.builder()
    search.check(search.protocol or config.eval.protocol)
    graph, spec = builder.graph, judged_by(search.target)
    kept, varied = touched(graph, spec.name, search.target.space)
    graph.refuse_off(varied, [dataset], config)
    behind = {graph.producer[kind] for name in spec.fallback for kind in STRATEGIES[name].needs}
    on = [name for name in graph.order if graph.stages[name].enabled(config, dataset)]
    build(builder, ["ingest"], dataset, NOW)
    artifacts = Artifacts(workspace, dataset)
    protocol = protocol_for(search.protocol, config.eval, artifacts.spec)
    search.check(protocol)
    exclude_seen = search.exclude_seen
    judge = Judge(
        workspace=workspace,
        graph=graph,
        dataset=dataset,
        strategy=spec.name,
        stages=[name for name in varied if name in on],
        metric=search.metric,
        exclude_seen=not artifacts.spec.repurchase if exclude_seen is None else exclude_seen,
    )
    stages = [name for name in on if name in {*kept, *varied, *behind}]
    if protocol == LEAVE_LAST_OUT:
        states = of_last_events(search.windows or 1)
    else:
        freshness = Freshness(workspace, config, graph)
        made = [graph.stages[name] for name in stages]
        test = FIRST_ROUND if protocol == RANDOM_OUT else Snapshot(as_of=search.cutoff)
        found = before_the_test(freshness, made, dataset, test)
        states = list(islice(found, (search.windows or SEARCHED) + HELD_OUT))
    windows: list[Window] = []
    for state, after in states:
        try:
            truth = _truth(artifacts, state, after)
            build(builder, stages, dataset, state)
            if judge.exclude_seen:
                truth = without_seen(truth, Engine(workspace, dataset, state).history)
        except DataError:
            # A window without events that count tells nothing; others may.
            if (state, after) == states[-1] and not windows:
                raise
        else:
            windows.append(Window(state, truth))
    return judge, divided(windows, asked=search.windows, protocol=protocol)


def _truth(artifacts: Artifacts, snapshot: Snapshot, after: Snapshot) -> Truth:
    """What users did between two states."""
    import polars as pl

    events = pl.scan_parquet(artifacts.workspace.file("events", artifacts.dataset))
    n_items = len(artifacts.items)
    if snapshot.leave_random:
        return random_out_truth(
            events, spec=artifacts.spec, n_items=n_items, start=snapshot, end=after
        )
    events = after.filter(events)
    if snapshot.leave_last:
        return leave_last_out_truth(events, spec=artifacts.spec, n_items=n_items)
    return temporal_truth(events, spec=artifacts.spec, n_items=n_items, cutoff=snapshot.as_of)


def identity(judge: Judge, windows: Sequence[Window], search: Search) -> str:
    """A short hash of everything but the tuned settings that decides a trial's value.

    Trials are comparable, and a search may go on, only where it stays the same.
    """
    tuned = set(search.target.space)
    facts: list[object] = [judge.metric, judge.exclude_seen, repr(search.target)]
    for window in windows:
        facts += [str(window.snapshot), len(window.truth.users)]
        manifests = judge.workspace.manifests(judge.dataset, window.snapshot)
        for stage, manifest in sorted(manifests.items()):
            recipe = manifest.recipe
            if stage not in judge.stages:
                facts.append(recipe.key())
                continue
            others = {
                f"{section}.{key}": value
                for section, values in recipe.config.items()
                for key, value in values.items()
                if f"{section}.{key}" not in tuned
            }
            facts.append([stage, recipe.version, others])
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
