"""Fisher information of a Boltzmann machine from samples.

    F[w_ij, w_kl] = Cov(v_i h_j, v_k h_l),   F[b_i, b_k] = Cov(v_i, v_k),   and so on,

the covariance of the sufficient statistics under the model (an exponential family), in 1 (per nat^2 of parameter).
Local to a synapse are the variance of its own coincidences v_i h_j and an estimate from mean rates and its weight.
Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, section "Fisher information" of the methods.
Counts of binary products are integers, by bits: exact on every machine (see `words`).
"""

import numpy as np

from analysis.kernels import words
from analysis.kernels.draws import exponential
from analysis.kernels.words import power_iteration
from analysis.machine.model import check_binary, check_memory, check_numbers
from analysis.machine.randomness import uniform

_CHUNK = 65536  # samples whose products are held at a time


def coincidences(pre, post):
    """n_ij = sum_c pre_ci post_cj: counts, (n_pre, n_post) float64.

    pre (n_samples, n_pre), post (n_samples, n_post), values in {0, 1}. Raises ValueError where they are not binary
    or differ in their number of samples.
    """
    pre, post = _check_samples(pre, post)
    return words.coincidences(words.pack(pre), words.pack(post)).astype(np.float64)


def variance_estimate(pre, post):
    """Var(v_i h_j) = p_ij (1 - p_ij) with p_ij = <v_i h_j> over the samples: (n_pre, n_post), in [0, 1/4].

    The diagonal of the Fisher information matrix, known at the synapse. pre, post and errors as in `coincidences`.
    """
    p = coincidences(pre, post) / len(pre)
    return p * (1.0 - p)


def heuristic_estimate(pre, post, weights):
    """p (1 - p) with p_ij = <h_j> sigmoid(logit<v_i> + w_ij (1 - <h_j>)): (n_pre, n_post), in [0, 1/4].

    Needs mean rates and the weight alone. Since sigmoid(logit a + x) = a / (a + (1 - a) exp(-x)), rates of 0 and 1 are
    no exception. Raises ValueError as `coincidences`, or for weights of another shape than (n_pre, n_post) or that
    float32 can't hold.
    """
    pre, post = _check_samples(pre, post)
    weights = check_numbers("weights", weights)
    if weights.shape != (pre.shape[1], post.shape[1]):
        raise ValueError(f"weights: found shape {weights.shape}, expected {(pre.shape[1], post.shape[1])}")
    if not (np.abs(weights) <= np.finfo(np.float32).max).all():
        raise ValueError("weights: found values that are not finite in float32, expected finite numbers")
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
    `coincidences`; memory 4 n^2 doubles, so for small RBMs alone: ValueError where this machine has less.
    """
    visible, hidden = check_binary("visible", visible), check_binary("hidden", hidden)
    if len(visible) != len(hidden):
        raise ValueError(f"hidden: found {len(hidden)} samples, expected {len(visible)} as in visible")
    n = (visible.shape[1] + 1) * (hidden.shape[1] + 1) - 1
    check_memory("information matrix", f"{n:,} parameters", 32 * n**2)
    chunks = (slice(k, k + _CHUNK) for k in range(0, len(visible), _CHUNK))
    pairs = sum(words.coincidences(_products(visible[c]), _products(hidden[c])) for c in chunks)
    i, j = _sufficient_statistics(visible.shape[1], hidden.shape[1])
    place_v, place_h = (_place_of_products(x.shape[1]) for x in (visible, hidden))
    counts = pairs[place_v[i[:, None], i], place_h[j[:, None], j]]
    mean = np.diag(counts) / len(visible)  # s^2 = s for binary s
    return counts / len(visible) - mean[:, None] * mean[None, :]


def _sufficient_statistics(n_visible, n_hidden):
    """(i, j) of each statistic v_i h_j with v_0 = h_0 = 1: first v, then h, then the products."""
    i, j = np.indices((n_visible + 1, n_hidden + 1))
    return tuple(np.concatenate([x[1:, 0], x[0, 1:], x[1:, 1:].ravel()]) for x in (i, j))


def _products(states):
    """Words of x_i x_k for i <= k, with x_0 = 1."""
    x = words.pack(np.concatenate([np.ones((len(states), 1), dtype=np.uint8), states], axis=1))
    i, k = np.triu_indices(x.shape[1])
    return x[:, i] & x[:, k]


def _place_of_products(n):
    """Column of x_i x_k in `_products`: (n + 1, n + 1)."""
    i, k = np.triu_indices(n + 1)
    place = np.zeros((n + 1, n + 1), dtype=np.int64)
    place[i, k] = place[k, i] = np.arange(len(i))
    return place


def first_eigenvector(matrix):
    """|u| with F u = lambda_1 u, lambda_1 the largest eigenvalue: (n,), absolute values (its sign is arbitrary).

    Raises ValueError unless the matrix is square and finite.
    """
    matrix = _check_square(matrix)
    start = 0.5 + uniform(0, 0, len(matrix))  # no special direction, so orthogonal to none that matters
    return np.abs(power_iteration(matrix, start, 2000, 1e-10)[1])


def stiff_importance(matrix, share=0.9):
    """sum_m lambda_m u_mk^2 over the stiff eigenvectors u_m: (n,), the part of the diagonal that they hold.

    Stiff are the eigenvectors of the largest eigenvalues, as few as hold `share` of the trace. Over all of them the
    sum is the diagonal itself. For measures alone: LAPACK's last bits differ between machines. Raises ValueError as
    `first_eigenvector`, and for a share outside (0, 1].
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share: found {share!r}, expected a number above 0, at most 1")
    eigenvalues, vectors = np.linalg.eigh(_check_square(matrix))
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    held = np.cumsum(eigenvalues)
    n_stiff = int(np.searchsorted(held, share * held[-1])) + 1
    return (vectors[:, :n_stiff] ** 2 * eigenvalues[:n_stiff]).sum(axis=1)


def _check_square(matrix):
    matrix = np.ascontiguousarray(check_numbers("matrix", matrix), dtype=np.float64)
    if matrix.ndim != 2 or matrix.size == 0 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise ValueError(f"matrix: found shape {matrix.shape}, expected a square matrix of finite numbers")
    return matrix
