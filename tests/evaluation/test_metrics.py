"""Metrics against hand-computed cases and against an independent library, ranx."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.csr import CSR
from recsys_cli.ranking.metrics import METRICS, metric_names, ranking_metrics

N_ITEMS = 30


def truth_of(*rows: list[int], n_items: int = N_ITEMS) -> CSR:
    return CSR.from_rows([np.array(r, np.int32) for r in rows], n_items)


def one(items: list[int], truth: list[int], k: int) -> dict[str, float]:
    values = ranking_metrics(np.array([items], np.int32), truth_of(truth), ks=[k])
    return {name.split("@")[0]: float(v[0]) for name, v in values.items()}


def log_gain(*ranks: int) -> float:
    return sum(1 / math.log2(r + 1) for r in ranks)


def test_hits_at_ranks_one_and_three_of_two_relevant() -> None:
    got = one([7, 1, 9, 2], [7, 9], k=4)
    assert got == pytest.approx(
        {
            "recall": 1.0,
            "precision": 0.5,
            "hitrate": 1.0,
            "mrr": 1.0,
            "map": (1 / 1 + 2 / 3) / 2,
            "ndcg": log_gain(1, 3) / log_gain(1, 2),
        }
    )


def test_depth_cuts_the_list_but_not_the_number_of_relevant_items() -> None:
    got = one([1, 7, 9, 8], [7, 8, 9], k=2)
    assert got == pytest.approx(
        {
            "recall": 1 / 3,
            "precision": 1 / 2,
            "hitrate": 1.0,
            "mrr": 1 / 2,
            "map": (1 / 2) / 2,
            "ndcg": log_gain(2) / log_gain(1, 2),
        }
    )


def test_no_hit_is_zero_everywhere() -> None:
    assert one([1, 2, 3], [4], k=3) == dict.fromkeys(METRICS, 0.0)


def test_first_hit_beyond_k_is_not_seen_at_k() -> None:
    assert one([1, 2, 4], [4], k=2)["mrr"] == 0.0
    assert one([1, 2, 4], [4], k=3)["mrr"] == pytest.approx(1 / 3)


def test_short_and_empty_lists_count_their_gaps_as_misses() -> None:
    got = one([7, -1, -1], [7, 9], k=3)
    assert got["precision"] == pytest.approx(1 / 3)
    assert got["recall"] == pytest.approx(1 / 2)
    assert got["ndcg"] == pytest.approx(log_gain(1) / log_gain(1, 2))
    assert one([-1, -1, -1], [7, 0], k=3) == dict.fromkeys(METRICS, 0.0)


def test_k_beyond_the_width_of_the_lists() -> None:
    narrow, padded = one([7, 9], [9, 3], k=4), one([7, 9, -1, -1], [9, 3], k=4)
    assert narrow == padded
    assert narrow["precision"] == pytest.approx(1 / 4)


def test_lists_of_width_zero_are_misses() -> None:
    values = ranking_metrics(np.empty((1, 0), np.int32), truth_of([3]), ks=[5])
    assert {float(v[0]) for v in values.values()} == {0.0}


def test_a_perfect_list_scores_one_at_every_depth() -> None:
    truth = [3, 5, 8]
    values = ranking_metrics(np.array([truth], np.int32), truth_of(truth), ks=[1, 2, 3])
    for name, value in values.items():
        if not name.startswith("recall"):
            assert value[0] == pytest.approx(1.0), name


def test_duplicated_and_unsorted_truth_is_a_set() -> None:
    twice = CSR(np.array([0, 4]), np.array([9, 7, 9, 9], np.int32), N_ITEMS)
    once = truth_of([7, 9])
    lists = np.array([[9, 1, 7]], np.int32)
    a, b = (ranking_metrics(lists, t, ks=[3]) for t in (twice, once))
    assert {n: v[0] for n, v in a.items()} == {n: v[0] for n, v in b.items()}


def test_an_item_listed_twice_is_found_once() -> None:
    assert one([7, 7, 7], [7], k=3)["recall"] == 1.0
    assert one([7, 7, 7], [7], k=3)["precision"] == pytest.approx(1 / 3)


def test_user_without_truth_is_nan_and_does_not_disturb_the_others() -> None:
    lists = np.array([[1, 2], [1, 2], [-1, -1]], np.int32)
    values = ranking_metrics(lists, truth_of([], [2], []), ks=[2])
    for name, value in values.items():
        assert np.isnan(value[[0, 2]]).all(), name
        assert value[1] == ranking_metrics(lists[1:2], truth_of([2]), ks=[2])[name][0]


def test_rows_do_not_leak_into_each_other() -> None:
    last, first = N_ITEMS - 1, 0
    lists = np.array([[first], [last], [-1]], np.int32)
    values = ranking_metrics(lists, truth_of([last], [first], [first]), ks=[1])
    assert values["recall@1"].tolist() == [0.0, 0.0, 0.0]


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ValueError, match="1 lists but truth for 2"):
        ranking_metrics(np.array([[1]], np.int32), truth_of([1], [2]), ks=[1])
    with pytest.raises(ValueError, match="outside"):
        ranking_metrics(np.array([[N_ITEMS]], np.int32), truth_of([1]), ks=[1])


def test_names_come_in_the_order_of_the_values() -> None:
    values = ranking_metrics(np.array([[1]], np.int32), truth_of([1]), ks=[1, 5])
    assert list(values) == metric_names([1, 5])


lists_and_truth = st.lists(
    st.tuples(
        st.lists(st.integers(0, N_ITEMS - 1), unique=True, max_size=12),
        st.lists(st.integers(0, N_ITEMS - 1), unique=True, min_size=1, max_size=15),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=100, deadline=None)
@given(cases=lists_and_truth, ks=st.sets(st.integers(1, 15), min_size=1, max_size=4))
def test_agrees_with_ranx(ranx, cases, ks) -> None:
    lists, truth = [c[0] for c in cases], [c[1] for c in cases]
    padded = np.full((len(cases), 12), -1, np.int32)
    for row, items in enumerate(lists):
        padded[row, : len(items)] = items
    theirs = ranx.ask(lists, truth, sorted(ks))
    # The library's answer for a user is about a set; ours must see through repeated pairs too.
    twice = [np.sort(np.array(t * 2, np.int32)) for t in truth]
    indptr = np.cumsum([0, *(len(t) for t in twice)])
    ours = ranking_metrics(padded, CSR(indptr, np.concatenate(twice), N_ITEMS), ks=sorted(ks))
    relevant = np.array([len(t) for t in truth])
    assert sorted(ours) == sorted(theirs)
    for name, value in ours.items():
        metric, k = name.split("@")
        expected = np.array(theirs[name])
        if metric == "map":
            # ranx divides average precision by all relevant items, not by min(k, relevant).
            expected = expected * relevant / np.minimum(relevant, int(k))
        np.testing.assert_allclose(value, expected, atol=1e-9, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(cases=lists_and_truth)
def test_bounds_and_growth_with_depth(cases) -> None:
    padded = np.full((len(cases), 12), -1, np.int32)
    for row, (items, _) in enumerate(cases):
        padded[row, : len(items)] = items
    values = ranking_metrics(padded, truth_of(*[c[1] for c in cases]), ks=[3, 12])
    for name, value in values.items():
        assert ((value >= 0) & (value <= 1 + 1e-12)).all(), name
    for metric in ("recall", "hitrate", "mrr"):
        assert (values[f"{metric}@12"] >= values[f"{metric}@3"]).all(), metric
