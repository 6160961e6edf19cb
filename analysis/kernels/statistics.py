"""What is measured of states: coincidences, log means, the averages of a dream, weights along a path of machines.

    n_ij = sum_c x_ci y_cj = sum_t popcount(x_word[t, i] & y_word[t, j])
    sum_c log f_c = log prod_c f_c                               a product of many factors takes one logarithm
    x <- F x / |F x|                                             power iteration, of matrices of such counts

LAPACK's eigenvectors differ in the last bits between processors, as the C library's logarithms do, and a criterion
that ranks synapses by them would then prune different ones: here every sum has an order, and logarithms are made of
sums and products.
"""

import numpy as np

from analysis.kernels.binary import add_inputs, list_neighbours, sample_layer, word_sum, workspace
from analysis.kernels.draws import exp
from analysis.kernels.jit import formula, kernel
from analysis.kernels.layouts import CHAINS, GROUP, PANEL, filled_up, load, steps, store
from analysis.kernels.threads import share
from analysis.kernels.vectors import popcount, splat, sums

_f32, _i64 = np.float32, np.int64
_WORDS = 512  # words at a time: those of GROUP units are 32 kB, which stay in the nearest cache
_SIDE_BY_SIDE = 8  # words in a vector
_AT_ONCE, _LARGEST = 64, 700.0  # patterns; |w|, since a float64 holds exp(700), and hardly more
_LN2 = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")  # n times the first is exact
_MANTISSA, _ONE = 0xFFFFFFFFFFFFF, 0x3FF0000000000000  # bits of a float64: those behind the point, and 1.0


def coincidences(x, y):
    """n_ij = sum_c x_ci y_cj of two arrays of words: (n_x, n_y) int64 counts."""
    rows = filled_up(y.T, (1, _SIDE_BY_SIDE), np.uint64), filled_up(x.T, (GROUP, _SIDE_BY_SIDE), np.uint64)
    counts = np.zeros((len(rows[0]), len(rows[1])), np.uint64)
    share(counts.shape[1] // GROUP, _coincidences, counts, *rows)
    return np.ascontiguousarray(counts.T[: x.shape[1]].view(np.int64))


@kernel
def _coincidences(begin, end, counts, x, y):
    """counts[i, j] = sum_t popcount(x[i, t] & y[j, t]) for units j of y in these groups."""
    n_words = x.shape[1]
    for j in range(begin * GROUP, end * GROUP, GROUP):
        for first in range(0, n_words, _WORDS):
            rows = steps(j * n_words + first, n_words, GROUP)
            for i in range(len(x)):
                total = splat(np.uint64(0), _SIDE_BY_SIDE, rows)
                for t in range(0, min(_WORDS, n_words - first), _SIDE_BY_SIDE):
                    both_on = load(y, rows, t, _SIDE_BY_SIDE) & load(x, i * n_words + first, t, _SIDE_BY_SIDE)
                    total = total + popcount(both_on)
                here = i * counts.shape[1] + j
                store(counts, here, 0, load(counts, here, 0, GROUP) + sums(total))


def log_means(pre, post, weights):
    """<q>, <q^2> and <log(1 - q + q exp(-w))> over the patterns c, q_cij = pre_ci post_cj: (3, n_pre, n_post) float64.

    pre (n, n_pre), post (n, n_post), in [0, 1], of one float type; weights (n_pre, n_post), above 700 in size as 700.
    """
    weights = np.clip(weights, -_LARGEST, _LARGEST).astype(np.float64)
    at_once = int(min(_LARGEST / max(np.abs(weights).max(initial=0.0), 1.0), _AT_ONCE))
    totals = np.zeros((3, *weights.shape))
    share(len(weights), _log_means, *totals, np.ascontiguousarray(pre), np.ascontiguousarray(post), weights, at_once)
    return totals / len(pre)


@kernel
def _log_means(begin, end, total, square, log, pre, post, weights, at_once):
    """The sums for rows begin ... end - 1; as many factors are multiplied at once as can't be too large or small."""
    n_patterns, n_post = post.shape
    decay, product = np.empty_like(weights), np.ones(weights.shape)
    for i in range(begin, end):
        for j in range(n_post):
            decay[i, j] = _exp(-weights[i, j])
    for first in range(0, n_patterns, at_once):  # in the outer loop: these rows of post stay in the nearest cache
        for i in range(begin, end):
            for c in range(first, min(first + at_once, n_patterns)):
                x = np.float64(pre[c, i])
                if x != 0.0:
                    for j in range(n_post):
                        q = x * np.float64(post[c, j])
                        total[i, j] += q
                        square[i, j] += q * q
                        product[i, j] *= (1.0 - q) + q * decay[i, j]
            for j in range(n_post):  # powers of two are counted apart
                product[i, j], exponent = _parts(product[i, j])
                log[i, j] += exponent
    for i in range(begin, end):
        for j in range(n_post):
            log[i, j] = _log(product[i, j], log[i, j])


@kernel
def log_mixture(p, weights):
    """log(1 - p + p exp(-w)) elementwise, two arrays (n, m) float64: probabilities, and weights as in `log_means`."""
    out = np.empty_like(p)
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            w = min(max(weights[i, j], -_LARGEST), _LARGEST)
            out[i, j] = _log(*_parts((1.0 - p[i, j]) + p[i, j] * _exp(-w)))
    return out


@formula
def _exp(x):
    """exp(x) = 2^n sum_k r^k / k!, r = x - n ln 2, |r| <= 0.35, for |x| <= 700, float64: relative error below 1e-15."""
    n = _i64(x / (_LN2[0] + _LN2[1]) + 1024.5) - 1024
    r = (x - n * _LN2[0]) - n * _LN2[1]
    p = 1.0
    for k in range(14, 0, -1):
        p = 1.0 + p * r / k
    return p * np.int64((n + 1023) << 52).view(np.float64)


@formula
def _parts(x):
    """(m, n) of a positive normal float64 x = m 2^n, 1 <= m < 2."""
    bits = np.float64(x).view(np.int64)
    return np.int64((bits & _MANTISSA) | _ONE).view(np.float64), np.float64((bits >> 52) - 1023)


@formula
def _log(m, n):
    """log(m 2^n), 1 <= m < 2, n whole, float64: log m = 2 (f + f^3 / 3 + f^5 / 5 + ...), f = (m - 1) / (m + 1).

    m above 4/3 is halved, so that |f| <= 1/5; relative error below 1e-15.
    """
    if m > 4.0 / 3.0:
        m, n = 0.5 * m, n + 1.0
    f = (m - 1.0) / (m + 1.0)
    total = 0.0
    for k in range(25, 1, -2):
        total = (total + 1.0 / k) * (f * f)
    return (n * _LN2[1] + 2.0 * (f * total + f)) + n * _LN2[0]


@kernel
def power_iteration(matrix, start, n_iterations, tolerance):
    """(eigenvalue, eigenvector) of the largest |eigenvalue|; ends when no entry moves by `tolerance` or more.

    matrix (n, n), symmetric, and start (n,), float64. The sign is arbitrary.
    """
    n, x, norm = matrix.shape[0], start.copy(), 1.0
    for _ in range(n_iterations):
        y, norm, change = np.zeros(n), 0.0, 0.0
        for i in range(n):
            for j in range(n):
                y[j] += x[i] * matrix[i, j]
        for j in range(n):
            norm += y[j] * y[j]
        norm = np.sqrt(norm)
        if norm == 0.0:
            return norm, y
        for j in range(n):
            y[j] /= norm
            change = max(change, abs(y[j] - x[j]))
        x = y
        if change < tolerance:
            break
    return norm, x


@kernel
def dream(words, graph, key, first_step, n_steps, rate, joint):
    """n_steps sweeps of one network in place, and the averages r <- r + (x - r) / t after sweep t.

    words (1, n_units): the network is bit 0. rate (n_units,) float32, x = x_u; joint (2 S,) float32, in the rows of the
    graph, x = x_u x_k for the neighbours k above u alone. Sweeps are counted from 1, first_step of them are done.
    """
    space, start, middle, neighbour = workspace(graph), graph.start, graph.above, graph.neighbour
    no_p = np.empty((0, 0, 0), np.float32)
    for step in range(first_step, first_step + n_steps):
        for parity in (1, 0):
            for layer in range(parity, graph.layer.size - 1, 2):
                sample_layer(_i64(0), _i64(1), words, no_p, graph, layer, _f32(1.0), key, step, _i64(1), space)
        share = _f32(1.0) / _f32(step + 1)
        for u in range(rate.size):
            on = words[0, u] != 0
            rate[u] += (_f32(on) - rate[u]) * share
            if on:
                for k in range(middle[u], start[u + 1]):
                    joint[k] += (_f32(words[0, neighbour[k]]) - joint[k]) * share
            else:
                for k in range(middle[u], start[u + 1]):
                    joint[k] -= joint[k] * share


@kernel
def anneal(begin, end, log_w, words, graph, even, biases, betas, n_chains):
    """log_w[c] += log f_1(x) - log f_0(x), the step of annealed importance sampling at the even layers x.

    f_k(x) = exp(sum_u b_ku x_u) prod_j (1 + exp(b_kj + beta_k sum_u w_uj x_u)), u in even and j in odd layers; b_k =
    biases[k]. As log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), no z is too large, and a block takes one logarithm.
    log_w (n_chains,) float64; even (n,) int32: units of even layers; biases (2, n_units), betas (2,) float32.
    """
    space, layers = workspace(graph), graph.layer
    change, of_biases = biases[1][even] - biases[0][even], np.empty((1, CHAINS), np.float32)
    total, product = np.empty(CHAINS), np.empty(CHAINS)
    for t in range(begin, end):
        word_sum(of_biases, 0, words, t * words.shape[1], 0, even.size, even, change)
        total[:] = of_biases[0]
        for layer in range(1, layers.size - 1, 2):
            list_neighbours(t, t + 1, words, graph, layer, space)
            for first in range(layers[layer], layers[layer + 1], PANEL):
                last = min(first + PANEL, layers[layer + 1])
                add_inputs(t, t + 1, words, graph, layer, first, last, space)
                product[:] = 1.0
                for u in range(first, last):
                    for c in range(CHAINS):
                        z = space.below[u - first, c] + space.above[u - first, c]
                        z, following = biases[0, u] + betas[0] * z, biases[1, u] + betas[1] * z
                        total[c] += np.float64(max(following, _f32(0.0))) - np.float64(max(z, _f32(0.0)))
                        product[c] *= (1.0 + np.float64(exp(-abs(following)))) / (1.0 + np.float64(exp(-abs(z))))
                for c in range(CHAINS):
                    total[c] += _log(*_parts(product[c]))
        for c in range(min(CHAINS, n_chains - t * CHAINS)):
            log_w[t * CHAINS + c] += total[c]
