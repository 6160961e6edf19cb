"""Binary states: every transition of the simulation, as numba functions of arrays and scalars.

    input        z_u = b_u + factor * (sum_k w_uk x_k over neighbours below + the same above)
    unit         x_u = 1 with probability sigmoid(z_u), that is where r (1 + exp(-z_u)) < 1

`factor` is 1 except in greedy pretraining. A machine arrives as a `graph.Graph`, states as words (n_tiles, n_units),
one chain a bit, probabilities as tiles (n_tiles, n_units, PATTERNS), one pattern a lane (see `layouts`). A draw depends
on its position alone and every sum has a fixed order, so that neither threads nor instruction sets change a bit;
threads share nothing but whole tiles or units: the first two arguments of a kernel name those it works on. Sources:
block Gibbs: Salakhutdinov & Hinton (2009) AISTATS; contrastive divergence: Hinton (2002),
doi:10.1162/089976602760128018.
"""

import numpy as np

from analysis.kernels.draws import draw_word, exp, random_chains
from analysis.kernels.jit import kernel
from analysis.kernels.layouts import AT_ONCE, CHAINS, PANEL, PATTERNS, zeros
from analysis.kernels.sums import add_inputs, list_neighbours, word_sum, workspace

_f32, _i64, _u64 = np.float32, np.int64, np.uint64  # a bare number for an argument compiles the callee once more
TILES_A_WORD = CHAINS // PATTERNS


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
def start(begin, end, words, bias, key, n_chains):
    """Independent units: 1 with probability sigmoid(b_u)."""
    bits, inputs = zeros((4, CHAINS), np.uint32), zeros((2, CHAINS), np.float32)
    for t in range(begin, end):
        on = ~_u64(0) >> _u64(CHAINS - min(CHAINS, n_chains - t * CHAINS))
        for u in range(bias.size):
            if u % 4 == 0:
                random_chains(bits, u, u + 1, key, _i64(0), t * CHAINS)
            inputs[0] = _f32(0.0)
            words[t, u] = draw_word(inputs, inputs[1:], 0, bits, u % 4, _f32(1.0), bias[u]) & on


@kernel
def sweep(begin, end, words, graph, key, step, n_chains, space):
    """One sweep of at most AT_ONCE tiles."""
    no_p = np.empty((0, 0, 0), np.float32)
    for parity in (1, 0):
        for layer in range(parity, graph.layer.size - 1, 2):
            sample_layer(begin, end, words, no_p, graph, layer, _f32(1.0), key, step, n_chains, space)


@kernel
def dream(words, graph, key, first_step, n_steps, memory, rate, joint):
    """n_steps sweeps of one network in place, and the averages r <- r + (x - r) / min(t, memory) after sweep t.

    words (1, n_units): the network is bit 0. rate (n_units,) float32, x = x_u; joint (2 S,) float32, in the rows of the
    graph, x = x_u x_k for the neighbours k above u alone. Sweeps are counted from 1, first_step of them are done.
    """
    space, start, middle, neighbour = workspace(graph), graph.start, graph.above, graph.neighbour
    for step in range(first_step, first_step + n_steps):
        sweep(_i64(0), _i64(1), words, graph, key, step, _i64(1), space)
        share = _f32(1.0) / _f32(min(step + 1, memory))
        for u in range(rate.size):
            on = words[0, u] != 0
            rate[u] += (_f32(on) - rate[u]) * share
            if on:
                for k in range(middle[u], start[u + 1]):
                    joint[k] += (_f32(words[0, neighbour[k]]) - joint[k]) * share
            else:
                for k in range(middle[u], start[u + 1]):
                    joint[k] -= joint[k] * share


@kernel
def anneal(begin, end, log_w, words, graph, biases, betas, n_chains):
    """log_w[c] += log f_1(x) - log f_0(x), the step of annealed importance sampling at the even layers x.

    f_k(x) = exp(sum_u b_ku x_u) prod_j (1 + exp(b_kj + beta_k sum_u w_uj x_u)), u in even and j in odd layers; b_k =
    biases[k]. As log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), no z is too large, and a block takes one logarithm.
    log_w (n_chains,) float64; biases (2, n_units) and betas (2,) float32.
    """
    space, layers = workspace(graph), graph.layer
    even = np.empty(layers[-1], np.int32)
    n_even = 0
    for layer in range(0, layers.size - 1, 2):
        for u in range(layers[layer], layers[layer + 1]):
            even[n_even] = u
            n_even += 1
    change, of_biases = np.empty(n_even, np.float32), np.empty((1, CHAINS), np.float32)
    for k in range(n_even):
        change[k] = biases[1, even[k]] - biases[0, even[k]]
    total, product = np.empty(CHAINS), np.empty(CHAINS)
    for t in range(begin, end):
        word_sum(of_biases, 0, words, t, 0, n_even, even, change)
        for c in range(CHAINS):
            total[c] = of_biases[0, c]
        for layer in range(1, layers.size - 1, 2):
            list_neighbours(t, t + 1, words, graph, layer, space)
            for first in range(layers[layer], layers[layer + 1], PANEL):
                last = min(first + PANEL, layers[layer + 1])
                add_inputs(t, t + 1, words, graph, layer, first, last, space)
                product[:] = 1.0
                for u in range(first, last):
                    for c in range(CHAINS):
                        z = space.below[u - first, c] + space.above[u - first, c]
                        z, following = biases[0, u] + betas[0] * z, biases[1, u] + betas[1] * z
                        total[c] += np.float64(max(following, _f32(0.0))) - np.float64(max(z, _f32(0.0)))
                        product[c] *= (1.0 + np.float64(exp(-abs(following)))) / (1.0 + np.float64(exp(-abs(z))))
                for c in range(CHAINS):
                    total[c] += np.log(product[c])
        for c in range(min(CHAINS, n_chains - t * CHAINS)):
            log_w[t * CHAINS + c] += total[c]


@kernel
def draw_layer(begin, end, words, graph, layer, factor, key, n_chains):
    """One draw of a layer given its neighbours, in place."""
    space, no_p = workspace(graph), np.empty((0, 0, 0), np.float32)
    for t in range(begin, end, AT_ONCE):
        sample_layer(t, min(t + AT_ONCE, end), words, no_p, graph, layer, factor, key, _i64(0), n_chains, space)


@kernel
def contrastive_divergence(begin, end, words, positive, negative, graph, factors, key, first_step, n_steps, n):
    """CD-k of an RBM: positive takes P(h | v), negative (v', P(h | v')) after n_steps reconstructions v'.

    words (n_tiles, n_units) hold the n patterns v; both layers are sampled, the gradient takes the hidden
    probabilities. positive and negative (n_tiles, n_units, PATTERNS) float32; factors (2,) float32: of the input
    upwards and downwards.
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
