"""The bootstrap's intervals: exact cases, reproducibility and coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recsys_cli.evaluation import bootstrap
from recsys_cli.evaluation.bootstrap import bootstrap_means, resampled_means


def test_constant_values_have_no_width() -> None:
    (interval,) = bootstrap_means(np.full((7, 1), 0.25), resamples=50)
    assert (interval.value, interval.low, interval.high) == pytest.approx((0.25, 0.25, 0.25))


def test_all_zero_and_a_single_user() -> None:
    assert bootstrap_means(np.zeros((5, 2)), resamples=20)[1].high == 0.0
    (interval,) = bootstrap_means(np.array([[0.5]]), resamples=20)
    assert (interval.low, interval.high) == (0.5, 0.5)


def test_no_users_is_nan_for_every_column() -> None:
    intervals = bootstrap_means(np.empty((0, 3)))
    assert len(intervals) == 3
    assert all(math.isnan(i.value) and math.isnan(i.low) for i in intervals)


def test_seeded() -> None:
    values = np.random.default_rng(0).random((40, 2))
    assert bootstrap_means(values, seed=1) == bootstrap_means(values, seed=1)
    assert bootstrap_means(values, seed=1) != bootstrap_means(values, seed=2)


@pytest.mark.parametrize("share", [0.05, 1.0])
def test_resampled_means_have_the_standard_error_of_the_mean(share: float) -> None:
    rng = np.random.default_rng(3)
    values = rng.random((500, 3)) * (rng.random((500, 1)) < share)
    means = resampled_means(values, resamples=4000, seed=5)
    np.testing.assert_allclose(means.mean(axis=0), values.mean(axis=0), rtol=0.02)
    expected = values.std(axis=0) / math.sqrt(len(values))
    np.testing.assert_allclose(means.std(axis=0), expected, rtol=0.06)


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random((30, 2))
    whole = resampled_means(values, resamples=25, seed=9)
    monkeypatch.setattr(bootstrap, "_BLOCK_BYTES", 8 * 30 * 4)
    np.testing.assert_allclose(resampled_means(values, resamples=25, seed=9), whole)


def test_interval_holds_the_true_mean_about_95_times_in_100() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for trial in range(300):
        sample = (rng.random((200, 1)) < 0.3).astype(np.float64)
        (interval,) = bootstrap_means(sample, resamples=400, seed=trial)
        covered += interval.low <= 0.3 <= interval.high
    assert 0.90 <= covered / 300 <= 0.99
