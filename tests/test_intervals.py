"""Intervals, tests and what so many seeds can see, against scipy, simulations and cases by hand."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from analysis.verdicts import intervals
from analysis.verdicts.intervals import detectable, holm, interval, p_value


def test_interval_of_three_seeds_spans_the_smallest_and_the_largest():
    np.testing.assert_allclose(interval([0.3, 0.1, 0.7]), [0.1, 0.7])


def test_interval_has_the_width_of_normal_theory_for_many_seeds():
    values = np.random.default_rng(0).normal(2, 1, 400)
    low, high = interval(values)
    assert (high - low) / 2 == pytest.approx(
        1.96 * values.std() / np.sqrt(400), rel=0.05
    )  # quantiles of 9,999 resamples
    narrow = interval(values, confidence=0.68)
    assert np.diff(narrow)[0] / (high - low) == pytest.approx(0.994 / 1.96, rel=0.05)


def test_interval_is_paired_over_columns_and_the_same_however_many_resamples_are_in_memory(monkeypatch):
    values = np.random.default_rng(0).random((7, 3))
    both = interval(np.stack([values, values + 1], axis=1))
    np.testing.assert_allclose(both[:, 1], both[:, 0] + 1)
    for number in (37, 1000, 12345):
        monkeypatch.setattr(intervals, "_AT_ONCE", number * values.size)
        np.testing.assert_array_equal(interval(np.stack([values, values + 1], axis=1)), both)


def test_interval_of_one_seed_is_unknown():
    assert np.isnan(interval([[1.0, 2.0]])).all()


def test_p_is_that_of_the_paired_t_test():
    values = np.random.default_rng(1).standard_normal(7) + 0.5
    assert p_value(values, 0.1) == pytest.approx(ttest_1samp(values, 0.1).pvalue)
    p = [p_value(values) for values in np.random.default_rng(0).normal(size=(2000, 5))]
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 2000)


def test_p_of_seeds_that_agree_is_0_or_1_and_of_one_seed_unknown():
    nearly = [0.1 + 0.2, 0.3, 0.3]  # but for the last bit
    assert (p_value([2.0, 2.0, 2.0]), p_value(nearly)) == (0, 0)
    assert (p_value([2.0, 2.0, 2.0], 2.0), p_value(nearly, 0.3), p_value(np.zeros(4))) == (1, 1, 1)
    assert np.isnan(p_value([2.0]))


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])  # Holm's example
    np.testing.assert_allclose(holm([0.5, np.nan, 0.02]), [0.5, np.nan, 0.04])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1, 1])
    assert holm([]).shape == (0,)


@pytest.mark.parametrize(("n_seeds", "power"), [(2, 0.8), (5, 0.8), (10, 0.8), (10, 0.5)])
def test_the_detectable_effect_is_found_with_its_power_in_a_simulation(n_seeds, power):
    effect = detectable(2.0, n_seeds, power=power)
    samples = effect + 2.0 * np.random.default_rng(0).standard_normal((20000, n_seeds))
    found = np.mean(ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(power, abs=4 * np.sqrt(power * (1 - power) / 20000))


def test_the_detectable_effect_is_the_tabulated_one():
    """Cohen's d of 1.00 for ten pairs, 0.66 for twenty (two-sided 5 %, power 80 %; G*Power 3.1)."""
    assert detectable(1.0, 10) == pytest.approx(0.996, abs=0.002)
    assert detectable(3.0, 20) == pytest.approx(3 * 0.660, abs=0.006)
    assert np.isnan([detectable(1.0, 1), detectable(0.0, 5)]).all()
