"""Naive mean field: m_u = sigmoid(b_u + sum_k w_uk m_k), hidden layers in turn, the visible units clamped.

Graded states stand in tiles, `states` (n_tiles, n_units, PATTERNS) float32 (see `lanes`). Every sum has a fixed order,
tiles do not touch one another: the same bits whatever the threads. Source: Salakhutdinov & Hinton (2009) AISTATS.
"""

import numpy as np

from analysis.kernels.arrays import zeros
from analysis.kernels.draws import relax
from analysis.kernels.jit import kernel
from analysis.kernels.layouts import GROUP, PANEL, PATTERNS, TWO
from analysis.kernels.sums import lane_sum, lane_sums, panel_sum, panel_sum_across

_f32 = np.float32


@kernel
def relax_layer(begin, end, states, change, graph, layer, n, below_alone, below, above):
    """m_u = sigmoid(b_u + input) of a layer, in place, in tiles whose change[t] is not negative; raises that to theirs.

    With below_alone the input from above is missing, and that from below doubled in its place where there is a layer.
    A block of units is done for all tiles, so that its weights are read once, TWO tiles at a time where both are at
    work; weights of a pair of layers are read from the same panels in both directions, so that they stay in the cache.
    below, above (TWO PANEL, PATTERNS) float32: room for inputs; above is 0 where below_alone.
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
            if panels_below[layer] >= 0:
                first_row = layers[layer - 1]
                place = panels_below[layer] + (first - first_unit) * (first_unit - first_row + 1)
                for k in range(n_tiles):
                    for u in range(0, PANEL, GROUP):
                        panel_sum(below, PANEL * k + u, states, t + k, first_row, first_unit, panel, place + u)
            else:
                sum_synapses(below, states, t, n_tiles, first, last, start, middle, neighbour, weight)
            if not below_alone and panels_above[layer] >= 0:
                size, end_above = (last_unit - first_unit + 1) * PANEL, layers[layer + 2]
                place = panels_below[layer + 1] + (first - first_unit) * PANEL
                for k in range(n_tiles):
                    for u in range(0, last - first, GROUP):
                        row = place + u * PANEL
                        panel_sum_across(above, PANEL * k + u, states, t + k, last_unit, end_above, panel, row, size)
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
    for u in range(first, last):
        if n_tiles == TWO:
            lane_sums(total, u - first, states, tile, start[u], stop[u], neighbour, weight)
        elif n_tiles == 1:
            lane_sum(total, u - first, states, tile, start[u], stop[u], neighbour, weight)


@kernel
def mean_field(begin, end, states, graph, n_iterations, tolerance, n):
    """Naive mean field of the hidden layers of n patterns in place: m_u = sigmoid(z_u), visible units clamped.

    Starts from one pass upwards with doubled input below the last layer (the missing input from above); ends after
    n_iterations, and for a tile when none of its units moved by `tolerance` or more. Lanes beyond n stay 0.
    """
    last_layer = graph.layer.size - 2
    change = np.zeros(len(states), np.float32)
    below, above = zeros((TWO * PANEL, PATTERNS), np.float32), zeros((TWO * PANEL, PATTERNS), np.float32)
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
