"""Rules hold in every list, and lists are as long as the catalogue allows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.csr import CSR
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.fallback import TOO_FEW, WithFallback
from recsys_cli.ranking.ruled import PIN, Ruled
from recsys_cli.ranking.rules import Boost, Cap, Diversity, Filter, Pin, Rules

N = 320
"""More than a list is chosen from at first."""
USERS = 2


class Ranks:
    """Ranks the first `known` items of each user's own order, which the seed gives."""

    unknown_reason, reference, n_items = "?", None, N

    def __init__(self, name: str, seed: int, known: int = N) -> None:
        draw = np.random.default_rng(seed)
        self.name, self.order = name, [draw.permutation(N)[:known] for _ in range(USERS)]

    def knows(self, users):
        return np.ones(len(users), np.bool_)

    def recommend(self, users, *, k, exclude=None, allow=None):
        out = Recommendations.empty(len(users), k, self.name)
        for row, user in enumerate(users):
            barred = set() if exclude is None else set(exclude.row(row).tolist())
            left = [i for i in self.order[user] if i not in barred and (allow is None or allow[i])]
            out.items[row, : len(left[:k])] = left[:k]
            out.scores[row, : len(left[:k])] = -np.arange(len(left[:k]), dtype=np.float32)
        return Recommendations.of_one(out.items, out.scores, self.name)


def by_hand(rules: Rules, candidates: list[int], k: int, barred: set[int]) -> list[int]:
    """One list, item by item."""
    place = {
        item: at / math.prod(b.by for b in rules.of(Boost) if b.items[item])
        for at, item in enumerate(candidates, 1)
    }
    pins = {p.rank: p.item for p in rules.of(Pin) if p.item not in barred and p.rank <= k}
    listed: list[int] = [*pins.values()]

    def alike(d: Diversity, a: int, b: int) -> float:
        one, other = d.vectors[a].astype(float), d.vectors[b].astype(float)
        lengths = np.linalg.norm(one) * np.linalg.norm(other)
        return float(one @ other / lengths) if lengths else 0.0

    def worth(item: int) -> float:
        for d in rules.of(Diversity):
            most = max([0.0, *(alike(d, item, other) for other in listed)])
            return (1 - d.weight) / math.log2(1 + place[item]) - d.weight * most
        return -place[item]

    def full(item: int) -> bool:
        return any(
            c.values[item] >= 0
            and sum(c.values[other] == c.values[item] for other in listed) >= c.most
            for c in rules.of(Cap)
        )

    out: list[int] = []
    for rank in range(1, k + 1):
        if rank in pins:
            out.append(pins[rank])
            continue
        left = [item for item in candidates if item not in listed and not full(item)]
        if left:
            best = max(left, key=worth)
            out.append(best)
            listed.append(best)
    return out


@st.composite
def some_rules(draw, kinds="bcdfp"):
    seed = np.random.default_rng(draw(st.integers(0, 999)))
    kinds = [kind for kind in kinds if draw(st.booleans())]
    each = []
    if "f" in kinds:
        each.append(Filter("where 1", seed.random(N) < draw(st.sampled_from([0.01, 0.1, 0.9]))))
    if "b" in kinds:
        each += [
            Boost(f"boost {n}", seed.random(N) < 0.2, draw(st.sampled_from([0.25, 1.5, 3.0])))
            for n in range(draw(st.integers(1, 2)))
        ]
    if "c" in kinds:
        each += [
            Cap(f"cap {n}", seed.integers(-1, draw(st.integers(1, 30)), N).astype(np.int32), most)
            for n, most in enumerate(draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
        ]
    if "d" in kinds:
        vectors = seed.normal(size=(N, 4)).astype(np.float32)
        vectors[::7] = 0
        each.append(Diversity("diversity", draw(st.sampled_from([0.1, 0.5])), vectors))
    if "p" in kinds:
        ranks = draw(st.lists(st.integers(1, 14), min_size=1, max_size=3, unique=True))
        items = seed.choice(N, len(ranks), replace=False)
        each += [Pin(f"pin {i}", int(i), rank) for i, rank in zip(items, ranks, strict=True)]
    return Rules(N, tuple(each))


def asked(rules: Rules, known: int, seed: int, k: int):
    """The answer, what each user must not get, and each one's candidates in order."""
    chain = WithFallback([Ranks("first", seed, known), Ranks("last", seed + 1)])
    draw = np.random.default_rng(seed)
    barred = [np.unique(draw.integers(0, N, 60)).astype(np.int32) for _ in range(USERS)]
    exclude = CSR.from_rows(barred, N)
    users = np.arange(USERS, dtype=np.int32)
    answer = Ruled(chain.chain, rules).answer(users, k=k, exclude=exclude)
    whole = chain.answer(users, k=N, exclude=exclude, allow=rules.allow).recommendations.items
    gone = set() if rules.allow is None else set(np.flatnonzero(~rules.allow).tolist())
    return answer, [gone | set(b.tolist()) for b in barred], [r[r >= 0].tolist() for r in whole]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(some_rules(), st.integers(0, N), st.integers(0, 99), st.integers(1, 14))
def test_rules_hold_and_lists_are_full(rules, known, seed, k):
    answer, barred, candidates = asked(rules, known, seed, k)
    for row in range(USERS):
        lists = answer.recommendations
        listed = lists.items[row][lists.items[row] >= 0].tolist()
        assert (lists.items[row, : len(listed)] >= 0).all()
        assert not set(listed) & barred[row]
        assert len(set(listed)) == len(listed)
        pins = [p for p in rules.of(Pin) if p.item not in barred[row] and p.rank <= k]
        for pin in pins:
            assert pin.item in listed
            assert listed.index(pin.item) == pin.rank - 1 or len(listed) < pin.rank
        fixed = {pin.item for pin in pins}
        for cap in rules.of(Cap):
            values = [cap.values[i] for i in listed if cap.values[i] >= 0]
            for value in set(values):
                of_pins = sum(cap.values[i] == value for i in fixed)
                assert values.count(value) <= max(cap.most, of_pins)
        assert np.isfinite(lists.scores[row, : len(listed)]).all()
        # Two caps may leave one order of choosing longer than another.
        if len(rules.of(Cap)) < 2:
            assert len(listed) == len(by_hand(rules, candidates[row], k, barred[row]))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(some_rules(), st.integers(0, 99), st.integers(1, 14))
def test_lists_are_those_chosen_by_hand(rules, seed, k):
    answer, barred, candidates = asked(rules, N, seed, k)
    for row in range(USERS):
        found = answer.recommendations.items[row]
        wanted = by_hand(rules, candidates[row][: rules.depth(k)], k, barred[row])
        if len(wanted) == k:
            assert found.tolist() == wanted


@settings(max_examples=15, deadline=None, derandomize=True)
@given(some_rules(), st.integers(0, N), st.integers(0, 99), st.integers(1, 14))
def test_users_together_get_what_each_gets_alone(rules, known, seed, k):
    chain = Ruled([Ranks("first", seed, known), Ranks("last", seed + 1)], rules)
    together = chain.answer(np.arange(USERS, dtype=np.int32), k=k)
    for user in range(USERS):
        alone = chain.answer(np.array([user], np.int32), k=k)
        np.testing.assert_array_equal(
            alone.recommendations.items[0], together.recommendations.items[user]
        )
        np.testing.assert_array_equal(
            alone.recommendations.scores[0], together.recommendations.scores[user]
        )
        assert alone.strategy_used(0) == together.strategy_used(user)
        assert alone.fallback_reason(0) == together.fallback_reason(user)


def one(rules: list, *, known: int = N, k: int = 6):
    chain = Ruled([Ranks("first", 1, known), Ranks("last", 2)], Rules(N, tuple(rules)))
    return chain.answer(np.zeros(1, np.int32), k=k), Ranks("first", 1).order[0].tolist()


def of(*items: int):
    return np.isin(np.arange(N), items)


def test_a_boost_divides_the_place_whatever_the_scores():
    _, order = one([])
    answer, _ = one([Boost("own", of(order[5]), 3.0)])
    assert answer.recommendations.items[0].tolist() == [*order[:2], order[5], *order[2:5]]
    answer, _ = one([Boost("own", of(order[0]), 0.25)])
    assert answer.recommendations.items[0].tolist() == [*order[1:3], order[0], *order[3:6]]


@pytest.mark.parametrize(("known", "reason"), [(N, None), (100, None), (6, None), (5, TOO_FEW)])
def test_help_beyond_the_list_is_no_reason(known, reason):
    answer, _ = one([Boost("own", of(3), 1.0)], known=known)
    assert answer.fallback_reason(0) == reason


def test_only_rules_that_change_the_list_are_named():
    _, order = one([])
    idle = [
        Filter("where 1", of(*range(N))),
        Boost("low", of(order[100]), 2.0),
        Cap("cap a", np.arange(N, dtype=np.int32), 1),
        Pin("pin first", order[0], 1),
    ]
    assert one(idle)[0].rules == ()
    values = np.arange(N, dtype=np.int32)
    values[order[:3]] = values[order[0]]
    working = [
        Filter("where 1", ~of(7)),
        Boost("high", of(order[4]), 9.0),
        Cap("cap b", values, 2),
        Diversity("diversity", 1.0, np.eye(N, 3, dtype=np.float32) + np.float32(0.1)),
        Pin("pin last", order[-1], 2),
    ]
    answer = one([*working, *idle[3:]])[0]
    assert answer.rules[:3] == ("where 1", "high", "cap b")
    assert "pin last" in answer.rules


def test_a_pin_that_nobody_ranks_is_there_by_itself():
    answer, _ = one([Pin("pin", 3, 2)], known=2)
    lists = answer.recommendations
    assert lists.items[0, 1] == 3
    last = Ranks("last", 2).order[0].tolist()
    assert lists.sources[lists.source[0, 1]] == ("last" if last.index(3) < 98 else PIN)
