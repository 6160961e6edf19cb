"""Intervals and tests over seeds, and what so many seeds can see.

    [low, high] = the 2.5 % and 97.5 % quantiles of the mean of n seeds drawn with replacement from the n seeds
    p = P(|T| >= |mean - null| / (sd / sqrt(n))),   T ~ Student's t with n - 1 degrees of freedom

The percentile bootstrap; source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. With few
seeds it is coarse: it holds the mean of normal seeds 85 % of the time with five of them, 90 % with ten, and not 95 %.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import bootstrap, chi2, norm, ttest_1samp
from scipy.stats import t as student

_AT_ONCE = 10**7  # resampled numbers in memory: 80 MB, whatever the number of seeds and columns


def interval(values: ArrayLike, confidence: float = 0.95, n_resamples: int = 9999, seed: int = 0) -> np.ndarray:
    """[low, high] of the mean over the first axis (seeds), (2, ...); NaN for fewer than two seeds.

    values : (n_seeds, ...). seed governs the resampling, the same for all the columns, so rows stay paired.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return np.full((2, *values.shape[1:]), np.nan)
    batch = max(1, _AT_ONCE // max(1, values.size))
    options = {"confidence_level": confidence, "n_resamples": n_resamples, "method": "percentile", "batch": batch}
    result = bootstrap((values,), np.mean, axis=0, rng=np.random.default_rng(seed), **options)
    return np.array(result.confidence_interval)


def p_value(values: ArrayLike, null: float = 0.0) -> float:
    """p of the two-sided one-sample t test that the mean over seeds is `null`; NaN for fewer than two seeds.

    values : (n_seeds,), independent, and near normal: means over many units or synapses. The smallest p of the exact
    sign-flip test is 2^(1 - n_seeds), 0.06 for five seeds: it can never speak. Seeds that agree give 0, or 1 at `null`.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return np.nan
    if np.ptp(values) <= 1e-12 * np.abs(values).max():  # they agree but for the last bits of their sums
        return float(np.isclose(values.mean(), null, rtol=1e-12, atol=0))
    return float(ttest_1samp(values, null).pvalue)


def holm(p: ArrayLike) -> np.ndarray:
    """max over j <= i of min(1, (m - j + 1) p_(j)), p_(1) <= ... <= p_(m): p values for m tests judged together.

    p : (n_tests,), NaN where there is no test. Of all adjusted p below alpha one or more are false findings with a
    chance of at most alpha, however tests depend. Source: Holm (1979), Scand. J. Statist. 6:65-70; scipy has none.
    """
    p = np.asarray(p, dtype=np.float64)
    adjusted, order = np.full(p.shape, np.nan), np.argsort(p)
    order = order[np.isfinite(p[order])]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return adjusted


def detectable(sd: float, n_seeds: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest mean difference that a two-sided paired t-test of so many seeds sees with this power.

    sd : standard deviation over seeds of the paired differences, in whose unit the answer is. NaN below two seeds, and
    for seeds that all agree. Given the ratio s of the sample's to the true standard deviation, (n - 1) s^2 ~
    chi^2(n - 1), the test finds a shift d = difference sqrt(n) / sd with probability Phi(d - c s) + Phi(-d - c s), c
    the critical t; averaged over 2,000 quantiles of s (scipy's noncentral t, the same function of d, fails far out).
    Source: Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2.
    """
    if n_seeds < 2 or sd == 0:
        return np.nan
    df = n_seeds - 1
    ratio = np.sqrt(chi2.ppf((np.arange(2000) + 0.5) / 2000, df) / df)
    reach = student.ppf(1 - alpha / 2, df) * ratio

    def missing(shift):
        return power - np.mean(norm.cdf(shift - reach) + norm.cdf(-shift - reach))

    return sd * brentq(missing, 0.0, 2 * reach.max() + 20) / np.sqrt(n_seeds)
