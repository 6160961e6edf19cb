"""Arrays that begin where a line of the cache does.

A vector of 64 bytes that lies across two lines costs two reads: kernels that live on such vectors were slower by half
where numpy's arrays, which begin anywhere, happened to lie so.
"""

import numpy as np

from analysis.kernels.jit import kernel

LINE = 64  # bytes


@kernel
def zeros(shape, dtype):
    """An array of zeros of this shape (a tuple) and type, C-contiguous; for kernels and from Python."""
    n_bytes = np.empty(1, dtype).itemsize
    for size in shape:
        n_bytes *= size
    memory = np.zeros(n_bytes + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + n_bytes].view(dtype).reshape(shape)
