"""How parameters change, as numba functions of arrays and scalars.

    learning   dw <- momentum dw + rate (<x_i x_j>_data - <x_i x_j>_model),  w <- w + dw
    norm       w_ij <- w_ij c / |w_j| where |w_j| = sqrt(sum_i w_ij^2) > c

Synapses are learnt where the states read them: those of a dense pair of layers in its panels (see graph.Graph), PANEL
of them at a time, the others in the rows of their units. Every sum has a fixed order; threads share nothing but whole
units. Source: Salakhutdinov & Hinton (2009) AISTATS.
"""

import numpy as np

from analysis.kernels.jit import formula, kernel
from analysis.kernels.layouts import FEW, GROUP, PANEL, PATTERNS, load, steps, store
from analysis.kernels.vectors import convert, fma, largest, popcount, select, splat, sums, view

_f32, _i32, _u64 = np.float32, np.int32, np.uint64
DIVERGED = _f32(1000.0)  # no Boltzmann machine of use has a weight of a thousand nats
DIVERGED_BITS = DIVERGED.view(np.int32)


@kernel
def learn(begin, end, graph, velocity, present, positive, negative, words, counts, rate, momentum):
    """Learn the biases of units begin ... end - 1, and their synapses with those above.

    velocity: of graph.weight, graph.panel and graph.bias; present (P,) uint8: 1 in the places of graph.panel that hold
    a synapse. positive: tiles of the data. The model: tiles `negative`, or, where these are none, words of binary
    states. counts (2,): patterns and chains (other lanes and bits hold 0). Returns the number of rows and parameters
    that are not finite or exceed DIVERGED in size.
    """
    bias, start, middle, neighbour, weight, twin, layers = graph[:7]
    row_velocity, panel_velocity, bias_velocity = velocity
    data, model = np.empty(bias.size + GROUP, np.float32), np.empty(bias.size + GROUP, np.float32)
    others = np.empty(GROUP, np.int64)
    scale, scale_model, n_diverged = _f32(1.0) / _f32(counts[0]), _f32(1.0) / _f32(counts[1]), 0
    for layer in range(1, layers.size - 1):
        first, last = max(begin, layers[layer - 1]), min(end, layers[layer])
        if first >= last:
            continue
        if graph.panels_below[layer] >= 0:
            step = positive, negative, words, counts, rate, momentum
            n_diverged += learn_panels(first, last, layer, graph, panel_velocity, present, *step)
            continue
        for i in range(first, last):
            row, n = middle[i], start[i + 1] - middle[i]
            for k in range(0, n, GROUP):
                for g in range(GROUP):  # beyond the last synapse that one is repeated
                    others[g] = neighbour[row + min(k + g, n - 1)]
                lane_dots(data, k, positive, i, others)
                if len(negative):
                    lane_dots(model, k, negative, i, others)
                else:
                    both_on(model, k, words, i, others)
            for k in range(n):
                gradient = data[k] * scale - model[k] * scale_model
                row_velocity[row + k] = momentum * row_velocity[row + k] + rate * gradient
                weight[row + k] += row_velocity[row + k]
            for k in range(row, row + n):
                weight[twin[k]] = weight[k]
                n_diverged += not abs(weight[k]) < DIVERGED
    for i in range(begin, end):
        total_model = lane_total(negative, i)
        for t in range(len(words)):
            total_model += _f32(popcount(words[t, i]))
        gradient = lane_total(positive, i) * scale - total_model * scale_model
        bias_velocity[i] = momentum * bias_velocity[i] + rate * gradient
        bias[i] += bias_velocity[i]
        n_diverged += not abs(bias[i]) < DIVERGED
    return n_diverged


@formula
def lane_dots(total, place, tiles, i, others):
    """total[place + g] = sum_t sum_c tiles[t, i, c] tiles[t, others[g], c] for g < GROUP.

    Tiles in ascending t lane by lane, then a binary tree over lanes. others (GROUP,) int64: units.
    """
    size, units = tiles.shape[1] * PATTERNS, load(others, steps(0, 1, GROUP), 0, 1) * PATTERNS
    x = splat(_f32(0.0), PATTERNS, units)
    for t in range(tiles.shape[0]):
        x = fma(load(tiles, i * PATTERNS, t * size, PATTERNS), load(tiles, units, t * size, PATTERNS), x)
    store(total, place, 0, sums(x))


@formula
def both_on(total, place, words, i, others):
    """total[place + g] = sum_t popcount(words[t, i] & words[t, others[g]]) for g < GROUP, as float32."""
    n_units, units = words.shape[1], load(others, steps(0, 1, GROUP), 0, 1)
    x = splat(_u64(0), 1, units)
    for t in range(words.shape[0]):
        x = x + popcount(load(words, i, t * n_units, 1) & load(words, units, t * n_units, 1))
    store(total, steps(place, 1, GROUP), 0, convert(x, _f32))


@kernel
def learn_panels(begin, end, layer, graph, velocity, present, positive, negative, words, counts, rate, momentum):
    """The same for the synapses of units begin ... end - 1, of the layer below, with a layer that has panels.

    PANEL units of the layer at a time, whose states then stay in the nearest cache; patterns in ascending order.
    """
    layers, panel = graph.layer, graph.panel
    place_below, place_above = graph.panels_below[layer], graph.panels_above[layer - 1]
    first_below, first, last = layers[layer - 1], layers[layer], layers[layer + 1]
    n_below, n = first - first_below, last - first
    by_pattern, by_pattern_model = by_panel(positive, first, last), by_panel(negative, first, last)
    by_tile = by_panel(words.reshape((*words.shape, 1)), first, last)
    data, model = np.zeros((FEW, PANEL), np.float32), np.zeros((FEW, PANEL), np.float32)
    scale, scale_model, n_diverged = _f32(1.0) / _f32(counts[0]), _f32(1.0) / _f32(counts[1]), 0
    for p in range(len(by_pattern)):
        for i in range(begin, end):
            row, few = i - first_below, (i - begin) % FEW
            if few == 0:  # beyond the last unit of the layer below there are those of this one to read
                panel_dots(data, positive, i, by_pattern, p, counts[0])
                if len(negative):
                    panel_dots(model, negative, i, by_pattern_model, p, counts[1])
                else:
                    panel_counts(model, words, i, by_tile, p)
            place = place_below + (p * (n_below + 1) + row) * PANEL
            mirror = place_above + (row // PANEL * (n + 1) + p * PANEL) * PANEL + row % PANEL
            gradient = load(data, few * PANEL, 0, PANEL) * scale - load(model, few * PANEL, 0, PANEL) * scale_model
            dw = momentum * load(velocity, place, 0, PANEL) + rate * gradient
            dw = select(load(present, place, 0, PANEL) != 0, dw, _f32(0.0))
            n_diverged += move(panel, velocity, place, dw) >= DIVERGED_BITS
            for u in range(min(PANEL, n - p * PANEL)):
                panel[mirror + u * PANEL] = panel[place + u]
    return n_diverged


@formula
def panel_dots(total, tiles, i, others, p, n):
    """total[u, c] = sum_k tiles[k // PATTERNS, i + u, k % PATTERNS] others[p, k, c], k < n, u < FEW, c < PANEL."""
    size, units, place = tiles.shape[1] * PATTERNS, steps(i * PATTERNS, PATTERNS, FEW), p * others.shape[1] * PANEL
    x = splat(_f32(0.0), PANEL, units)
    for k in range(n):
        x = fma(load(tiles, units, k // PATTERNS * size + k % PATTERNS, 1), load(others, place, k * PANEL, PANEL), x)
    store(total, steps(0, PANEL, FEW), 0, x)


@formula
def panel_counts(total, words, i, others, p):
    """total[u, c] = sum_t popcount(words[t, i + u] & others[p, t, c]), u < FEW, c < PANEL, as float32."""
    units, place = steps(i, 1, FEW), p * others.shape[1] * PANEL
    x = splat(_u64(0), PANEL, units)
    for t in range(words.shape[0]):
        x = x + popcount(load(words, units, t * words.shape[1], 1) & load(others, place, t * PANEL, PANEL))
    store(total, steps(0, PANEL, FEW), 0, convert(convert(x, _i32), _f32))


@formula
def move(w, dw, places, velocity):
    """dw <- velocity, w <- w + dw; returns the largest |w| as the bits of its float32, int32.

    These are in the order of |w|, what is not finite above all.
    """
    weight = load(w, places, 0, PANEL) + velocity
    store(dw, places, 0, velocity)
    store(w, places, 0, weight)
    return largest(view(weight, _i32) & 0x7FFFFFFF)


@kernel
def by_panel(tiles, first, last):
    """x[p, m t + c, k] = tiles[t, first + PANEL p + k, c], 0 from unit `last` on: (n_panels, m n_tiles, PANEL)."""
    n_tiles, _, m = tiles.shape
    out = np.zeros((-(-(last - first) // PANEL), n_tiles * m, PANEL), tiles.dtype)
    for t in range(n_tiles):
        for u in range(last - first):
            out[u // PANEL, t * m : (t + 1) * m, u % PANEL] = tiles[t, first + u]
    return out


@kernel
def lane_total(tiles, i):
    """sum_t sum_c tiles[t, i, c], in ascending order."""
    total = _f32(0.0)
    for t in range(tiles.shape[0]):
        for c in range(PATTERNS):
            total += tiles[t, i, c]
    return total


@kernel
def cap_norms(begin, end, graph, max_norm):
    """Rescale the synapses from below of every unit to a Euclidean norm of at most max_norm."""
    start, middle, weight, twin, layers = graph.start, graph.above, graph.weight, graph.twin, graph.layer
    for layer in range(1, layers.size - 1):
        first, last = max(begin, layers[layer]), min(end, layers[layer + 1])
        if graph.panels_below[layer] >= 0:
            cap_panels(first, last, layer, graph, max_norm)
            continue
        for u in range(first, last):
            total = _f32(0.0)
            for k in range(start[u], middle[u]):
                total += weight[k] * weight[k]
            if total > max_norm * max_norm:
                scale = max_norm / np.sqrt(total)
                for k in range(start[u], middle[u]):
                    weight[k] = weight[twin[k]] = weight[k] * scale


@kernel
def cap_panels(begin, end, layer, graph, max_norm):
    """The same for units of a layer that has panels: those whose first unit is among begin ... end - 1."""
    layers, panel = graph.layer, graph.panel
    place_below, place_above = graph.panels_below[layer], graph.panels_above[layer - 1]
    n_below, first, n = layers[layer] - layers[layer - 1], layers[layer], layers[layer + 1] - layers[layer]
    totals = np.empty(PANEL, np.float32)
    for p in range(-(-(begin - first) // PANEL), -(-(end - first) // PANEL)):
        place, totals[:] = place_below + p * (n_below + 1) * PANEL, _f32(0.0)
        for row in range(n_below):
            for u in range(PANEL):
                w = panel[place + row * PANEL + u]
                totals[u] += w * w
        for u in range(min(PANEL, n - p * PANEL)):
            if totals[u] > max_norm * max_norm:
                scale = max_norm / np.sqrt(totals[u])
                for row in range(n_below):
                    w = panel[place + row * PANEL + u] * scale
                    panel[place + row * PANEL + u] = w
                    panel[place_above + (row // PANEL * (n + 1) + p * PANEL + u) * PANEL + row % PANEL] = w
