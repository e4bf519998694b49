"""What a merchandiser decides of lists, as arrays: candidates in, the places of those listed out.

A list is chosen from the front of a longer one. Nothing here looks at scores, which may be negative
and on any scale: what counts is the place of a candidate, from 1.

    boosts      place p counts as p / (b₁ · b₂ · …) for the boosts that an item meets
    dislikes    place p counts as p · (1 + 8 · nearness), with how near an item is to one disliked
    diversity   of those that are left, the next one has the largest
                (1 - w) / log₂(1 + place) - w · max(0, cos(item, one listed)), which is maximal
                marginal relevance (Carbonell and Goldstein, SIGIR 1998) with the weight that NDCG
                gives a place in place of a similarity to a query
    caps        an item is left out once as many of its value as may be are listed
    pins        stand in their places; they count for caps and diversity from the start
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.ranking.vectors import Mask, Vectors

Items = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

LEAST_DEPTH, DEPTH_PER_ITEM = 100, 5
"""Candidates that a list is chosen from: so many, or so many times its length."""
_PUSH = 8.0
"""By how many of its places an item falls that is just like one disliked."""
_FURTHEST = 1e6
"""By which boosts together may move an item."""
_BYTES = 4 << 20
"""Vectors of candidates in memory at a time."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Items (n_items,) that may be listed at all."""

    name: str
    items: Mask


@dataclass(frozen=True, slots=True)
class Boost:
    """Items (n_items,) whose places count as divided by a number."""

    name: str
    items: Mask
    by: float


@dataclass(frozen=True, slots=True)
class Dislike:
    """How near items (n_items,) float32 are to what somebody dislikes, from 0 to 1."""

    name: str
    nearness: Vectors


@dataclass(frozen=True, slots=True)
class Cap:
    """How many items of a list may have one value; `values` (n_items,) int32, -1 for none."""

    name: str
    values: Items
    most: int


@dataclass(frozen=True, slots=True)
class Diversity:
    """The weight w of being alike, by content `vectors` (n_items, d) float32, zero for none."""

    name: str
    weight: float
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Pin:
    """The item (row) that has a place, from 1."""

    name: str
    item: int
    rank: int


Rule = Filter | Boost | Dislike | Cap | Diversity | Pin
R = TypeVar("R", bound=Rule)


@dataclass(frozen=True)
class Rules:
    """The rules of one dataset.

    Attributes:
        n_items: size of the catalogue.
        each: the rules, in the order of `config.rules`.
    """

    n_items: int
    each: tuple[Rule, ...]

    @property
    def names(self) -> list[str]:
        """Of all rules."""
        return [rule.name for rule in self.each]

    def of(self, kind: type[R]) -> list[R]:
        """The rules of a kind."""
        return [rule for rule in self.each if isinstance(rule, kind)]

    def also(self, rule: Rule) -> Rules:
        """With one more, which comes after those of its kind and before pins."""
        pins: list[Rule] = [*self.of(Pin)]
        others = [each for each in self.each if not isinstance(each, Pin)]
        return Rules(self.n_items, (*others, rule, *pins))

    def only(self, names: Container[str]) -> Rules:
        """Those of some names."""
        return Rules(self.n_items, tuple(rule for rule in self.each if rule.name in names))

    def of_neighbours(self) -> Rules:
        """Those that hold for what is like an item, too: nothing is moved to where it is not."""
        return self.only([r.name for r in self.each if not isinstance(r, Boost | Pin)])

    @cached_property
    def allow(self) -> Mask | None:
        """(n_items,) what all filters let through; None where that is everything."""
        masks = [rule.items for rule in self.of(Filter)]
        return np.logical_and.reduce(masks) if masks else None

    @cached_property
    def boosted(self) -> Mask | None:
        """(n_items,) what any boost moves up; None without one."""
        raised = [boost.items for boost in self.of(Boost) if boost.by > 1]
        return np.logical_or.reduce(raised) if raised else None

    @cached_property
    def by(self) -> npt.NDArray[np.float32]:
        """(n_items,) what the boosts of an item come to."""
        by = np.ones(self.n_items)
        for boost in self.of(Boost):
            by[boost.items] *= boost.by
        for dislike in self.of(Dislike):
            by /= 1 + _PUSH * dislike.nearness
        return by.clip(1 / _FURTHEST, _FURTHEST).astype(np.float32)

    def depth(self, k: int) -> int:
        """Candidates that a list of k is chosen from at first; k where none is moved or capped."""
        if all(isinstance(rule, Filter | Pin) for rule in self.each):
            return min(k, self.n_items)
        return min(max(LEAST_DEPTH, DEPTH_PER_ITEM * k), self.n_items)

    def longest(self, allow: Mask | None) -> int:
        """A length that no list of what is allowed can exceed, as far as one cap alone tells."""
        longest = self.n_items if allow is None else int(allow.sum())
        for cap in self.of(Cap):
            values = cap.values if allow is None else cap.values[allow]
            counts = np.bincount(values[values >= 0])
            free = int((values < 0).sum())
            longest = min(longest, free + int(np.minimum(counts, cap.most).sum()))
        return longest + len(self.of(Pin))

    def pinned(self, n: int, exclude: CSR | None, allow: Mask | None) -> Mask:
        """(n, pins) whether each list may hold each pin."""
        may = np.ones((n, len(self.of(Pin))), np.bool_)
        for number, pin in enumerate(self.of(Pin)):
            if allow is not None:
                may[:, number] = allow[pin.item]
            if exclude is not None:
                rows, items = exclude.entries()
                may[rows[items == pin.item], number] = False
        return may

    def chosen(self, items: Items, *, k: int, pinned: Mask) -> Places:
        """(n, k) the place of each listed item among the candidates, from 0, and -1 for none.

        Args:
            items: (n, depth) candidates, the best first, -1 where there are no more.
            k: length of a list.
            pinned: see `pinned`; a pin that is no candidate has the place `depth` + its number.
        """
        wide = max((rule.vectors.shape[1] for rule in self.of(Diversity)), default=0)
        step = max(1, _BYTES // (4 * items.shape[1] * wide)) if wide else max(1, len(items))
        parts = [
            _Choice(self, items[start : start + step], pinned[start : start + step]).of(k)
            for start in range(0, len(items), step)
        ]
        return np.concatenate([np.empty((0, k), np.int64), *parts])

    def changing(self, items: Items, places: Places, *, pinned: Mask) -> list[str]:
        """Names of the rules with which the list of one user is another than with those before.

        Of filters, which all candidates have passed, those that leave out anything at all.

        Args:
            items: (1, depth) candidates.
            places: (1, k) what was chosen.
            pinned: see `pinned`.
        """
        changed = [rule.name for rule in self.of(Filter) if not rule.items.all()]
        k = places.shape[1]
        before = np.arange(min(k, items.shape[1]))
        before = np.append(before, np.full(k - len(before), -1))
        before[items[0, before] < 0] = -1
        for rule, upto in self._in_turn:
            listed = places[0]
            if upto is not self._in_turn[-1][1]:
                mine = pinned[:, : len(upto.of(Pin))]
                listed = upto.chosen(items, k=k, pinned=mine)[0]
            changed += [] if np.array_equal(listed, before) else [rule.name]
            before = listed
        return changed

    @cached_property
    def _in_turn(self) -> list[tuple[Rule, Rules]]:
        """What looks at places, each with the rules up to it."""
        upto = [Rules(self.n_items, self.each[: n + 1]) for n in range(len(self.each))]
        pairs = zip(self.each, upto, strict=True)
        return [(rule, rules) for rule, rules in pairs if not isinstance(rule, Filter)]


class _Choice:
    """Lists of n users as they grow, place by place, all at a time."""

    def __init__(self, rules: Rules, items: Items, pinned: Mask) -> None:
        self._items, self._pinned, self._pins = items, pinned, rules.of(Pin)
        self._rows, depth = np.arange(len(items)), items.shape[1]
        place = np.arange(1, depth + 1, dtype=np.float32)
        if any(isinstance(rule, Boost | Dislike) for rule in rules.each):
            place = place / rules.by[items]
        self._diversity = next(iter(rules.of(Diversity)), None)
        worth: Vectors = -place
        if self._diversity is not None:
            worth = (1 - self._diversity.weight) / np.log2(1 + place, dtype=np.float32)
            self._directions = _unit(self._diversity.vectors[items])
            self._alike = np.zeros(items.shape, np.float32)
        self._worth: Vectors = np.where(items >= 0, worth, np.float32(-np.inf))
        self._caps = [(cap, cap.values[items], _Counts(len(items))) for cap in rules.of(Cap)]

    def of(self, k: int) -> Places:
        """See `Rules.chosen`."""
        out = np.full((len(self._items), k), -1, np.int64)
        for number, pin in enumerate(self._pins):
            rows = self._pinned[:, number] & (pin.rank <= k)
            among = (self._items == pin.item) & rows[:, None]
            place = np.where(among.any(axis=1), among.argmax(axis=1), among.shape[1] + number)
            self._worth[among] = -np.inf
            out[rows, min(pin.rank, k) - 1] = place[rows]
            self._list(rows, np.full(len(rows), pin.item))
        for rank in range(k):
            worth = self._worth
            if self._diversity is not None:
                worth = worth - np.float32(self._diversity.weight) * self._alike
            best = worth.argmax(axis=1)
            rows = (worth[self._rows, best] > -np.inf) & (out[:, rank] < 0)
            out[rows, rank] = best[rows]
            self._worth[rows, best[rows]] = -np.inf
            self._list(rows, self._items[self._rows, best])
        return np.take_along_axis(out, np.argsort(out < 0, axis=1, kind="stable"), axis=1)

    def _list(self, rows: Mask, items: Items) -> None:
        """Count an item (n,) of each of some lists for caps and diversity."""
        for cap, values, listed in self._caps:
            value = np.where(rows, cap.values[items], -1)
            full = np.flatnonzero((listed.with_one(value) >= cap.most) & (value >= 0))
            if len(full):
                self._worth[full] = np.where(
                    values[full] == value[full, None], -np.inf, self._worth[full]
                )
        if self._diversity is not None:
            directions = _unit(self._diversity.vectors[items]) * rows[:, None]
            alike = (self._directions @ directions[:, :, None])[:, :, 0]
            np.maximum(self._alike, alike, out=self._alike)


class _Counts:
    """How often values were listed in each of n lists."""

    def __init__(self, n: int) -> None:
        self._listed, self._length = np.empty((16, n), np.int32), 0

    def with_one(self, value: Items) -> Places:
        """(n,) how often each list has the `value` (n,) that is its next."""
        if self._length == len(self._listed):
            self._listed = np.concatenate([self._listed, np.empty_like(self._listed)])
        self._listed[self._length] = value
        self._length += 1
        many: Places = (self._listed[: self._length] == value).sum(axis=0)
        return many


def _unit(vectors: Vectors) -> Vectors:
    """Vectors (…, d) at length 1; those of length 0 as they are."""
    norms = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    return np.divide(vectors, np.where(norms > 0, norms, 1), dtype=np.float32)
