"""First eigenvector of a symmetric matrix by power iteration, the same bits on every machine.

    x <- F x / |F x|

LAPACK's eigenvectors differ in the last bits between processors, and a criterion that ranks synapses by them would
then prune different ones; here every sum has a fixed order.
"""

import numpy as np

from analysis.kernels.jit import kernel


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
