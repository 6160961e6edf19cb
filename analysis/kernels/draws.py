"""Random bits, odds, and the states that they decide.

    draw_chains, draw_units    random bits: of four units in CHAINS chains, of BLOCK units in one
    draw                       r (1 + odds) < 1 with probability 1 / (1 + odds), odds = exp(-input)
    draw_word, draw_lanes      states of a unit in CHAINS chains, of PANEL units in one
    draw_whole                 the same from sums of whole numbers, and where those leave a doubt (see `gibbs`)
    odds_lanes, relax          odds of PANEL units; graded states sigmoid(input)

Every number is rounded in a stated order, on vectors of any width the same. Source of Philox: Salmon et al. (2011)
SC'11, doi:10.1145/2063384.2063405.
"""

import numpy as np

from analysis.kernels.jit import formula
from analysis.kernels.layouts import BLOCK, CHAINS, PANEL, PATTERNS
from analysis.kernels.vectors import (
    ascending, at, convert, fma, in_turn, largest, load, product, select, splat, steps, store, view, word,
)

_f32, _i32, _u32, _u64 = np.float32, np.int32, np.uint32, np.uint64
_FACTORS, _WEYL = (_u64(0xD2511F53), _u64(0xCD9E8D57)), (_u64(0x9E3779B9), _u64(0xBB67AE85))
_LOWEST, _HIGHEST, _LOG2_E = _f32(-80.0), _f32(80.0), _f32(np.log2(np.e))
_BLOCKS = BLOCK // 4
_SHIFT = _f32(1.5 * 2.0**23)  # no float32 of this size has a fraction
_EXP = tuple(map(_f32, (1.32647e-3, 9.67151e-3, 5.550734e-2, 2.4022242e-1, 6.9314698e-1, 1.0)))  # of 2^f, f^5 first
_ROUGH = tuple(map(_f32, (7.7052549e-2, -3.489135e-3, 4.7092702e-1, 4.5551056e-1)))  # of 2^(m - 1), 1 <= m < 2
_FRACTION, _ONE = 0x7FFFFF, 0x3F800000  # bits of a float32: those behind the point, and 1.0


@formula
def philox(counter, key):
    """Four vectors of random words = Philox4x32-7(counter: four vectors, key: two numbers)."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(7):
        (low0, high0), (low1, high1) = product(c0, _FACTORS[0]), product(c2, _FACTORS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + _WEYL[0], k1 + _WEYL[1]
    return c0, c1, c2, c3


@formula
def draw_chains(out, row, block, step, chain, key):
    """out[row + j, c] = word j of Philox4x32-7(counter = (block, step, chain + c, stream), key = seed), c < CHAINS.

    out (n, CHAINS) uint32, C-contiguous; key (3,) uint64: seed (two words), stream.
    """
    same = splat(_u32(block), CHAINS, 1), splat(_u32(step), CHAINS, 1), splat(_u32(key[2]), CHAINS, 1)
    words = philox((same[0], same[1], ascending(CHAINS) + chain, same[2]), (key[0], key[1]))
    for j in range(4):
        store(out, (row + j) * CHAINS, 0, words[j])


@formula
def draw_units(out, place, block, step, chain, key):
    """out[place + 4 k + j] = word j of Philox4x32-7 at (block + k, step, chain, stream), 4 k + j < BLOCK; uint32."""
    same = splat(_u32(step), _BLOCKS, 1), splat(_u32(chain), _BLOCKS, 1), splat(_u32(key[2]), _BLOCKS, 1)
    words = philox((ascending(_BLOCKS) + block, same[0], same[1], same[2]), (key[0], key[1]))
    store(out, place, 0, in_turn(words[0], words[1], words[2], words[3]))


@formula
def exp(x):
    """exp(x) = 2^n 2^f, |f| <= 1/2, for |x| <= 80 (clipped), float32, relative error below 1.5e-6 (|x| < 30: 7e-7).

    2^f by the polynomial of degree 5 whose largest relative error is least (9e-8) among those with p(0) = 1.
    """
    x = select(x > _LOWEST, x, _LOWEST)
    x = select(x < _HIGHEST, x, _HIGHEST)
    rounded = fma(x, _LOG2_E, _SHIFT)  # n stands in the lowest bits
    f = fma(x, _LOG2_E, _SHIFT - rounded)
    p = fma(_EXP[0], f, _EXP[1])
    p = fma(p, f, _EXP[2])
    p = fma(p, f, _EXP[3])
    p = fma(p, f, _EXP[4])
    p = fma(p, f, _EXP[5])
    return view(view(p, _i32) + (view(rounded, _i32) << 23), _f32)


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
    """Word with bit c on with probability 1 / (1 + odds), odds = exp(-(bias + factor (below + above)[row, c])).

    below, above (n, CHAINS) float32, bits (n, CHAINS) uint32. below[row] takes the odds. Returns uint64.
    """
    total = load(below, row * CHAINS, 0, CHAINS) + load(above, row * CHAINS, 0, CHAINS)
    odds = exp(-fma(factor, total, bias))
    store(below, row * CHAINS, 0, odds)
    return word(draw(load(bits, bits_row * CHAINS, 0, CHAINS), odds) < 1.0)


@formula
def draw_whole(total, row, bits, bits_row, grain, bias, margin):
    """(surely, perhaps): words of the chains with r (1 + 2^x) < 1 - margin, < 1 + margin, where
    x = (bias + grain total[row, c]) / 2^23 - 127, between -126 and 127.

    The power is rough, to 9e-5. total (n, CHAINS) int16, bits (n, CHAINS) uint32; grain, bias int32, margin float32.
    """
    odds = rough_power(convert(load(total, row * CHAINS, 0, CHAINS), _i32) * grain + bias)
    r, one = convert(load(bits, bits_row * CHAINS, 0, CHAINS) >> 8, _f32), _f32(2.0**24)
    value = fma(r, odds, r)
    return word(value < one - one * margin), word(value < one + one * margin)


@formula
def draw_lanes(states, row, j, odds, odds_row, bits, place):
    """states[row, j + c] = 1 with probability 1 / (1 + odds[odds_row, j + c]), else 0, c < PANEL.

    states, odds (n, m) float32, bits (n_bits,) uint32: those of lane c stand at place + c.
    """
    value = draw(load(bits, place, 0, PANEL), load(odds, odds_row * odds.shape[1], j, PANEL))
    store(states, row * states.shape[1], j, select(value < 1.0, _f32(1.0), _f32(0.0)))


@formula
def odds_lanes(total, row, j, bias, factor):
    """total[row, j + c] <- exp(-(bias[0, j + c] + factor total[row, j + c])), c < PANEL; float32, two dimensions."""
    z = fma(factor, load(total, row * total.shape[1], j, PANEL) + 0.0, load(bias, 0, j, PANEL))
    store(total, row * total.shape[1], j, exp(-z))


@formula
def relax(tiles, tile, first, last, below, above, row, factor, bias, n):
    """tiles[tile, u, c] = sigmoid(bias[u] + factor (below + above)[row + u - first, c]) for c < n, else 0, u < last.

    Returns the largest change, from 0 on. tiles (n_tiles, n_units, PATTERNS), below, above (n_rows, PATTERNS), bias
    (n_units,) float32.
    """
    states, sums, change = tile * tiles.shape[1] * PATTERNS, (row - first) * PATTERNS, splat(_f32(0.0), PATTERNS, 1)
    there = ascending(PATTERNS) < n
    for u in range(first, last):
        total = load(below, sums, u * PATTERNS, PATTERNS) + load(above, sums, u * PATTERNS, PATTERNS)
        odds = exp(-fma(factor, total, at(bias, 0, u)))
        value = select(there, _f32(1.0) / (odds + _f32(1.0)), _f32(0.0))
        moved = value - load(tiles, states, u * PATTERNS, PATTERNS)
        moved = view(view(moved, _i32) & 0x7FFFFFFF, _f32)
        change = select(moved > change, moved, change)
        store(tiles, states, u * PATTERNS, value)
    return largest(change)
