"""Intervals agree with naive twins, and hold what they say in simulations of normal, skewed and crossed effects."""

import numpy as np
import pytest
from scipy import stats

from analysis.verdicts.intervals import interval, pointwise

SIX = 1 - 0.05 / 6  # confidence of each of six intervals that hold together with 95 %


def naive(values, confidence):
    """The interval of one number a seed, written out."""
    n, mean = len(values), sum(values) / len(values)
    error = np.sqrt(sum((x - mean) ** 2 for x in values) / (n - 1)) / np.sqrt(n)
    q = stats.t.ppf((1 + confidence) / 2, n - 1)
    skewness = stats.skew(values, bias=False) / np.sqrt(n)  # of the mean
    longer = 1.5 * abs(skewness) * (1 / 6 + q**2 / 3)  # Johnson's shift, half as much again
    low, high = mean - q * error, mean + q * error
    return (low, high + longer * error) if skewness > 0 else (low - longer * error, high)


def naive_crossed(values, confidence):
    """Standard error and degrees of freedom of a table (seeds, images) by loops over its sums of squares."""
    n, m = values.shape
    mean = values.mean()
    seeds = m * sum((values[s].mean() - mean) ** 2 for s in range(n)) / (n - 1)
    images = n * sum((values[:, i].mean() - mean) ** 2 for i in range(m)) / (m - 1)
    rest = [values[s, i] - values[s].mean() - values[:, i].mean() + mean for s in range(n) for i in range(m)]
    residual = sum(x**2 for x in rest) / ((n - 1) * (m - 1))
    variance = (seeds + images - residual) / (n * m)
    below = seeds**2 / (n - 1) + images**2 / (m - 1) + residual**2 / ((n - 1) * (m - 1))
    return np.sqrt(variance), (seeds + images - residual) ** 2 / below


@pytest.mark.parametrize("n_seeds", [3, 8, 20])
@pytest.mark.parametrize("confidence", [0.95, SIX])
def test_an_interval_over_seeds_is_its_naive_twin(n_seeds, confidence):
    for values in np.random.default_rng(n_seeds).exponential(size=(5, n_seeds)) * [[1], [-1], [3], [-2], [0.1]]:
        mean, *bounds = interval(values, confidence)
        assert mean == pytest.approx(values.mean())
        np.testing.assert_allclose(bounds, naive(values, confidence))


def test_an_interval_of_effects_without_skewness_is_students():
    values = np.array([-3.0, -1.0, 0.0, 1.0, 3.0]) + 7
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    np.testing.assert_allclose(interval(values, 0.9), (7, *expected))
    np.testing.assert_allclose(interval([1.0, 2.0], 0.9)[1:], stats.ttest_1samp([1, 2], 0).confidence_interval(0.9))


def test_an_interval_over_seeds_and_images_has_the_error_of_both():
    rng = np.random.default_rng(0)
    seeds, images = np.array([-1.5, -0.5, 0, 0.5, 1.5]), rng.standard_normal(40)
    values = 0.3 * seeds[:, None] + images + 0.2 * rng.standard_normal((5, 40))
    error, freedom = naive_crossed(values, 0.95)
    rows = values.mean(axis=1)
    skewness = 5 / 12 * ((rows - rows.mean()) ** 3).sum() / 25 / error**3
    q = stats.t.ppf(0.975, freedom)
    longer = abs(skewness) * (2 * q**2 + 1) / 4 * np.array([skewness < 0, skewness > 0])
    mean, low, high = interval(values)
    np.testing.assert_allclose([mean - low, high - mean], error * (q + longer))
    assert mean == pytest.approx(values.mean())
    seeds_alone = np.std(rows, ddof=1) / np.sqrt(5)
    assert error > 1.05 * seeds_alone  # the images count


def test_seeds_that_agree_better_than_chance_have_no_narrower_interval_than_chance():
    rng = np.random.default_rng(0)
    values = np.array([rng.permutation(np.repeat([0.0, 1.0], 100)) for _ in range(8)])
    assert np.ptp(values.mean(axis=1)) == 0  # half of the images each
    _, low, high = interval(values)
    assert 1 <= (high - low) / (2 * 1.96 * 0.5 / np.sqrt(values.size)) < 1.5  # few seeds: Student's t


def test_seeds_that_cannot_tell_are_left_out_and_one_seed_has_no_bounds():
    np.testing.assert_array_equal(interval([1.0, np.nan, 2.0, 4.0]), interval([1.0, 2.0, 4.0]))
    values = np.random.default_rng(0).random((4, 9))
    spoilt = np.insert(values, 1, np.nan, axis=0)
    spoilt[1, :5] = 0  # half of the images
    np.testing.assert_array_equal(interval(spoilt), interval(values))
    np.testing.assert_array_equal(interval([3.0, np.nan]), [3, np.nan, np.nan])
    np.testing.assert_array_equal(interval(values[:1]), [values[0].mean(), np.nan, np.nan])
    assert np.isnan([*interval([np.nan]), *interval([])]).all()
    assert np.isnan(pointwise([[1.0, 2.0]])).all()


def test_seeds_that_agree_have_an_interval_of_no_width():
    np.testing.assert_array_equal(interval(np.full(4, 2.5)), 2.5)
    np.testing.assert_array_equal(interval(np.zeros((4, 7))), 0)
    np.testing.assert_allclose(interval([0.1 + 0.2, 0.3, 0.3]), 0.3)  # but for the last bit


def test_a_curve_has_the_interval_of_each_of_its_points():
    values = np.random.default_rng(0).gamma(2, size=(7, 3, 2))
    points = [[interval(values[:, i, j])[1:] for j in range(2)] for i in range(3)]
    np.testing.assert_allclose(pointwise(values), np.moveaxis(points, -1, 0))


DRAWS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "skewness 1": lambda rng, shape: rng.gamma(4, 0.5, shape) - 2,
    "skewness 2": lambda rng, shape: rng.exponential(size=shape) - 1,
}
HELD = {  # of 40,000 simulations
    "normal": {8: 0.967, 10: 0.969, 20: 0.965, 30: 0.960},
    "skewness 1": {8: 0.942, 10: 0.946, 20: 0.954, 30: 0.959},
    "skewness 2": {8: 0.877, 10: 0.891, 20: 0.934, 30: 0.949},
}


@pytest.mark.parametrize("n_seeds", [8, 10, 20, 30])
@pytest.mark.parametrize("effects", DRAWS)
def test_six_intervals_hold_all_six_truths_as_often_as_the_module_says(effects, n_seeds):
    values = DRAWS[effects](np.random.default_rng(n_seeds), (n_seeds, 4000, 6))
    low, high = pointwise(values, SIX)
    held, said = np.mean(((low <= 0) & (high >= 0)).all(axis=-1)), HELD[effects][n_seeds]
    assert held == pytest.approx(said, abs=4 * np.sqrt(said * (1 - said) / 4000))
    if effects != "skewness 2" and n_seeds >= 20:
        assert held > 0.95 - 2 * np.sqrt(0.95 * 0.05 / 4000)


@pytest.mark.parametrize(("spread", "n_seeds"), [(0.02, 8), (0.1, 8), (0.1, 10)])
def test_an_interval_over_seeds_and_images_holds_for_right_and_wrong(spread, n_seeds):
    """Errors of two machines a seed on the same 1,000 images, some harder than others and harder for one machine.

    P(wrong) = Phi((b + seed + image) / 1), so that over seeds and images it is Phi(b / sqrt(1 + their variances)).
    """
    rng, n_images, bases = np.random.default_rng(0), 1000, np.array([-1.9, -1.8])
    better, worse = stats.norm.cdf(bases / np.sqrt(1 + spread**2 + 1.5**2 + 0.5**2))
    held, without_images = [], []
    for _ in range(600):
        image = 1.5 * rng.standard_normal(n_images) + 0.5 * rng.standard_normal((2, 1, n_images))
        seed = spread * rng.standard_normal((2, n_seeds, 1))
        wrong = bases[:, None, None] + seed + image + rng.standard_normal((2, n_seeds, n_images)) > 0
        difference = wrong[1].astype(float) - wrong[0]
        for values, found in ((difference, held), (difference.mean(axis=1), without_images)):
            _, low, high = interval(values, SIX)
            found.append(low <= worse - better <= high)
    assert np.mean(held) == pytest.approx(SIX, abs=4 * np.sqrt(SIX * (1 - SIX) / 600))
    assert np.mean(without_images) < np.mean(held)  # seeds by themselves forget that they share the images
