"""Binary states as words, and counts of binary products.

    word[t, u] = sum_c 2^c x[CHAINS t + c, u]                    CHAINS states of a unit in one uint64
    n_ij = sum_c x_ci y_cj = sum_t popcount(x_word[t, i] & y_word[t, j])

Counts are integers: exact, in any order, on any machine.
"""

import numpy as np

from analysis.kernels.arrays import zeros
from analysis.kernels.jit import kernel
from analysis.kernels.layouts import CHAINS, GROUP
from analysis.kernels.products import count_common
from analysis.kernels.threads import share

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
    for i in range(begin * GROUP, end * GROUP, GROUP):
        for t in range(0, x.shape[1], _WORDS):
            n_vectors = min(_WORDS, x.shape[1] - t) // _VECTOR
            for j in range(len(y)):
                count_common(counts, i, j, x, y, t, n_vectors)
