import numpy as np
import pytest

from recsys_cli.events.interactions import Interactions
from recsys_cli.strategies.content import availability
from recsys_cli.strategies.content.availability import Availability, item_availability

DAY = 86_400
REFERENCE = 1_600_000_000


def interactions(pairs, *, n_items, timeless=False):
    """From (item, days since its last event with one more user)."""
    ages = [age for _, age in pairs]
    return Interactions(
        indptr=np.arange(len(pairs) + 1, dtype=np.int64),
        indices=np.array([item for item, _ in pairs], np.int32),
        weight=np.ones(len(pairs), np.float32),
        count=np.ones(len(pairs), np.uint32),
        last=np.array([0 if timeless else REFERENCE - int(a * DAY) for a in ages], np.uint32),
        reference=0 if timeless else REFERENCE,
        n_users=len(pairs),
        n_items=n_items,
    )


def test_halves_with_every_half_life_since_the_last_event():
    history = interactions([(0, 0), (1, 10), (1, 500), (2, 20), (3, 40)], n_items=4)
    got = item_availability(history, half_life_days=10, weight=0.3)
    np.testing.assert_allclose(got.availability, [1, 0.5, 0.25, 1 / 16], rtol=1e-6)
    assert got.availability.dtype == np.float32
    assert got.availability_weight == 0.3


@pytest.mark.parametrize(("n_items", "want"), [(5, 1.0), (8, 0.75), (104, 0.03)])
def test_unsold_items_share_what_the_shop_usually_starts_to_sell(n_items, want):
    """Items 0, 1 and 2 were first sold within 30 days, item 2 sold again; item 3 is old."""
    history = interactions([(0, 5), (1, 29), (2, 8), (2, 3), (3, 31), (3, 1)], n_items=n_items)
    got = item_availability(history, half_life_days=10, new_days=30, weight=1).availability
    np.testing.assert_allclose(got[4:], want, rtol=1e-6)


def test_without_times_all_items_count_alike():
    got = item_availability(interactions([(0, 5), (2, 90)], n_items=4, timeless=True))
    assert got.availability.tolist() == [1] * 4


def test_parts_of_the_history_add_up(monkeypatch):
    rng = np.random.default_rng(0)
    pairs = list(zip(rng.integers(0, 20, 200).tolist(), rng.uniform(0, 99, 200), strict=True))
    history = interactions(pairs, n_items=25)
    want = item_availability(history).availability
    monkeypatch.setattr(availability, "_PAIRS", 7)
    np.testing.assert_array_equal(item_availability(history).availability, want)


def test_pack_round_trip():
    got = item_availability(interactions([(0, 5)], n_items=2))
    back = Availability.from_pack(got.to_pack())
    np.testing.assert_array_equal(back.availability, got.availability)
    assert back.availability_weight == got.availability_weight
