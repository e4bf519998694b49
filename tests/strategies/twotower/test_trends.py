"""Trends look back only, and factors of different moments meet in one basis."""

from datetime import timedelta

import numpy as np

from recsys_cli.strategies.twotower.history import OrderedEvents
from recsys_cli.strategies.twotower.trends import NAMES, Trends, aligned, window_length
from strategies.twotower import world

WEEK = 7 * 86_400


def test_features_at_the_start_of_a_window_see_nothing_of_it_or_later():
    history = world.events()
    whole = Trends.of(history, reference=world.REFERENCE, window=world.WINDOW)
    cut = world.REFERENCE - 3 * world.DAYS * world.DAY
    past = Trends.of(history.only(history.time < cut), reference=cut, window=world.WINDOW)
    np.testing.assert_array_equal(whole.features(3), past.features(0))
    assert (whole.features(3) != whole.features(0)).any()


def test_what_sold_last_window_stands_out():
    history = world.events()
    trends = Trends.of(history, reference=world.REFERENCE, window=world.WINDOW)
    recent = history.time >= world.REFERENCE - world.DAYS * world.DAY
    sold = np.bincount(history.item[recent], minlength=world.N_ITEMS)
    features = trends.features(0)
    assert features.shape == (world.N_ITEMS, len(NAMES))
    assert np.corrcoef(features[:, 0], np.log1p(sold))[0, 1] > 0.999
    never = np.bincount(history.item, minlength=world.N_ITEMS) == 0
    assert never.any()
    assert features[never, 6].max() < features[~never, 6].min()


def test_alignment_undoes_a_rotation():
    rng = np.random.default_rng(4)
    factors = rng.normal(size=(30, 6)).astype(np.float32)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    known = np.ones(30, np.bool_)
    found = aligned((factors @ rotation).astype(np.float32), known, factors, known)
    np.testing.assert_allclose(found, rotation.T, atol=1e-5)
    np.testing.assert_allclose(found @ found.T, np.eye(6), atol=1e-12)
    np.testing.assert_array_equal(aligned(factors, ~known, factors, known), np.eye(6))


def test_windows_grow_where_few_events_fall_into_one():
    """40 windows of 3 folds take 120 steps an epoch, of at least 64 events each on average."""
    n = 40 * 3 * 64
    time = np.linspace(0, 40 * WEEK - 1, n).astype(np.int64)
    item = np.zeros(n, np.int32)
    many = OrderedEvents(np.array([0, n]), item, time, item + 1.0, item > 0, 1)
    week = timedelta(seconds=WEEK)
    assert window_length(many, week, folds=3) == week
    few = many.only(np.arange(n) % 10 == 0)
    assert window_length(few, week, folds=3) == 10 * week
    assert window_length(many.only(np.zeros(n, np.bool_)), week, folds=3) == week
