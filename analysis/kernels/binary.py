"""Binary states: the input of a layer's units from their active neighbours, and a draw of the layer given it.

    input           z_u = b_u + factor * (sum_k w_uk x_k over neighbours below + the same above)
    unit            x_u = 1 with probability sigmoid(z_u), that is where r (1 + exp(-z_u)) < 1
    few synapses    total[c]    = sum_k weight[k] [chain c of word neighbour[k] is on]
    many synapses   total[c, u] = sum_k weight[row[c, k], u]     over the active units of chain c

`factor` is 1 except in greedy pretraining. A machine arrives as a `graph.Graph`, states as words (see `layouts`). Every
sum over k starts at 0 and ascends: leaving a row out is adding weight x 0, so that both forms give the same bits. A
draw depends on its position alone; threads share nothing but whole tiles, which the first two arguments name. Sources:
Salakhutdinov & Hinton (2009) AISTATS; Hinton (2002), doi:10.1162/089976602760128018 (contrastive divergence).
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types

from analysis.kernels.draws import draw_word, random_chains
from analysis.kernels.jit import formula, intrinsic, kernel
from analysis.kernels.layouts import AT_ONCE, CHAINS, GROUP, PANEL, PATTERNS, at, load, steps, store, transposed
from analysis.kernels.vectors import select, splat, view

_f32, _i64, _u64 = np.float32, np.int64, np.uint64  # a bare number for an argument compiles the callee once more
_PAIRS, TILES_A_WORD = PANEL // 2, CHAINS // PATTERNS


class Workspace(NamedTuple):
    """What a thread needs to draw PANEL units in AT_ONCE tiles; tile t has rows PANEL t ... of the inputs."""

    below: np.ndarray  # (AT_ONCE PANEL, CHAINS) float32: input from the layer below
    above: np.ndarray  # the same from above
    by_chain: np.ndarray  # (CHAINS, PANEL)
    bits: np.ndarray  # (PANEL + 8, CHAINS) uint32: random bits
    rows_below: np.ndarray  # (AT_ONCE CHAINS, n + 1) uint16: where the panel rows of active units begin
    rows_above: np.ndarray


@kernel
def workspace(graph):
    """A Workspace for the widest layer."""
    room, n_rows = (AT_ONCE * PANEL, CHAINS), (AT_ONCE * CHAINS, np.diff(graph.layer).max() + 1)
    below, above = np.zeros(room, np.float32), np.zeros(room, np.float32)
    by_chain, bits = np.zeros((CHAINS, PANEL), np.float32), np.zeros((PANEL + 8, CHAINS), np.uint32)
    return Workspace(below, above, by_chain, bits, np.empty(n_rows, np.uint16), np.empty(n_rows, np.uint16))


@kernel
def sample_layer(begin, end, words, p, graph, layer, factor, key, step, n_chains, space):
    """Draw a layer of at most AT_ONCE tiles given its neighbours, a block of units for all tiles at a time.

    Where p (n_tiles, n_units, PATTERNS) has tiles, they take P(x_u = 1).
    """
    below, above, bits = space.below, space.above, space.bits
    bias, first_unit, last_unit = graph.bias, graph.layer[layer], graph.layer[layer + 1]
    list_neighbours(begin, end, words, graph, layer, space)
    for first in range(first_unit, last_unit, PANEL):
        last = min(first + PANEL, last_unit)
        add_inputs(begin, end, words, graph, layer, first, last, space)
        for t in range(begin, end):
            n = min(CHAINS, n_chains - t * CHAINS)
            random_chains(bits, first, last, key, step, t * CHAINS)
            for u in range(first, last):
                row = PANEL * (t - begin) + u - first
                word = draw_word(below, above, row, bits, u - first // 4 * 4, factor, bias[u])
                words[t, u] = word & (~_u64(0) >> _u64(CHAINS - n))
                for k in range(t * TILES_A_WORD, min((t + 1) * TILES_A_WORD, p.shape[0])):
                    offset = k * PATTERNS - t * CHAINS
                    for c in range(min(PATTERNS, n - offset)):
                        p[k, u, c] = _f32(1.0) / (_f32(1.0) + below[row, offset + c])


@kernel
def draw_layer(begin, end, words, graph, layer, factor, key, n_chains):
    """Draw a layer given its neighbours, in place."""
    space, no_p = workspace(graph), np.empty((0, 0, 0), np.float32)
    for t in range(begin, end, AT_ONCE):
        sample_layer(t, min(t + AT_ONCE, end), words, no_p, graph, layer, factor, key, _i64(0), n_chains, space)


@kernel
def contrastive_divergence(begin, end, words, positive, negative, graph, factors, key, first_step, n_steps, n):
    """CD-k of an RBM: positive takes P(h | v), negative (v', P(h | v')) after n_steps reconstructions v'.

    words hold the n patterns v; both layers are sampled, the gradient takes the hidden probabilities, in tiles.
    factors (2,) float32: of the input upwards and downwards.
    """
    space, no_p = workspace(graph), np.empty((0, 0, 0), np.float32)
    for t in range(begin, end, AT_ONCE):
        last = min(t + AT_ONCE, end)
        sample_layer(t, last, words, positive, graph, _i64(1), factors[0], key, first_step, n, space)
        for step in range(first_step + 1, first_step + n_steps + 1):
            sample_layer(t, last, words, no_p, graph, _i64(0), factors[1], key, step, n, space)
            sample_layer(t, last, words, negative, graph, _i64(1), factors[0], key, step, n, space)
    for k in range(begin * TILES_A_WORD, min(end * TILES_A_WORD, len(negative))):
        for u in range(graph.layer[1]):
            word = words[k // TILES_A_WORD, u] >> _u64(k % TILES_A_WORD * PATTERNS)
            for c in range(PATTERNS):
                negative[k, u, c] = _f32((word >> _u64(c)) & _u64(1))


@kernel
def add_inputs(begin, end, words, graph, layer, first, last, space):
    """space.below, space.above [PANEL t + u - first, c] = input of unit u, first ... last - 1, in tile begin + t."""
    start, middle, layers, panel, n_tiles = graph.start, graph.above, graph.layer, graph.panel, end - begin
    first_unit, last_unit = layers[layer], layers[layer + 1]
    if graph.panels_below[layer] >= 0:
        place = graph.panels_below[layer] + (first - first_unit) * (first_unit - layers[layer - 1] + 1)
        sum_active(space.below, space.by_chain, panel, place, space.rows_below, n_tiles)
    else:
        sum_synapses(space.below, words, begin, end, first, last, start, middle, graph.neighbour, graph.weight)
    if graph.panels_above[layer] >= 0:
        place = graph.panels_above[layer] + (first - first_unit) * (layers[layer + 2] - last_unit + 1)
        sum_active(space.above, space.by_chain, panel, place, space.rows_above, n_tiles)
    else:
        sum_synapses(space.above, words, begin, end, first, last, middle, start[1:], graph.neighbour, graph.weight)


@formula
def word_sum(total, rows, words, tiles, first, last, neighbour, weight):
    """total[row, c] = sum_k weight[k] [bit c of words[tile, neighbour[k]]], k = first ... last - 1; a row a tile."""
    x = splat(_f32(0.0), CHAINS, tiles)
    for k in range(first, last):
        on = view(load(words, tiles, at(neighbour, 0, k), 1), np.bool_)
        x = select(on, x + at(weight, 0, k), x)
    store(total, rows, 0, x)


@kernel
def sum_synapses(sums, words, begin, end, first, last, start, stop, neighbour, weight):
    """sums[PANEL t + u - first, c] = sum_k w_uk x_k over synapses k = start[u] ... stop[u] - 1, in tile begin + t."""
    n_units = words.shape[1]
    for u in range(first, last):
        if end - begin == AT_ONCE:
            rows, tiles = steps((u - first) * CHAINS, PANEL * CHAINS, AT_ONCE), steps(begin * n_units, n_units, AT_ONCE)
            word_sum(sums, rows, words, tiles, start[u], stop[u], neighbour, weight)
        else:
            for t in range(end - begin):
                row, tile = (PANEL * t + u - first) * CHAINS, (begin + t) * n_units
                word_sum(sums, row, words, tile, start[u], stop[u], neighbour, weight)


@kernel
def list_neighbours(begin, end, words, graph, layer, space):
    """The active units of the layers next to this one, where their weights stand in panels (see list_active)."""
    layers, first, last = graph.layer, graph.layer[layer], graph.layer[layer + 1]
    if graph.panels_below[layer] >= 0:
        list_active(space.rows_below, words, begin, end, layers[layer - 1], first)
    if graph.panels_above[layer] >= 0:
        list_active(space.rows_above, words, begin, end, last, layers[layer + 2])


@kernel
def list_active(rows, words, begin, end, first, last):
    """rows[CHAINS t + c, k] = where the panel rows of the units begin that are on in chain c of tile begin + t.

    Ascending from k = 1 on, filled up with the empty row to the longest list of a GROUP of chains, its length at 0.
    """
    length = np.zeros((end - begin) * CHAINS, np.int64)
    for t in range(end - begin):
        for u in range(first, last):
            word = words[begin + t, u]
            while word:
                c = CHAINS * t + lowest_bit(word)
                length[c] += 1
                rows[c, length[c]] = _PAIRS * (u - first)
                word &= word - _u64(1)
    for group in range(0, length.size, GROUP):
        longest = length[group : group + GROUP].max()
        for c in range(group, group + GROUP):
            rows[c, 0] = longest
            for k in range(length[c] + 1, longest + 1):
                rows[c, k] = _PAIRS * (last - first)


@kernel
def sum_active(sums, by_chain, panel, place, rows, n_tiles):
    """sums[PANEL t + u, c] = sum_k w_uk x_k for PANEL units from the panel at `place`, adding rows of active units."""
    pairs = panel.view(np.int64)
    for t in range(n_tiles):
        for c in range(0, CHAINS, GROUP):
            row_sum(by_chain, c, pairs, place, rows, CHAINS * t + c, _i64(rows[CHAINS * t + c, 0]))
        for c in range(0, CHAINS, PANEL):
            by_unit = transposed(load(by_chain, steps(0, PANEL, PANEL), c * PANEL, PANEL))
            store(sums, steps(PANEL * t * CHAINS, CHAINS, PANEL), c, by_unit)


@formula
def row_sum(total, first_chain, pairs, offset, rows, first_list, n_rows):
    """total[first_chain + g, u] = sum_k panel[offset + 2 rows[first_list + g, 1 + k] + u], k < n_rows, g < GROUP.

    pairs (n,) int64: the panel, two float32 in one, and rows counted in them: x86 scales an index by 8 bytes at most.
    """
    lists = steps(first_list * rows.shape[1], rows.shape[1], GROUP)
    x = splat(_f32(0.0), PANEL, lists)
    for k in range(1, n_rows + 1):
        x = x + view(load(pairs, load(rows, lists, k, 1), offset // 2, _PAIRS), _f32)
    store(total, steps(first_chain * PANEL, PANEL, GROUP), 0, x)


@intrinsic
def lowest_bit(typing, x):
    """Position of the lowest bit that is on in a uint64; 64 for none."""
    nothing_else = ir.Constant(ir.IntType(1), 0)
    return types.int64(types.uint64), lambda context, builder, sig, args: builder.cttz(args[0], nothing_else)
