"""Fisher information of a Boltzmann machine from samples.

    F[w_ij, w_kl] = Cov(v_i h_j, v_k h_l),   F[b_i, b_k] = Cov(v_i, v_k),   and so on,

the covariance of the sufficient statistics under the model (an exponential family), in 1 (per nat^2 of parameter).
Local to a synapse are the variance of its own coincidences v_i h_j and an estimate from mean rates and its weight.
Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, section "Fisher information" of the methods.
Counts of binary products are integers, by bits: exact on every machine (see `layouts`).
Samples are pre or visible (n_samples, n_pre) and post or hidden (n_samples, n_post), values in {0, 1}. ValueError says
where they are not binary or differ in their number.
"""

import numpy as np

from analysis.kernels import statistics
from analysis.kernels.draws import exponential
from analysis.machine.arguments import check_memory, check_numbers
from analysis.machine.randomness import bits
from analysis.machine.sampling import Samples

STIFF = 0.9  # of the trace


def coincidences(pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """n_ij = sum_c pre_ci post_cj: counts, (n_pre, n_post) float64."""
    pair = _pair(pre, post)
    return statistics.coincidences(pair.words_of(0), pair.words_of(1)).astype(np.float64)


def variance_estimate(pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """Var(v_i h_j) = p_ij (1 - p_ij) with p_ij = <v_i h_j> over the samples: (n_pre, n_post), in [0, 1/4]."""
    return variances(_pair(pre, post))[0]


def variances(samples: Samples) -> list[np.ndarray]:
    """The variance estimate of every synapse of a machine: one (n_l, n_l+1) a layer of synapses."""
    return [p * (1.0 - p) for p in joint_rates(samples)]


def joint_rates(samples: Samples) -> list[np.ndarray]:
    """p_ij = <v_i h_j> over the samples, for every synapse of a machine: one (n_l, n_l+1) a layer of synapses."""
    layers = [samples.words_of(layer) for layer in range(len(samples))]
    return [statistics.coincidences(*pair) / samples.n for pair in zip(layers, layers[1:])]


def heuristic_estimate(pre: np.ndarray, post: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """p (1 - p) with p_ij = <h_j> sigmoid(logit<v_i> + w_ij (1 - <h_j>)): (n_pre, n_post), in [0, 1/4].

    Since sigmoid(logit a + x) = a / (a + (1 - a) exp(-x)), rates of 0 and 1 are no exception. Raises ValueError also
    for weights that do not fit or that float32 can't hold.
    """
    pre, post = _pair(pre, post).rates()
    weights = check_numbers("weights", weights, (len(pre), len(post)))
    if not (np.abs(weights) <= np.finfo(np.float32).max).all():
        raise ValueError("weights: found values that are not finite in float32, expected finite numbers")
    pre, post = pre[:, None], post[None, :]
    decay = exponential(-(weights.astype(np.float64) * (1.0 - post)).astype(np.float32))
    p = post * pre / (pre + (1.0 - pre) * decay)
    return p * (1.0 - p)


def information_matrix(visible: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """F = Cov(s, s) of s = (v, h, v_1 h_1, v_1 h_2, ...) over samples: (n, n), n = n_v + n_h + n_v n_h, float64.

    Order: visible biases, hidden biases, weights row by row (i slow, j fast). Memory 4 n^2 doubles, so for small RBMs
    alone: ValueError where this machine has less.
    """
    samples = _pair(visible, hidden)
    v, h = samples.words_of(0), samples.words_of(1)
    n = (v.shape[1] + 1) * (h.shape[1] + 1) - 1
    check_memory("information matrix", f"{n:,} parameters", 32 * n**2)
    s = np.concatenate([v, h, (v[:, :, None] & h[:, None, :]).reshape(len(v), -1)], axis=1)
    counts = statistics.coincidences(s, s)
    mean = np.diag(counts) / samples.n  # s^2 = s for binary s
    return counts / samples.n - mean[:, None] * mean[None, :]


def first_eigenvector(matrix: np.ndarray) -> np.ndarray:
    """|u| with F u = lambda_1 u, lambda_1 the largest eigenvalue: (n,), absolute values (its sign is arbitrary)."""
    matrix = np.ascontiguousarray(check_numbers("matrix", matrix), np.float64)
    bad = matrix.size - np.isfinite(matrix).sum()
    if matrix.size == 0 or matrix.shape != (len(matrix), len(matrix)) or bad:
        found = f"shape {matrix.shape} with {bad} values that are not finite"
        raise ValueError(f"matrix: found {found}, expected a square matrix of finite numbers")
    start = 0.5 + bits(0, 0, len(matrix)) * 2.0**-32  # no special direction, so orthogonal to none that matters
    return np.abs(statistics.power_iteration(matrix, start, 2000, 1e-10)[1])


def stiff_importance(matrix: np.ndarray) -> np.ndarray:
    """sum_m lambda_m u_mk^2 over the stiff eigenvectors u_m: (n,), the part of the diagonal that they hold.

    Stiff are the eigenvectors of the largest eigenvalues, as few as hold STIFF of the trace. For measures alone:
    LAPACK's last bits differ between machines.
    """
    eigenvalues, vectors = (x[..., ::-1] for x in np.linalg.eigh(matrix))  # the largest first
    held = np.cumsum(eigenvalues)
    n_stiff = int(np.searchsorted(held, STIFF * held[-1])) + 1
    return (vectors[:, :n_stiff] ** 2 * eigenvalues[:n_stiff]).sum(axis=1)


def _pair(pre: np.ndarray, post: np.ndarray) -> Samples:
    return Samples.of("samples", [pre, post], [None, None])
