"""What users had, read from the interactions, and who had anything that says something."""

import numpy as np

from recsys_cli.events.interactions import Interactions
from recsys_cli.strategies.hybrid.histories import HISTORY_HALF_LIFE_DAYS, LAST_ITEMS, block_of

PACK = {
    "indptr": np.array([0, 2, 2, 3, 5], np.int64),
    "indices": np.array([0, 3, 1, 0, 2], np.int32),
    "weight": np.array([0.0, 2.0, 0.0, 0.5, 0.0], np.float32),
    "count": np.ones(5, np.uint32),
    "last": np.zeros(5, np.uint32),
    "reference": 0,
    "n_users": 4,
    "n_items": 4,
}
USERS = np.array([3, -1, 0, 1, 2, 0], np.int32)


def test_history_is_a_view_with_or_without_weights():
    history = Interactions.from_pack(PACK)
    plain, weighted = history.items, history.matrix
    assert (plain.n_rows, plain.n_columns, plain.data) == (4, 4, None)
    assert plain.indices is PACK["indices"]
    assert weighted.data is PACK["weight"]
    assert weighted.row(3).tolist() == plain.row(3).tolist() == [0, 2]


def test_pairs_without_weight_say_nothing():
    history = Interactions.from_pack(PACK)
    assert history.have_weight(USERS).tolist() == [True, False, True, False, False, True]
    assert history.have_weight(USERS[:0]).tolist() == []


def test_only_some_items_may_count():
    among = np.array([True, True, True, False])
    found = Interactions.from_pack(PACK).have_weight(USERS, among=among)
    assert found.tolist() == [True, False, False, False, False, False]


def test_nobody_had_anything():
    none = np.empty(0, np.int32)
    empty = Interactions(
        np.zeros(3, np.int64), none, none.astype(np.float32), none.astype(np.uint32),
        none.astype(np.uint32), 0, 2, 4,
    )  # fmt: skip
    assert empty.have_weight(np.array([0, 1, -1], np.int32)).tolist() == [False] * 3


def test_the_histories_of_a_block_have_ages_and_the_latest_items():
    day = 86_400
    now = 100 * day
    then = now - int(HISTORY_HALF_LIFE_DAYS) * day
    history = Interactions.from_pack(
        {
            "indptr": np.array([0, 1, 8], np.int64),
            "indices": np.array([5, 0, 1, 2, 3, 4, 5, 6], np.int32),
            "weight": np.full(8, 2, np.float32),
            "count": np.arange(1, 9, dtype=np.uint32),
            "last": np.array([0, then, *[now - day * d for d in (1, 2, 2, 9, 1, 3)]], np.uint32),
            "reference": now,
            "n_users": 2,
            "n_items": 7,
        }
    )
    block = block_of(history, np.array([1, -1, 0], np.int32))
    assert block.indptr.tolist() == [0, 7, 7, 8]
    assert block.items.tolist() == [0, 1, 2, 3, 4, 5, 6, 5]
    assert block.events.tolist() == [2, 3, 4, 5, 6, 7, 8, 1]
    assert block.days.tolist()[:-1] == [60, 1, 2, 2, 9, 1, 3]
    assert np.isnan(block.days[-1])
    # A half-life ago, and six items since.
    assert (block.weight[0], block.weight[-1]) == (0.625, 2)
    assert block.last.shape == (3, LAST_ITEMS)
    assert block.last.tolist() == [[1, 5, 2, 3, 6], [-1] * 5, [5, -1, -1, -1, -1]]
