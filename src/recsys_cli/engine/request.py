"""One user's request: the list, what the hybrid chose it from, and why each item is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.csr import CSR
from recsys_cli.engine.because import because
from recsys_cli.errors import RecsysError
from recsys_cli.events.later import Visitors
from recsys_cli.ranking.contract import Serving
from recsys_cli.ranking.fallback import Answer, WithFallback
from recsys_cli.ranking.ruled import under

if TYPE_CHECKING:
    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.ranking.rules import Rules
    from recsys_cli.strategies.hybrid.candidates import Candidates
    from recsys_cli.strategies.hybrid.strategy import Hybrid


@dataclass(frozen=True, slots=True)
class Request:
    """What one user's list is asked for with."""

    users: npt.NDArray[np.int32]
    k: int
    exclude: CSR | None
    allow: npt.NDArray[np.bool_] | None
    visitors: Visitors | None

    def under(self, rules: Rules | None, chain: WithFallback) -> tuple[Answer, Found | None]:
        """The chain's answer under rules, as far as there are any; else as `answered_by`."""
        if rules is None:
            return self.answered_by(chain)
        found = None

        def ask(_rows: object, depth: int) -> Answer:
            nonlocal found
            answer, found = replace(self, k=depth).answered_by(chain)
            return answer

        answer = under(rules, ask, 1, k=self.k, exclude=self.exclude, allow=self.allow)
        return answer, found

    def answered_by(self, chain: WithFallback) -> tuple[Answer, Found | None]:
        """The chain's answer; where hybrid is asked for, also what it chose from."""
        filters: Any = {"k": self.k, "exclude": self.exclude, "allow": self.allow}
        asked: Any = filters | {"visitors": self.visitors}
        first, users = _as_hybrid(chain.chain[0]), self.users
        if first is not None and self.visitors is not None:
            first, users = first.over(self.visitors), np.zeros(1, np.int32)
        if first is None or not first.history.counts(users)[0]:
            return chain.answer(self.users, **asked), None
        try:
            lists, candidates = first.recommend_found(users, **filters)
        except (RecsysError, MemoryError):
            raise
        except Exception:
            # The chain notes the failure, and goes on with who comes next.
            return chain.answer(self.users, **asked), None
        return chain.answer(self.users, **asked, first=lists), Found(first, candidates)


def _as_hybrid(strategy: Serving) -> Hybrid | None:
    """The strategy if it is the hybrid, which a request for another one need not import."""
    if strategy.name != "hybrid":
        return None
    from recsys_cli.strategies.hybrid.strategy import Hybrid

    return strategy if isinstance(strategy, Hybrid) else None


@dataclass(frozen=True, slots=True)
class Found:
    """What hybrid chose a list from."""

    hybrid: Hybrid
    candidates: Candidates


def name_sources(
    items: list[dict[str, Any]], answer: Answer, found: Found, *, explained_by: DatasetSpec | None
) -> None:
    """Name all the sources that brought an item that the hybrid listed; with a spec, say why."""
    rows = answer.recommendations.items[0][: len(items)]
    from recsys_cli.strategies.hybrid.explain import reasons

    explain = explained_by is not None
    worth = explained_by.worth if explained_by else ""
    why = reasons(found.hybrid, found.candidates, rows, with_features=explain, worth=worth)
    for item, reason in zip(items, why, strict=True):
        if reason is None or item["sources"] != [found.hybrid.name]:
            continue
        item["sources"] = [source["source"] for source in reason.sources]
        if explain:
            item["explanation"] = {"sources": reason.sources, "features": reason.features}


def explain_the_rest(items: list[dict[str, Any]]) -> None:
    """Of a single strategy's item all there is to say is its place and score."""
    for item in items:
        own = {"source": item["sources"][0], "rank": item["rank"], "score": item["score"]}
        item.setdefault("explanation", {"sources": [own], "features": []})


def add_because(
    items: list[dict[str, Any]],
    answer: Answer,
    found: Found | None,
    visitor: Visitors | None,
    *,
    artifacts: Artifacts,
    built: Mapping[str, Serving],
) -> None:
    """Say which items of one visitor's history brought each listed item, which is explained.

    Args:
        items: as they stand in the answer.
        answer: whose list they are.
        found: what hybrid chose it from; None where it did not.
        visitor: one row; None where no history is known of.
        artifacts: tell ids and names.
        built: strategies by name.
    """
    told: list[list[dict[str, Any]]] = [[] for _ in items]
    if visitor is not None:
        sources = [
            {each["source"]: each["rank"] for each in item["explanation"]["sources"]}
            for item in items
        ]

        def opened(name: str) -> object | None:
            own = found.hybrid.recall.source(name) if found is not None else None
            return built.get(name) if own is None else own

        rows = answer.recommendations.items[0][: len(items)]
        told = because(artifacts, visitor, rows, sources, opened)
    for item, reasons in zip(items, told, strict=True):
        item["explanation"]["because"] = reasons
