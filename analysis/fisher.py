"""Fisher information of a Boltzmann machine from samples.

    F[w_ij, w_kl] = Cov(v_i h_j, v_k h_l),   F[b_i, b_k] = Cov(v_i, v_k),   and so on,

the covariance of the sufficient statistics under the model (an exponential family), in 1 (per nat^2 of parameter).
Local to a synapse are the variance of its own coincidences v_i h_j and an estimate from mean rates and its weight.
Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, section "Fisher information" of the methods.
Counts of binary products are integers below 2^24, exact in float32 in any order: matrix products are safe for them.
"""

import numpy as np

from analysis.kernels import exponential
from analysis.model import check_binary
from analysis.random import uniform
from analysis.spectrum import power_iteration

_CHUNK = 8192  # samples whose products are held at a time


def coincidences(pre, post):
    """n_ij = sum_c pre_ci post_cj: counts, (n_pre, n_post) float64.

    pre (n_samples, n_pre), post (n_samples, n_post), values in {0, 1}. Raises ValueError where they are not binary
    or differ in their number of samples.
    """
    pre, post = _check_samples(pre, post)
    chunks = (slice(k, k + _CHUNK) for k in range(0, len(pre), _CHUNK))
    return sum((pre[c].T.astype(np.float32) @ post[c].astype(np.float32)).astype(np.float64) for c in chunks)


def variance_estimate(pre, post):
    """Var(v_i h_j) = p_ij (1 - p_ij) with p_ij = <v_i h_j> over the samples: (n_pre, n_post), in [0, 1/4].

    The diagonal of the Fisher information matrix, known at the synapse. pre, post and errors as in `coincidences`.
    """
    p = coincidences(pre, post) / len(pre)
    return p * (1.0 - p)


def heuristic_estimate(pre, post, weights):
    """p (1 - p) with p_ij = <h_j> sigmoid(logit<v_i> + w_ij (1 - <h_j>)): (n_pre, n_post), in [0, 1/4].

    Needs mean rates and the weight alone. Since sigmoid(logit a + x) = a / (a + (1 - a) exp(-x)), rates of 0 and 1 are
    no exception. Raises ValueError as `coincidences`, or for weights of another shape than (n_pre, n_post).
    """
    pre, post = _check_samples(pre, post)
    if np.shape(weights) != (pre.shape[1], post.shape[1]):
        raise ValueError(f"weights: found shape {np.shape(weights)}, expected {(pre.shape[1], post.shape[1])}")
    rate_pre, rate_post = pre.mean(axis=0)[:, None], post.mean(axis=0)[None, :]
    decay = exponential(-(np.asarray(weights, dtype=np.float64) * (1.0 - rate_post)).astype(np.float32))
    p = rate_post * rate_pre / (rate_pre + (1.0 - rate_pre) * decay)
    return p * (1.0 - p)


def _check_samples(pre, post):
    pre, post = check_binary("pre", pre), check_binary("post", post)
    if len(pre) != len(post):
        raise ValueError(f"post: found {len(post)} samples, expected {len(pre)} as in pre")
    return pre, post


def information_matrix(visible, hidden):
    """F = Cov(s, s) of s = (v, h, v_1 h_1, v_1 h_2, ...) over samples: (n, n), n = n_v + n_h + n_v n_h, float64.

    Order: visible biases, hidden biases, weights row by row (i slow, j fast). Arguments and errors as in
    `coincidences`; memory n^2 doubles, so for small RBMs alone.
    """
    visible, hidden = check_binary("visible", visible), check_binary("hidden", hidden)
    if len(visible) != len(hidden):
        raise ValueError(f"hidden: found {len(hidden)} samples, expected {len(visible)} as in visible")
    counts = 0.0
    for first in range(0, len(visible), _CHUNK):
        s = sufficient_statistics(visible[first : first + _CHUNK], hidden[first : first + _CHUNK])
        counts = counts + (s.T @ s).astype(np.float64)
    mean = np.diag(counts) / len(visible)  # s^2 = s for binary s
    return counts / len(visible) - mean[:, None] * mean[None, :]


def sufficient_statistics(visible, hidden):
    """s = (v, h, v_1 h_1, v_1 h_2, ...): (n_samples, n_v + n_h + n_v n_h) float32."""
    products = (visible[:, :, None] * hidden[:, None, :]).reshape(len(visible), -1)
    return np.concatenate([visible, hidden, products], axis=1).astype(np.float32)


def first_eigenvector(matrix):
    """|u| with F u = lambda_1 u, lambda_1 the largest eigenvalue: (n,), absolute values (its sign is arbitrary).

    Raises ValueError unless the matrix is square and finite.
    """
    matrix = np.ascontiguousarray(matrix, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise ValueError(f"matrix: found shape {matrix.shape}, expected a square matrix of finite numbers")
    start = 0.5 + uniform(0, 0, len(matrix))  # no special direction, so orthogonal to none that matters
    return np.abs(power_iteration(matrix, start, 2000, 1e-10)[1])
