"""Intervals over seeds, and what so many seeds can see.

    [low, high] = the 2.5 % and 97.5 % quantiles of the mean of n seeds drawn with replacement from the n seeds

The percentile bootstrap; source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. With few
seeds it is coarse: for three its ends are the smallest and the largest seed.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.stats import bootstrap, chi2, norm
from scipy.stats import t as student


def interval(values, confidence=0.95, n_resamples=9999, seed=0):
    """[low, high] of the mean over the first axis (seeds), (2, ...); NaN for fewer than two seeds.

    values : (n_seeds, ...). seed governs the resampling, the same for all the columns, so rows stay paired.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return np.full((2, *values.shape[1:]), np.nan)
    options = {"confidence_level": confidence, "n_resamples": n_resamples, "method": "percentile"}
    result = bootstrap((values,), np.mean, axis=0, rng=np.random.default_rng(seed), **options)
    return np.array(result.confidence_interval)


def detectable(sd, n_seeds, alpha=0.05, power=0.8):
    """The smallest mean difference that a two-sided paired t-test of so many seeds sees with this power.

    sd : standard deviation over seeds of the paired differences, in whose unit the answer is. NaN below two seeds.

    Notes
    -----
    Given the ratio s of the sample's to the true standard deviation, (n - 1) s^2 ~ chi^2(n - 1), the test finds a shift
    d = difference sqrt(n) / sd with probability Phi(d - c s) + Phi(-d - c s), c the critical t. This is averaged over
    2,000 quantiles of s (scipy's noncentral t, the same function of d, fails far out). Source: Cohen (1988),
    Statistical Power Analysis for the Behavioral Sciences, chapter 2.
    """
    if n_seeds < 2:
        return np.nan
    df = n_seeds - 1
    ratio = np.sqrt(chi2.ppf((np.arange(2000) + 0.5) / 2000, df) / df)
    reach = student.ppf(1 - alpha / 2, df) * ratio

    def missing(shift):
        return power - np.mean(norm.cdf(shift - reach) + norm.cdf(-shift - reach))

    return sd * brentq(missing, 0.0, 2 * reach.max() + 20) / np.sqrt(n_seeds)


def paired_p(differences):
    """p of a two-sided paired t-test that the mean of the differences (n_seeds,) is 0; NaN below two seeds."""
    n, mean = len(differences), np.mean(differences) if len(differences) else np.nan
    if n < 2:
        return np.nan
    error = np.std(differences, ddof=1) / np.sqrt(n)
    if error == 0:
        return float(mean == 0)
    return float(2 * student.sf(abs(mean) / error, n - 1))


def holm(p):
    """p values after Holm's correction for as many comparisons as there are: max_j<=k (n - j + 1) p_(j), at most 1.

    p : (n,), NaN where there is none, which counts as no comparison. Source: Holm (1979), Scand. J. Statist. 6, 65-70.
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p)[: np.isfinite(p).sum()]
    corrected = np.full(p.shape, np.nan)
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return corrected
