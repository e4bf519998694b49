"""Groups of test users: bounds of history lengths, cold items, columns with many values."""

from __future__ import annotations

import numpy as np

from recsys_cli.csr import CSR
from recsys_cli.evaluation.groups import MOST_VALUES, cold_truth, column_groups, groups_of
from recsys_cli.evaluation.truth import Truth

N_ITEMS = 20
LENGTHS = [0, 1, 2, 3, 9, 10, 15]


def rows(*lists: list[int], n_columns: int = N_ITEMS) -> CSR:
    return CSR.from_rows([np.array(r, np.int32) for r in lists], n_columns)


def test_bounds_of_the_lengths_of_histories() -> None:
    history = rows(*(list(range(n)) for n in LENGTHS))
    users = np.array([6, 0, 1, 2, 3, 4, 5, -1], np.int32)
    truth = Truth(users, rows(*([17] for _ in users)), protocol="temporal")
    groups = groups_of(truth, history, cold_truth(truth, history), {"extra": users > 3})
    found = {name: np.flatnonzero(mask).tolist() for name, mask in groups.items()}
    assert found == {
        "all": list(range(8)),
        "warm": [0, 2, 3, 4, 5, 6],
        "new": [1, 7],
        "cold_items": list(range(8)),
        "history=0": [1, 7],
        "history=1-2": [2, 3],
        "history=3-9": [4, 5],
        "history=10+": [0, 6],
        "extra": [0, 5, 6],
    }


def test_cold_truth_keeps_only_items_that_nobody_had() -> None:
    truth = Truth(np.array([0, 1], np.int32), rows([0, 5], [1]), protocol="temporal")
    cold = cold_truth(truth, rows([0], [1]))
    assert cold.row(0).tolist() == [5]
    assert cold.row(1).tolist() == []


def test_values_of_a_column_with_gaps() -> None:
    values = np.array(["b", None, "a", "b"], object)
    groups, left_out = column_groups("region", values)
    assert {name: mask.tolist() for name, mask in groups.items()} == {
        "region=a": [False, False, True, False],
        "region=b": [True, False, False, True],
    }
    assert left_out == ""
    assert column_groups("region", np.full(3, None, object)) == ({}, "")


def test_rare_values_are_left_out_and_that_is_told() -> None:
    frequent = [f"v{i:03}" for i in range(MOST_VALUES)]
    values = np.array([*frequent, *frequent, "a", "z"], object)
    groups, left_out = column_groups("city", values)
    assert list(groups) == [f"city={value}" for value in frequent]
    assert left_out.startswith("2 values of city are left out")
