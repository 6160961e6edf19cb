"""Inputs of binary units: sums over a unit's active neighbours, the order of every one spelled out.

    few synapses    total[c]    = sum_k weight[k] [chain c of word neighbour[k] is on]
    many synapses   total[c, u] = sum_k weight[row[c, k], u]     over the active units of chain c

Every sum over k starts at 0 and ascends, lane by lane: adding a row is adding weight x 1, leaving it out is adding
weight x 0, so that both forms give the same bits, on vectors of any width.
"""

from typing import NamedTuple

import numpy as np

from analysis.kernels.jit import formula, kernel
from analysis.kernels.lanes import at, load, lowest_bit, steps, store, transposed
from analysis.kernels.layouts import AT_ONCE, CHAINS, GROUP, PANEL, zeros
from analysis.kernels.vectors import select, splat, view

_f32, _u64, _PAIRS = np.float32, np.uint64, PANEL // 2


class Workspace(NamedTuple):
    """What a thread needs to draw PANEL units in AT_ONCE tiles; tile t has rows PANEL t ... of the inputs."""

    below: np.ndarray  # (AT_ONCE PANEL, CHAINS) float32: input from the layer below
    above: np.ndarray  # the same from above
    by_chain: np.ndarray  # (CHAINS, PANEL)
    bits: np.ndarray  # (PANEL + 8, CHAINS) uint32: random bits
    rows_below: np.ndarray  # (AT_ONCE CHAINS, n) uint16: where the panel rows of active units begin
    rows_above: np.ndarray
    longest_below: np.ndarray  # (AT_ONCE CHAINS / GROUP,) int64: rows of the longest list of each group of chains
    longest_above: np.ndarray


@kernel
def workspace(graph):
    """A Workspace for the widest layer."""
    widest = 0
    for layer in range(graph.layer.size - 1):
        widest = max(widest, graph.layer[layer + 1] - graph.layer[layer])
    return Workspace(
        zeros((AT_ONCE * PANEL, CHAINS), np.float32),
        zeros((AT_ONCE * PANEL, CHAINS), np.float32),
        zeros((CHAINS, PANEL), np.float32),
        zeros((PANEL + 8, CHAINS), np.uint32),
        np.empty((AT_ONCE * CHAINS, widest), np.uint16),
        np.empty((AT_ONCE * CHAINS, widest), np.uint16),
        np.empty(AT_ONCE * CHAINS // GROUP, np.int64),
        np.empty(AT_ONCE * CHAINS // GROUP, np.int64),
    )


@kernel
def add_inputs(begin, end, words, graph, layer, first, last, space):
    """space.below, space.above [PANEL t + u - first, c] = input of unit u, first ... last - 1, in tile begin + t."""
    below, above, by_chain, _, rows_below, rows_above, longest_below, longest_above = space
    _, start, middle, neighbour, weight, _, layers, panel, panels_below, panels_above = graph
    first_unit, last_unit, stop = layers[layer], layers[layer + 1], start[1:]
    if panels_below[layer] >= 0:
        place = panels_below[layer] + (first - first_unit) * (first_unit - layers[layer - 1] + 1)
        sum_active(below, by_chain, panel, place, rows_below, longest_below, end - begin)
    else:
        sum_synapses(below, words, begin, end, first, last, start, middle, neighbour, weight)
    if panels_above[layer] >= 0:
        place = panels_above[layer] + (first - first_unit) * (layers[layer + 2] - last_unit + 1)
        sum_active(above, by_chain, panel, place, rows_above, longest_above, end - begin)
    else:
        sum_synapses(above, words, begin, end, first, last, middle, stop, neighbour, weight)


# ---- few synapses --------------------------------------------------------------------------------------------------


def _word_sum(n_tiles):
    @formula
    def word_sum(total, row, words, tile, first, last, neighbour, weight):
        """total[row + PANEL t, c] = sum_k weight[k] [bit c of words[tile + t, neighbour[k]]], k = first ... last - 1.

        total (n, CHAINS) and weight float32, words (n_tiles, n_units) uint64, neighbour int32; all C-contiguous.
        """
        tiles, x = steps(tile * words.shape[1], words.shape[1], n_tiles), splat(_f32(0.0), CHAINS, n_tiles)
        for k in range(first, last):
            on = view(load(words, tiles, at(neighbour, 0, k), 1), np.bool_)
            x = select(on, x + at(weight, 0, k), x)
        store(total, steps(row * CHAINS, PANEL * CHAINS, n_tiles), 0, x)

    return word_sum


word_sum, word_sums = _word_sum(1), _word_sum(AT_ONCE)


@kernel
def sum_synapses(sums, words, begin, end, first, last, start, stop, neighbour, weight):
    """sums[PANEL t + u - first, c] = sum_k w_uk x_k over synapses k = start[u] ... stop[u] - 1, in tile begin + t."""
    for u in range(first, last):
        if end - begin == AT_ONCE:
            word_sums(sums, u - first, words, begin, start[u], stop[u], neighbour, weight)
        else:
            for t in range(end - begin):
                word_sum(sums, PANEL * t + u - first, words, begin + t, start[u], stop[u], neighbour, weight)


# ---- many synapses -------------------------------------------------------------------------------------------------


@kernel
def list_neighbours(begin, end, words, graph, layer, space):
    """The active units of the layers next to this one, where their weights stand in panels (see list_active)."""
    layers, first, last = graph.layer, graph.layer[layer], graph.layer[layer + 1]
    if graph.panels_below[layer] >= 0:
        list_active(space.rows_below, space.longest_below, words, begin, end, layers[layer - 1], first)
    if graph.panels_above[layer] >= 0:
        list_active(space.rows_above, space.longest_above, words, begin, end, last, layers[layer + 2])


@kernel
def list_active(rows, longest, words, begin, end, first, last):
    """rows[CHAINS t + c] = where the panel rows of the units begin that are on in chain c of tile begin + t, ascending.

    Filled up with the empty row to the longest list of each GROUP of chains, whose length goes to `longest`.
    """
    length = np.zeros((end - begin) * CHAINS, np.int64)
    for t in range(end - begin):
        for u in range(first, last):
            word = words[begin + t, u]
            while word:
                c = CHAINS * t + lowest_bit(word)
                rows[c, length[c]] = PANEL // 2 * (u - first)
                length[c] += 1
                word &= word - _u64(1)
    for group in range(length.size // GROUP):
        size = np.int64(0)
        for c in range(group * GROUP, (group + 1) * GROUP):
            size = max(size, length[c])
        longest[group] = size
        for c in range(group * GROUP, (group + 1) * GROUP):
            for k in range(length[c], size):
                rows[c, k] = PANEL // 2 * (last - first)


@kernel
def sum_active(sums, by_chain, panel, place, rows, longest, n_tiles):
    """sums[PANEL t + u, c] = sum_k w_uk x_k for PANEL units from the panel at `place`, adding rows of active units."""
    pairs = panel.view(np.int64)
    for t in range(n_tiles):
        for c in range(0, CHAINS, GROUP):
            row_sum(by_chain, c, pairs, place, rows, CHAINS * t + c, longest[(CHAINS * t + c) // GROUP])
        transpose(sums, PANEL * t, by_chain)


@formula
def row_sum(total, first_chain, pairs, offset, rows, first_list, n_rows):
    """total[first_chain + g, u] = sum_k panel[offset + 2 rows[first_list + g, k] + u], k < n_rows, g < GROUP.

    total (CHAINS, PANEL) float32; pairs (n,) int64: the panel, two float32 in one, offset even; rows (n_lists, n)
    uint16: where the active units' rows begin, in pairs (x86 scales an index by 8 bytes at most).
    """
    lists, x = steps(first_list * rows.shape[1], rows.shape[1], GROUP), splat(_f32(0.0), PANEL, GROUP)
    for k in range(n_rows):
        x = x + view(load(pairs, load(rows, lists, k, 1), offset // 2, _PAIRS), _f32)
    store(total, steps(first_chain * PANEL, PANEL, GROUP), 0, x)


@formula
def transpose(out, row, by_chain):
    """out[row + u, c] = by_chain[c, u]; out (n, CHAINS), by_chain (CHAINS, PANEL), float32."""
    for c in range(0, CHAINS, PANEL):
        by_unit = transposed(load(by_chain, steps(0, PANEL, PANEL), c * PANEL, PANEL))
        store(out, steps(row * CHAINS, CHAINS, PANEL), c, by_unit)
