"""Random bits, odds, and the states that they decide.

    uniform   r = Philox4x32-7(counter = (unit / 4, step, chain, stream), key = seed)[unit % 4]
    draw      r (1 + odds) < 1 with probability 1 / (1 + odds), odds = exp(-input)

Every number is rounded in a stated order, on vectors of any width the same. Source of Philox: Salmon et al. (2011)
SC'11, doi:10.1145/2063384.2063405.
"""

import numpy as np
from llvmlite import ir
from numba import types

from analysis.kernels.jit import formula, intrinsic, kernel
from analysis.kernels.layouts import BLOCK, CHAINS, load, store
from analysis.kernels.vectors import Vector, convert, each, fma, packed, select, shuffled, unpacked, view

_f32, _i32, _u64 = np.float32, np.int32, np.uint64
_FACTORS, _WEYL = (_u64(0xD2511F53), _u64(0xCD9E8D57)), (_u64(0x9E3779B9), _u64(0xBB67AE85))
_ASCENDING, _BLOCKS = np.arange(CHAINS, dtype=np.uint32), BLOCK // 4
_LOG2_E = _f32(np.log2(np.e))
_SHIFT = _f32(1.5 * 2.0**23)  # no float32 of this size has a fraction
_EXP = tuple(map(_f32, (1.32647e-3, 9.67151e-3, 5.550734e-2, 2.4022242e-1, 6.9314698e-1, 1.0)))  # of 2^f, f^5 first
_ROUGH = tuple(map(_f32, (7.7052549e-2, -3.489135e-3, 4.7092702e-1, 4.5551056e-1)))  # of 2^(m - 1), 1 <= m < 2
_FRACTION, _ONE = 0x7FFFFF, 0x3F800000  # bits of a float32: those behind the point, and 1.0


@formula
def philox(block, step, chain, key):
    """Four vectors of random words = Philox4x32-7(counter = (block, step, chain, stream), key = seed)."""
    c0, c1, c2, c3, k0, k1 = block, step, chain, (block & 0) + key[2], key[0], key[1]
    for _ in range(7):
        (low0, high0), (low1, high1) = halves_of_product(c0, _FACTORS[0]), halves_of_product(c2, _FACTORS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + _WEYL[0], k1 + _WEYL[1]
    return c0, c1, c2, c3


@kernel
def random_chains(out, first, last, key, step, chain):
    """out[k, c] = the 32 random bits of unit 4 (first // 4) + k in chain + c, up to unit last - 1; c < CHAINS."""
    ascending = load(_ASCENDING, 0, 0, CHAINS)
    for k in range((last + 3) // 4 - first // 4):
        same = ascending & 0
        words = philox(same + (first // 4 + k), same + step, ascending + chain, key)
        for j in range(4):
            store(out, (4 * k + j) * CHAINS, 0, words[j])


@kernel
def random_bits(out, first_block, n_blocks, key, step, chain):
    """out[k] = the 32 random bits of unit 4 first_block + k, for one chain, k < 4 n_blocks; uint32.

    Whole vectors are computed: up to BLOCK - 4 more numbers follow, for which `out` has room.
    """
    ascending = load(_ASCENDING, 0, 0, _BLOCKS)
    for first in range(0, n_blocks, _BLOCKS):
        same = ascending & 0
        words = philox(ascending + (first_block + first), same + step, same + chain, key)
        store(out, 4 * first, 0, in_turn(words[0], words[1], words[2], words[3]))


@formula
def exp(x):
    """exp(x) = 2^n 2^f, |f| <= 1/2, for |x| <= 80 (clipped), float32, relative error below 1.5e-6 (|x| < 30: 7e-7).

    2^f by the polynomial of degree 5 whose largest relative error is least (9e-8) among those with p(0) = 1.
    """
    x = select(x > _f32(-80.0), x, _f32(-80.0))
    x = select(x < _f32(80.0), x, _f32(80.0))
    rounded = fma(x, _LOG2_E, _SHIFT)  # n stands in the lowest bits
    f = fma(x, _LOG2_E, _SHIFT - rounded)
    p = fma(fma(fma(_EXP[0], f, _EXP[1]), f, _EXP[2]), f, _EXP[3])
    p = fma(fma(p, f, _EXP[4]), f, _EXP[5])
    return view(view(p, _i32) + (view(rounded, _i32) << 23), _f32)


@kernel
def exponential(x):
    """exp(x) elementwise, (n, m) float32."""
    out = np.empty_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = exp(x[i, j])
    return out


@formula
def rough_power(x):
    """2^(x / 2^23 - 127) to 9e-5, for int32 with 2^23 <= x < 255 2^23: read as a float32, x is nearly that."""
    m = view((x & _FRACTION) | _ONE, _f32)
    p = fma(fma(fma(_ROUGH[0], m, _ROUGH[1]), m, _ROUGH[2]), m, _ROUGH[3])  # stays in [1, 2)
    return view((view(p, _i32) & _FRACTION) | (x & ~_FRACTION), _f32)


@formula
def draw(bits, odds):
    """r (1 + odds), r uniform in [0, 1) from 24 of 32 random bits: below 1 with probability 1 / (1 + odds)."""
    r = convert(bits >> 8, _f32) * 2.0**-24
    return fma(r, odds, r)


@formula
def draw_word(below, above, row, bits, bits_row, factor, bias):
    """Word with bit c on where draw < 1; below[row] takes the odds = exp(-(bias + factor (below + above)[row, c]))."""
    total = load(below, row * CHAINS, 0, CHAINS) + load(above, row * CHAINS, 0, CHAINS)
    odds = exp(-fma(factor, total, bias))
    store(below, row * CHAINS, 0, odds)
    return view(draw(load(bits, bits_row * CHAINS, 0, CHAINS), odds) < 1.0, _u64)


@formula
def draw_whole(total, row, bits, bits_row, grain, bias, margin):
    """(surely, perhaps): words of the chains with r (1 + 2^x) < 1 - margin, < 1 + margin, the power rough.

    x = (bias + grain total[row, c]) / 2^23 - 127, between -126 and 127; total (n, CHAINS) int16, grain, bias int32.
    """
    odds = rough_power(convert(load(total, row * CHAINS, 0, CHAINS), _i32) * grain + bias)
    r, one = convert(load(bits, bits_row * CHAINS, 0, CHAINS) >> 8, _f32), _f32(2.0**24)
    value = fma(r, odds, r)
    return view(value < one - one * margin, _u64), view(value < one + one * margin, _u64)


@intrinsic
def halves_of_product(typing, x, factor):
    """(low words, high words) of x times the factor, of uint32: even lanes and odd ones are multiplied apart."""

    def codegen(context, builder, sig, args):
        (whole,), n = unpacked(context, builder, args[0], x, x), x.n
        (factors,) = unpacked(context, builder, args[1], factor, Vector(types.uint64, n // 2))
        pairs, even_lanes = builder.bitcast(whole, factors.type), [k if k % 2 == 0 else n + k - 1 for k in range(n)]
        low_half, half = (ir.Constant(pairs.type, [value] * (n // 2)) for value in (0xFFFFFFFF, 32))
        even, odd = builder.and_(pairs, low_half), builder.lshr(pairs, half)
        even, odd = (builder.bitcast(builder.mul(lanes, factors), whole.type) for lanes in (even, odd))
        words = [shuffled(builder, even, odd, [k + high for k in even_lanes]) for high in (0, 1)]
        return context.make_tuple(builder, sig.return_type, [packed(builder, [word], x) for word in words])

    return types.UniTuple(x, 2)(x, factor), codegen


@intrinsic
def in_turn(typing, a, b, c, d):
    """a_0, b_0, c_0, d_0, a_1, ... as one vector."""

    def operation(builder, *parts):
        n = a.n
        left, right = (shuffled(builder, x, y, range(2 * n)) for x, y in (parts[:2], parts[2:]))
        return shuffled(builder, left, right, [j * n + k for k in range(n) for j in range(4)])

    return Vector(a.number, 4 * a.n)(a, b, c, d), each(operation)
