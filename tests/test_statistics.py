"""What so many seeds can see, and corrected p values, against simulations and hand-computed cases."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from analysis.verdicts import intervals
from analysis.verdicts.intervals import coverage, detectable, holm, interval, p_value


def test_intervals_are_the_same_however_many_resamples_are_in_memory(monkeypatch):
    values = np.random.default_rng(0).standard_normal((7, 3, 5))
    at_once = interval(values)
    for number in (37, 1000, 12345):
        monkeypatch.setattr(intervals, "_AT_ONCE", number * values.size)
        np.testing.assert_array_equal(interval(values), at_once)


@pytest.mark.parametrize(("n_seeds", "power"), [(2, 0.8), (5, 0.8), (10, 0.8), (10, 0.5)])
def test_the_detectable_effect_is_found_with_its_power_in_a_simulation(n_seeds, power):
    effect = detectable(2.0, n_seeds, power=power)
    samples = effect + 2.0 * np.random.default_rng(0).standard_normal((20000, n_seeds))
    found = np.mean(ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(power, abs=4 * np.sqrt(power * (1 - power) / 20000))


def test_the_detectable_effect_is_the_tabulated_one():
    """Cohen's d of 1.00 for ten pairs, 0.66 for twenty (two-sided 5 %, power 80 %; G*Power 3.1)."""
    assert detectable(1.0, 10) == pytest.approx(0.996, abs=0.002)
    assert detectable(1.0, 20) == pytest.approx(0.660, abs=0.002)
    assert detectable(3.0, 20) == pytest.approx(3 * detectable(1.0, 20))
    assert np.isnan(detectable(1.0, 1))
    assert np.isnan(detectable(0.0, 5))


@pytest.mark.parametrize(("n_seeds", "expected"), [(5, 0.85), (10, 0.90)])
def test_intervals_of_few_seeds_hold_the_mean_as_often_as_said(n_seeds, expected):
    draws = np.random.default_rng(0).normal(size=(n_seeds, 4000))
    low, high = interval(draws, n_resamples=999)
    held = np.mean((low <= 0) & (high >= 0))
    assert coverage(n_seeds) == pytest.approx(expected, abs=0.006)
    assert held == pytest.approx(coverage(n_seeds), abs=0.02)


def test_p_is_that_of_the_paired_t_test():
    x = np.random.default_rng(1).standard_normal(7) + 0.5
    assert p_value(x) == pytest.approx(ttest_1samp(x, 0.0).pvalue)
    assert p_value(np.zeros(4)) == 1.0
    assert p_value(np.ones(4)) == 0.0
    assert np.isnan(p_value(np.ones(1)))


def test_holm_of_a_hand_computed_case():
    np.testing.assert_allclose(holm([0.03, 0.01, np.nan, 0.04]), [0.06, 0.03, np.nan, 0.06])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1.0, 1.0])
