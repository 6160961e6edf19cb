"""Binary states as words, their coincidences, and the first eigenvector of a matrix of such counts.

    word[t, u] = sum_c 2^c x[CHAINS t + c, u]                    CHAINS states of a unit in one uint64
    n_ij = sum_c x_ci y_cj = sum_t popcount(x_word[t, i] & y_word[t, j])
    x <- F x / |F x|                                             power iteration

Counts are integers: exact, in any order, on any machine. LAPACK's eigenvectors differ in the last bits between
processors, and a criterion that ranks synapses by them would then prune different ones: here every sum has an order.
"""

import numpy as np

from analysis.kernels.jit import formula, kernel
from analysis.kernels.lanes import load, steps, store, sums
from analysis.kernels.layouts import CHAINS, GROUP, zeros
from analysis.kernels.threads import share
from analysis.kernels.vectors import popcount, splat

_WORDS = 512  # words at a time: those of GROUP units are 32 kB, which stay in the nearest cache
_VECTOR = 8  # words side by side


def pack(states):
    """(n, n_units) uint8 in {0, 1} -> words (ceil(n / CHAINS), n_units) uint64; spare bits are 0."""
    words = np.empty((-(-len(states) // CHAINS), states.shape[1]), dtype=np.uint64)
    share(len(words), _pack, words, states)
    return words


def unpack(words, n):
    """Words -> (n, n_units) uint8 in {0, 1}, inverse of `pack`."""
    states = np.empty((n, words.shape[1]), dtype=np.uint8)
    share(len(words), _unpack, states, words)
    return states


def coincidences(x, y):
    """n_ij = sum_c x_ci y_cj of two arrays of words: (n_x, n_y) int64 counts."""
    rows = _rows_of_units(x, GROUP), _rows_of_units(y, 1)
    counts = np.zeros((len(rows[0]), len(rows[1])), dtype=np.int64)
    share(len(counts) // GROUP, _coincidences, counts, *rows)
    return counts[: x.shape[1]]


def _rows_of_units(words, multiple):
    """Words (n_tiles, n_units) transposed, filled up with 0 to whole vectors and to a multiple of so many units."""
    n_tiles, n_units = words.shape
    rows = zeros((-(-n_units // multiple) * multiple, -(-n_tiles // _VECTOR) * _VECTOR), np.uint64)
    rows[:n_units, :n_tiles] = words.T
    return rows


@kernel
def _pack(begin, end, words, states):
    for t in range(begin, end):
        words[t] = np.uint64(0)
        for c in range(min(CHAINS, len(states) - t * CHAINS)):
            state = states[t * CHAINS + c]
            for u in range(state.size):
                words[t, u] |= np.uint64(state[u]) << np.uint64(c)


@kernel
def _unpack(begin, end, states, words):
    for t in range(begin, end):
        for c in range(min(CHAINS, len(states) - t * CHAINS)):
            state = states[t * CHAINS + c]
            for u in range(state.size):
                state[u] = np.uint8((words[t, u] >> np.uint64(c)) & np.uint64(1))


@kernel
def _coincidences(begin, end, counts, x, y):
    found = zeros((GROUP,), np.uint64)
    for i in range(begin * GROUP, end * GROUP, GROUP):
        for t in range(0, x.shape[1], _WORDS):
            n_vectors = min(_WORDS, x.shape[1] - t) // _VECTOR
            for j in range(len(y)):
                count_common(found, i, j, x, y, t, n_vectors)
                for g in range(GROUP):
                    counts[i + g, j] += np.int64(found[g])


@formula
def count_common(found, i, j, x, y, first, n_vectors):
    """found[g] = sum_k popcount(x[i + g, k] & y[j, k]), k = first ... first + _VECTOR n_vectors - 1, g < GROUP.

    found (GROUP,), x (n_x, n_words), y (n_y, n_words) uint64; all C-contiguous.
    """
    n_words, total = x.shape[1], splat(np.uint64(0), _VECTOR, GROUP)
    rows, other = steps(i * n_words + first, n_words, GROUP), j * n_words + first
    for k in range(0, n_vectors * _VECTOR, _VECTOR):
        total = total + popcount(load(x, rows, k, _VECTOR) & load(y, other, k, _VECTOR))
    store(found, 0, 0, sums(total))


@kernel
def power_iteration(matrix, start, n_iterations, tolerance):
    """(eigenvalue, eigenvector) of the largest |eigenvalue|; ends when no entry moves by `tolerance` or more.

    matrix (n, n), symmetric, and start (n,), float64. The sign is arbitrary.
    """
    n = matrix.shape[0]
    x, y = start.copy(), np.empty(n)
    norm = 1.0
    for _ in range(n_iterations):
        y[:] = 0.0
        for i in range(n):
            scale, row = x[i], matrix[i]
            for j in range(n):
                y[j] += scale * row[j]
        norm = 0.0
        for j in range(n):
            norm += y[j] * y[j]
        norm = np.sqrt(norm)
        if norm == 0.0:
            x[:] = 0.0
            break
        change = 0.0
        for j in range(n):
            y[j] /= norm
            change = max(change, abs(y[j] - x[j]))
            x[j] = y[j]
        if change < tolerance:
            break
    return norm, x
