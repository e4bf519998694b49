"""The ranker against its sources on planted signals; leaks, order, loading and explanations."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from recsys_cli.columns import TIME
from recsys_cli.csr import CSR
from recsys_cli.errors import ArtifactError, TrainingError
from recsys_cli.ranking.metrics import ranking_metrics
from recsys_cli.strategies import STRATEGIES
from recsys_cli.strategies.hybrid import HybridConfig
from recsys_cli.strategies.hybrid.build import build_hybrid, open_features, sources_there
from recsys_cli.strategies.hybrid.explain import reasons
from recsys_cli.strategies.hybrid.sources import all_sources
from recsys_cli.strategies.hybrid.statistics import Statistics
from recsys_cli.strategies.hybrid.strategy import Hybrid
from recsys_cli.strategies.hybrid.training import (
    Groups,
    Trained,
    best_round,
    build_groups,
    train_ranker,
)
from strategies import planted, shop

CUT = planted.END - 7 * planted.DAY
CONFIG = HybridConfig(rounds=60, min_in_leaf=20)
EVERYBODY = np.arange(planted.N_USERS, dtype=np.int32)


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    return planted.make_events()


def groups_of(events: pl.DataFrame, moment: int) -> tuple[Groups, list[str]]:
    packs = planted.artifacts(events, moment)
    lengths = sources_there(packs, CONFIG.candidates)
    recall, features = open_features(packs, lengths)
    truth = planted.window(events, moment)
    had = np.diff(packs.pack("interactions")["indptr"]) > 0
    users = np.flatnonzero((np.diff(truth.indptr) > 0) & had).astype(np.int32)
    return build_groups(recall, features, truth, users), features.names


def train(events: pl.DataFrame, *, threads: int = 1) -> tuple[Trained, list[str]]:
    """On three windows before the cut."""
    week = 7 * planted.DAY
    windows = [groups_of(events, CUT - ago * week) for ago in (3, 2, 1)]
    names = windows[0][1]
    made = train_ranker(
        [groups for groups, _ in windows[:-1]], windows[-1][0], names, CONFIG, threads=threads
    )
    return made, names


def with_ranker(packs: shop.Packs, made: Trained, names: Sequence[str]) -> shop.Packs:
    lengths = sources_there(packs, CONFIG.candidates)
    facts = {"sources": [list(pair) for pair in lengths.items()], "features": list(names)}
    return shop.Packs(packs.packs, {"ranker": made.text, "ranker_facts": json.dumps(facts)})


@pytest.fixture(scope="module")
def trained(events: pl.DataFrame) -> tuple[Trained, list[str]]:
    return train(events)


@pytest.fixture(scope="module")
def packs(events: pl.DataFrame, trained: tuple[Trained, list[str]]) -> shop.Packs:
    return with_ranker(planted.artifacts(events, CUT), *trained)


@pytest.fixture(scope="module")
def hybrid(packs: shop.Packs) -> Hybrid:
    return build_hybrid(packs, 1)


def test_the_ranker_beats_each_of_its_sources_and_the_blend(
    events: pl.DataFrame, packs: shop.Packs, hybrid: Hybrid
) -> None:
    truth = planted.window(events, CUT)
    users = np.flatnonzero(np.diff(truth.indptr)).astype(np.int32)

    def mean_map(strategy: object) -> float:
        items = strategy.recommend(users, k=12).items  # type: ignore[attr-defined]
        return float(ranking_metrics(items, truth.take(users), ks=[12])["map@12"].mean())

    assert hybrid.ranked_by == "ranker"
    blend = build_hybrid(shop.Packs(packs.packs), 1)
    assert blend.ranked_by == "blend"
    own = mean_map(hybrid)
    others = {"blend": mean_map(blend)}
    for name in ("collab", "itemknn", "repurchase", "popular"):
        others[name] = mean_map(STRATEGIES[name].open(packs, 1))
    assert own > 1.2 * max(others.values()), (own, others)


def test_what_happens_at_or_after_the_windows_start_changes_no_feature(
    events: pl.DataFrame,
) -> None:
    """Labels come from the window, features do not; and nothing after its end changes either."""
    moment = CUT - 7 * planted.DAY
    first, _ = groups_of(events, moment)
    second = pl.col(TIME).dt.epoch("s")
    changed = events.with_columns(
        pl.when(second >= moment + 7 * planted.DAY)
        .then((pl.col("item") + 1) % planted.N_ITEMS)
        .otherwise(pl.col("item"))
        .cast(pl.Int32)
        .alias("item")
    )
    later, _ = groups_of(changed, moment)
    np.testing.assert_array_equal(first.table, later.table)
    np.testing.assert_array_equal(first.relevant, later.relevant)
    packs, other = (
        planted.artifacts(table, moment) for table in (events, events.filter(second < moment))
    )
    lengths = sources_there(packs, CONFIG.candidates)
    tables = []
    for there in (packs, other):
        recall, features = open_features(there, lengths)
        tables.append(features.of(recall.recall(EVERYBODY)))
    np.testing.assert_array_equal(*tables)


def test_what_is_expected_of_an_item_is_its_category_s_part_times_its_own(
    packs: shop.Packs,
) -> None:
    recall, features = open_features(packs, sources_there(packs, CONFIG.candidates))
    found = recall.recall(EVERYBODY)
    table = dict(zip(features.names, features.of(found).T, strict=True))
    statistics = Statistics.from_pack(packs.pack("statistics"))
    for place, column in enumerate(statistics.categories):
        share = statistics.shares[found.items, place]
        np.testing.assert_array_equal(table[f"share_{column}"], share)
        expected = table[f"affinity_{column}"] * share
        assert np.nanmax(expected) > 0
        np.testing.assert_array_equal(table[f"expected_{column}"], expected)


def test_a_pair_has_the_same_features_and_score_in_whatever_company(hybrid: Hybrid) -> None:
    users = np.random.default_rng(1).permutation(EVERYBODY)
    whole = hybrid.recommend(users, k=10)
    for row in range(0, len(users), 37):
        alone = hybrid.recommend(users[row : row + 1], k=10)
        np.testing.assert_array_equal(alone.items[0], whole.items[row])
        np.testing.assert_array_equal(
            alone.scores[0].view(np.uint32), whole.scores[row].view(np.uint32)
        )


def test_filters_leave_scores_alone_and_lists_are_refilled(hybrid: Hybrid) -> None:
    free = hybrid.recommend(EVERYBODY[:50], k=100)
    allow = np.zeros(planted.N_ITEMS, np.bool_)
    allow[::5] = True
    kept = hybrid.recommend(EVERYBODY[:50], k=10, allow=allow)
    assert ((kept.items >= 0).sum(axis=1) == 10).all()
    for row in range(50):
        scores = dict(zip(free.items[row].tolist(), free.scores[row].tolist(), strict=True))
        for item, score in zip(kept.items[row].tolist(), kept.scores[row].tolist(), strict=True):
            assert allow[item]
            assert scores.get(item, score) == score


def test_training_gives_the_same_model_twice_and_with_other_threads(
    events: pl.DataFrame, trained: tuple[Trained, list[str]]
) -> None:
    assert train(events, threads=2)[0].text == trained[0].text


def test_a_model_of_other_features_is_refused(packs: shop.Packs) -> None:
    fewer = dict(packs.packs)
    del fewer["itemknn"]
    texts = dict(packs.texts)
    facts = json.loads(texts["ranker_facts"])
    facts["sources"] = [pair for pair in facts["sources"] if pair[0] != "itemknn"]
    texts["ranker_facts"] = json.dumps(facts)
    with pytest.raises(ArtifactError, match=r"trained on \d+ features.*itemknn"):
        build_hybrid(shop.Packs(fewer, texts), 1)
    texts = {**packs.texts, "ranker": "not a model"}
    with pytest.raises(ArtifactError, match="not a LightGBM model"):
        build_hybrid(shop.Packs(packs.packs, texts), 1)


def test_reasons_name_sources_and_add_up_to_the_score(hybrid: Hybrid) -> None:
    user = EVERYBODY[5:6]
    listed, found = hybrid.recommend_found(user, k=8)
    np.testing.assert_array_equal(listed.items, hybrid.recommend(user, k=8).items)
    why = reasons(hybrid, found, listed.items[0], with_features=True)
    for item, reason in zip(listed.items[0], why, strict=True):
        assert reason is not None
        assert reason.sources
        for source in reason.sources:
            own = list_of(hybrid, source["source"], user)
            assert own[source["rank"] - 1] == item
        assert 1 <= len(reason.features) <= 5
        sizes = [abs(part["contribution"]) for part in reason.features]
        assert sizes == sorted(sizes, reverse=True)
    table = hybrid.features.of(found)
    scorer = hybrid.scorer
    whole = scorer._booster.predict(table, pred_contrib=True)  # type: ignore[attr-defined]
    np.testing.assert_allclose(
        whole[:, :-1],
        scorer.contributions(table),  # type: ignore[attr-defined]
    )
    np.testing.assert_allclose(whole.sum(axis=1), scorer.scores(found, hybrid.features), rtol=1e-5)


def list_of(hybrid: Hybrid, name: str, user: np.ndarray) -> list[int]:
    source, length = hybrid.recall._sources[name]
    return source.recommend(user, k=length).items[0].tolist()


def blended(**settings: dict[str, float]) -> Hybrid:
    packs = shop.all_packs()
    packs.packs["hybrid"] = {**packs.packs["hybrid"], **settings}
    return build_hybrid(packs, 1)


def test_the_blend_sums_the_weighted_reciprocal_ranks_of_the_sources() -> None:
    blend = blended(weights={"collab": 2.0, "popular": 1.0})
    found = blend.recall.recall(np.array([3], np.int32))
    places = [found.sources.index(name) for name in ("popular", "collab")]
    want = np.nansum([1, 2] / (5 + found.ranks[:, places]), axis=1)
    scores = blend.scorer.scores(found, blend.features)
    np.testing.assert_allclose(scores, np.where(want > 0, want, -np.inf), rtol=1e-5)
    names, ranks, added = blend.scorer.contributions(found, blend.features)  # type: ignore[attr-defined]
    assert names == ["popular", "collab"]
    np.testing.assert_array_equal(ranks, found.ranks[:, places])
    np.testing.assert_allclose(added.sum(axis=1), want, rtol=1e-5)


def test_every_source_has_a_say_in_the_blend() -> None:
    assert all(source.weight > 0 for source in all_sources().values())
    assert CONFIG.weights.keys() == all_sources().keys()


def test_content_weighs_more_for_what_hardly_anybody_had() -> None:
    blend = blended(weights={"content": 1.0})
    found = blend.recall.recall(np.array([3], np.int32))
    _, ranks, added = blend.scorer.contributions(found, blend.features)  # type: ignore[attr-defined]
    buyers = blend.features.buyers[found.items]
    ranked = ~np.isnan(ranks[:, 0])
    np.testing.assert_allclose(
        added[ranked, 0], (1 + 5 / (1 + buyers[ranked])) / (5 + ranks[ranked, 0]), rtol=1e-5
    )
    assert (found.items[ranked] == shop.NEVER_SEEN).any()


def test_what_only_a_request_turns_up_comes_in_the_order_of_the_source() -> None:
    blend, user = blended(candidates={"collab": 2}), np.array([3], np.int32)
    allow = np.ones(blend.n_items, np.bool_)
    allow[blend.recall.recall(user).items] = False
    asked = {"k": 3, "exclude": blend.history.take(user), "allow": allow}
    collab = STRATEGIES["collab"].open(shop.all_packs(), 1)
    want = collab.recommend(user, **asked).items
    assert blend.recommend(user, **asked).items.tolist() == want.tolist()


def test_the_best_round_is_not_a_lucky_one() -> None:
    curve = np.concatenate([np.linspace(0.1, 0.2, 50), np.linspace(0.2, 0.15, 50)])
    curve[3] = 0.9 / 4
    best, value = best_round(curve.tolist())
    assert 40 <= best <= 60
    assert value == pytest.approx(curve[best - 1])


def test_a_window_without_hits_is_an_error_that_says_what_to_do(events: pl.DataFrame) -> None:
    groups, names = groups_of(events, CUT - 7 * planted.DAY)
    empty = Groups(
        groups.table[:0], groups.relevant[:0], groups.sizes[:0], 5, 9, 0, groups.by_source
    )
    with pytest.raises(TrainingError, match="nobody had any"):
        train_ranker([empty], groups, names, CONFIG, threads=1)


def test_training_rows_are_the_candidates_of_users_with_a_hit(events: pl.DataFrame) -> None:
    moment = CUT - 7 * planted.DAY
    groups, _ = groups_of(events, moment)
    truth = planted.window(events, moment)
    assert groups.sizes.sum() == len(groups.relevant) == len(groups.table)
    starts = np.concatenate([[0], np.cumsum(groups.sizes)[:-1]])
    hits = np.add.reduceat(groups.relevant.astype(int), starts)
    assert hits.min() >= 1
    assert hits.sum() == groups.recalled <= groups.pairs <= truth.nnz
    assert max(groups.by_source.values()) <= groups.recalled <= sum(groups.by_source.values())


def test_exclusion_of_the_history_leaves_only_new_items(hybrid: Hybrid) -> None:
    history: CSR = hybrid.history
    got = hybrid.recommend(EVERYBODY, k=12, exclude=history.take(EVERYBODY))
    for row, user in enumerate(EVERYBODY):
        assert not set(got.items[row].tolist()) & set(history.row(int(user)).tolist())
