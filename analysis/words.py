"""Binary states as words, and counts of binary products.

    word[t, u] = sum_c 2^c x[CHAINS t + c, u]                    CHAINS states of a unit in one uint64
    n_ij = sum_c x_ci y_cj = sum_t popcount(x_word[t, i] & y_word[t, j])

Counts are integers: exact, in any order, on any machine.
"""

import numpy as np

from analysis.jit import kernel
from analysis.lanes import CHAINS, popcount
from analysis.threads import share

_ROWS, _WORDS = 16, 128  # units i and words at a time: 16 kB, which stay in the nearest cache


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
    counts = np.zeros((x.shape[1], y.shape[1]), dtype=np.int64)
    share(x.shape[1], _coincidences, counts, *(np.ascontiguousarray(array.T) for array in (x, y)))
    return counts


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
    for first in range(begin, end, _ROWS):
        for t in range(0, x.shape[1], _WORDS):
            for j in range(len(y)):
                b = y[j, t : t + _WORDS]
                for i in range(first, min(first + _ROWS, end)):
                    a, total = x[i, t : t + _WORDS], 0
                    for k in range(b.size):
                        total += popcount(a[k] & b[k])
                    counts[i, j] += total
