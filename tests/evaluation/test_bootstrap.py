"""The bootstrap's intervals: exact cases, reproducibility, pairing, users with several rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recsys_cli.evaluation import bootstrap as module
from recsys_cli.evaluation.bootstrap import Interval, bootstrap, resampled_means


def means(values: np.ndarray, **options) -> list[Interval]:
    return bootstrap({"only": values}, **options).means["only"]


def drawn(values: np.ndarray, **options) -> np.ndarray:
    return resampled_means({"only": values}, **options)["only"]


def test_constant_values_have_no_width() -> None:
    (interval,) = means(np.full((7, 1), 0.25), resamples=50)
    assert (interval.value, interval.low, interval.high) == pytest.approx((0.25, 0.25, 0.25))


def test_all_zero_and_a_single_user() -> None:
    assert means(np.zeros((5, 2)), resamples=20)[1].high == 0.0
    (interval,) = means(np.array([[0.5]]), resamples=20)
    assert (interval.low, interval.high) == (0.5, 0.5)


def test_no_users_is_nan_for_every_column() -> None:
    intervals = means(np.empty((0, 3)))
    assert len(intervals) == 3
    assert all(math.isnan(i.value) and math.isnan(i.low) for i in intervals)


def test_seeded() -> None:
    values = np.random.default_rng(0).random((40, 2))
    assert means(values, seed=1) == means(values, seed=1)
    assert means(values, seed=1) != means(values, seed=2)


def test_resampled_means_have_the_standard_error_of_the_mean() -> None:
    values = np.random.default_rng(3).random((500, 3))
    found = drawn(values, resamples=4000, seed=5)
    np.testing.assert_allclose(found.mean(axis=0), values.mean(axis=0), rtol=0.02)
    expected = values.std(axis=0) / math.sqrt(len(values))
    np.testing.assert_allclose(found.std(axis=0), expected, rtol=0.06)


def test_agrees_with_drawing_users_one_by_one() -> None:
    rng = np.random.default_rng(9)
    values = rng.random((25, 1)) ** 4
    plain = [values[rng.integers(0, 25, 25)].mean() for _ in range(20_000)]
    (interval,) = means(values, resamples=20_000)
    expected = np.quantile(plain, [0.025, 0.975])
    np.testing.assert_allclose([interval.low, interval.high], expected, atol=0.006)


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random((30, 2))
    whole = drawn(values, resamples=25, seed=9)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 8 * 30 * 4)
    np.testing.assert_allclose(drawn(values, resamples=25, seed=9), whole)


def test_interval_holds_the_true_mean_about_95_times_in_100() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for trial in range(300):
        sample = (rng.random((200, 1)) < 0.3).astype(np.float64)
        (interval,) = means(sample, resamples=400, seed=trial)
        covered += interval.low <= 0.3 <= interval.high
    assert 0.90 <= covered / 300 <= 0.99


def test_missing_values_have_no_say() -> None:
    some = np.array([[1.0, 4.0], [np.nan, 2.0], [3.0, np.nan], [np.nan, np.nan]])
    first, second = means(some, resamples=2000)
    assert (first.value, second.value) == (2.0, 3.0)
    assert (first.low, first.high) == (1.0, 3.0)
    nothing = means(np.full((3, 1), np.nan), resamples=10)[0]
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)


def test_differences_are_paired() -> None:
    """What two strategies share, here all but a constant, must not widen their difference."""
    base = np.random.default_rng(4).random((60, 2))
    found = bootstrap({"base": base, "better": base + 0.01}, baseline="base", resamples=300)
    assert set(found.differences) == {"better"}
    for difference, mean in zip(found.differences["better"], found.means["better"], strict=True):
        assert (difference.low, difference.high) == pytest.approx((0.01, 0.01))
        assert difference.outside_noise
        assert mean.high - mean.low > 0.1
    same = bootstrap({"base": base, "same": base.copy()}, baseline="base").differences["same"][0]
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert not same.outside_noise


def test_other_strategies_do_not_change_the_draws() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.random((20, 1)), rng.random((20, 3))
    alone, both = bootstrap({"a": a}), bootstrap({"b": b, "a": a})
    assert alone.means["a"] == both.means["a"]


def test_rows_of_one_user_are_drawn_together() -> None:
    """Repeating every user's row adds no information, so the interval stays as wide."""
    once = np.random.default_rng(7).random((40, 1))
    order = np.random.default_rng(8).permutation(160)
    four = np.repeat(once, 4, axis=0)[order]
    users = np.repeat(np.arange(40), 4)[order]
    (whole,), (repeated,) = means(once), means(four, units=users)
    for field in ("value", "low", "high"):
        assert getattr(repeated, field) == pytest.approx(getattr(whole, field))
    (naive,) = means(four)
    assert naive.high - naive.low < 0.7 * (whole.high - whole.low)


def test_users_with_more_rows_weigh_more() -> None:
    values = np.array([[1.0], [1.0], [1.0], [0.0]])
    (interval,) = means(values, units=np.array([5, 5, 5, 9]), resamples=500)
    assert (interval.value, interval.low, interval.high) == (0.75, 0.0, 1.0)


def test_tables_must_agree_on_their_rows() -> None:
    with pytest.raises(ValueError, match="same rows"):
        bootstrap({"a": np.zeros((3, 1)), "b": np.zeros((4, 1))})
