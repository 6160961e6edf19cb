"""How states and weights lie in memory, and how kernels reach them.

words   (n_tiles, n_units) uint64: binary states, word[t, u] = sum_c 2^c x[CHAINS t + c, u]
tiles   (n_tiles, n_units, PATTERNS) float32: graded states, the patterns of a tile contiguous
panels  (n_panels, n_neighbours + 1, PANEL) float32: many synapses; a row is one neighbour's weights to PANEL units
rows    neighbour, weight (2 S,): few synapses; the neighbours of a unit in ascending order (see `graph`)

Arrays begin where a line of the cache does: a vector of 64 bytes that lies across two lines costs two reads;
numpy's arrays begin anywhere.

Kernels address an array from its first element on, by place + offset, which nothing checks. What stays in a loop
belongs into the place, what moves into the offset. m places are a Vector, m of one number.
"""

import math

import numpy as np
from llvmlite import ir
from numba import types

from analysis.kernels.jit import LINE, WIDE, intrinsic, kernel
from analysis.kernels.vectors import INT32, Vector, across, lanes_type, one, packed, shuffled, unpacked

PATTERNS = 32  # graded states side by side
CHAINS = 64  # binary states side by side: the bits of a word
BLOCK = 32  # random numbers that one chain draws at a time
PANEL = 16  # units side by side in a panel
GROUP = 8  # chains whose rows are added in turn, and units of a panel: enough sums to hide the latency of one
# Units and lanes whose sums fill the registers, and neighbours whose states they read again from the nearest cache;
# rows whose products with TWO vectors fill them; share of two layers' synapses from which sweeps are faster by panels.
FEW, LANES, NEAR, ROWS, SWEPT = (8, PATTERNS, 512, GROUP, 0.4) if WIDE else (4, PATTERNS // 2, 64, 2, 0.2)
AT_ONCE, TWO = 4, 2  # binary tiles, and graded ones or patterns, that share a read of the weights
WIDTH = 5 * PANEL  # units side by side where whole rows are added: 70 units fill 80 lanes, 676 fill 720
STRIP = 4 * PANEL  # rows whose stretches of WIDTH, 20 KB, stay in the nearest cache while all patterns add theirs


def zeros(shape, dtype):
    """An array of zeros of this shape (a tuple) and type, C-contiguous, for kernels: `np.zeros` of one's own."""
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(n_bytes + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first:][:n_bytes].view(dtype).reshape(shape)


def filled_up(array, multiples, dtype=np.float32):
    """The array with zeros behind it, to multiples of these sizes."""
    filled = zeros(tuple(n + -n % multiple for n, multiple in zip(array.shape, multiples)), dtype)
    filled[tuple(slice(n) for n in array.shape)] = array
    return filled


@kernel
def pack(states):
    """(n, n_units) uint8 in {0, 1} -> words (ceil(n / CHAINS), n_units) uint64; spare bits are 0."""
    n, n_units = states.shape
    words = np.zeros((-(-n // CHAINS), n_units), np.uint64)
    for c in range(n):
        for u in range(n_units):
            words[c // CHAINS, u] |= np.uint64(states[c, u]) << np.uint64(c % CHAINS)
    return words


@kernel
def unpack(words, n):
    """Words -> (n, n_units) uint8 in {0, 1}, inverse of `pack`."""
    states = np.empty((n, words.shape[1]), np.uint8)
    for c in range(n):
        for u in range(words.shape[1]):
            states[c, u] = (words[c // CHAINS, u] >> np.uint64(c % CHAINS)) & np.uint64(1)
    return states


@intrinsic(prefer_literal=True)
def steps(typing, first, step, m):
    """m places: first, first + step, ..."""
    shape = Vector(types.int64, 1, m.literal_value)

    def codegen(context, builder, sig, args):
        numbers = [builder.add(args[0], builder.mul(args[1], ir.Constant(args[1].type, k))) for k in range(shape.m)]
        return packed(builder, [one(builder, x) for x in numbers], shape)

    return shape(types.int64, types.int64, m), codegen


def _pointers(context, builder, array_type, array, place_type, place, offset):
    """Pointers to the elements at place + offset, one a place."""
    data = context.make_array(array_type)(context, builder, array).data
    places = [place]
    if isinstance(place_type, Vector):
        parts = unpacked(context, builder, place, place_type, place_type)
        places = [builder.extract_element(part, ir.Constant(INT32, 0)) for part in parts]
        places = [context.cast(builder, x, place_type.number, types.int64) for x in places]
    return [builder.gep(builder.gep(data, [x]), [offset]) for x in places]


@intrinsic
def at(typing, array, place, offset):
    """The number there. Neither is below 0: numba would test for that."""

    def codegen(context, builder, sig, args):
        return builder.load(*_pointers(context, builder, array, args[0], types.int64, *args[1:]))

    return array.dtype(array, types.int64, types.int64), codegen


@intrinsic(prefer_literal=True)
def load(typing, array, place, offset, n):
    """The n numbers from there on; a vector a place."""
    place = place if isinstance(place, Vector) else types.int64
    shape = Vector(array.dtype, n.literal_value, getattr(place, "m", 1))

    def codegen(context, builder, sig, args):
        to, align = lanes_type(shape.number, shape.n).as_pointer(), array.dtype.bitwidth // 8  # numpy promises no more
        pointers = _pointers(context, builder, array, args[0], place, *args[1:3])
        return packed(builder, [builder.load(builder.bitcast(p, to), align=align) for p in pointers], shape)

    return shape(array, place, types.int64, n), codegen


@intrinsic
def store(typing, array, place, offset, x):
    """The lanes of x go there; a vector a place."""
    place = place if isinstance(place, Vector) else types.int64

    def codegen(context, builder, sig, args):
        pointers = _pointers(context, builder, array, args[0], place, *args[1:3])
        for pointer, part in zip(pointers, unpacked(context, builder, args[3], x, x), strict=True):
            builder.store(part, builder.bitcast(pointer, part.type.as_pointer()), align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, place, types.int64, x), codegen


@intrinsic
def transposed(typing, x):
    """n vectors of n numbers, transposed: swap the off-diagonal blocks of size n/2, then n/4, ... 1."""

    def operation(builder, rows):
        n, size = x.n, x.n // 2
        while size:
            low = [c if c & size == 0 else n + c - size for c in range(n)]
            high = [c + size if c & size == 0 else n + c for c in range(n)]
            for r in range(n):
                if r & size == 0:
                    pair = rows[r], rows[r + size]
                    rows[r], rows[r + size] = (shuffled(builder, *pair, mask) for mask in (low, high))
            size //= 2
        return rows

    return x(x), across(operation)
