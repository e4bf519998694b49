"""The harness: groups, fallback, the served path, and that leaks are caught."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recsys_cli.csr import CSR
from recsys_cli.errors import DataError
from recsys_cli.evaluation import harness
from recsys_cli.evaluation.beyond import CATALOGUE_METRICS, LIST_METRICS
from recsys_cli.evaluation.groups import MAIN_GROUPS
from recsys_cli.evaluation.harness import Measured, measure
from recsys_cli.evaluation.result import EvalResult
from recsys_cli.evaluation.summary import summarise
from recsys_cli.evaluation.truth import Steps, Truth
from recsys_cli.events.interactions import Interactions
from recsys_cli.events.later import Later
from recsys_cli.ranking.contract import Recommendations, Serving
from recsys_cli.ranking.fallback import WithFallback
from recsys_cli.ranking.metrics import METRICS, ranking_metrics
from recsys_cli.ranking.products import ByProduct
from recsys_cli.strategies.popular.serve import Popular
from recsys_cli.strategies.popular.train import Popularity

N_USERS, N_ITEMS = 40, 30
CUTOFF = datetime(2020, 9, 16)
CUTOFF_SECONDS = int(datetime(2020, 9, 16, tzinfo=UTC).timestamp())
NEW_USERS = (38, 39)
COLD = (28, 29)


@dataclass
class Oracle:
    """Knows the test events: what a leak looks like."""

    truth: Truth
    reference: int | None
    name: str = "oracle"
    n_items: int = N_ITEMS
    unknown_reason: str = "never"

    def knows(self, users: np.ndarray) -> np.ndarray:
        return np.ones(len(users), np.bool_)

    def recommend(self, users, *, k, exclude=None, allow=None) -> Recommendations:
        out = Recommendations.empty(len(users), k, self.name)
        row_of = {int(u): r for r, u in enumerate(self.truth.users)}
        for row, user in enumerate(users):
            items = self.truth.items.row(row_of[int(user)])
            items = items[items < N_ITEMS][:k]
            out.items[row, : len(items)] = items
            out.scores[row, : len(items)] = 1.0
        return Recommendations.of_one(out.items, out.scores, self.name)


@pytest.fixture(scope="module")
def history() -> CSR:
    rng = np.random.default_rng(1)
    rows = [rng.permutation(28)[:6].astype(np.int32) for _ in range(N_USERS)]
    for user in NEW_USERS:
        rows[user] = rows[user][:0]
    return CSR.from_rows(rows, N_ITEMS)


@pytest.fixture(scope="module")
def truth(history: CSR) -> Truth:
    """Three unseen items each; every fourth user's include a cold one."""
    rng = np.random.default_rng(2)
    rows = []
    for user in range(N_USERS):
        unseen = np.setdiff1d(np.arange(28), history.row(user))
        items = rng.permutation(unseen)[:3].astype(np.int32)
        if user % 4 == 0:
            items[0] = COLD[user % 8 // 4]
        rows.append(items)
    return Truth(
        np.arange(N_USERS, dtype=np.int32),
        CSR.from_rows(rows, N_ITEMS),
        protocol="temporal",
        cutoff=CUTOFF,
        horizon=timedelta(days=7),
    )


def popular(history: CSR, *, reference: int = CUTOFF_SECONDS) -> Popular:
    counts = np.bincount(history.indices, minlength=N_ITEMS).astype(np.float32)
    return Popular(Popularity(counts[None], np.zeros(N_USERS, np.int16), [], reference))


def collab(history: CSR, *, reference: int | None = CUTOFF_SECONDS) -> ByProduct:
    rng = np.random.default_rng(3)
    known = history.counts(np.arange(N_USERS)) > 0
    return ByProduct(
        name="collab",
        unknown_reason="no factors for this user",
        user_vectors=rng.normal(size=(N_USERS, 4)).astype(np.float32) * known[:, None],
        item_vectors=rng.normal(size=(N_ITEMS, 4)).astype(np.float32),
        user_known=known,
        item_known=np.arange(N_ITEMS) < 28,
        reference=reference,
    )


def measured(
    truth: Truth, history: CSR, strategies: Mapping[str, list[Serving]], **options
) -> Measured:
    defaults = {
        "dataset": "shop",
        "history_reference": CUTOFF_SECONDS,
        "ks": [5, 10],
        "exclude_seen": True,
    }
    chains = {name: WithFallback(parts) for name, parts in strategies.items()}
    return measure(chains, truth, history=history, **(defaults | options))


def run(
    truth: Truth,
    history: CSR,
    strategies: Mapping[str, list[Serving]],
    *,
    resamples: int = 50,
    **options,
) -> EvalResult:
    window = measured(truth, history, strategies, **options)
    return summarise([window], dataset="shop", baseline="popular", resamples=resamples)


def both(history: CSR) -> dict[str, list[Serving]]:
    return {
        "collab": [collab(history), popular(history)],
        "popular": [popular(history)],
    }


def test_the_numbers_are_those_of_the_lists_that_are_served(truth: Truth, history: CSR) -> None:
    result = run(truth, history, both(history))
    chain = WithFallback(both(history)["collab"])
    served = chain.recommend(truth.users, k=10, exclude=history.take(truth.users)).items
    by_hand = ranking_metrics(served, truth.items, ks=[5, 10])
    for name, values in by_hand.items():
        assert result.strategies["collab"].groups["all"][name].value == pytest.approx(values.mean())
    shown = len(np.unique(served[:, :5])) / N_ITEMS
    assert result.strategies["collab"].groups["all"]["coverage@5"].value == shown


def test_intervals_hold_their_values(truth: Truth, history: CSR) -> None:
    groups = run(truth, history, both(history), resamples=400).strategies["popular"].groups
    for metric in METRICS:
        interval = groups["all"][f"{metric}@10"]
        assert interval.low <= interval.value <= interval.high
        assert interval.low < interval.high


def test_ties_are_ranked_as_they_are_served(history: CSR) -> None:
    """Equally popular items come in the order of the catalogue, and ranks follow from that."""
    scores = np.zeros((1, N_ITEMS), np.float32)
    scores[0, [4, 7, 9, 12]] = [1, 2, 2, 2]
    tied = Popular(Popularity(scores, np.zeros(N_USERS, np.int16), [], CUTOFF_SECONDS))
    relevant = CSR.from_rows([np.array([9, 4], np.int32), np.array([12], np.int32)], N_ITEMS)
    users = np.array(NEW_USERS, np.int32)
    test = Truth(users, relevant, protocol="temporal", cutoff=CUTOFF)
    found = run(test, history, {"popular": [tied]}, ks=[3]).strategies["popular"].groups["all"]
    # Lists are 7, 9, 12: hits at rank 2 of two relevant items, and at rank 3 of one.
    assert found["mrr@3"].value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found["recall@3"].value == pytest.approx((1 / 2 + 1) / 2)
    assert found["map@3"].value == pytest.approx((1 / 2 / 2 + 1 / 3) / 2)
    gain = [1 / math.log2(r + 1) for r in (1, 2, 3)]
    assert found["ndcg@3"].value == pytest.approx((gain[1] / (gain[0] + gain[1]) + gain[2]) / 2)


def test_groups(truth: Truth, history: CSR) -> None:
    result = run(truth, history, both(history))
    assert dict(result.groups) == {
        "all": 40, "warm": 38, "new": 2, "cold_items": 10,
        "history=0": 2, "history=1-2": 0, "history=3-9": 38, "history=10+": 0,
    }  # fmt: skip
    groups = result.strategies["popular"].groups
    whole = 38 * groups["warm"]["recall@5"].value + 2 * groups["new"]["recall@5"].value
    assert groups["all"]["recall@5"].value == pytest.approx(whole / 40)


def test_cold_items_count_only_items_without_earlier_events(truth: Truth, history: CSR) -> None:
    oracle = [Oracle(truth, CUTOFF_SECONDS)]
    groups = run(truth, history, {"oracle": oracle, **both(history)}).strategies
    # One cold item in each of these users' truth, and popularity never lists it before others.
    assert groups["oracle"].groups["cold_items"]["recall@5"].value == 1.0
    assert groups["popular"].groups["cold_items"]["recall@10"].value == 0.0
    assert groups["oracle"].groups["cold_items"]["precision@5"].value == pytest.approx(1 / 5)


def test_further_groups(truth: Truth, history: CSR) -> None:
    mask = np.arange(N_USERS) < 10
    result = run(truth, history, both(history), segments={"region=north": mask})
    assert result.groups["region=north"] == 10
    served = WithFallback(both(history)["popular"]).recommend(
        truth.users[:10], k=10, exclude=history.take(truth.users[:10])
    )
    expected = ranking_metrics(served.items, truth.items.take(np.arange(10)), ks=[5])
    value = result.strategies["popular"].groups["region=north"]["ndcg@5"].value
    assert value == pytest.approx(expected["ndcg@5"].mean())


def test_who_served_and_why(truth: Truth, history: CSR) -> None:
    result = run(truth, history, both(history)).strategies["collab"]
    assert result.served_by == {"collab": 38 / 40, "popular": 2 / 40}
    assert result.fallback_reasons == {"no factors for this user": 2 / 40}
    assert result.fallback_share == 2 / 40


def test_blocks_change_nothing(truth: Truth, history: CSR, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(truth, history, both(history)).to_json()
    monkeypatch.setattr(harness, "_BLOCK_CELLS", 100)
    assert run(truth, history, both(history)).to_json() == whole


def test_an_oracle_is_perfect_and_so_shows_what_the_guard_must_stop(
    truth: Truth, history: CSR
) -> None:
    late = CUTOFF_SECONDS + 7 * 86_400
    with pytest.raises(DataError, match="oracle was made from events up to 2020-09-23") as caught:
        run(truth, history, {"oracle": [Oracle(truth, late)]})
    assert "--as-of" in (caught.value.hint or "")
    cheat = run(truth, history, {"cheat": [Oracle(truth, CUTOFF_SECONDS)], **both(history)})
    values = {name: r.groups["all"]["ndcg@5"].value for name, r in cheat.strategies.items()}
    assert values["cheat"] == 1.0
    assert max(values["popular"], values["collab"]) < 0.8


def test_a_late_fallback_or_history_is_refused_too(truth: Truth, history: CSR) -> None:
    late = CUTOFF_SECONDS + 1
    with pytest.raises(DataError, match="popular was made from"):
        run(truth, history, {"collab": [collab(history), popular(history, reference=late)]})
    with pytest.raises(DataError, match="the history was made from"):
        run(truth, history, both(history), history_reference=late)


def test_without_a_cutoff_the_history_sets_the_limit(truth: Truth, history: CSR) -> None:
    split = Truth(truth.users, truth.items, protocol="truth-file")
    late = {"popular": [popular(history, reference=CUTOFF_SECONDS + 1)]}
    with pytest.raises(DataError, match="popular was made from"):
        run(split, history, late)
    result = run(split, history, late, history_reference=CUTOFF_SECONDS + 1)
    assert (result.cutoff, result.protocol) == (None, "truth-file")


def test_a_strategy_of_unknown_age_is_reported(truth: Truth, history: CSR) -> None:
    result = run(truth, history, {"collab": [collab(history, reference=None)]})
    assert "collab does not say" in result.warnings[0]


def test_pairs_that_lists_cannot_hold_are_refused(truth: Truth, history: CSR) -> None:
    seen = Truth(truth.users[:1], history.take(truth.users[:1]), protocol="temporal", cutoff=CUTOFF)
    with pytest.raises(ValueError, match="without_seen"):
        run(seen, history, both(history))
    again = run(seen, history, both(history), exclude_seen=False, ks=[N_ITEMS])
    assert again.strategies["popular"].groups["all"][f"recall@{N_ITEMS}"].value == 1.0


def test_no_test_users_is_a_clear_error(history: CSR) -> None:
    empty = Truth(
        np.empty(0, np.int32),
        CSR.from_rows([], N_ITEMS),
        protocol="temporal",
        cutoff=CUTOFF,
        horizon=timedelta(days=7),
    )
    with pytest.raises(DataError, match=r"no user of shop .* 7 days from 2020-09-16"):
        run(empty, history, both(history))


def test_unknown_users_and_items_of_a_given_split(history: CSR) -> None:
    relevant = CSR.from_rows([np.array(r, np.int32) for r in ([N_ITEMS], [27, N_ITEMS + 1])], 32)
    split = Truth(np.array([-1, 39], np.int32), relevant, protocol="truth-file")
    result = run(split, history, both(history), ks=[N_ITEMS])
    assert [result.groups[g] for g in ("all", "warm", "new", "cold_items")] == [2, 0, 2, 2]
    recall = result.strategies["popular"].groups["all"][f"recall@{N_ITEMS}"].value
    assert recall == pytest.approx((0 + 1 / 2) / 2)


def test_json_has_the_fixed_shape_and_null_for_empty_groups(truth: Truth, history: CSR) -> None:
    warm = Truth(
        truth.users[1:4], truth.items.take(np.arange(1, 4)), protocol="temporal", cutoff=CUTOFF
    )
    result = run(warm, history, both(history), details={"snapshot": "abc"})
    report = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert (report["dataset"], report["protocol"]) == ("shop", "temporal")
    assert (report["cutoff"], report["users"], report["snapshot"]) == ("2020-09-16", 3, "abc")
    collab_report = report["strategies"]["collab"]
    assert set(MAIN_GROUPS) < set(collab_report)
    beyond = (*LIST_METRICS, *CATALOGUE_METRICS)
    names = {f"{m}@{k}" for m in (*METRICS, *beyond) for k in (5, 10)}
    assert set(collab_report["all"]) == names
    assert set(collab_report["all"]["ndcg@10"]) == {"value", "low", "high"}
    empty = {"value": None, "low": None, "high": None}
    assert all(value == empty for value in collab_report["new"].values())
    assert math.isfinite(collab_report["all"]["coverage@5"]["value"])
    assert collab_report["all"]["coverage@5"]["low"] is None


@dataclass
class AfterTheLast:
    """Recommends the item after the one had last, and looks at nothing else."""

    reference: int | None = CUTOFF_SECONDS
    name: str = "after"
    n_items: int = N_ITEMS
    unknown_reason: str = "nothing had"

    def knows(self, users: np.ndarray) -> np.ndarray:
        return np.ones(len(users), np.bool_)

    def recommend(self, users, *, k, exclude=None, allow=None) -> Recommendations:
        return Recommendations.empty(len(users), k, self.name)

    def recommend_from(self, visitors, *, k, exclude=None, allow=None) -> Recommendations:
        history = visitors.had
        out = Recommendations.empty(history.n_users, k, self.name)
        for row in range(history.n_users):
            span = slice(history.indptr[row], history.indptr[row + 1])
            out.items[row, 0] = history.indices[span][np.argmax(history.last[span])] + 1
            out.scores[row, 0] = 1.0
        return Recommendations.of_one(out.items, out.scores, self.name)


def test_steps_are_asked_with_what_came_before_them_and_nothing_else(history: CSR) -> None:
    """Sessions 1, 2, 3 and 5, 6 and 8, 10: whoever takes the next number hits all but the last."""
    had = Interactions(
        history.indptr, history.indices, np.ones(history.nnz, np.float32),
        np.ones(history.nnz, np.uint32), np.full(history.nnz, 5, np.uint32), CUTOFF_SECONDS,
        N_USERS, N_ITEMS,
    )  # fmt: skip
    later = Later(
        first=np.array([0, 0, 3, 5]),
        last=np.array([1, 2, 4, 6]),
        items=np.array([1, 2, 3, 5, 6, 8, 10], np.int32),
        times=np.arange(10, 17, dtype=np.uint32),
        weights=np.ones(7, np.float32),
        values=np.full(7, np.nan, np.float32),
    )
    truth = Truth(
        np.array([0, 0, 1, 38], np.int32),
        CSR(np.arange(5), np.array([2, 3, 6, 10], np.int32), N_ITEMS),
        protocol="next-in-session",
        cutoff=CUTOFF,
        horizon=timedelta(days=1),
        steps=Steps(later, np.zeros(4, np.bool_), np.full(4, CUTOFF_SECONDS, np.uint32)),
    )
    strategies = {"after": [AfterTheLast()], "popular": [popular(history)]}
    result = run(truth, history, strategies, had=had, exclude_seen=False, ks=[1, 20])
    after = result.strategies["after"].groups["all"]
    assert after["hitrate@1"].value == after["mrr@20"].value == 0.75
    assert (result.rows, result.users, result.rows_are) == (4, 3, "steps")
    assert (result.main_metric, result.main_metrics[1]) == ("mrr@20", "hitrate")
    assert result.strategies["popular"].groups["all"]["hitrate@1"].value < 0.75
