"""The ceiling of event-driven sampling: rows added from the second-level cache, and nothing else.

    total_c <- total_c + sum_k matrix[rows[c, k]]

Eight rows a pass, so that a total is read and written once for eight additions; float32, on vectors as wide as those of
the package's kernels, in rows that begin where cache lines do. The matrix of 400 x 676 is 1 MB: it fits the
second-level cache of a current core, not the first.
"""

import numba
import numpy as np

from analysis.kernels import layouts
from analysis.kernels.threads import share

ROWS_A_PASS = 8
_VECTOR = 16  # float32 in a cache line


class Additions:
    """`run` adds the rows of the active ones of `shape[0]` units for every chain, on all threads at once."""

    def __init__(self, shape, n_chains, activity, seed):
        rng, n_active = np.random.default_rng(seed), max(1, round(activity * shape[0] / ROWS_A_PASS)) * ROWS_A_PASS
        filled_up = shape[0], -(-shape[1] // _VECTOR) * _VECTOR
        self.matrix = layouts.zeros(filled_up, np.float32)
        self.matrix[:, : shape[1]] = rng.normal(size=shape)
        self.rows = np.array([np.sort(rng.choice(shape[0], n_active, replace=False)) for _ in range(n_chains)])
        self.totals = layouts.zeros((n_chains, filled_up[1]), np.float32)
        self.n_additions = self.rows.size * shape[1]

    def run(self, n):
        for _ in range(n):
            share(len(self.rows), _add, self.totals, self.matrix, self.rows)


@numba.njit(nogil=True, error_model="numpy")
def _add(begin, end, totals, matrix, rows):
    for c in range(begin, end):
        total = totals[c]
        for k in range(0, rows.shape[1], ROWS_A_PASS):
            r = rows[c, k : k + ROWS_A_PASS]
            r0, r1, r2, r3, r4, r5, r6, r7 = r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]
            for j in range(total.size):
                x = total[j] + matrix[r0, j] + matrix[r1, j] + matrix[r2, j] + matrix[r3, j]
                total[j] = x + matrix[r4, j] + matrix[r5, j] + matrix[r6, j] + matrix[r7, j]
