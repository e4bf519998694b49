"""The items most like an item, or like a query vector, in the shape of `recsys similar --json`.

Similarity is the inner product of content vectors (see `content.fusion`). An item without text
and picture is compared by the cosine of its ALS factors, and `sources` of each answer says so.
One request costs no more than numpy: a product with all vectors, memory-mapped, takes less time
than importing FAISS. Who answers many keeps an index and passes it on; what it finds is scored
again here, so both ways give the same scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.csr import CSR
from recsys_cli.engine.attributes import WEIGHT, Heard
from recsys_cli.engine.whose import alike
from recsys_cli.errors import ArtifactError, UnknownIdError
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.fallback import Answer
from recsys_cli.ranking.ruled import under
from recsys_cli.ranking.rules import Diversity, Rules
from recsys_cli.ranking.topk import FactorRanker, rank_items
from recsys_cli.ranking.topk.scoring import exact_scores
from recsys_cli.ranking.topk.warm import shared
from recsys_cli.ranking.vectors import Mask

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]

CONTENT, COLLAB = "content", "collab"
DIVERSE, DIVERSE_WEIGHT = "diverse", 0.5
"""What a list of items unlike each other is under, and how much that counts."""


class Index(Protocol):
    """What finds neighbours without comparing all items, such as an `ItemIndex`."""

    def search(
        self,
        queries: Vectors,
        *,
        k: int,
        skip: npt.ArrayLike | None = None,
        allow: Mask | None = None,
    ) -> tuple[Ids, Vectors]:
        """The k items nearest to each query; see `ItemIndex.search`."""
        ...


class Similar:
    """Neighbours of one dataset's items, from whatever of its artifacts exist."""

    def __init__(
        self, artifacts: Artifacts, *, index: Index | None = None, rules: Rules | None = None
    ) -> None:
        """Load nothing yet.

        Args:
            artifacts: of the dataset; content is looked at first, then als.
            index: over the content vectors, numbered by item row; None means comparing all.
            rules: for what is like an item; filters come with what is allowed.
        """
        self._artifacts = artifacts
        self._index = index
        self._rules = rules and rules.of_neighbours()

    @property
    def by(self) -> list[str]:
        """What items can be compared by; looking makes it ready."""
        there = [n for n in (self._content, self._collab) if n is not None]
        for neighbours in there:
            neighbours.prepare()
        return [neighbours.source for neighbours in there]

    def item(
        self, item: str, *, k: int, allow: Mask | None = None, diverse: bool = False
    ) -> dict[str, Any]:
        """The answer of `recsys similar` for an external item id.

        With `diverse`, those listed are also to be unlike each other.

        Raises:
            UnknownIdError: the dataset has no such item.
            ArtifactError: nothing is built that items could be compared by.
        """
        row = self._artifacts.items.find(item)
        if row < 0:
            raise UnknownIdError(
                f"{self._artifacts.dataset} has no item {item!r}",
                hint=alike(item, self._artifacts.items),
            )
        items, rules = self._like_row(row, k=k, allow=allow, diverse=diverse)
        by_content = self._content is not None and bool(self._content.known[row])
        used = CONTENT if by_content else COLLAB
        return {
            "item": item,
            "dataset": self._artifacts.dataset,
            "strategy_used": used if items else None,
            "fallback_reason": None if by_content else "the item has no content vector",
            "rules": rules,
            "items": items,
        }

    def rows(self, row: int, *, k: int, allow: Mask | None = None) -> list[dict[str, Any]]:
        """The k items most like the one in `row`, best first, itself left out.

        Args:
            row: the item.
            k: how many.
            allow: (n_items,) mask of items that may be listed; None means all.

        Raises:
            ArtifactError: nothing is built that items could be compared by.
        """
        return self._like_row(row, k=k, allow=allow, diverse=False)[0]

    def _like_row(
        self, row: int, *, k: int, allow: Mask | None, diverse: bool
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """The same, and the rules that changed the list."""
        if self._content is None and self._collab is None:
            raise ArtifactError(
                f"items of {self._artifacts.dataset} have neither content vectors nor factors",
                hint=self._artifacts.build_command(),
            )
        if allow is None:
            allow = self._artifacts.still_there
        for neighbours in (self._content, self._collab):
            if neighbours is None or not neighbours.known[row]:
                continue
            query = np.asarray(neighbours.vectors[row])
            rules = self._rules
            if diverse:
                rules = _diverse(rules, neighbours.vectors)
            if rules is None:
                return self._listed(neighbours, query, k=k, allow=allow, skip=row), []
            answer = neighbours.under(rules, query, k=k, allow=allow, skip=row)
            lists = answer.recommendations
            found = lists.items[0] >= 0
            items = self._shown(neighbours, lists.items[0][found], lists.scores[0][found])
            return items, [name for name in answer.rules if name != DIVERSE]
        return [], []

    def like(
        self,
        query: Vectors,
        *,
        k: int,
        allow: Mask | None = None,
        heard: Heard | None = None,
    ) -> list[dict[str, Any]]:
        """The k items whose content is nearest to `query` (d,) float32, for searches.

        What was `heard` of columns counts besides; each item then says what it has of it.

        Raises:
            ArtifactError: there are no content vectors.
        """
        if self._content is None:
            raise ArtifactError(
                f"items of {self._artifacts.dataset} have no content vectors",
                hint=self._artifacts.build_command(),
            )
        if heard is None:
            return self._listed(self._content, query, k=k, allow=allow, skip=-1)
        if allow is None:
            allow = self._artifacts.still_there
        known = self._content.known if allow is None else self._content.known & allow
        scores = self._content.vectors @ query + np.float32(WEIGHT) * heard.share
        scores[~known] = -np.inf
        items = rank_items(scores)[: min(k, int(known.sum()))]
        shown = self._shown(self._content, items, scores[items])
        return [
            one | {"matched": heard.of(int(row))} for one, row in zip(shown, items, strict=True)
        ]

    @cached_property
    def _content(self) -> Neighbours | None:
        if not self._artifacts.has("content"):
            return None
        pack = self._artifacts.pack("content")
        known = pack["has_text"] | pack["has_image"]
        return Neighbours(pack["vectors"], known, source=CONTENT, index=self._index)

    @cached_property
    def _collab(self) -> Neighbours | None:
        if not self._artifacts.has("als"):
            return None
        return Neighbours.of_factors(self._artifacts.pack("als"))

    def _listed(
        self, neighbours: Neighbours, query: Vectors, *, k: int, allow: Mask | None, skip: int
    ) -> list[dict[str, Any]]:
        if allow is None:
            allow = self._artifacts.still_there
        items, scores = neighbours.nearest(query, k=k, allow=allow, skip=skip)
        return self._shown(neighbours, items, scores)

    def _shown(self, neighbours: Neighbours, items: Ids, scores: Vectors) -> list[dict[str, Any]]:
        ids, names = self._artifacts.items, self._artifacts.names
        return [
            {
                "rank": rank,
                "item": ids[int(item)],
                # The shortest decimal that stands for the float32.
                "score": float(str(score)),
                "name": names[int(item)],
                "sources": [neighbours.source],
            }
            for rank, (item, score) in enumerate(zip(items, scores, strict=True), 1)
        ]


def _diverse(rules: Rules | None, vectors: Vectors) -> Rules:
    """The rules with one that has what is listed be unlike each other, in place of theirs."""
    others = rules.each if rules else ()
    kept = tuple(rule for rule in others if not isinstance(rule, Diversity))
    return Rules(len(vectors), (*kept, Diversity(DIVERSE, DIVERSE_WEIGHT, vectors)))


class Neighbours:
    """Nearest items by inner product."""

    def __init__(
        self, vectors: Vectors, known: Mask, *, source: str, index: Index | None = None
    ) -> None:
        """Keep views of the arrays.

        Args:
            vectors: (n_items, d) float32.
            known: (n_items,) items that have a vector; the others are never found.
            source: what the vectors are, for `sources`.
            index: finds candidates among them without comparing all.
        """
        self.vectors = vectors
        self.known = known
        self.source = source
        self._index = index

    @classmethod
    def of_factors(cls, pack: Mapping[str, Any]) -> Neighbours:
        """By cosine of the item factors in an als artifact."""
        factors, known = pack["item_factors"], pack["item_known"]
        norms = np.sqrt(np.einsum("ij,ij->i", factors, factors))

        def unit() -> Vectors:
            scaled: Vectors = factors / np.where(norms > 0, norms, 1)[:, None]
            return scaled

        return cls(shared(unit, factors, about="unit"), known & (norms > 0), source=COLLAB)

    @cached_property
    def _ranker(self) -> FactorRanker:
        return FactorRanker(self.vectors, candidates=self.known)

    def prepare(self) -> None:
        """Do now what the first search would have to wait for."""
        if self._index is None:
            _ = self._ranker

    def under(
        self, rules: Rules, query: Vectors, *, k: int, allow: Mask | None, skip: int
    ) -> Answer:
        """The list that rules choose from those nearest; otherwise as `nearest`."""

        def ask(_rows: object, depth: int) -> Answer:
            lists = Recommendations.empty(1, depth, self.source)
            items, scores = self.nearest(query, k=depth, allow=allow, skip=skip)
            lists.items[0, : len(items)], lists.scores[0, : len(items)] = items, scores
            return Answer.of_one(Recommendations.of_one(lists.items, lists.scores, self.source))

        return under(rules, ask, 1, k=min(k, rules.n_items), exclude=None, allow=allow)

    def nearest(
        self, query: Vectors, *, k: int, allow: Mask | None = None, skip: int = -1
    ) -> tuple[Ids, Vectors]:
        """The at most k items nearest to `query` (d,), best first, without item `skip`.

        Returns:
            item rows int32 and scores float32, of one length.
        """
        if self._index is None:
            exclude = None
            if skip >= 0:
                exclude = CSR.from_rows([np.array([skip], np.int32)], len(self.vectors))
            lists, values = self._ranker.top_k(query[None], k=k, exclude=exclude, allow=allow)
            found = lists[0] >= 0
            return lists[0][found], values[0][found]
        lists, _ = self._index.search(query[None], k=k, skip=[skip], allow=allow)
        items = lists[0][lists[0] >= 0]
        exact = exact_scores(self.vectors, items, query)
        order = np.lexsort((items, -exact))
        return items[order], exact[order].astype(np.float32)
