"""How states and weights lie in memory, so that what is computed together stands side by side.

words   (n_tiles, n_units) uint64: binary states, bit c of a word is chain c of CHAINS
tiles   (n_tiles, n_units, PATTERNS) float32: graded states, the patterns of a tile contiguous
panels  (n_panels, n_neighbours + 1, PANEL) float32: many synapses; a row is one neighbour's weights to PANEL units
rows    neighbour, weight (2 S,): few synapses; the neighbours of a unit in ascending order (see `graph`)

Arrays begin where a line of the cache does: a vector of 64 bytes that lies across two lines costs two reads, and
kernels that live on such vectors were slower by half where numpy's arrays, which begin anywhere, happened to lie so.
"""

import numpy as np

from analysis.kernels.jit import kernel

PATTERNS = 32  # graded states side by side
CHAINS = 64  # binary states side by side: the bits of a word
BLOCK = 32  # random numbers that one chain draws at a time
PANEL = 16  # units side by side in a panel
GROUP = 8  # chains whose rows are added in turn, and units of a panel: enough sums to hide the latency of one
AT_ONCE, TWO = 4, 2  # binary tiles, and graded ones or patterns, that share a read of the weights
SPAN = GROUP * PANEL  # units side by side whose synapses with one unit are learnt in turn
WIDTH = 5 * PANEL  # units side by side where whole rows are added: 70 units fill 80 lanes, 676 fill 720
STRIP = 4 * PANEL  # rows whose stretches of WIDTH, 20 KB, stay in the nearest cache while all patterns add theirs
LINE = 64  # bytes of the cache


@kernel
def zeros(shape, dtype):
    """An array of zeros of this shape (a tuple) and type, C-contiguous; for kernels and from Python."""
    n_bytes = np.empty(1, dtype).itemsize
    for size in shape:
        n_bytes *= size
    memory = np.zeros(n_bytes + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + n_bytes].view(dtype).reshape(shape)
