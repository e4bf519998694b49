"""Figures beyond accuracy, against plain loops and hand-computed cases."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.csr import CSR
from recsys_cli.evaluation import beyond
from recsys_cli.evaluation.beyond import Exposure, ItemFacts, list_metrics, list_names

N_ITEMS, DIM = 12, 3


def csr(*rows: list[int]) -> CSR:
    return CSR.from_rows([np.array(r, np.int32) for r in rows], N_ITEMS)


def padded(*rows: list[int], width: int = 6) -> np.ndarray:
    out = np.full((len(rows), width), -1, np.int32)
    for row, items in enumerate(rows):
        out[row, : len(items)] = items
    return out


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def reference(items: list[int], history: list[list[int]], had: list[int], vectors, k: int) -> dict:
    """One list's figures, item by item and pair by pair."""
    shown = items[:k]
    users = [row for row in history if row]
    counts = {item: sum(item in row for row in users) for item in range(N_ITEMS)}
    known = [vectors[i] / np.linalg.norm(vectors[i]) for i in shown if vectors[i].any()]
    alike = [float(a @ b) for a, b in combinations(known, 2)]
    return {
        "novelty": mean([-math.log2(max(counts[i], 1) / len(users)) for i in shown]),
        "popularity": mean([counts[i] / len(users) for i in shown]),
        "repurchase": mean([float(i in had) for i in shown]),
        "diversity": 1 - mean(alike),
    }


items_of_user = st.lists(st.integers(0, N_ITEMS - 1), unique=True, max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    cases=st.lists(st.tuples(items_of_user, items_of_user), min_size=1, max_size=6),
    ks=st.sets(st.integers(1, 9), min_size=1, max_size=4),
    seed=st.integers(0, 99),
    block=st.sampled_from([1, 1 << 20]),
)
def test_agrees_with_plain_loops(cases, ks, seed, block) -> None:
    lists, history = [c[0] for c in cases], [*(c[1] for c in cases), [0, 3]]
    vectors = np.random.default_rng(seed).normal(size=(N_ITEMS, DIM)).astype(np.float32)
    vectors[[2, 5]] = 0
    facts = ItemFacts.from_history(csr(*history), vectors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beyond, "_BLOCK_BYTES", block)
        found = list_metrics(padded(*lists), facts, csr(*history[:-1]), ks=sorted(ks))
    assert list(found) == list_names(sorted(ks), facts)
    for k in ks:
        expected = [reference(c[0], history, c[1], vectors, k) for c in cases]
        for name in ("novelty", "popularity", "repurchase", "diversity"):
            want = [e[name] for e in expected]
            np.testing.assert_allclose(found[f"{name}@{k}"], want, atol=1e-5, err_msg=name)


def test_by_hand() -> None:
    # Item 0 was had by all four users, item 1 by one of them, item 9 by nobody.
    history = csr([0, 1], [0], [0], [0], [])
    facts = ItemFacts.from_history(history)
    found = list_metrics(padded([0, 1, 9], [0]), facts, csr([1], []), ks=[1, 2, 3])
    assert found["novelty@1"].tolist() == [0.0, 0.0]
    assert found["novelty@2"].tolist() == [1.0, 0.0]
    assert found["novelty@3"][0] == pytest.approx(4 / 3)
    assert found["popularity@2"].tolist() == [0.625, 1.0]
    assert found["popularity@3"][0] == pytest.approx(1.25 / 3)
    assert found["repurchase@2"].tolist() == [0.5, 0.0]
    assert not [name for name in found if name.startswith("diversity")]


def test_empty_lists_have_nothing_to_say() -> None:
    vectors = np.eye(N_ITEMS, DIM, dtype=np.float32)
    facts = ItemFacts.from_history(csr([0]), vectors)
    for lists in (padded([], [0]), np.empty((2, 0), np.int32)):
        found = list_metrics(lists, facts, csr([], []), ks=[4])
        assert all(math.isnan(values[0]) for values in found.values())
    assert math.isnan(list_metrics(padded([0]), facts, csr([]), ks=[4])["diversity@4"][0])


def test_diversity_of_twins_and_of_opposites() -> None:
    vectors = np.zeros((N_ITEMS, 2), np.float32)
    vectors[[0, 1, 2]] = [[1, 0], [5, 0], [-2, 0]]
    facts = ItemFacts.from_history(csr([0]), vectors)
    found = list_metrics(padded([0, 1], [0, 2], [0, 7]), facts, csr([], [], []), ks=[2])
    np.testing.assert_allclose(found["diversity@2"], [0, 2, np.nan], atol=1e-6)


def test_vectors_without_columns_are_no_vectors() -> None:
    assert ItemFacts.from_history(csr([0]), np.empty((N_ITEMS, 0), np.float32)).vectors is None


def gini(counts: list[int]) -> float:
    """Half the mean absolute difference of all pairs, over the mean."""
    n, total = len(counts), sum(counts)
    return sum(abs(a - b) for a in counts for b in counts) / (2 * n * total)


@settings(max_examples=80, deadline=None)
@given(lists=st.lists(items_of_user, min_size=1, max_size=8), ks=st.sets(st.integers(1, 9)))
def test_coverage_and_gini_agree_with_plain_loops(lists, ks) -> None:
    ks = sorted(ks | {2})
    exposure = Exposure(ks=ks, n_items=N_ITEMS)
    for row in padded(*lists):
        exposure.add(row[None])
    found = exposure.values()
    for k in ks:
        counts = [sum(i in shown[:k] for shown in lists) for i in range(N_ITEMS)]
        assert found[f"coverage@{k}"] == pytest.approx(sum(c > 0 for c in counts) / N_ITEMS)
        if sum(counts):
            assert found[f"gini@{k}"] == pytest.approx(gini(counts))
        else:
            assert math.isnan(found[f"gini@{k}"])


def test_gini_is_zero_for_equal_shares_and_largest_for_a_single_item() -> None:
    equal, single = (Exposure(ks=[1], n_items=4) for _ in range(2))
    equal.add(np.arange(4)[:, None])
    single.add(np.zeros((9, 1), np.int32))
    assert equal.values() == {"coverage@1": 1.0, "gini@1": 0.0}
    assert single.values() == {"coverage@1": 0.25, "gini@1": 0.75}
