"""Naive mean field: m_u = sigmoid(b_u + sum_k w_uk m_k), hidden layers in turn, the visible units clamped.

Graded states stand in tiles (see `layouts`). Every sum has a fixed order, tiles do not touch one another: the same bits
whatever the threads. Source: Salakhutdinov & Hinton (2009) AISTATS.
"""

import numpy as np

from analysis.kernels.draws import exp
from analysis.kernels.jit import formula, kernel
from analysis.kernels.layouts import FEW, LANES, NEAR, PANEL, PATTERNS, TWO, at, load, steps, store
from analysis.kernels.vectors import fma, largest, select, splat, view

_f32, _i32 = np.float32, np.int32
_ASCENDING = np.arange(PATTERNS, dtype=np.int32)


@kernel
def mean_field(begin, end, states, graph, n_iterations, tolerance, n):
    """Naive mean field of the hidden layers of n patterns, in place.

    Starts from one pass upwards with doubled input below the last layer (the missing input from above); ends after
    n_iterations, and for a tile when none of its units moved by `tolerance` or more. Lanes beyond n stay 0.
    """
    last_layer = graph.layer.size - 2
    change = np.zeros(len(states), np.float32)
    below, above = np.zeros((TWO * PANEL, PATTERNS), np.float32), np.zeros((TWO * PANEL, PATTERNS), np.float32)
    for layer in range(1, last_layer + 1):
        relax_layer(begin, end, states, change, graph, layer, n, True, below, above)
    change[:] = _f32(0.0)
    n_active, iteration = end - begin, 0
    while last_layer > 1 and n_active and iteration < n_iterations:
        for layer in range(1, last_layer + 1):
            relax_layer(begin, end, states, change, graph, layer, n, False, below, above)
        n_active = 0
        for t in range(begin, end):
            done = change[t] < tolerance
            change[t] = _f32(-1.0) if done else _f32(0.0)
            n_active += not done
        iteration += 1


@kernel
def relax_layer(begin, end, states, change, graph, layer, n, below_alone, below, above):
    """m_u = sigmoid(b_u + input) of a layer, in place, in tiles whose change[t] is not negative; raises that to theirs.

    With below_alone the input from above is missing, and that from below doubled in its place where there is a layer.
    A block of units is done for all tiles, so that its weights are read once, TWO tiles at a time where both are at
    work; weights of a pair of layers are read from the same panels in both directions, so that they stay in the cache.
    below, above: room for inputs; above is 0 where below_alone.
    """
    layers, panel, panels_below, panels_above = graph.layer, graph.panel, graph.panels_below, graph.panels_above
    bias, start, middle, neighbour, weight = graph.bias, graph.start, graph.above, graph.neighbour, graph.weight
    first_unit, last_unit, stop = layers[layer], layers[layer + 1], start[1:]
    factor = _f32(2.0) if below_alone and layer < layers.size - 2 else _f32(1.0)
    for first in range(first_unit, last_unit, PANEL):
        last, t = min(first + PANEL, last_unit), begin
        while t < end:
            n_tiles = 0
            while n_tiles < TWO and t + n_tiles < end and change[t + n_tiles] >= 0:
                n_tiles += 1
            here, row = (t, min(n_tiles * PATTERNS, n - t * PATTERNS), last - first), first - first_unit
            if panels_below[layer] >= 0:
                place = panels_below[layer] + row * (first_unit - layers[layer - 1] + 1)
                neighbours, apart = (layers[layer - 1], first_unit), (1, PANEL * PANEL, PANEL)
                sum_panels(below, *here, states, neighbours, panel, place, apart)
            else:
                sum_synapses(below, states, t, n_tiles, first, last, start, middle, neighbour, weight)
            if not below_alone and panels_above[layer] >= 0:
                neighbours, apart = (last_unit, layers[layer + 2]), (PANEL, (last_unit - first_unit + 1) * PANEL, 1)
                sum_panels(above, *here, states, neighbours, panel, panels_below[layer + 1] + row * PANEL, apart)
            elif not below_alone:
                sum_synapses(above, states, t, n_tiles, first, last, middle, stop, neighbour, weight)
            for k in range(n_tiles):
                n_patterns = min(PATTERNS, n - (t + k) * PATTERNS)
                moved = relax(states, t + k, first, last, below, above, PANEL * k, factor, bias, n_patterns)
                change[t + k] = max(change[t + k], moved)
            t += max(n_tiles, 1)


@kernel
def sum_synapses(total, states, tile, n_tiles, first, last, start, stop, neighbour, weight):
    """total[PANEL t + u - first, c] = sum_k w_uk m_k over synapses k = start[u] ... stop[u] - 1, in tile + t."""
    size = states.shape[1] * PATTERNS
    for u in range(first, last):
        row = (u - first) * PATTERNS
        if n_tiles == TWO:
            rows, tiles = steps(row, PANEL * PATTERNS, TWO), steps(tile * size, size, TWO)
            lane_sum(total, rows, states, tiles, start[u], stop[u], neighbour, weight)
        elif n_tiles == 1:
            lane_sum(total, row, states, tile * size, start[u], stop[u], neighbour, weight)


@formula
def lane_sum(total, rows, states, tiles, first, last, neighbour, weight):
    """total[row, c] = sum_k weight[k] states[tile, neighbour[k], c] for k = first ... last - 1; a row a tile."""
    x = splat(_f32(0.0), PATTERNS, tiles)
    for k in range(first, last):
        x = fma(at(weight, 0, k), load(states, tiles, at(neighbour, 0, k) * PATTERNS, PATTERNS), x)
    store(total, rows, 0, x)


@kernel
def sum_panels(total, tile, n, n_units, states, neighbours, panel, weights, apart):
    """total[PANEL t + u, c] = sum_k w_uk m_kc over neighbours k, of n patterns from a tile on, u < n_units.

    w_uk = panel[weights + unit u + size (k // PANEL) + step (k % PANEL)]: units that are columns of a panel stand side
    by side, those that are rows of all panels, of this size, PANEL apart.
    """
    (first, last), (unit, size, step) = neighbours, apart
    total[:] = _f32(0.0)
    for k in range(first, last, NEAR):
        for pattern in range(0, n, LANES):
            t, c = pattern // PATTERNS, pattern % PATTERNS
            place = ((tile + t) * states.shape[1] + k) * PATTERNS + c
            for u in range(0, n_units, FEW):
                rows = steps(weights + size * ((k - first) // PANEL) + unit * u, unit, FEW)
                here = steps((PANEL * t + u) * PATTERNS + c, PATTERNS, FEW)
                panel_sum(total, here, states, place, min(NEAR, last - k), panel, rows, size, step)


@formula
def panel_sum(total, here, states, place, n, panel, weights, size, step):
    """total[here + c] += sum_k panel[weights + size (k // PANEL) + step (k % PANEL)] states[place + PATTERNS k + c]."""
    x = load(total, here, 0, LANES)
    for first in range(0, n, PANEL):
        offset, neighbour = size * (first // PANEL), place + PATTERNS * first
        for k in range(min(PANEL, n - first)):
            x = fma(load(panel, weights, offset + step * k, 1), load(states, neighbour, PATTERNS * k, LANES), x)
    store(total, here, 0, x)


@formula
def relax(tiles, tile, first, last, below, above, row, factor, bias, n):
    """tiles[tile, u, c] = sigmoid(bias[u] + factor (below + above)[row + u - first, c]) for c < n, else 0, u < last.

    Returns the largest change.
    """
    states, rows, change = tile * tiles.shape[1] * PATTERNS, (row - first) * PATTERNS, splat(_i32(0), PATTERNS, 0)
    there = load(_ASCENDING, 0, 0, PATTERNS) < n
    for u in range(first, last):
        total = load(below, rows, u * PATTERNS, PATTERNS) + load(above, rows, u * PATTERNS, PATTERNS)
        odds = exp(-fma(factor, total, at(bias, 0, u)))
        value = select(there, _f32(1.0) / (odds + _f32(1.0)), _f32(0.0))
        moved = view(value - load(tiles, states, u * PATTERNS, PATTERNS), _i32) & 0x7FFFFFFF
        change = select(moved > change, moved, change)  # sizes of float32 are in the order of their bits
        store(tiles, states, u * PATTERNS, value)
    return view(largest(change), _f32)
