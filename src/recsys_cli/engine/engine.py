"""Recommends for external user ids: one answer as JSON-able values, or lists for many rows.

The command line, batch files and serving all go through `Engine`, so that they cannot differ.
Only numpy is imported for one user's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.config import Config
from recsys_cli.config.load import section_for
from recsys_cli.config.rules import RulesConfig
from recsys_cli.csr import CSR
from recsys_cli.engine.conditions import mask_of, parsed
from recsys_cli.engine.overlay import Overlay
from recsys_cli.engine.registry import AUTO, build_strategy, find_strategy
from recsys_cli.engine.request import Request, add_because, explain_the_rest, name_sources
from recsys_cli.errors import UsageError
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later, Trend, Visitors
from recsys_cli.live.contract import Given, Sold
from recsys_cli.ranking.contract import ALSO, UNKNOWN_USER, Recommendations, Serving
from recsys_cli.ranking.fallback import Answer, WithFallback
from recsys_cli.ranking.ruled import Ruled
from recsys_cli.store.snapshot import NOW, Snapshot
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    from recsys_cli.engine.rules import Failed
    from recsys_cli.engine.since import Since
    from recsys_cli.ranking.rules import Rules


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be recommended.

    Attributes:
        exclude_seen: leave out items the user already has; None means what the dataset's
            spec says.
        exclude: external ids of items that nobody gets.
        where: conditions on the items table such as `price<20`, all of which must hold; see
            `conditions`.
    """

    exclude_seen: bool | None = None
    exclude: Sequence[str] = ()
    where: Sequence[str] = ()


NO_FILTERS = Filters()
DISLIKED = "disliked"
"""What pushes away what is like a disliked item goes by, among the rules."""
_ALWAYS = ("items", "interactions", "popular")
"""What filters, exclusion and fallbacks need, whatever the strategy: if built, it is there."""


class Engine:
    """The strategies of one dataset's snapshot, each built when first asked for."""

    rule_failed: Failed | None = None
    """Told of rules that cannot be, which are left out then; None raises."""

    def __init__(
        self,
        workspace: Workspace,
        dataset: str,
        snapshot: Snapshot = NOW,
        *,
        threads: int = 0,
        config: Config | None = None,
        artifacts: Artifacts | None = None,
        since: Callable[[Artifacts], Since] | None = None,
    ) -> None:
        """Load nothing yet.

        Args:
            workspace: where the artifacts are.
            dataset: whose.
            snapshot: of which cut-off.
            threads: threads for many users; 0 means all cores.
            config: see `Artifacts`.
            artifacts: those of this dataset and snapshot, where the caller opened them already.
            since: finds what users did since; None for nothing.
        """
        self.artifacts = artifacts or Artifacts(workspace, dataset, snapshot, config=config)
        for kind in _ALWAYS:
            self.artifacts.has(kind)
        self.dataset = dataset
        self._config = config
        self._threads = threads
        self._since = since and since(self.artifacts)
        self._trended: tuple[list[Sold], Trend] | None = None
        self._strategies: dict[str, WithFallback] = {}
        self._built: dict[str, Serving] = {}

    @cached_property
    def had(self) -> Interactions:
        """What each user had, how often and when."""
        return Interactions.from_pack(self.artifacts.pack("interactions"))

    @cached_property
    def visitors(self) -> Overlay:
        """Lays what came since over what users had."""
        most = None
        if self._config is not None:
            most = section_for(self._config, "interactions", self.dataset).max_weight
        return Overlay(self.artifacts, lambda: self.had, most=most)

    @property
    def history(self) -> CSR:
        """(n_users, n_items) what each user already has."""
        return self.had.items

    def strategy(self, name: str) -> WithFallback:
        """A strategy with its fallback chain.

        Raises:
            UsageError: there is no such strategy.
            ConfigError: it is switched off.
            ArtifactError: it has not been built.
        """
        if name not in self._strategies:
            if name != AUTO:
                self.artifacts.refuse_off(find_strategy(name).needs)
            self._strategies[name] = build_strategy(
                name, self.artifacts, threads=self._threads, built=self._built
            )
        return self._strategies[name]

    def allowed(self, filters: Filters) -> npt.NDArray[np.bool_] | None:
        """(n_items,) mask of what filters and rules let through; None where that is everything.

        Raises:
            UsageError: a condition is malformed or names no column, or an id no item.
        """
        there = self._listable
        if not filters.exclude and not filters.where:
            return there
        mask = np.ones(len(self.artifacts.items), np.bool_) if there is None else there.copy()
        for external in filters.exclude:
            row = self.artifacts.items.find(external)
            if row < 0:
                raise UsageError(f"--exclude: {self.dataset} has no item {external!r}")
            mask[row] = False
        for text in filters.where:
            mask &= self.matching(text)
        return mask

    def meeting(self, conditions: Sequence[str]) -> npt.NDArray[np.bool_] | None:
        """(n_items,) what is still there and meets conditions, whatever the rules; None for all.

        Raises:
            UsageError: see `matching`.
        """
        there = self.artifacts.still_there
        masks = [*([] if there is None else [there]), *map(self.matching, conditions)]
        return np.logical_and.reduce(masks) if masks else None

    @cached_property
    def _listable(self) -> npt.NDArray[np.bool_] | None:
        """(n_items,) what has not left the catalogue and meets the rules; None for everything."""
        there, allow = self.artifacts.still_there, self.rules.allow if self.rules else None
        return there if allow is None else allow if there is None else there & allow

    @cached_property
    def rules(self) -> Rules | None:
        """What recsys.toml decides of every list; None where that is nothing.

        Raises:
            ConfigError: a rule names a column, a value or an item that there is not.
        """
        if not self.rules_config.names():
            return None
        from recsys_cli.engine.rules import rules_of

        return rules_of(self, self.rules_config, failed=self.rule_failed)

    @cached_property
    def rules_config(self) -> RulesConfig:
        """The same as recsys.toml says it."""
        if self._config is None:
            return RulesConfig()
        config: RulesConfig = section_for(self._config, "rules", self.dataset)
        return config

    def under(self, config: RulesConfig) -> Self:
        """The same engine, as if recsys.toml decided this of lists; raises as `rules` does."""
        other = copy(self)
        for made in ("_listable", "rules"):
            other.__dict__.pop(made, None)
        other.rule_failed, other.rules_config = None, config
        _ = other.rules
        return other

    def matching(self, text: str, *, where: str = "--where") -> npt.NDArray[np.bool_]:
        """(n_items,) the items that meet a condition; see `conditions`.

        Raises:
            UsageError: it makes no sense here, or no item meets it; names `where` it stands.
        """
        columns = self.artifacts.item_columns
        condition = parsed(text, columns, dataset=self.dataset, where=where)
        return mask_of(condition, self.artifacts.item_column(condition.column))

    def chained(self, chain: WithFallback) -> WithFallback:
        """Strategies under the rules, if there are any."""
        return chain if self.rules is None else Ruled(chain.chain, self.rules, name=chain.name)

    def depth(self, k: int) -> int:
        """Items that a strategy is asked for, for a list of k."""
        return k if self.rules is None else self.rules.depth(k)

    def answer(
        self,
        users: npt.NDArray[np.int32],
        *,
        strategy: str,
        k: int,
        exclude_seen: bool | None = None,
        allow: npt.NDArray[np.bool_] | None = None,
        visitors: Visitors | None = None,
    ) -> Answer:
        """Lists for users (n,) int32 by row, -1 for unknown ones.

        Lists are never longer than the catalogue, so a large k costs no memory. `visitors` are the
        same users with what they had since; see `WithFallback.answer`.
        """
        exclude = self._excluded(users, exclude_seen, visitors)
        chain = self.chained(self.strategy(strategy))
        k = min(k, chain.n_items)
        return chain.answer(users, k=k, exclude=exclude, allow=allow, visitors=visitors)

    def _excluded(
        self,
        users: npt.NDArray[np.int32],
        exclude_seen: bool | None,
        visitors: Visitors | None = None,
    ) -> CSR | None:
        if exclude_seen is None:
            exclude_seen = not self.artifacts.spec.repurchase
        if not exclude_seen:
            return None
        return self.history.take(users) if visitors is None else visitors.had.items

    def _trend(self) -> Trend | None:
        """What everybody did since, where popularity follows it."""
        if self._since is None or self._config is None:
            return None
        popular: Any = section_for(self._config, "popular", self.dataset)
        sold = self.sold() if popular.live else None
        if not sold:
            return None
        if self._trended is None or self._trended[0] is not sold:
            trend = self.visitors.trend(sold, half_life_days=popular.half_life_days)
            self._trended = sold, trend
        return self._trended[1]

    def sold(self) -> list[Sold] | None:
        """What everybody did since the artifacts were made; None where that cannot be told now."""
        return [] if self._since is None else self._since.sold()

    def since(self, user: str | None) -> list[Given] | None:
        """What a user did since the artifacts were made; None where that cannot be told now."""
        return [] if user is None or self._since is None else self._since.of(user)

    def recommend_one(
        self,
        user: str | None,
        *,
        strategy: str,
        k: int,
        filters: Filters = NO_FILTERS,
        explain: bool = False,
        events: Sequence[Given] = (),
        disliked: Sequence[str] = (),
    ) -> dict[str, Any]:
        """One user's answer in the shape of `recsys recommend --json`.

        With `explain`, each item has an `explanation`: its sources with the rank and score in
        their lists, the features that add most to its score, and the items of the user's history
        that brought it. `events` are what the user had just now, in order, besides what the log
        has; None is a guest, of whom there is no more. `disliked` are items (ids) that leave the
        list and the history, and what is like them falls.
        """
        row = UNKNOWN_USER if user is None else self.artifacts.users.find(user)
        users = np.array([row if row >= 0 else UNKNOWN_USER], np.int32)
        down, not_known = self._rows(disliked)
        allow = self._without(self.allowed(filters), down)
        since = self.since(user)
        came = [[*(since or ()), *events]]
        visitors, unknown = self.visitors.of(users, came, trend=self._trend(), disliked=down)
        used = sum(event.item not in unknown for event in came[0])
        unknown += not_known
        exclude = self._excluded(users, filters.exclude_seen, visitors)
        chain = self.strategy(strategy)
        request = Request(users, min(k, chain.n_items), exclude, allow, visitors)
        rules = self.rules
        if down:
            from recsys_cli.engine.dislikes import with_dislikes

            rules = with_dislikes(rules, down, self.artifacts)
        answer, found = request.under(rules, chain)
        items = self.listed(answer.recommendations)
        ranked_by = None
        if found is not None and answer.strategy_used(0) == found.hybrid.name:
            ranked_by = found.hybrid.ranked_by
            explained_by = self.artifacts.spec if explain else None
            name_sources(items, answer, found, explained_by=explained_by)
        if explain:
            explain_the_rest(items)
            if visitors is None and self.artifacts.has("interactions"):
                visitors = Visitors.of(self.had, users, Later.nothing(1))
            add_because(items, answer, found, visitors, artifacts=self.artifacts, built=self._built)
        return {
            "user": user,
            "dataset": self.dataset,
            "strategy": strategy,
            "strategy_used": answer.strategy_used(0),
            "fallback_reason": answer.fallback_reason(0),
            "ranked_by": ranked_by,
            "live": None if since is None else used,
            "rules": [name for name in answer.rules if name != DISLIKED],
            "items": items,
            **({"unknown": list(dict.fromkeys(unknown))} if unknown else {}),
        }

    def _rows(self, items: Sequence[str]) -> tuple[list[int], list[str]]:
        """Rows of items, each once, and the ids that nothing has."""
        found = {item: self.artifacts.items.find(item) for item in items}
        unknown = [item for item, row in found.items() if row < 0]
        return [row for row in found.values() if row >= 0], unknown

    def _without(
        self, allow: npt.NDArray[np.bool_] | None, rows: list[int]
    ) -> npt.NDArray[np.bool_] | None:
        """(n_items,) what may be listed, without some items."""
        if not rows:
            return allow
        mask = np.ones(len(self.artifacts.items), np.bool_) if allow is None else allow.copy()
        mask[rows] = False
        return mask

    def listed(self, lists: Recommendations) -> list[dict[str, Any]]:
        """The first user's items as they stand in answers."""
        ids, names = self.artifacts.items, self.artifacts.names
        return [
            {
                "rank": rank,
                "item": ids[int(item)],
                # The shortest decimal that stands for the float32, so 0.93 and not 0.9300000072.
                "score": float(str(score)),
                "name": names[int(item)],
                "sources": lists.sources[int(source)].split(ALSO),
            }
            for rank, (item, score, source) in enumerate(
                zip(lists.items[0], lists.scores[0], lists.source[0], strict=True), 1
            )
            if item >= 0
        ]
