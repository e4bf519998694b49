"""What every strategy must do, run over the registry so that a new one cannot skip it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys_cli.csr import CSR
from recsys_cli.engine.registry import AUTO, build_strategy, strategy_names
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later, Visitors
from recsys_cli.ranking.contract import (
    NO_SOURCE,
    Attributing,
    FromHistory,
    Recommendations,
    Recommender,
    Serving,
)
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.strategies import STRATEGIES
from recsys_cli.strategies.hybrid.statistics import Statistics
from strategies import shop

EVERYBODY = np.array([*range(shop.N_USERS), -1], np.int32)
WITH_HISTORY = EVERYBODY[: shop.NO_HISTORY]


def expect_held_out_item(strategy: Serving) -> None:
    """Without what they have, users get the one item of their colour that they lack."""
    got = strategy.recommend(WITH_HISTORY, k=1, exclude=shop.history().take(WITH_HISTORY))
    assert got.items[:, 0].tolist() == [shop.held_out(u) for u in WITH_HISTORY]


def expect_recent_items_of_the_region(strategy: Serving) -> None:
    """Ten to eleven buyers each, so age decides; item 0's second purchase lifts it past 2 and 4."""
    got = strategy.recommend(np.array([0, 12, -1], np.int32), k=8)
    assert got.items[0].tolist() == [14, 12, 10, 8, 6, 0, 4, 2]
    assert got.items[1, :7].tolist() == [13, 11, 9, 7, 5, 3, 1]
    assert got.items[2, :4].tolist() == [14, 13, 12, 11]
    expect_held_out_item(strategy)


def expect_own_items(strategy: Serving) -> None:
    """The item bought twice comes first, then the latest; nothing but the user's own."""
    got = strategy.recommend(np.array([1, 12], np.int32), k=10)
    assert got.items[0].tolist() == [0, 14, 12, 10, 8, 6, 4, -1, -1, -1]
    south = [i for i in range(13, 0, -2) if i != shop.held_out(12)]
    assert got.items[1].tolist() == south + [-1] * 4


def expect_items_of_the_colour_even_new_ones(strategy: Serving) -> None:
    """The item of their colour that users lack, and for odd ones the one nobody has bought yet."""
    got = strategy.recommend(WITH_HISTORY, k=2, exclude=shop.history().take(WITH_HISTORY))
    for user, items in zip(WITH_HISTORY, got.items, strict=True):
        wanted = {shop.held_out(user)} | ({shop.NEVER_SEEN} if user >= 12 else set())
        assert set(items[: len(wanted)].tolist()) == wanted


EXPECTED: dict[str, Callable[[Serving], None]] = {
    "collab": expect_held_out_item,
    "hybrid": expect_held_out_item,
    "itemknn": expect_held_out_item,
    "graph": expect_held_out_item,
    "transitions": expect_held_out_item,
    "sessions": expect_held_out_item,
    "content": expect_items_of_the_colour_even_new_ones,
    "popular": expect_recent_items_of_the_region,
    "repurchase": expect_own_items,
    "twotower": expect_held_out_item,
}


@pytest.fixture(scope="module")
def packs() -> shop.Packs:
    return shop.all_packs()


@pytest.fixture(params=list(STRATEGIES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def strategy(name: str, packs: shop.Packs) -> Serving:
    return STRATEGIES[name].open(packs, 0)


@pytest.fixture(params=[*STRATEGIES, AUTO])
def chain(request: pytest.FixtureRequest, packs: shop.Packs) -> Recommender:
    return build_strategy(request.param, packs)


def random_exclusion(n: int, *, seed: int = 3) -> CSR:
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(shop.N_ITEMS)[: rng.integers(0, 9)].astype(np.int32) for _ in range(n)]
    return CSR.from_rows(rows, shop.N_ITEMS)


def random_mask(*, seed: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).random(shop.N_ITEMS) < 0.6


def check_shape(got: Recommendations, n: int, k: int) -> None:
    assert got.items.shape == got.scores.shape == got.source.shape == (n, k)
    assert (got.items.dtype, got.scores.dtype, got.source.dtype) == (np.int32, np.float32, np.uint8)
    empty = got.items < 0
    assert (got.items[empty] == -1).all()
    assert np.isnan(got.scores[empty]).all()
    assert not np.isnan(got.scores[~empty]).any()
    assert (got.source[empty] == NO_SOURCE).all()
    assert (got.source[~empty] < len(got.sources)).all()
    assert (np.diff(empty.astype(np.int8), axis=1) >= 0).all(), "a gap before the end of a list"
    for row in got.items:
        listed = row[row >= 0]
        assert len(set(listed.tolist())) == len(listed)


def test_every_strategy_states_its_right_answer() -> None:
    assert set(EXPECTED) == set(STRATEGIES)


def test_the_fixture_makes_every_artifact_that_a_strategy_needs() -> None:
    assert {kind for spec in STRATEGIES.values() for kind in spec.needs} <= set(shop.MAKERS)


def test_checkerboard(name: str, strategy: Serving) -> None:
    EXPECTED[name](strategy)


def test_name_and_catalogue(name: str, strategy: Serving) -> None:
    assert strategy.name == name
    assert strategy.n_items == shop.N_ITEMS
    assert strategy.reference == shop.REFERENCE
    assert strategy.unknown_reason
    assert isinstance(strategy, Recommender)


def test_shape_of_the_answer(strategy: Serving) -> None:
    got = strategy.recommend(EVERYBODY, k=5)
    check_shape(got, len(EVERYBODY), 5)
    filled = np.where(np.isnan(got.scores), -np.inf, got.scores)
    assert (filled[:, :-1] >= filled[:, 1:]).all()


def test_batch_equals_single(strategy: Serving) -> None:
    users = np.random.default_rng(0).permutation(np.repeat(EVERYBODY, 2)).astype(np.int32)
    exclude, allow = random_exclusion(len(users)), random_mask()
    batch = strategy.recommend(users, k=6, exclude=exclude, allow=allow)
    for row, user in enumerate(users):
        single = strategy.recommend(
            np.array([user], np.int32), k=6, exclude=exclude.take(np.array([row])), allow=allow
        )
        np.testing.assert_array_equal(single.items[0], batch.items[row])
        np.testing.assert_array_equal(
            single.scores[0].view(np.uint32), batch.scores[row].view(np.uint32)
        )


@pytest.mark.parametrize("with_exclude", [False, True])
@pytest.mark.parametrize("with_allow", [False, True])
def test_exclusion_and_allow_list_hold_and_the_list_is_refilled(
    strategy: Serving, with_exclude: bool, with_allow: bool
) -> None:
    exclude = random_exclusion(len(EVERYBODY)) if with_exclude else None
    allow = random_mask() if with_allow else None
    everything = strategy.recommend(EVERYBODY, k=shop.N_ITEMS).items
    got = strategy.recommend(EVERYBODY, k=4, exclude=exclude, allow=allow).items
    for row in range(len(EVERYBODY)):
        barred = set(exclude.row(row).tolist()) if exclude else set()
        left = [
            i for i in everything[row] if i >= 0 and i not in barred and (allow is None or allow[i])
        ]
        assert got[row][got[row] >= 0].tolist() == left[:4]


def test_everything_excluded_or_disallowed_gives_empty_lists(strategy: Serving) -> None:
    n = len(EVERYBODY)
    everything = CSR.from_rows([np.arange(shop.N_ITEMS, dtype=np.int32)] * n, shop.N_ITEMS)
    assert (strategy.recommend(EVERYBODY, k=3, exclude=everything).items == -1).all()
    nothing = np.zeros(shop.N_ITEMS, np.bool_)
    assert (strategy.recommend(EVERYBODY, k=3, allow=nothing).items == -1).all()


def test_strangers_get_a_list_only_from_strategies_that_know_them(strategy: Serving) -> None:
    strangers = np.array([-1, shop.NO_HISTORY], np.int32)
    got = strategy.recommend(strangers, k=5)
    check_shape(got, 2, 5)
    np.testing.assert_array_equal((got.items >= 0).any(axis=1), strategy.knows(strangers))


def test_k_larger_than_the_catalogue(strategy: Serving) -> None:
    k = shop.N_ITEMS + 5
    got = strategy.recommend(EVERYBODY, k=k)
    check_shape(got, len(EVERYBODY), k)
    assert (got.items[:, shop.N_ITEMS :] == -1).all()
    exact = strategy.recommend(EVERYBODY, k=shop.N_ITEMS)
    np.testing.assert_array_equal(got.items[:, : shop.N_ITEMS], exact.items)


def test_no_users(strategy: Serving) -> None:
    none = np.empty(0, np.int32)
    check_shape(strategy.recommend(none, k=3, exclude=random_exclusion(0)), 0, 3)


def test_arguments_and_artifacts_stay_as_they_are(name: str) -> None:
    packs = shop.all_packs()
    for pack in packs.packs.values():
        for value in pack.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
    strategy = STRATEGIES[name].open(packs, 0)
    users, allow = EVERYBODY.copy(), random_mask()
    users.setflags(write=False)
    allow.setflags(write=False)
    first = strategy.recommend(users, k=4, exclude=random_exclusion(len(users)), allow=allow)
    first.items[:] = -5
    again = strategy.recommend(users, k=4, exclude=random_exclusion(len(users)), allow=allow)
    check_shape(again, len(users), 4)


def test_save_and_load_give_the_same_lists(name: str, packs: shop.Packs, tmp_path: Path) -> None:
    loaded = {}
    for kind in (*STRATEGIES[name].needs, *STRATEGIES[name].uses):
        if kind not in shop.MAKERS:
            continue
        save_pack(tmp_path / f"{kind}.joblib", packs.pack(kind))
        loaded[kind] = load_pack(tmp_path / f"{kind}.joblib")
    before = STRATEGIES[name].open(packs, 0).recommend(EVERYBODY, k=7)
    after = STRATEGIES[name].open(shop.Packs(loaded), 0).recommend(EVERYBODY, k=7)
    np.testing.assert_array_equal(before.items, after.items)
    np.testing.assert_array_equal(before.scores, after.scores)


def test_with_its_fallback_everybody_gets_a_full_list(chain: Recommender) -> None:
    exclude, allow = random_exclusion(len(EVERYBODY), seed=8), random_mask(seed=9)
    got = chain.recommend(EVERYBODY, k=6, exclude=exclude, allow=allow)
    check_shape(got, len(EVERYBODY), 6)
    for row in range(len(EVERYBODY)):
        left = set(np.flatnonzero(allow).tolist()) - set(exclude.row(row).tolist())
        listed = set(got.items[row][got.items[row] >= 0].tolist())
        assert listed <= left
        assert len(listed) == min(6, len(left))


def test_with_its_fallback_k_beyond_the_catalogue_lists_every_item_once(chain: Recommender) -> None:
    got = chain.recommend(EVERYBODY, k=shop.N_ITEMS + 3)
    for row in got.items:
        assert sorted(row.tolist()) == [-1] * 3 + list(range(shop.N_ITEMS))


def test_with_its_fallback_batch_equals_single(chain: Recommender) -> None:
    exclude = shop.history().take(EVERYBODY)
    batch = chain.recommend(EVERYBODY, k=9, exclude=exclude)
    for row, user in enumerate(EVERYBODY):
        single = chain.recommend(
            np.array([user], np.int32), k=9, exclude=exclude.take(np.array([row]))
        )
        np.testing.assert_array_equal(single.items[0], batch.items[row])
        np.testing.assert_array_equal(
            single.scores[0].view(np.uint32), batch.scores[row].view(np.uint32)
        )


def test_names_on_the_command_line() -> None:
    assert {"collab", "popular", "repurchase", "auto"} <= set(strategy_names())


def test_one_cold_request_imports_nothing_heavy(tmp_path: Path) -> None:
    for kind in shop.MAKERS:
        save_pack(tmp_path / f"{kind}.joblib", shop.MAKERS[kind]())
    script = f"""
import sys
from pathlib import Path
import numpy as np
from recsys_cli.strategies import STRATEGIES
from recsys_cli.strategies.hybrid.statistics import Statistics
from recsys_cli.engine.registry import build_strategy
from recsys_cli.store.packs import load_pack
class Artifacts:
    def has(self, kind): return not kind.startswith("ranker")
    def pack(self, kind): return load_pack(Path({str(tmp_path)!r}) / (kind + ".joblib"))
for name in {[*set(strategy_names()) - {"hybrid"}]!r}:
    items = build_strategy(name, Artifacts()).recommend(np.array([1], np.int32), k=5).items
    assert (items >= 0).all()
heavy = {{"polars", "scipy", "numba", "implicit", "torch", "pandas"}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


FOLDED = {"collab", "twotower", "hybrid"}
"""Those for whom factors of a user are not what folding in gives, to the bit."""


@pytest.fixture(params=list(STRATEGIES))
def from_history(request: pytest.FixtureRequest, packs: shop.Packs) -> Any:
    return STRATEGIES[request.param].open(packs, 0)


def visitors(later: Later | None = None, users: np.ndarray = EVERYBODY) -> Visitors:
    had = Interactions.from_pack(shop.interactions_pack())
    return Visitors.of(had, users, later or Later.nothing(len(users)))


def test_who_ranks_by_what_came_since(packs: shop.Packs) -> None:
    """All of them."""
    assert all(isinstance(s.open(packs, 0), FromHistory) for s in STRATEGIES.values())


def test_visitors_with_nothing_new_get_the_lists_of_the_users(from_history: Any) -> None:
    exclude, allow = random_exclusion(len(EVERYBODY)), random_mask()
    asked: dict[str, Any] = {"k": 6, "exclude": exclude, "allow": allow}
    got = from_history.recommend_from(visitors(), **asked)
    check_shape(got, len(EVERYBODY), 6)
    want = from_history.recommend(EVERYBODY, **asked)
    np.testing.assert_array_equal(got.items, want.items)
    np.testing.assert_array_equal(got.scores, want.scores)
    for row in range(len(EVERYBODY)):
        part = exclude.take(np.array([row]))
        alone = from_history.recommend_from(
            visitors().take(np.array([row])), k=6, exclude=part, allow=allow
        )
        np.testing.assert_array_equal(alone.items[0], got.items[row])
        np.testing.assert_array_equal(alone.scores[0], got.scores[row])


def test_a_stranger_with_a_history_gets_what_goes_with_it(from_history: Any) -> None:
    """Three odd items, by somebody of whom nothing was known: odd items come first."""
    three = shop.later([[(item, shop.REFERENCE + item) for item in (1, 3, 5)]])
    got = from_history.recommend_from(visitors(three, np.array([-1], np.int32)), k=3)
    if from_history.name == "popular":
        return
    assert (got.items[0] % 2 == 1).all()
    assert (got.items >= 0).all()


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_an_event_given_live_is_as_good_as_one_that_was_built(name: str, packs: shop.Packs) -> None:
    """Everybody's last event is taken out of what users had, and given when they ask."""
    yesterday, came_since = shop.before_the_last(packs)
    users = WITH_HISTORY
    had = Interactions.from_pack(yesterday.pack("interactions"))
    now = Visitors.of(had, users, came_since)
    asked: dict[str, Any] = {"k": 6, "exclude": shop.history().take(users)}
    strategy: Any = STRATEGIES[name].open(yesterday, 1)
    got, want = (
        strategy.recommend_from(now, **asked),
        STRATEGIES[name].open(packs, 1).recommend(users, **asked),
    )
    np.testing.assert_array_equal(now.had.indices, had_now().indices)
    if name in FOLDED:
        np.testing.assert_array_equal(got.items[:, 0], want.items[:, 0])
        np.testing.assert_allclose(got.scores[:, 0], want.scores[:, 0], rtol=0.05)
    else:
        np.testing.assert_array_equal(got.items, want.items)
        np.testing.assert_allclose(got.scores, want.scores, rtol=1e-6)
    asked_then = strategy.recommend(users, **asked)
    if name not in {"popular", "repurchase"}:
        assert (asked_then.scores != got.scores).any()


def had_now() -> Interactions:
    return Interactions.from_pack(shop.interactions_pack()).take(WITH_HISTORY)


def test_activity_with_later_events_is_that_of_a_build_with_them(packs: shop.Packs) -> None:
    yesterday, came_since = shop.before_the_last(packs)
    had = Interactions.from_pack(yesterday.pack("interactions"))
    statistics = Statistics.from_pack(yesterday.pack("statistics"))
    got = statistics.over(Visitors.of(had, WITH_HISTORY, came_since)).users
    want = Statistics.from_pack(packs.pack("statistics")).users.take(WITH_HISTORY)
    for name in ("events", "first", "last", "value"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
    assert (got.recent[:, 0] >= 1).all()


ATTRIBUTING = {"collab", "content", "graph", "itemknn", "repurchase", "sessions", "transitions"}


def test_who_can_tell_which_items_brought_a_score(packs: shop.Packs) -> None:
    can = {n for n, s in STRATEGIES.items() if isinstance(s.open(packs, 0), Attributing)}
    assert can == ATTRIBUTING


@pytest.mark.parametrize("name", sorted(ATTRIBUTING))
def test_what_items_of_a_history_bring_adds_up_to_the_score(name: str, packs: shop.Packs) -> None:
    """For users and for visitors with later events, to 1e-5; being on sale comes from no item."""
    strategy: Any = STRATEGIES[name].open(packs, 1)
    three = shop.later([[(item, shop.REFERENCE + item) for item in (1, 2, 4)]])
    asked = [visitors(three, np.array([user], np.int32)) for user in (-1, 0, 12)]
    for user in (0, 7, 12, 23):
        asked.append(visitors(Later.nothing(1), np.array([user], np.int32)))
    for visitor in asked:
        if name == "collab":
            # A user's trained factors are not quite those folded in, which parts are of.
            vectors = strategy._made_of(visitor)
            found = strategy.recommend_made(vectors, k=6)
        else:
            found = strategy.recommend_from(visitor, k=6)
        listed = found.items[0] >= 0
        items, scores = found.items[0][listed], found.scores[0][listed]
        parts = strategy.contributions(visitor, items)
        assert parts.shape == (len(items), len(visitor.had.indices))
        if name == "content":
            pack = packs.pack("user_vectors")
            scores = scores - pack["availability"][items] * np.float32(pack["availability_weight"])
        np.testing.assert_allclose(parts.sum(axis=1), scores, rtol=1e-5, atol=1e-6)
        assert len(items)
        backwards = strategy.contributions(visitor, items[::-1].copy())
        np.testing.assert_array_equal(backwards, parts[::-1])
