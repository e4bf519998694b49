"""What a server answers from: all datasets' strategies, opened, warmed up and left alone.

A state never changes. A newer build becomes a new state beside it, complete before anybody sees
it; requests that hold the old one finish on it, since its files stay mapped after others took
their names.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice

import numpy as np

from recsys_cli.columns import USER
from recsys_cli.config import Config
from recsys_cli.config.encoders import off_hint
from recsys_cli.engine.attributes import Attributes
from recsys_cli.engine.cold import Cold
from recsys_cli.engine.overview import Lists
from recsys_cli.engine.registry import AUTO, available
from recsys_cli.engine.similar import Similar
from recsys_cli.engine.whose import holder
from recsys_cli.errors import (
    ArtifactError,
    Command,
    ConfigError,
    RecsysError,
    UnknownIdError,
    UsageError,
    sentence,
)
from recsys_cli.live.contract import EventLog
from recsys_cli.ranking.topk.warm import warmed
from recsys_cli.serve.cards import Cards
from recsys_cli.serve.held import HeldArtifacts, ServedEngine
from recsys_cli.serve.items import ItemsTable
from recsys_cli.store.scratch import Scratch
from recsys_cli.store.workspace import Stamp, Workspace
from recsys_cli.strategies import STRATEGIES
from recsys_cli.strategies.content.fusion import TEXT, ContentSpace

log = logging.getLogger("recsys.serve")

_TRIAL_K = 12
_TRIALS = 3
_TRIAL_USERS = 10_000
_EXAMPLES = 3
_NAMED = 1000


class Served:
    """One dataset, ready to answer."""

    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        name: str,
        scratch: Scratch,
        *,
        live: EventLog | None = None,
    ) -> None:
        """Open and warm up everything there is; `live` tells what came since.

        Raises:
            ArtifactError: the dataset is not ingested, or nothing can be recommended yet.
        """
        # Whatever others have checked before, a server does once for itself.
        own = Workspace(workspace.root, checked=scratch.folder / "checked.json")
        artifacts = HeldArtifacts(own, name, config=config)
        if not artifacts.has("ids"):
            raise ArtifactError(f"{name} is not ingested yet", hint=artifacts.build_command())
        self.name = name
        self.artifacts = artifacts
        self.items = artifacts.table = ItemsTable(artifacts, scratch)
        self.cards = Cards(artifacts, self.items, scratch)
        self.spec = artifacts.spec
        self.engine = ServedEngine(artifacts, threads=1, config=config, log_of=live)
        self.problems: dict[str, RecsysError] = {}
        self.engine.rule_failed = self._without_rule
        self.strategies: list[str] = []
        names = available(artifacts)
        with warmed(scratch):
            # Who falls back on others comes after them, so as not to be blamed for what they do.
            for strategy in reversed(names):
                self._try(strategy)
            self.strategies.reverse()
            if self.strategies or not names:
                self._try(AUTO)
            self.similar = Similar(artifacts, rules=self.engine.rules)
            self.similar_by = self.similar.by
            self.cold = Cold(self.engine)
        self.drawn: dict[str, Lists] = {}
        """By strategy, lists that an overview has looked at."""
        self.built = max((made.finished for made in artifacts.manifests.values()), default=None)
        self.space: ContentSpace | None = None
        if artifacts.has("content"):
            self.space = ContentSpace.from_pack(artifacts.pack("content"))
        if not self.strategies:
            first = next(iter(self.problems.values()))
            raise ArtifactError(f"{name}: {first.message}", hint=first.advice)

    @cached_property
    def examples(self) -> list[str]:
        """Names of items that many have, as words that one may search for."""
        if self.space is None or TEXT not in self.space.encoders:
            return []
        rows = np.arange(len(self.artifacts.items))
        if self.artifacts.has("interactions"):
            had = np.bincount(self.engine.history.indices, minlength=len(rows))
            rows = np.argsort(-had, kind="stable")
        names = (self.artifacts.names[int(row)] for row in rows[:_NAMED])
        return list(islice(dict.fromkeys(filter(None, names)), _EXAMPLES))

    @cached_property
    def attributes(self) -> Attributes:
        """The words of the catalogue's columns."""
        return Attributes.of(self.artifacts)

    def _without_rule(self, name: str, why: RecsysError) -> None:
        """Go on without a rule that what is built now has nothing for, and report it."""
        self.problems[f"rule {name}"] = why
        log.warning("%s: %s", self.name, why.message)

    def _try(self, strategy: str) -> None:
        """Build a strategy and ask it once, so that nobody waits for its first answer."""
        try:
            self.engine.strategy(strategy)
            tried = [
                self.engine.answer(np.array([user], np.int32), strategy=strategy, k=_TRIAL_K)
                for user in (-1, *self._some())
            ]
            failures = [answer.failure for answer in tried[1:] if answer.failure]
            if failures and len(failures) == len(tried) - 1:
                raise RecsysError(f"{strategy} failed: {failures[0]}")
            if failures:
                log.warning("%s: %s fails for some users: %s", self.name, strategy, failures[0])
            self.strategies.append(strategy)
        except Exception as error:
            # What is damaged fails in as many ways as there are computations.
            hint = getattr(error, "advice", None) or self.artifacts.build_command()
            known = isinstance(error, RecsysError)
            why = sentence(error) if known else f"{strategy} failed: {sentence(error)}"
            self.problems[strategy] = problem = ArtifactError(why, hint=hint)
            self.engine.leave_out(strategy)
            self._give_up(strategy, problem)
            log.warning("%s: %s", self.name, why)

    def _give_up(self, strategy: str, why: ArtifactError) -> None:
        """Have nobody use what a strategy that failed is made from, and none that works."""
        if strategy == AUTO:
            return
        sound = {kind for name in self.strategies for kind in STRATEGIES[name].needs}
        for kind in STRATEGIES[strategy].needs:
            if kind not in sound:
                self.artifacts.give_up(kind, why)

    def _some(self) -> list[int]:
        """Users with history, of those that come first: the one with most, and a few others."""
        if not self.artifacts.has("interactions"):
            return []
        with suppress(Exception):
            # Whoever needs the history will say what is wrong with it.
            counts = np.diff(self.engine.history.indptr[: _TRIAL_USERS + 1])
            others = np.flatnonzero(counts)[:_TRIALS]
            return list(dict.fromkeys([int(counts.argmax()), *others.tolist()]))
        return []

    def check(self, strategy: str) -> None:
        """Refuse a strategy that can't be had.

        Raises:
            ArtifactError: its artifacts are missing, or belong to another build.
        """
        if strategy in self.strategies:
            return
        if strategy in self.problems:
            raise self.problems[strategy]
        self.artifacts.refuse_off(STRATEGIES[strategy].needs if strategy != AUTO else ())
        raise ArtifactError(
            f"{strategy} has not been built for {self.name}",
            hint=f"there is: {', '.join(self.strategies)}; {self.artifacts.build_command()}",
        )

    def need_space(self) -> ContentSpace:
        """How the items' content vectors are laid out.

        Raises:
            ConfigError: the items have none.
        """
        if self.space is None:
            raise ConfigError(f"items of {self.name} have no content vectors", hint=off_hint(TEXT))
        return self.space

    def row(self, what: str, external: str) -> int:
        """Row of a `columns.USER` or `columns.ITEM`; raises UnknownIdError."""
        ids = self.artifacts.users if what == USER else self.artifacts.items
        row = ids.find(external)
        if row < 0:
            raise UnknownIdError(f"{self.name} has no {what} {external!r}")
        return row


class State:
    """All datasets that can be served, at one moment."""

    def __init__(
        self, served: Mapping[str, Served], waiting: Mapping[str, RecsysError], stamp: Stamp
    ) -> None:
        self.served = dict(served)
        self.waiting = dict(waiting)
        self.stamp = stamp
        self.loaded = time.time()

    @classmethod
    def load(
        cls,
        workspace: Workspace,
        config: Config,
        datasets: Sequence[str],
        scratch: Scratch,
        *,
        live: EventLog | None = None,
    ) -> State:
        """Open what there is; `live` tells what came since.

        Raises:
            ArtifactError: nothing can be recommended for any dataset.
        """
        stamp = workspace.stamp()
        served: dict[str, Served] = {}
        waiting: dict[str, RecsysError] = {}
        for name in datasets:
            try:
                served[name] = Served(workspace, config, name, scratch, live=live)
            except RecsysError as error:
                waiting[name] = error
            except Exception as error:
                # One damaged dataset is no reason not to serve the others.
                why = f"{name} cannot be loaded: {sentence(error)}"
                waiting[name] = ArtifactError(why, hint=Command("status", "--check"))
                log.warning(why)
        if not served:
            first = next(iter(waiting.values()))
            raise ArtifactError(first.message, hint=first.advice)
        return cls(served, waiting, stamp)

    def lost(self, before: State) -> str | None:
        """What `before` could answer and this can't, though it is still there; None if nothing.

        In the middle of a build new ids stand beside factors of the old ones.
        """
        for name, old in before.served.items():
            if name not in self.served:
                return f"{name}: {self.waiting[name].message}"
            new = self.served[name]
            for strategy in old.strategies:
                if strategy in new.problems:
                    return f"{name}: {new.problems[strategy].message}"
        return None

    def dataset(self, name: str | None) -> Served:
        """The dataset of that name; with None, the only one.

        Raises:
            UnknownIdError: there is none of that name.
            ArtifactError: there is, but it has not been built.
            UsageError: there are several and none was named.
        """
        if name in self.served:
            return self.served[name]
        if name in self.waiting:
            raise self.waiting[name]
        if name is not None:
            raise UnknownIdError(
                f"there is no dataset {name!r}", hint=f"datasets: {', '.join(self.served)}"
            )
        if len(self.served) > 1:
            raise UsageError(
                f"there are several datasets: {', '.join(self.served)}", hint="add ?dataset="
            )
        return next(iter(self.served.values()))

    def of_session(self, user: str | None, dataset: str | None) -> Served:
        """The named dataset, else the one that has the user, if there is one; raises as `of`."""
        return self.dataset(dataset) if user is None else self.of(USER, user, dataset)

    def of(self, what: str, external: str, dataset: str | None) -> Served:
        """The named dataset, else the one that has this user or item; raises as `dataset`."""
        if dataset is not None or len(self.served) == 1:
            return self.dataset(dataset)
        opened = {name: served.artifacts for name, served in self.served.items()}
        try:
            return self.served[holder(opened, what, external)]
        except UsageError as error:
            came = [s for s in self.served.values() if what == USER and s.engine.since(external)]
            if isinstance(error, UnknownIdError) and len(came) == 1:
                return came[0]
            names = " or ".join(f"?dataset={name}" for name in self.served)
            raise type(error)(error.message, hint=f"add {names}") from None
