"""A workspace opened to be asked or built: its settings, its engines, and what options come to.

The command line and `recsys_cli.Shop` both stand on this. Nothing is printed: what somebody
should act on goes to `Progress.warn`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from recsys_cli.assembly import load_config
from recsys_cli.config import Config, chosen_datasets
from recsys_cli.config.load import section_for
from recsys_cli.errors import Hint, LogError, RecsysError, UnknownIdError, UsageError, parts_of
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.snapshot import NOW, Snapshot, snapshot_from
from recsys_cli.store.workspace import Stamp, Workspace

if TYPE_CHECKING:
    from recsys_cli.build.artifacts import Artifacts
    from recsys_cli.build.run import Builder, Step
    from recsys_cli.engine.engine import Engine, Filters
    from recsys_cli.engine.queries import QueryEncoders
    from recsys_cli.engine.similar import Similar
    from recsys_cli.engine.since import Since
    from recsys_cli.live.contract import EventLog


class Checked(TypedDict):
    """What options come to, checked, as every engine takes it."""

    strategy: str
    k: int
    filters: Filters


@dataclass(frozen=True)
class Held:
    """An engine, and the state of the artifacts that it was opened on."""

    stamp: Stamp
    engine: Engine

    @cached_property
    def similar(self) -> Similar:
        """Neighbours of the dataset's items."""
        from recsys_cli.engine.similar import Similar

        return Similar(self.engine.artifacts, rules=self.engine.rules)


class Opened:
    """A workspace and its configuration, as they are when it is opened."""

    def __init__(
        self, folder: Path, *, overrides: Sequence[str] = (), progress: Progress | None = None
    ) -> None:
        """Read recsys.toml and nothing else.

        Args:
            folder: the workspace.
            overrides: settings in place of those of recsys.toml, as `als.factors=128`.
            progress: told how far long tasks are, and of what should be acted on.

        Raises:
            UsageError: there is no such folder.
            ConfigError: recsys.toml or an override does not hold together.
        """
        self.workspace = Workspace(folder)
        self.overrides = overrides
        self.config: Config = load_config(folder, overrides)
        self.progress: Progress = progress or Silent()
        self._held: dict[tuple[str, Snapshot], Held] = {}

    def engine(self, dataset: str, snapshot: Snapshot = NOW) -> Engine:
        """The engine over what is built now; the one from before if nothing was built since."""
        return self.held(dataset, snapshot).engine

    def held(self, dataset: str, snapshot: Snapshot = NOW) -> Held:
        """The engine, and what else is kept open beside it."""
        stamp, held = self.workspace.stamp(snapshot), self._held.get((dataset, snapshot))
        if held is None or held.stamp != stamp:
            from recsys_cli.engine.engine import Engine

            threads = self.config.threads
            since = self._since if snapshot == NOW and self.config.live.enabled else None
            engine = Engine(
                self.workspace,
                dataset,
                snapshot,
                threads=threads,
                config=self.config,
                since=since,
            )
            self._warn_outdated(engine.artifacts)
            held = self._held[dataset, snapshot] = Held(stamp, engine)
        return held

    @cached_property
    def log(self) -> EventLog:
        """The log of live events, which may be empty."""
        from recsys_cli.live.opening import open_log

        return open_log(self.workspace.root, self.config.live)

    def dataset_of(self, user: str, dataset: str | None) -> str:
        """The dataset named, else the one that has the user, or events of theirs since.

        Raises:
            UsageError: several have the user, or none of several.
        """
        from recsys_cli.engine.whose import dataset_of_user

        datasets = chosen_datasets(self.config, dataset)
        try:
            return dataset_of_user(self.workspace, datasets, user)
        except UnknownIdError:
            came = [name for name in datasets if self.engine(name).since(user)]
            if len(came) == 1:
                return came[0]
            raise

    def _since(self, artifacts: Artifacts) -> Since:
        from recsys_cli.engine.since import Since

        def failed(error: LogError) -> None:
            self.progress.warn(f"answered without live events: {error.message}")

        return Since(self.log, artifacts, failed=failed)

    def _warn_outdated(self, artifacts: Artifacts) -> None:
        """Point out artifacts that are older than what they were made from."""
        from recsys_cli.build.freshness import outdated

        stale = outdated(artifacts, self.config)
        if stale:
            more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
            self.progress.warn(
                f"out of date: {stale[0]}{more}; run `", artifacts.build_command(), "`"
            )

    @cached_property
    def encoders(self) -> QueryEncoders:
        """What reads searches, kept open."""
        from recsys_cli.engine.queries import QueryEncoders

        return QueryEncoders(self.workspace, self.config)

    def length(self, k: int | None) -> int:
        """How many items a list has.

        Raises:
            UsageError: less than one.
        """
        if k is not None and k < 1:
            raise UsageError(f"k is {k}, and a list has at least one item")
        return k or self.config.recommend.k

    def request(
        self,
        dataset: str,
        *,
        strategy: str | None = None,
        k: int | None = None,
        exclude_seen: bool | None = None,
        exclude: Sequence[str] = (),
        where: Sequence[str] = (),
        as_of: str | date | None = None,
    ) -> tuple[Engine, Checked]:
        """Whom to ask, and what options come to; None is what the configuration or dataset says.

        Raises:
            RecsysError: an option makes no sense, or what it needs is not built.
        """
        from recsys_cli.engine.engine import Filters
        from recsys_cli.engine.whose import alike

        engine = self.engine(dataset, snapshot_from(as_of))
        usual = section_for(self.config, "recommend", dataset)
        known = [item for item in exclude if engine.artifacts.items.find(item) >= 0]
        for item in dict.fromkeys(exclude):
            if item not in known:
                near = alike(item, engine.artifacts.items)
                self.progress.warn(
                    f"--exclude: {dataset} has no item {item!r}" + (f"; {near}" if near else "")
                )
        return engine, {
            "strategy": strategy or usual.strategy,
            "k": self.length(usual.k if k is None else k),
            "filters": Filters(exclude_seen, known, where),
        }

    def builder(self) -> Builder:
        """What builds all stages."""
        from recsys_cli.assembly import default_graph
        from recsys_cli.build.run import Builder

        return Builder(self.workspace, self.config, default_graph(), progress=self.progress)

    def build(
        self,
        targets: Sequence[str],
        *,
        dataset: str | None = None,
        as_of: str | date | None = None,
        **options: Any,
    ) -> Iterator[Step]:
        """A step per stage, as each is done; see `Builder.build` for the options."""
        return self.builder().build(
            targets,
            datasets=chosen_datasets(self.config, dataset),
            snapshot=snapshot_from(as_of),
            **options,
        )


def failure_of(step: Step, *, hint: Hint | None = None) -> RecsysError:
    """The error of a step that failed, which names its stage.

    Args:
        step: one that has an error.
        hint: what else to do about it.
    """
    cause = step.error or RecsysError("unknown failure")
    between = "\n  → " if cause.advice and hint else None
    advice = parts_of(cause.advice, between, hint) or None
    failure = type(cause)(f"{step.dataset} {step.stage}: {cause.message}", hint=advice)
    failure.__cause__ = cause.__cause__
    return failure
