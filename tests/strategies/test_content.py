"""What sets the content strategy apart; that it keeps the contract is tested for all together."""

from __future__ import annotations

import numpy as np
import pytest

from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.strategies.content.serve import Content
from recsys_cli.strategies.content.uservectors import vector_of
from strategies import shop

EVEN, ODD = 0, 12  # a user of each taste


@pytest.fixture
def packs() -> shop.Packs:
    return shop.all_packs()


def content(packs: shop.Packs, **changes) -> Content:
    return Content.from_packs(packs.pack("content"), {**packs.pack("user_vectors"), **changes})


def test_items_that_nobody_has_bought_are_recommended(packs):
    seen = shop.history().take(np.array([ODD]))
    got = content(packs).recommend(np.array([ODD], np.int32), k=2, exclude=seen)
    assert set(got.items[0].tolist()) == {shop.held_out(ODD), shop.NEVER_SEEN}


def test_the_score_is_the_product_plus_the_availability(packs):
    pack = packs.pack("user_vectors")
    values = np.linspace(0, 1, shop.N_ITEMS).astype(np.float32)
    got = content(packs, availability=values, availability_weight=0.3)
    lists = got.recommend(np.array([EVEN, ODD], np.int32), k=shop.N_ITEMS)
    for row, user in enumerate((EVEN, ODD)):
        want = packs.pack("content")["vectors"] @ pack["vectors"][user] + 0.3 * values
        items = lists.items[row]
        np.testing.assert_allclose(lists.scores[row], want[items], rtol=1e-5, atol=1e-6)
        assert items.tolist() == np.argsort(-want, kind="stable").tolist()


def test_of_two_items_alike_the_available_one_comes_first(packs):
    packs.pack("content")["vectors"][4] = packs.pack("content")["vectors"][8]
    for better, worse in ((4, 8), (8, 4)):
        values = np.full(shop.N_ITEMS, 0.5, np.float32)
        values[worse] = 0.1
        got = content(packs, availability=values, availability_weight=0.2)
        listed = got.recommend(np.array([EVEN], np.int32), k=shop.N_ITEMS).items[0].tolist()
        assert listed.index(better) < listed.index(worse)


def test_without_weight_availability_does_not_matter(packs):
    users = np.arange(shop.NO_HISTORY, dtype=np.int32)
    plain = {k: v for k, v in packs.pack("user_vectors").items() if "availability" not in k}
    without = Content.from_packs(packs.pack("content"), plain).recommend(users, k=9)
    zero = content(packs, availability_weight=0.0).recommend(users, k=9)
    np.testing.assert_array_equal(without.items, zero.items)
    np.testing.assert_array_equal(without.scores, zero.scores)


def test_items_without_a_vector_are_no_candidates(packs):
    for part in ("has_text", "has_image"):
        packs.pack("content")[part][[0, 3]] = False
    got = content(packs).recommend(np.array([EVEN], np.int32), k=shop.N_ITEMS).items[0]
    assert sorted(got.tolist()) == [-1, -1, *(i for i in range(shop.N_ITEMS) if i not in (0, 3))]


def test_somebody_new_gets_what_a_user_with_that_history_gets(packs):
    strategy = content(packs)
    items, pack = shop.history().row(ODD), packs.pack("user_vectors")
    vector = vector_of(items, packs.pack("content")["vectors"], shop.decayed_weights(ODD))
    np.testing.assert_allclose(vector, pack["vectors"][ODD], atol=1e-6)
    new = strategy.recommend_vectors(vector[None], k=6)
    known = strategy.recommend(np.array([ODD], np.int32), k=6)
    np.testing.assert_array_equal(new.items, known.items)
    np.testing.assert_allclose(new.scores, known.scores, rtol=1e-5)


def test_from_files(packs, tmp_path):
    for kind in ("content", "user_vectors"):
        save_pack(tmp_path / f"{kind}.joblib", packs.pack(kind))
    loaded = [load_pack(tmp_path / f"{kind}.joblib") for kind in ("content", "user_vectors")]
    users = np.arange(shop.N_USERS, dtype=np.int32)
    before, after = (
        content(packs).recommend(users, k=5),
        Content.from_packs(*loaded).recommend(users, k=5),
    )
    np.testing.assert_array_equal(before.items, after.items)
    np.testing.assert_array_equal(before.scores, after.scores)
