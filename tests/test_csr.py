"""Which entries a sparse matrix has."""

import numpy as np
import pytest

from recsys_cli.csr import CSR

WIDTH = 5
MATRIX = CSR.from_rows([np.array(r, np.int32) for r in ([1, 4], [], [0, 2, 3], [4])], WIDTH)


def contains(matrix, *pairs):
    rows, columns = np.array(pairs, np.int32).reshape(-1, 2).T
    return matrix.contains(rows, columns).tolist()


def test_contains_agrees_with_the_dense_matrix():
    dense = MATRIX.to_scipy().toarray() > 0
    rows, columns = np.indices(dense.shape).reshape(2, -1)
    shuffled = np.random.default_rng(1).permutation(len(rows))
    found = MATRIX.contains(rows[shuffled], columns[shuffled])
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found, dense.ravel()[shuffled])


def test_contains_takes_pairs_in_any_order_and_more_than_once():
    pairs = (3, 4), (0, 4), (3, 4), (0, 2), (2, 0)
    assert contains(MATRIX, *pairs) == [True, True, True, False, True]


@pytest.mark.parametrize(
    "pair",
    [
        (1, 0),  # an empty row
        (-1, 4),  # an unknown user, and not the last row
        (1, WIDTH),  # where row 2's first column would stand
        (1, -1),  # where the last of row 0 stands
        (0, 2 * WIDTH),
        (3, 2**31 - 1),
    ],
)
def test_contains_nothing_where_there_is_no_entry(pair):
    assert contains(MATRIX, pair) == [False]
    assert contains(MATRIX, (2, 0), pair, (0, 4), (3, 4)) == [True, False, True, True]


def test_contains_of_nothing_and_in_nothing():
    empty = CSR(np.zeros(3, np.int64), np.empty(0, np.int32), WIDTH)
    assert contains(empty, (0, 0), (1, 4)) == [False, False]
    assert contains(MATRIX) == contains(empty) == []


def test_contains_does_not_overflow_in_large_matrices():
    width, row = 100_000, 60_000
    indptr = np.zeros(row + 2, np.int64)
    indptr[row + 1] = 1
    matrix = CSR(indptr, np.array([7], np.int32), width)
    assert contains(matrix, (row, 7), (row - 1, 7), (0, 7)) == [True, False, False]
