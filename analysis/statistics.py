"""Intervals over seeds.

    [low, high] = the 2.5 % and 97.5 % quantiles of the mean of n seeds drawn with replacement from the n seeds

The percentile bootstrap; source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. With few
seeds it is coarse: for three its ends are the smallest and the largest seed.
"""

import numpy as np
from scipy.stats import bootstrap


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
