"""The fallback chain: who served, why, refilling, and what it must not do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from recsys_cli.csr import CSR
from recsys_cli.engine.registry import AUTO, available, build_strategy, chain_names
from recsys_cli.errors import ArtifactError, UsageError
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later, Visitors
from recsys_cli.ranking.contract import NO_SOURCE, Recommendations
from recsys_cli.ranking.fallback import NOTHING_LEFT, TOO_FEW, UNKNOWN, Answer, WithFallback
from recsys_cli.strategies import STRATEGIES
from strategies import shop

N = 8


@dataclass
class Fixed:
    """Offers the same items, in this order, to the users it knows."""

    name: str
    offers: list[int]
    known: tuple[int, ...]
    n_items: int = N
    unknown_reason: str = "not in the list"
    reference: int | None = None
    seen: int = 0

    def knows(self, users: np.ndarray) -> np.ndarray:
        return np.isin(users, self.known)

    def recommend(self, users, *, k, exclude=None, allow=None) -> Recommendations:
        self.seen += len(users)
        out = Recommendations.empty(len(users), k, self.name)
        for row, knows in enumerate(self.knows(users)):
            barred = set(exclude.row(row).tolist()) if exclude is not None else set()
            left = [
                i for i in self.offers if knows and i not in barred and (allow is None or allow[i])
            ][:k]
            out.items[row, : len(left)] = left
            out.scores[row, : len(left)] = -np.arange(len(left))
        return Recommendations.of_one(out.items, out.scores, self.name)


def users(*rows: int) -> np.ndarray:
    return np.array(rows, np.int32)


def chain(*, first: list[int] | None = None) -> WithFallback:
    return WithFallback(
        [
            Fixed("first", first or [5, 3], known=(0, 1)),
            Fixed("second", [3, 2, 1], known=(0, 2)),
            Fixed("last", list(range(N)), known=(-1, 0, 1, 2, 3)),
        ]
    )


def sources(answer: Answer, row: int) -> list[str | None]:
    got = answer.recommendations
    return [None if c == NO_SOURCE else got.sources[c] for c in got.source[row]]


def test_refills_in_order_without_repeating_an_item() -> None:
    answer = chain().answer(users(0), k=6)
    assert answer.recommendations.items[0].tolist() == [5, 3, 2, 1, 0, 4]
    assert sources(answer, 0) == ["first"] * 2 + ["second"] * 2 + ["last"] * 2
    assert answer.strategy_used(0) == "first"
    assert answer.fallback_reason(0) == TOO_FEW


def test_served_in_full_has_no_reason() -> None:
    answer = chain().answer(users(0, 1), k=2)
    assert [answer.fallback_reason(r) for r in (0, 1)] == [None, None]
    assert set(answer.recommendations.source.ravel().tolist()) == {0}


def test_reasons_for_an_empty_first_list() -> None:
    everything_of_first = CSR.from_rows([users(), users(), users(5, 3)], N)
    answer = chain().answer(users(-1, 2, 1), k=2, exclude=everything_of_first)
    assert [answer.fallback_reason(r) for r in range(3)] == [
        UNKNOWN, "not in the list", NOTHING_LEFT,
    ]  # fmt: skip
    assert [answer.strategy_used(r) for r in range(3)] == ["last", "second", "last"]


def test_a_short_list_that_nobody_can_refill_is_not_a_fallback() -> None:
    only = WithFallback([Fixed("first", [5, 3], known=(0,)), Fixed("last", [3], known=(0,))])
    answer = only.answer(users(0), k=4)
    assert answer.recommendations.items[0].tolist() == [5, 3, -1, -1]
    assert answer.fallback_reason(0) is None


def test_nobody_serves() -> None:
    answer = WithFallback([Fixed("first", [5], known=())]).answer(users(4, -1), k=2)
    assert (answer.recommendations.items == -1).all()
    assert [answer.strategy_used(r) for r in (0, 1)] == [None, None]
    assert [answer.fallback_reason(r) for r in (0, 1)] == ["not in the list", UNKNOWN]


def test_exclusion_and_allow_list_hold_in_every_stage() -> None:
    exclude = CSR.from_rows([users(5, 2), users()], N)
    allow = np.ones(N, np.bool_)
    allow[[3, 0]] = False
    got = chain().recommend(users(0, 3), k=5, exclude=exclude, allow=allow)
    assert got.items.tolist() == [[1, 4, 6, 7, -1], [1, 2, 4, 5, 6]]


def test_later_stages_see_only_the_users_that_need_them() -> None:
    stages = chain(first=[7, 6])
    stages.answer(users(0, 1, 2, 3), k=2)
    first, second, last = stages.chain
    assert (first.seen, second.seen, last.seen) == (4, 2, 1)


def test_a_stage_may_have_several_sources() -> None:
    class Blend(Fixed):
        def recommend(self, users, *, k, exclude=None, allow=None) -> Recommendations:
            got = super().recommend(users, k=k, exclude=exclude, allow=allow)
            code = np.where(got.items >= 0, got.items % 2, NO_SOURCE).astype(np.uint8)
            return Recommendations(got.items, got.scores, code, ("even", "odd"))

    stages = [Fixed("first", [6], known=(0,)), Blend("blend", [6, 5, 4], known=(0,))]
    answer = WithFallback(stages).answer(users(0), k=3)
    assert sources(answer, 0) == ["first", "odd", "even"]
    assert answer.strategy_used(0) == "first"


def test_the_first_strategys_arrays_are_not_written_to() -> None:
    class Keeps(Fixed):
        def recommend(self, users, *, k, exclude=None, allow=None) -> Recommendations:
            self.kept = super().recommend(users, k=k, exclude=exclude, allow=allow)
            return self.kept

    first = Keeps("first", [1], known=(0,))
    WithFallback([first, Fixed("last", [2, 3], known=(0,))]).answer(users(0), k=3)
    assert first.kept.items.tolist() == [[1, -1, -1]]


def test_impossible_chains_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        WithFallback([])
    with pytest.raises(ValueError, match="different catalogues"):
        WithFallback([Fixed("a", [], ()), Fixed("b", [], (), n_items=9)])


def test_auto_takes_the_best_that_is_built_and_serves_strangers_too() -> None:
    packs = shop.all_packs()
    # What it takes is in the order of the list, and all but what gives only what users have.
    able = [name for name in available(packs) if STRATEGIES[name].auto is not None]
    assert chain_names(AUTO, packs) == able
    assert set(STRATEGIES) - set(able) == {"repurchase"}
    answer = build_strategy(AUTO, packs).answer(users(0, shop.NO_HISTORY, -1), k=3)
    assert [answer.strategy_used(r) for r in range(3)] == ["hybrid", "popular", "popular"]
    assert [answer.fallback_reason(r) for r in range(3)] == [None, "no history", UNKNOWN]
    for kind in ("hybrid", "als", "content", "two_tower_vectors"):
        del packs.packs[kind]
    assert chain_names(AUTO, packs)[:2] == ["transitions", "sessions"]
    for kind in ("transitions", "sessions", "graph", "itemknn"):
        del packs.packs[kind]
    assert chain_names(AUTO, packs) == ["popular"]


def test_fallbacks_come_in_the_order_that_auto_has() -> None:
    order = list(STRATEGIES)
    for name, spec in STRATEGIES.items():
        assert [other for other in order if other in spec.fallback] == list(spec.fallback), name
        assert all(order.index(other) > order.index(name) for other in spec.fallback), name


def test_repurchase_falls_back_on_popular_for_users_without_history() -> None:
    answer = build_strategy("repurchase", shop.all_packs()).answer(users(shop.NO_HISTORY), k=3)
    assert answer.strategy_used(0) == "popular"
    assert answer.fallback_reason(0) == "no history"


def test_what_is_not_built_is_left_out_of_the_chain_unless_asked_for() -> None:
    packs = shop.all_packs()
    del packs.packs["popular"]
    assert chain_names("collab", packs) == ["collab"]
    assert chain_names("popular", packs) == ["popular"]
    with pytest.raises(ArtifactError, match="no strategy"):
        chain_names(AUTO, shop.Packs())


def test_unknown_strategy_is_a_usage_error_that_lists_the_names() -> None:
    with pytest.raises(UsageError) as caught:
        build_strategy("magic", shop.all_packs())
    assert "collab" in (caught.value.hint or "")


@dataclass
class Follows:
    """Offers the item after the one had last, in a history that it is given."""

    name: str = "follows"
    n_items: int = N
    unknown_reason: str = "nothing had"
    reference: int | None = None

    def knows(self, users: np.ndarray) -> np.ndarray:
        return np.zeros(len(users), np.bool_)

    def recommend(self, users, *, k, exclude=None, allow=None) -> Recommendations:
        return Recommendations.empty(len(users), k, self.name)

    def recommend_from(self, visitors, *, k, exclude=None, allow=None) -> Recommendations:
        history = visitors.had
        if (history.weight < 0).any():
            raise ZeroDivisionError("bad")
        out = Recommendations.empty(history.n_users, k, self.name)
        for row in range(history.n_users):
            span = slice(history.indptr[row], history.indptr[row + 1])
            if span.stop > span.start:
                last = history.indices[span][np.argmax(history.last[span])]
                out.items[row, 0], out.scores[row, 0] = last + 1, 1.0
        return Recommendations.of_one(out.items, out.scores, self.name)


def histories(*rows: dict[int, int], weight: float = 1.0) -> Visitors:
    """Visitors who had these items at these times, row by row."""
    counts = [len(row) for row in rows]
    flat = [pair for row in rows for pair in sorted(row.items())]
    had = Interactions(
        indptr=np.cumsum([0, *counts], dtype=np.int64),
        indices=np.array([item for item, _ in flat], np.int32),
        weight=np.full(len(flat), weight, np.float32),
        count=np.ones(len(flat), np.uint32),
        last=np.array([time for _, time in flat], np.uint32),
        reference=100,
        n_users=len(rows),
        n_items=N,
    )
    return Visitors(np.full(len(rows), -1, np.int32), had, Later.nothing(len(rows)))


def test_who_can_rank_by_a_given_history_does_and_the_others_do_as_ever() -> None:
    """The second of the chain gets the rows that are short, and not those of others."""
    last = Fixed("last", list(range(N)), known=(-1, 0, 1, 2, 3))
    parts = [Fixed("first", [7], known=(0, 1)), Follows(), last]
    given = histories({1: 5, 4: 2}, {3: 1}, {}, {0: 9})
    answer = WithFallback(parts).answer(users(0, 2, 3, -1), k=2, visitors=given)
    assert answer.recommendations.items.tolist() == [[7, 2], [4, 0], [0, 1], [1, 0]]
    assert sources(answer, 0) == ["first", "follows"]
    assert sources(answer, 3) == ["follows", "last"]
    alone = WithFallback([Follows(), last]).answer(
        users(2, -1), k=1, visitors=given.take(users(2, 3))
    )
    assert [alone.fallback_reason(row) for row in (0, 1)] == ["nothing had", None]


def test_a_row_of_histories_that_fails_fails_alone() -> None:
    last = Fixed("last", list(range(N)), known=(-1,))
    given = histories({1: 5}, {3: 1}, {6: 1})
    given.had.weight[1] = -1
    answer = WithFallback([Follows(), last]).answer(users(-1, -1, -1), k=1, visitors=given)
    assert answer.recommendations.items[:, 0].tolist() == [2, 0, 7]
    assert answer.failed.tolist() == [False, True, False]
