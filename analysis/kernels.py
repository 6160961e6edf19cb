"""Every state transition of the simulation, as numba functions of arrays and scalars.

    uniform      r = Philox4x32-10(counter = (unit / 4, step, chain, stream), key = seed)[unit % 4]
    unit         P(x_u = 1 | rest) = sigmoid(b_u + factor * sum_k w_uk x_k),  factor 1 except in greedy pretraining
    learning     dw <- momentum dw + rate (<x_i x_j>_data - <x_i x_j>_model),  w <- w + dw

A machine arrives as a `graph.Graph`: each unit's synapses in one row, ascending. States are tiles
(n_tiles, n_units, LANES), one chain or pattern a lane. A draw depends on its position alone and every sum has a fixed
order, so that neither threads nor instruction sets change a bit; threads share nothing but whole tiles or units:
the first two arguments of a kernel name the tiles, or units, begin ... end - 1 that a call works on.
Sources: Philox: Salmon et al. (2011) SC'11, doi:10.1145/2063384.2063405; block Gibbs, mean field and learning:
Salakhutdinov & Hinton (2009) AISTATS; contrastive divergence: Hinton (2002), doi:10.1162/089976602760128018.
"""

import numpy as np

from analysis.jit import inline, kernel
from analysis.lanes import LANES, lane_dot, lane_sum

_f32, _u64 = np.float32, np.uint64
_M0, _M1, _W0, _W1 = _u64(0xD2511F53), _u64(0xCD9E8D57), _u64(0x9E3779B9), _u64(0xBB67AE85)
_LOW, _HALF = _u64(0xFFFFFFFF), _u64(32)
_LOG2_E = _f32(1.4426950408889634)
_RESOLUTION = _f32(2.0**-24)  # draws keep 24 of 32 bits: what a float32 holds exactly
DIVERGED = _f32(1000.0)  # no Boltzmann machine of use has a weight of a thousand nats


@inline
def philox(c0, c1, c2, c3, k0, k1):
    """Four uint32 (held in uint64) = Philox4x32-10(counter c0 ... c3, key k0, k1)."""
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW
        c2, c3 = (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@kernel
def random_bits(out, key, step, chain):
    """out[u] = the 32 random bits of unit u, for one chain; out (n,), uint32, n a multiple of 4."""
    for block in range(out.size // 4):
        r0, r1, r2, r3 = philox(_u64(block), _u64(step), _u64(chain), key[2], key[0], key[1])
        out[4 * block], out[4 * block + 1], out[4 * block + 2], out[4 * block + 3] = r0, r1, r2, r3


@kernel
def random_lanes(out, first, last, key, step, chain):
    """out[u, c] = the 32 random bits of unit u = first ... last - 1 in chain + c; whole blocks of four are written."""
    for block in range(first // 4, (last + 3) // 4):
        for c in range(LANES):
            r0, r1, r2, r3 = philox(_u64(block), _u64(step), _u64(chain + c), key[2], key[0], key[1])
            out[4 * block, c], out[4 * block + 1, c], out[4 * block + 2, c], out[4 * block + 3, c] = r0, r1, r2, r3


@inline
def exp(x):
    """exp(x) = 2^n 2^f for |x| <= 80 (clipped), float32, relative error below 6e-6 (|x| < 30: 3e-6)."""
    z = min(max(x, _f32(-80.0)), _f32(80.0)) * _LOG2_E
    n = np.floor(z + _f32(0.5))
    f = z - n
    p = _f32(1.5403530e-4)
    for c in (1.3333558e-3, 9.6181291e-3, 5.5504109e-2, 2.4022651e-1, 6.9314718e-1, 1.0):
        p = p * f + _f32(c)
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@inline
def sigmoid(x):
    """1 / (1 + exp(-x)), float32, absolute error below 2e-7."""
    return _f32(1.0) / (_f32(1.0) + exp(-x))


@inline
def bernoulli(bits, p):
    """1 with probability p (to 2^-24), else 0."""
    return _f32(1.0) if _f32(np.uint32(bits) >> np.uint32(8)) * _RESOLUTION < p else _f32(0.0)


@kernel
def probabilities(tile, new, graph, first, last, below, factor):
    """new[u] = P(x_u = 1 | neighbours) for u = first ... last - 1; with `below` the synapses from below alone."""
    for u in range(first, last):
        lane_sum(
            new, u, tile, graph.start[u], graph.above[u] if below else graph.start[u + 1], graph.neighbour, graph.weight
        )
    for u in range(first, last):
        bias = graph.bias[u]
        for c in range(LANES):
            new[u, c] = sigmoid(bias + factor * new[u, c])


@kernel
def sample_layer(tile, p, bits, graph, layer, factor, key, step, chain):
    """Draw a layer given its neighbours; p (n_units, LANES) then holds its probabilities."""
    first, last = graph.layer[layer], graph.layer[layer + 1]
    probabilities(tile, p, graph, first, last, False, factor)
    random_lanes(bits, first, last, key, step, chain)
    for u in range(first, last):
        for c in range(LANES):
            tile[u, c] = bernoulli(bits[u, c], p[u, c])


@kernel
def workspace(n_units):
    """Probabilities and random bits of a tile; whole blocks of four."""
    return np.empty((n_units, LANES), np.float32), np.empty((n_units + 3, LANES), np.uint32)


@kernel
def start(begin, end, states, bias, key):
    """Independent units: states[t, u, c] = 1 with probability sigmoid(b_u)."""
    for t in range(begin, end):
        bits = workspace(bias.size)[1]
        random_lanes(bits, 0, bias.size, key, 0, t * LANES)
        for u in range(bias.size):
            p = sigmoid(bias[u])
            for c in range(LANES):
                states[t, u, c] = bernoulli(bits[u, c], p)


@kernel
def gibbs(begin, end, states, graph, key, first_step, n_steps):
    """n_steps sweeps of block Gibbs in place: odd layers given even ones, then even given odd.

    states (n_tiles, n_units, LANES) float32 in {0, 1}; key (3,) uint64: seed (two words), stream.
    """
    for t in range(begin, end):
        p, bits = workspace(states.shape[1])
        for step in range(first_step, first_step + n_steps):
            for parity in (1, 0):
                for layer in range(parity, graph.layer.size - 1, 2):
                    sample_layer(states[t], p, bits, graph, layer, _f32(1.0), key, step, t * LANES)


@kernel
def draw_layer(begin, end, states, graph, layer, factor, key):
    """One draw of a layer given its neighbours, in place."""
    for t in range(begin, end):
        p, bits = workspace(states.shape[1])
        sample_layer(states[t], p, bits, graph, layer, factor, key, 0, t * LANES)


@kernel
def mean_field(begin, end, states, graph, n_iterations, tolerance):
    """Naive mean field of the hidden layers in place: m_u = sigmoid(b_u + sum_k w_uk m_k), visible units clamped.

    Starts from one pass upwards with doubled input below the last layer (the missing input from above); ends after
    n_iterations or when no unit of the tile moved by `tolerance` or more. states (n_tiles, n_units, LANES) float32.
    """
    last_layer = graph.layer.size - 2
    for t in range(begin, end):
        tile, new = states[t], np.empty((states.shape[1], LANES), np.float32)
        for layer in range(1, last_layer + 1):
            first, last = graph.layer[layer], graph.layer[layer + 1]
            probabilities(tile, new, graph, first, last, True, _f32(2.0) if layer < last_layer else _f32(1.0))
            tile[first:last] = new[first:last]
        change = _f32(1.0) if last_layer > 1 else _f32(0.0)
        iteration = 0
        while iteration < n_iterations and change >= tolerance:
            change = _f32(0.0)
            for layer in range(1, last_layer + 1):
                first, last = graph.layer[layer], graph.layer[layer + 1]
                probabilities(tile, new, graph, first, last, False, _f32(1.0))
                for u in range(first, last):
                    for c in range(LANES):
                        change = max(change, abs(new[u, c] - tile[u, c]))
                        tile[u, c] = new[u, c]
            iteration += 1


@kernel
def contrastive_divergence(begin, end, positive, negative, graph, factors, key, first_step, n_steps):
    """CD-k of an RBM: positive holds (v, P(h | v)), negative (v', P(h | v')) after n_steps reconstructions v'.

    The visible units of `positive` are the data, in [0, 1]; both layers are sampled, the gradient takes the hidden
    probabilities. factors (2,) float32: of the input upwards and downwards. (n_tiles, n_units, LANES) float32.
    """
    n_visible, n_units = graph.layer[1], graph.layer[2]
    for t in range(begin, end):
        p, bits = workspace(n_units)
        tile = negative[t]
        tile[:n_visible] = positive[t, :n_visible]
        sample_layer(tile, p, bits, graph, 1, factors[0], key, first_step, t * LANES)
        positive[t, n_visible:] = p[n_visible:]
        for step in range(first_step + 1, first_step + n_steps + 1):
            sample_layer(tile, p, bits, graph, 0, factors[1], key, step, t * LANES)
            sample_layer(tile, p, bits, graph, 1, factors[0], key, step, t * LANES)
        tile[n_visible:] = p[n_visible:]


@kernel
def learn(begin, end, graph, velocity, bias_velocity, positive, negative, counts, rate, momentum):
    """dw <- momentum dw + rate (<x_i x_j>_positive - <x_i x_j>_negative), w <- w + dw, and so the biases.

    counts (2,): patterns in positive, chains in negative (the other lanes hold 0). Returns the number of parameters
    that are not finite or exceed DIVERGED in size.
    """
    bias, weight, twin, neighbour = graph.bias, graph.weight, graph.twin, graph.neighbour
    scale, scale_model = _f32(1.0) / _f32(counts[0]), _f32(1.0) / _f32(counts[1])
    n_diverged = 0
    for i in range(begin, end):
        for k in range(graph.above[i], graph.start[i + 1]):
            j = np.int64(neighbour[k])
            gradient = lane_dot(positive, i, j) * scale - lane_dot(negative, i, j) * scale_model
            velocity[k] = momentum * velocity[k] + rate * gradient
            weight[k] = weight[k] + velocity[k]
            weight[twin[k]] = weight[k]
            n_diverged += not abs(weight[k]) < DIVERGED
        gradient = lane_total(positive, i) * scale - lane_total(negative, i) * scale_model
        bias_velocity[i] = momentum * bias_velocity[i] + rate * gradient
        bias[i] = bias[i] + bias_velocity[i]
        n_diverged += not abs(bias[i]) < DIVERGED
    return n_diverged


@kernel
def lane_total(tiles, i):
    """sum_t sum_c tiles[t, i, c], in ascending order."""
    total = _f32(0.0)
    for t in range(tiles.shape[0]):
        for c in range(LANES):
            total += tiles[t, i, c]
    return total


@kernel
def cap_norms(begin, end, graph, max_norm):
    """Rescale the synapses from below of every unit to a Euclidean norm of at most max_norm."""
    weight, twin = graph.weight, graph.twin
    for u in range(begin, end):
        total = _f32(0.0)
        for k in range(graph.start[u], graph.above[u]):
            total += weight[k] * weight[k]
        if total > max_norm * max_norm:
            scale = max_norm / np.sqrt(total)
            for k in range(graph.start[u], graph.above[u]):
                weight[k] = weight[k] * scale
                weight[twin[k]] = weight[k]


@kernel
def exponential(x):
    """exp(x) elementwise, (n, m) float32 (see exp)."""
    out = np.empty_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = exp(x[i, j])
    return out
