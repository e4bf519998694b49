"""Recommends for somebody who is not in the data, from what they like and dislike.

Items liked and disliked, and words as a vector, come in. Factors folded in (`collab.foldin`) and a
vector of the items' content (`content.uservectors`) each make a list, by the same recommenders
that serve known users; the two are joined by reciprocal rank, Σ 1 / (60 + rank) (Cormack, Clarke
and Büttcher, SIGIR 2009), which needs no common scale. Dislikes are subtracted from the vector
(Rocchio 1971), so that what is like them falls, and are left out themselves. Who gives nothing
that could be used is served by the popular items, and told why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.registry import find_strategy
from recsys_cli.errors import UnknownIdError
from recsys_cli.ranking.contract import ALSO, UNKNOWN_USER, Recommendations
from recsys_cli.ranking.fallback import UNKNOWN, WithFallback
from recsys_cli.ranking.gram import gram_matrix
from recsys_cli.ranking.vectors import Mask, Users, Vectors
from recsys_cli.strategies.collab.als import AlsFactors
from recsys_cli.strategies.content.uservectors import vector_of

COLD = "cold"
DISLIKE = 0.5
"""How much a dislike pushes away, where a like pulls by 1."""
_RANK_OFFSET = 60
_DEPTH = 200
"""Items of each list that are joined, or four times as many as are asked for."""

Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Taste:
    """What is known about somebody.

    Attributes:
        liked: external ids of items.
        disliked: likewise.
        words: (d,) float32 vector in the space of the items' content; None for no words.
    """

    liked: Sequence[str] = ()
    disliked: Sequence[str] = ()
    words: Vectors | None = None


class _RanksVectors(Protocol):
    """What `ByProduct` and `Content` offer for users given by vectors."""

    def recommend_vectors(
        self, vectors: Vectors, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations: ...


class Cold:
    """Answers for tastes, over one dataset's engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._als: AlsFactors | None = None
        self._gram: npt.NDArray[np.float64] | None = None
        if engine.artifacts.has("als"):
            self._als = AlsFactors.from_pack(engine.artifacts.pack("als"))
            self._gram = gram_matrix(self._als.item_factors)

    def recommend(
        self, taste: Taste, *, k: int, allow: Mask | None = None, strict: bool = False
    ) -> dict[str, Any]:
        """An answer in the shape of `recsys recommend --json`, and the ids that are unknown.

        Args:
            taste: what is known.
            k: list length.
            allow: (n_items,) mask of items that may be recommended; None means all.
            strict: refuse ids that are unknown.

        Raises:
            UnknownIdError: an id is unknown, and `strict`.
        """
        items = self._engine.artifacts.items
        liked, disliked = ({i: items.find(i) for i in ids} for ids in (taste.liked, taste.disliked))
        unknown = [i for i, row in (liked | disliked).items() if row < 0]
        if unknown and strict:
            raise UnknownIdError(f"{self._engine.dataset} has no item {unknown[0]!r}")
        down = _rows(disliked)
        up = np.setdiff1d(_rows(liked), down)
        vectors = self._vectors(up, down, taste.words)
        k = min(k, len(items))
        exclude = CSR.from_rows([np.union1d(up, down).astype(np.int32)], len(items))
        first = _Joined(vectors, n_items=len(items))
        popular = self._engine.strategy("popular").chain
        nobody = np.array([UNKNOWN_USER], np.int32)
        chain = self._engine.chained(WithFallback([first, *popular]))
        answer = chain.answer(nobody, k=k, exclude=exclude, allow=allow)
        reason = answer.fallback_reason(0)
        if reason == UNKNOWN:
            given = bool(taste.liked) or taste.words is not None
            reason = first.unknown_reason if given else "nothing liked"
        used = answer.strategy_used(0)
        return {
            "user": None,
            "dataset": self._engine.dataset,
            "strategy": COLD,
            "strategy_used": ALSO.join(vectors) if used == COLD else used,
            "fallback_reason": reason,
            "rules": list(answer.rules),
            "items": self._engine.listed(answer.recommendations),
            "unknown": unknown,
        }

    def _vectors(
        self, up: Rows, down: Rows, words: Vectors | None
    ) -> dict[str, tuple[_RanksVectors, Vectors]]:
        """By strategy: what ranks, and the vector that stands for the taste."""
        found: dict[str, tuple[_RanksVectors, Vectors]] = {}
        made = {"collab": self._factors(up, down), "content": self._content(up, down, words)}
        for name, vector in made.items():
            there = all(map(self._engine.artifacts.has, find_strategy(name).needs))
            if there and vector is not None and vector.any():
                found[name] = (self._ranks(name), vector)
        return found

    def _ranks(self, name: str) -> _RanksVectors:
        strategy: Any = self._engine.strategy(name).chain[0]
        ranks: _RanksVectors = strategy
        return ranks

    def _factors(self, up: Rows, down: Rows) -> Vectors | None:
        if self._als is None or not len(up):
            return None
        known = self._als.item_known
        sides = [side[known[side]] for side in (up, down)]
        folded = self._als.fold_in(CSR.from_rows(sides, len(known)), gram=self._gram)
        if not folded[0].any():
            return None
        pushed: Vectors = folded[0] - np.float32(DISLIKE) * folded[1]
        return pushed

    def _content(self, up: Rows, down: Rows, words: Vectors | None) -> Vectors | None:
        if not self._engine.artifacts.has("content") or (not len(up) and words is None):
            return None
        vectors = self._engine.artifacts.pack("content")["vectors"]
        weights = np.concatenate([np.ones(len(up)), np.full(len(down), -DISLIKE)])
        taste = vector_of(np.concatenate([up, down]), vectors, weights)
        if words is not None:
            taste = taste + words / np.sqrt(words @ words)
            length = float(np.sqrt(taste @ taste))
            taste = (taste / (length or 1.0)).astype(np.float32)
        return taste


class _Joined:
    """The joined lists, as the first strategy of a fallback chain."""

    name = COLD
    reference = None
    unknown_reason = "none of it has factors or vectors"

    def __init__(self, vectors: dict[str, tuple[_RanksVectors, Vectors]], *, n_items: int) -> None:
        self._vectors = vectors
        self._n_items = n_items

    @property
    def n_items(self) -> int:
        return self._n_items

    def knows(self, users: Users) -> Mask:
        return np.full(len(users), bool(self._vectors))

    def recommend(
        self, users: Users, *, k: int, exclude: CSR | None = None, allow: Mask | None = None
    ) -> Recommendations:
        """The list of the one user there is."""
        depth = min(max(_DEPTH, 4 * k), self._n_items)
        lists = {
            name: ranks.recommend_vectors(vector[None], k=depth, exclude=exclude, allow=allow)
            for name, (ranks, vector) in self._vectors.items()
        }
        if len(lists) < 2:  # noqa: PLR2004
            return _only(lists, k)
        return _join(lists, k)


def _only(lists: dict[str, Recommendations], k: int) -> Recommendations:
    for name, one in lists.items():
        return Recommendations.of_one(one.items[:, :k], one.scores[:, :k], name)
    return Recommendations.empty(1, k, COLD)


def _join(lists: dict[str, Recommendations], k: int) -> Recommendations:
    scores: dict[int, float] = {}
    sources: dict[int, list[str]] = {}
    for name, one in lists.items():
        for rank, item in enumerate(one.items[0][one.items[0] >= 0].tolist(), 1):
            scores[item] = scores.get(item, 0.0) + 1 / (_RANK_OFFSET + rank)
            sources.setdefault(item, []).append(name)
    best = sorted(scores, key=lambda item: (-scores[item], item))[:k]
    names = tuple(dict.fromkeys(ALSO.join(sources[item]) for item in best)) or (COLD,)
    out = Recommendations.empty(1, k, names[0])
    out.items[0, : len(best)] = best
    out.scores[0, : len(best)] = [scores[item] for item in best]
    out.source[0, : len(best)] = [names.index(ALSO.join(sources[item])) for item in best]
    return Recommendations(out.items, out.scores, out.source, names)


def _rows(found: dict[str, int]) -> Rows:
    return np.unique(np.array([row for row in found.values() if row >= 0], np.int32))
