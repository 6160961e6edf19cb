"""Block Gibbs, many sweeps in place; where synapses are few, by sums of whole numbers that are as good as exact.

    w_k = g n_k + rest_k     n_k a whole number, g the grain of the unit: every sum of its n_k fits 16 bits
    |b + g sum_k n_k x_k - z| <= e = max(sum of the positive rests, sum of the negative ones) + rounding

in units of 2^-23 log 2 nats, of which grain and bias are whole numbers: then the sum is as well, and stands where a
float32 has its exponent, so that exp(-z) is that float32, but for a polynomial of what is behind the point.

A unit is on where r (1 + exp(-z)) < 1, whose left side is then off by a factor of exp(e) at most: where it does not
keep clear of 1 by that margin, the word is drawn again from the exact sum. So the bits are those of
`binary.sample_layer`. Twice as many whole numbers as float32 fit a vector, and few words are drawn again.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types

from analysis.kernels.binary import sample_layer, word_sum, workspace
from analysis.kernels.draws import draw_whole, draw_word, random_chains
from analysis.kernels.jit import formula, intrinsic, kernel
from analysis.kernels.layouts import AT_ONCE, CHAINS, PANEL, TWO, at, load, steps, store
from analysis.kernels.vectors import select, splat, view

_f32, _i16, _i32, _u32, _u64 = np.float32, np.int16, np.int32, np.uint32, np.uint64
_HALF = CHAINS // 2
WORTHWHILE = 3  # tiles times sweeps from which rounding the weights takes less time than it saves: measured
_MOST_DRAWN_TWICE = 0.5  # of the words of a layer, at most, beyond which exact sums alone take less time
_LARGEST = 2**15 - 1  # of the sums of a unit's whole numbers
_LARGEST_INPUT = _f32(80.0)  # nats, where exp is clipped
_UNITS = _f32(2.0**23 / np.log(2.0))  # to the nat: an exponent of 1 is 2^23
_ONE = 127 << 23  # odds of 1
_ROUNDING = 2**14  # room left for it: it adds half of their count to a sum of numbers, and doubles the sum at most


class Rounded(NamedTuple):
    """Weights w_k = grain n_k + rest_k of a graph's n units and 2 S entries."""

    twice: np.ndarray  # (2 S,) uint32: n_k in the lower and in the upper 16 bits
    grain: np.ndarray  # (n,) int32: odds against being on are 2^((bias + grain sum of n_k) / 2^23 - 127)
    bias: np.ndarray  # (n,) int32
    margin: np.ndarray  # (n,) float32: what r (1 + exp(-z)) may be off by, near 1; infinite where 16 bits are too few


@kernel
def sweeps(begin, end, words, graph, key, first_step, n_steps, n_chains):
    """n_steps sweeps of block Gibbs in place: odd layers given even ones, then even given odd.

    key (3,) uint64: seed (two words), stream. Bits of the words beyond n_chains stay 0.
    """
    space, no_p, n_layers = workspace(graph), np.empty((0, 0, 0), np.float32), graph.layer.size - 1
    sums, few = np.zeros((TWO * PANEL, CHAINS), np.int16), np.zeros(n_layers, np.bool_)
    if (end - begin) * n_steps >= WORTHWHILE:
        for layer in range(n_layers):
            few[layer] = graph.panels_below[layer] < 0 and graph.panels_above[layer] < 0
    rounded = round_weights(graph, few)
    for t in range(begin, end, AT_ONCE):
        last = min(t + AT_ONCE, end)
        for step in range(first_step, first_step + n_steps):
            for parity in (1, 0):
                for layer in range(parity, n_layers, 2):
                    if not few[layer]:
                        sample_layer(t, last, words, no_p, graph, layer, _f32(1.0), key, step, n_chains, space)
                        continue
                    for pair in range(t, last, TWO):
                        tiles = pair, min(pair + TWO, last)
                        sample_few(tiles, words, graph, rounded, layer, key, step, n_chains, space, sums)


@kernel
def round_weights(graph, layers):
    """The weights of these layers' units (n_layers,) bool, rounded: grain = sum of one sign / room in 16 bits.

    Layers whose weights are so large and many that too many words would be drawn twice are taken out of `layers`.
    """
    bias, start, weight = graph.bias, graph.start, graph.weight
    twice = np.empty(weight.size if layers.any() else 0, np.uint32)
    grains, biases = np.empty(bias.size, np.int32), np.empty(bias.size, np.int32)
    margins = np.empty(bias.size, np.float32)
    for layer in range(layers.size):
        if layers[layer]:
            first, last, twice_drawn = graph.layer[layer], graph.layer[layer + 1], 0.0
            for u in range(first, last):
                here = slice(start[u], start[u + 1])
                grains[u], biases[u], margins[u] = round_unit(twice[here], weight[here], bias[u])
                # A chain is in doubt with probability 2 m p (1 - p) <= m / 2, a word for one of its chains.
                twice_drawn += min(CHAINS * np.float64(margins[u]) / 2, 1.0)
            layers[layer] = twice_drawn < _MOST_DRAWN_TWICE * (last - first)
    return Rounded(twice, grains, biases, margins)


@kernel
def round_unit(twice, weight, bias):
    """Round the weights of a unit; returns its (grain, bias, margin), as in Rounded."""
    n, up, down = weight.size, 0, 0
    for k in range(n):
        whole = in_units(weight[k])
        up, down = up + max(whole, 0), down - min(whole, 0)
    grain = 1 + max(up, down) // (_LARGEST - min(n, _ROUNDING))
    scale, too_large, too_small = _f32(1.0) / _f32(grain), 0, 0
    for k in range(n):
        whole = in_units(weight[k])
        rounded = _i32(_f32(whole) * scale + _f32(_LARGEST + 0.5)) - _LARGEST
        rest = whole - grain * rounded
        too_large, too_small = too_large + max(rest, 0), too_small - min(rest, 0)
        twice[k] = _u32(rounded & 0xFFFF) * _u32(0x10001)
    nat = np.float64(_UNITS)
    size = (up + down + n) / nat + abs(np.float64(bias))
    # Of n + 10 roundings each is by 2^-24 of the size or less; a weight and the bias lose a unit at most.
    error = (max(too_large, too_small) + n + 1) / nat + (n + 10) * 2.0**-23 * size
    if error >= 0.4 or (max(up, down) + n) / nat + abs(np.float64(bias)) >= _LARGEST_INPUT:
        return 0, _ONE, _f32(np.inf)
    # exp(e) - 1 < 1.25 e for e < 0.4. Rough powers, exp and both draws are off by less than 1e-4 together.
    return -grain, _ONE - _i32(np.float64(bias) * nat), _f32(1.25 * error + 1e-4)


@kernel
def in_units(weight):
    """The weight in units of 2^-23 log 2 nats, without what is behind the point; at most 80 nats."""
    return _i32(min(max(weight, -_LARGEST_INPUT), _LARGEST_INPUT) * _UNITS)


@formula
def whole_sum(total, rows, words, tiles, first, last, neighbour, twice):
    """binary.word_sum in whole numbers of 16 bits: total int16, twice (n,) uint32 each of them two times."""
    x = splat(_i16(0), CHAINS, tiles)
    for k in range(first, last):
        one_at_a_time()  # else LLVM selects and adds in two instructions, where one does both
        on, number = view(load(words, tiles, at(neighbour, 0, k), 1), np.bool_), splat(at(twice, 0, k), _HALF, 0)
        x = select(on, x + view(number, _i16), x)
    store(total, rows, 0, x)


@intrinsic
def one_at_a_time(typing):
    """Keeps LLVM from writing out several rounds of the loop around."""

    def codegen(context, builder, sig, args):
        nothing = builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", (), True)
        nothing.attributes.add("convergent")
        return context.get_dummy_value()

    return types.void(), codegen


@kernel
def sample_few(tiles, words, graph, rounded, layer, key, step, n_chains, space, sums):
    """Draw a layer given its neighbours by whole numbers, in at most TWO tiles (begin, end), as sample_layer does."""
    (begin, end), n_units = tiles, words.shape[1]
    bias, start, middle, neighbour, weight = graph.bias, graph.start, graph.above, graph.neighbour, graph.weight
    below, above, bits, (twice, grain, rough_bias, margin) = space.below, space.above, space.bits, rounded
    first_unit, last_unit = graph.layer[layer], graph.layer[layer + 1]
    for first in range(first_unit, last_unit, PANEL):
        last = min(first + PANEL, last_unit)
        for u in range(first, last):
            row, tile = (u - first) * CHAINS, begin * n_units
            if end - begin == TWO:
                rows, both = steps(row, PANEL * CHAINS, TWO), steps(tile, n_units, TWO)
                whole_sum(sums, rows, words, both, start[u], start[u + 1], neighbour, twice)
            else:
                whole_sum(sums, row, words, tile, start[u], start[u + 1], neighbour, twice)
        for t in range(begin, end):
            there = ~_u64(0) >> _u64(CHAINS - min(CHAINS, n_chains - t * CHAINS))
            random_chains(bits, first, last, key, step, t * CHAINS)
            for u in range(first, last):
                row, bits_row = PANEL * (t - begin) + u - first, u - first // 4 * 4
                surely, perhaps = draw_whole(sums, row, bits, bits_row, grain[u], rough_bias[u], margin[u])
                if (surely ^ perhaps) & there:
                    word_sum(below, 0, words, t * n_units, start[u], middle[u], neighbour, weight)
                    word_sum(above, 0, words, t * n_units, middle[u], start[u + 1], neighbour, weight)
                    surely = draw_word(below, above, 0, bits, bits_row, _f32(1.0), bias[u])
                words[t, u] = surely & there
