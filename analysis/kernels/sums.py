"""Sums over the synapses of a unit, the order of every one spelled out.

    word_sum   total[c]    = sum_k weight[k] [chain c of word neighbour[k] is on]       few synapses, binary states
    whole_sum  the same with whole numbers of 16 bits for weights                       (see `gibbs`)
    row_sum    total[c, u] = sum_k weight[row[c, k], u]                                 many synapses, few active units
    lane_sum   total[c]    = sum_k weight[k] state[neighbour[k], c]                     few synapses, graded states
    panel_sum  total[u, c] = sum_k weight[k, u] state[k, c]                             many synapses, graded states
    add_rows, row_dots     sums of rows, and rows times vectors, of one matrix          (see `rbm`)

Every sum over k starts at 0 and ascends, lane by lane: adding a row is adding weight x 1, leaving it out is adding
weight x 0, so that all forms give the same bits, on vectors of any width. Products are fused with sums (fma, correctly
rounded by definition): the same bits in hardware and in software. Layouts: see `lanes`.
"""

import numpy as np

from analysis.kernels.jit import formula
from analysis.kernels.layouts import AT_ONCE, CHAINS, GROUP, PANEL, PATTERNS, TWO, WIDTH
from analysis.kernels.vectors import (
    at, fma, load, lowest_bit, on_in, one_at_a_time, select, splat, steps, store, sums, transposed, view
)

_f32, _i16 = np.float32, np.int16
_HALF_CHAINS, _HALF_PANEL, _VECTORS = CHAINS // 2, PANEL // 2, WIDTH // PANEL


def _word_sum(n_tiles):
    @formula
    def word_sum(total, row, words, tile, first, last, neighbour, weight):
        """total[row + PANEL t, c] = sum_k weight[k] [bit c of words[tile + t, neighbour[k]]], k = first ... last - 1.

        total (n, CHAINS) and weight float32, words (n_tiles, n_units) uint64, neighbour int32; all C-contiguous.
        """
        tiles, x = steps(tile * words.shape[1], words.shape[1], n_tiles), splat(_f32(0.0), CHAINS, n_tiles)
        for k in range(first, last):
            x = select(on_in(at(words, tiles, at(neighbour, 0, k))), x + at(weight, 0, k), x)
        store(total, steps(row * CHAINS, PANEL * CHAINS, n_tiles), 0, x)

    return word_sum


def _whole_sum(n_tiles):
    @formula
    def whole_sum(total, row, words, tile, first, last, neighbour, twice):
        """word_sum in whole numbers of 16 bits: total int16, twice (n,) uint32 each of them two times."""
        tiles, x = steps(tile * words.shape[1], words.shape[1], n_tiles), splat(_i16(0), CHAINS, n_tiles)
        for k in range(first, last):
            one_at_a_time()
            number = view(splat(at(twice, 0, k), _HALF_CHAINS, 1), _i16)
            x = select(on_in(at(words, tiles, at(neighbour, 0, k))), x + number, x)
        store(total, steps(row * CHAINS, PANEL * CHAINS, n_tiles), 0, x)

    return whole_sum


word_sum, word_sums = _word_sum(1), _word_sum(AT_ONCE)
whole_sum, whole_sums = _whole_sum(1), _whole_sum(TWO)


@formula
def row_sum(total, first_chain, pairs, offset, rows, first_list, n_rows):
    """total[first_chain + g, u] = sum_k panel[offset + 2 rows[first_list + g, k] + u], k < n_rows, g < GROUP.

    total (CHAINS, PANEL) float32; pairs (n,) int64: the panel, two float32 in one, offset even; rows (n_lists, n)
    uint16: where the active units' rows begin, in pairs (x86 scales an index by 8 bytes at most).
    """
    lists, x = steps(first_list * rows.shape[1], rows.shape[1], GROUP), splat(_f32(0.0), PANEL, GROUP)
    for k in range(n_rows):
        x = x + view(load(pairs, at(rows, lists, k), offset // 2, _HALF_PANEL), _f32)
    store(total, steps(first_chain * PANEL, PANEL, GROUP), 0, x)


@formula
def transpose(out, row, by_chain):
    """out[row + u, c] = by_chain[c, u]; out (n, CHAINS), by_chain (CHAINS, PANEL), float32."""
    for c in range(0, CHAINS, PANEL):
        by_unit = transposed(load(by_chain, steps(0, PANEL, PANEL), c * PANEL, PANEL))
        store(out, steps(row * CHAINS, CHAINS, PANEL), c, by_unit)


def _lane_sum(n_tiles):
    @formula
    def lane_sum(total, row, tiles, tile, first, last, neighbour, weight):
        """total[row + PANEL t, c] = sum_k weight[k] tiles[tile + t, neighbour[k], c] for k = first ... last - 1.

        total (n, PATTERNS) and tiles (n_tiles, n_units, PATTERNS) float32, neighbour int32, weight float32; all
        C-contiguous.
        """
        size = tiles.shape[1] * PATTERNS
        states, x = steps(tile * size, size, n_tiles), splat(_f32(0.0), PATTERNS, n_tiles)
        for k in range(first, last):
            x = fma(at(weight, 0, k), load(tiles, states, at(neighbour, 0, k) * PATTERNS, PATTERNS), x)
        store(total, steps(row * PATTERNS, PANEL * PATTERNS, n_tiles), 0, x)

    return lane_sum


lane_sum, lane_sums = _lane_sum(1), _lane_sum(TWO)


@formula
def panel_sum(total, row, tiles, tile, first, last, panel, offset):
    """total[row + u, c] = sum_k panel[offset + PANEL k + u] tiles[tile, first + k, c], u < GROUP, first + k < last.

    For units of one panel, from its rows. total (n, PATTERNS), tiles (n_tiles, n_units, PATTERNS), panel (n,) float32.
    """
    states, weights = (tile * tiles.shape[1] + first) * PATTERNS, steps(offset, 1, GROUP)
    x = splat(_f32(0.0), PATTERNS, GROUP)
    for k in range(last - first):
        x = fma(at(panel, weights, PANEL * k), load(tiles, states, PATTERNS * k, PATTERNS), x)
    store(total, steps(row * PATTERNS, PATTERNS, GROUP), 0, x)


@formula
def panel_sum_across(total, row, tiles, tile, first, last, panel, offset, size):
    """total[row + u, c] = sum_k panel[offset + size (k // PANEL) + k % PANEL + PANEL u] tiles[tile, first + k, c].

    For units that are rows, from the same row of all panels; `size` is that of a panel. Else as `panel_sum`.
    """
    states, weights = (tile * tiles.shape[1] + first) * PATTERNS, steps(offset, PANEL, GROUP)
    x = splat(_f32(0.0), PATTERNS, GROUP)
    for k in range(last - first):
        w = at(panel, weights, size * (k // PANEL) + k % PANEL)
        x = fma(w, load(tiles, states, PATTERNS * k, PATTERNS), x)
    store(total, steps(row * PATTERNS, PATTERNS, GROUP), 0, x)


@formula
def row_dot(total, row, i, matrix, vectors, vector):
    """total[row, i + g] = sum_j matrix[i + g, j] vectors[vector, j], g < GROUP.

    In the order j = lane, lane + PANEL, ..., then a binary tree over lanes. total (n_rows, n), matrix (n, m),
    vectors (n_vectors, m) float32, C-contiguous, n a multiple of GROUP, m of PANEL.
    """
    m, x = matrix.shape[1], splat(_f32(0.0), PANEL, GROUP)
    rows = steps(i * m, m, GROUP)
    for block in range(m // PANEL):
        j = block * PANEL
        x = fma(load(matrix, rows, j, PANEL), load(vectors, vector * m, j, PANEL), x)
    store(total, row * total.shape[1], i, sums(x))


@formula
def row_dots(total, row, i, matrix, vectors, vector):
    """The same of TWO vectors and rows of the total, which share a read of the matrix."""
    m, x, y = matrix.shape[1], splat(_f32(0.0), PANEL, GROUP), splat(_f32(0.0), PANEL, GROUP)
    rows = steps(i * m, m, GROUP)
    for block in range(m // PANEL):
        j = block * PANEL
        w = load(matrix, rows, j, PANEL)
        x = fma(w, load(vectors, vector * m, j, PANEL), x)
        y = fma(w, load(vectors, (vector + 1) * m, j, PANEL), y)
    store(total, row * total.shape[1], i, sums(x))
    store(total, (row + 1) * total.shape[1], i, sums(y))


@formula
def add_rows(total, row, j, matrix, rows, first, last):
    """total[row, j + c] += sum_k matrix[rows[k], j + c] for k = first ... last - 1, one after the other, c < WIDTH.

    total (n_totals, m), matrix (n, m) float32, rows (n_rows,) int32, C-contiguous.
    """
    m, columns = matrix.shape[1], steps(j, PANEL, _VECTORS)
    x = load(total, columns, row * m, PANEL)
    for k in range(first, last):
        x = x + load(matrix, columns, at(rows, 0, k) * m, PANEL)
    store(total, columns, row * m, x)


@formula
def fma_of(a, b, c):
    return fma(a, b, c)
