"""Slow obvious twins of the kernels: one unit, one synapse at a time; no graph, no words, tiles or panels, no threads.

Every float32 operation is written out, in the order that the kernels document, so that twins and kernels must agree in
every bit. Chains do not touch one another: they stand in numpy arrays, where each has its own sum. A machine is
anything with biases, weights and masks; states are one array (n_chains, n_l) a layer. At the end: enumeration in
float64, and tolerances that follow from a sample's size.
"""

import itertools
from types import SimpleNamespace

import numpy as np
from scipy import stats

from analysis.kernels.layouts import PANEL, PATTERNS
from analysis.machine import graph
from analysis.machine.randomness import derive

f32 = np.float32
WORD = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-7 on Python ints, or arrays of uint64: four words from a counter of four and a key of two."""
    c, k = list(counter), list(key)
    for _ in range(7):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & WORD, (p >> 32) ^ c[3] ^ k[1], p & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


def bits(seed, stream, chain, step, unit):
    """The 32 random bits at a position, or at those of an array of chains."""
    return philox((unit // 4, step, chain, stream), (seed & WORD, seed >> 32))[unit % 4]


def permutation(seed, n):
    """The order of n random 64-bit numbers: high words first, then low words."""
    words = [bits(seed, 0, 0, 0, u) for u in range(2 * n)]
    return sorted(range(n), key=lambda k: words[k] << 32 | words[n + k])


def normal(seed, stream, n):
    """Sum of twelve 20-bit uniforms - 6."""
    words = [bits(seed, stream, 0, 0, u) >> 12 for u in range(12 * n)]
    return [sum(words[12 * k : 12 * k + 12]) / 2**20 - 6 for k in range(n)]


def fma(a, b, c):
    """a b + c of float32 numbers or arrays, rounded once.

    In float64 the product is exact and the error of the sum is known (two-sum). A sum that is not exact is rounded to
    the neighbour whose last bit is 1: no tie of float32, and on the right side of every one.
    """
    a, b, c = (np.asarray(f32(x), float) for x in (a, b, c))
    product = a * b
    total = product + c
    with np.errstate(invalid="ignore"):  # of infinite sums, which stay as they are
        part = total - product
        error = (product - (total - part)) + (c - part)
    inexact = np.isfinite(error) & (error != 0) & (total.view(np.int64) % 2 == 0)
    total = np.where(inexact, np.nextafter(total, np.where(error > 0, np.inf, -np.inf)), total)
    with np.errstate(over="ignore"):
        return total.astype(f32)[()]


def exp(x):
    """2^n 2^f with n + f = x log2 e, n the nearest integer, in float32 step by step."""
    z, log2_e = np.minimum(np.maximum(f32(x), f32(-80)), f32(80)), f32(1.4426950408889634)
    n = fma(z, log2_e, f32(1.5 * 2**23)) - f32(1.5 * 2**23)
    f = fma(z, log2_e, -n)
    p = f32(1.32647e-3)
    for c in (9.67151e-3, 5.550734e-2, 2.4022242e-1, 6.9314698e-1, 1.0):
        p = fma(p, f, c)
    return np.ldexp(p, n.astype(int))


def sigmoid(x):
    """1 / (1 + exp(-x)) in float32."""
    return probability(exp(-f32(x)))


def probability(odds):
    """1 / (1 + odds) in float32."""
    return f32(1) / (f32(1) + odds)


def lane_sum(weights, states):
    """sum_k w_k x_k, in this order."""
    total = f32(0)
    for w, x in zip(weights, states):
        total = fma(w, x, total)
    return total


def lane_dot(x, y, n_lanes=PATTERNS):
    """sum_n x_n y_n: one running sum a lane, added up by halves."""
    lanes = [f32(0)] * n_lanes
    for n, (a, b) in enumerate(zip(x, y)):
        lanes[n % n_lanes] = fma(a, b, lanes[n % n_lanes])
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [lanes[c] + lanes[c + half] for c in range(half)]
    return lanes[0]


def field(machine, states, layer, factor=1, from_above=True):
    """b_j + factor (sum_k w_kj x_k from below + sum_k w_jk x_k from above), (n_chains, n_l); a pruned w is 0."""
    below = above = f32(0)
    if layer > 0:
        below = lane_sum(machine.weights[layer - 1][:, None, :], states[layer - 1].T[:, :, None])
    if layer < len(machine.weights) and from_above:
        above = lane_sum(machine.weights[layer].T[:, None, :], states[layer + 1].T[:, :, None])
    return fma(factor, below + above, machine.biases[layer])


def position(machine, layer):
    """Number of a layer's first unit, counted through all layers."""
    return sum(len(b) for b in machine.biases[:layer])


def draw(odds, seed, step, first):
    """1 where r (1 + odds) < 1, r from the upper 24 of the 32 bits at the position; odds of units from `first` on."""
    chains = np.arange(len(odds), dtype=np.uint64)
    words = np.transpose([bits(seed, 0, chains, step, first + j) for j in range(odds.shape[1])])
    r = (words >> 8).astype(f32) * f32(2.0**-24)
    return (fma(r, odds, r) < 1).astype(int)


def draw_layer(machine, states, layer, seed, step, factor=1, field=field):
    """Draw a layer given its neighbours, in place; returns its probabilities."""
    odds = exp(-field(machine, states, layer, factor))
    states[layer][:] = draw(odds, seed, step, position(machine, layer))
    return probability(odds)


def start(machine, n_chains, seed):
    """Independent units, P(x_u = 1) = sigmoid(b_u)."""
    odds = [np.tile(exp(-b), (n_chains, 1)) for b in machine.biases]
    return [draw(x, seed, 0, position(machine, layer)) for layer, x in enumerate(odds)]


def gibbs(machine, states, seed, first_step, n_steps):
    """Sweeps in place: odd layers, then even ones."""
    for step in range(first_step, first_step + n_steps):
        for layer in [*range(1, len(states), 2), *range(0, len(states), 2)]:
            draw_layer(machine, states, layer, seed, step)
    return states


def sample(machine, n_chains, n_steps, seed):
    """The twin of sampling.sample."""
    return gibbs(machine, start(machine, n_chains, derive(seed, "start")), derive(seed, "gibbs"), 0, n_steps)


def mean_field(machine, patterns, n_iterations, tolerance):
    """Mean field of PATTERNS patterns at a time: they stop together."""
    groups = [patterns[first : first + PATTERNS] for first in range(0, len(patterns), PATTERNS)]
    found = [_mean_field_of_group(machine, group, n_iterations, tolerance) for group in groups]
    return [np.concatenate(layer) for layer in zip(*found)]


def _mean_field_of_group(machine, patterns, n_iterations, tolerance):
    states, last = [f32(patterns), *([None] * len(machine.weights))], len(machine.weights)
    for layer in range(1, last + 1):
        states[layer] = sigmoid(field(machine, states, layer, 2 if layer < last else 1, from_above=False))
    for _ in range(n_iterations if last > 1 else 0):
        change = f32(0)
        for layer in range(1, last + 1):
            before, states[layer] = states[layer], sigmoid(field(machine, states, layer))
            change = max(change, np.abs(states[layer] - before).max())
        if change < f32(tolerance):
            break
    return states


def contrastive_divergence(machine, patterns, seed, first_step, n_steps, factors=(1, 1), field=field):
    """CD-k: ((v, P(h | v)), (v', P(h | v'))), one pair of arrays each."""
    states = [np.array(patterns, f32), np.zeros((len(patterns), len(machine.biases[1])), f32)]
    up, down = factors
    p_data = p_model = draw_layer(machine, states, 1, seed, first_step, up, field)
    for step in range(first_step + 1, first_step + n_steps + 1):
        draw_layer(machine, states, 0, seed, step, down, field)
        p_model = draw_layer(machine, states, 1, seed, step, up, field)
    return [np.array(patterns, f32), p_data], [states[0], p_model]


def dense_field(machine, states, layer, factor=1):
    """As `field`, in the order of kernels.contrastive: downwards in PANEL running sums, added up by halves."""
    if layer == 1:
        return field(machine, states, layer, factor)
    total = lane_dot(machine.weights[0].T[:, None, :], states[1].T[:, :, None], PANEL)
    return fma(factor, total, machine.biases[0])


def learner(machine):
    """The machine as arrays that can be written to, with velocities of 0."""
    return SimpleNamespace(
        biases=[b.copy() for b in machine.biases],
        weights=[w.copy() for w in machine.weights],
        masks=machine.masks,
        bias_velocity=[np.zeros_like(b) for b in machine.biases],
        velocity=[np.zeros_like(w) for w in machine.weights],
    )


def learn(machine, positive, negative, rate, momentum):
    """dw <- momentum dw + rate (<x_i x_j>_positive - <x_i x_j>_negative), w <- w + dw, and so the biases; in place."""
    scales = [f32(1) / f32(len(states[0])) for states in (positive, negative)]

    def means(of):
        return (of(states) * scale for states, scale in zip((positive, negative), scales))

    for layer, mask in enumerate(machine.masks):
        total = lane_sum if graph.has_panels(mask, graph.DENSE) else lane_dot
        data, model = means(lambda x, k=layer, total=total: total(x[k][:, :, None], x[k + 1][:, None, :]))
        _step(machine.weights[layer], machine.velocity[layer], np.where(mask, data - model, f32(0)), rate, momentum)
    for layer, bias in enumerate(machine.biases):
        data, model = means(lambda x, k=layer: lane_sum(np.ones(len(x[k])), x[k]))
        _step(bias, machine.bias_velocity[layer], data - model, rate, momentum)


def learn_dense(machine, positive, negative, rate, momentum):
    """The same of one pair of layers in the order of kernels.contrastive: the difference of two sums, then divided."""
    (v, p), (v_model, p_model) = positive, negative
    scale = f32(1) / f32(len(v))
    data, model = (lane_sum(x[:, :, None], y[:, None, :]) for x, y in ((v, p), (v_model, p_model)))
    gradient = np.where(machine.masks[0], (data - model) * scale, f32(0))
    _step(machine.weights[0], machine.velocity[0], gradient, rate, momentum)
    for layer, bias in enumerate(machine.biases):
        data, model = (lane_sum(np.ones(len(v)), states[layer]) for states in (positive, negative))
        _step(bias, machine.bias_velocity[layer], (data - model) * scale, rate, momentum)


def _step(value, velocity, gradient, rate, momentum):
    with np.errstate(over="ignore", invalid="ignore"):  # a learning rate may be too large
        velocity[:] = f32(momentum) * velocity + f32(rate) * gradient
        value += velocity


def cap_norms(machine, max_norm):
    """Rescale the synapses from below of every unit to a norm of at most max_norm, in place."""
    max_norm = f32(max_norm)
    for weights, mask in zip(machine.weights, machine.masks):
        for j in range(weights.shape[1]):
            column, squares = weights[mask[:, j], j], f32(0)
            for w in column:
                squares = squares + w * w
            if squares > max_norm * max_norm:
                weights[mask[:, j], j] = [w * (max_norm / np.sqrt(squares)) for w in column]


class Diverged(ArithmeticError):
    """Carries the number of the update."""


def train(machine, patterns, schedule, seed, factors=(1, 1)):
    """The twin of training.train: a learner; Diverged(update) where a parameter reaches 1000 or is not finite."""
    trained, n_updates = learner(machine), -(-len(patterns) // schedule.batch_size)
    chains = _start_chains(machine, patterns, schedule.n_chains, seed) if schedule.algorithm == "pcd" else None
    single_pair = len(machine.masks) == 1 and schedule.algorithm == "cd" and schedule.max_norm is None
    dense = single_pair and (schedule.batch_size == 1 or machine.masks[0].mean() >= graph.DENSE)  # kernels.contrastive
    field_of_order, learn_in_order = (dense_field, learn_dense) if dense else (field, learn)
    for epoch, (rate, momentum) in enumerate(schedule.epochs):
        order = permutation(derive(seed, "order", epoch), len(patterns))
        for n in range(n_updates):
            batch = patterns[order[n * schedule.batch_size : (n + 1) * schedule.batch_size]]
            update, k = epoch * n_updates + n, schedule.n_gibbs_steps
            if schedule.algorithm == "cd":
                position = derive(seed, "cd"), update * (k + 1), k
                compared = contrastive_divergence(trained, batch, *position, factors, field_of_order)
            else:
                data = mean_field(trained, batch, schedule.n_mean_field_steps, schedule.tolerance)
                compared = data, gibbs(trained, chains, derive(seed, "pcd"), update * k, k)
            learn_in_order(trained, *compared, rate, momentum)
            if not all((np.abs(x) < 1000).all() for x in (*trained.biases, *trained.weights)):
                raise Diverged(update)
            if schedule.max_norm is not None:
                cap_norms(trained, schedule.max_norm)
    return trained


def _start_chains(machine, patterns, n_chains, seed):
    """Hidden units ~ sigmoid(bias); visible units are patterns drawn without replacement, over again where too few."""
    chains = start(machine, n_chains, derive(derive(seed, "chains"), "start"))
    chosen = permutation(derive(seed, "chain data"), len(patterns))[: min(n_chains, len(patterns))]
    chains[0] = np.array([patterns[chosen[c % len(chosen)]] for c in range(n_chains)])
    return chains


def power_iteration(matrix, start, n_iterations, tolerance):
    """x <- F x / |F x| from start, one sum after the other: (eigenvalue, eigenvector)."""
    x, norm = np.array(start, float), 1.0
    for _ in range(n_iterations):
        y, squares = np.zeros(len(x)), 0.0
        for value, row in zip(x, np.asarray(matrix, float)):
            y += value * row
        for value in y.tolist():
            squares += value * value
        norm = squares**0.5
        if norm == 0.0:
            return norm, np.zeros(len(x))
        x, before = y / norm, x
        if np.abs(x - before).max() < tolerance:
            break
    return norm, x


def prune(machine, importance, fraction):
    """Remove synapses one at a time, then stranded units round by round: (masks, causes) of the larger machine."""
    masks = [mask.copy() for mask in machine.masks]
    for mask, x in zip(masks, importance):
        ranking = sorted((float(x[i, j]), i, j) for i, j in np.argwhere(mask))
        n_zero = sum(value == 0 for value, _, _ in ranking)
        for _, i, j in ranking[: max(1, int(fraction * len(ranking) + 0.5), n_zero)]:
            mask[i, j] = False
    return remove_stranded(masks)


def remove_stranded(masks):
    """(masks, causes): hidden units without input (1), output (2) or both (3) go, until all are connected."""
    masks = [np.array(mask) for mask in masks]
    causes = [[0] * len(masks[0])] + [[0] * mask.shape[1] for mask in masks]
    while True:
        lost = []
        for layer in range(1, len(causes)):
            for j in range(len(causes[layer])):
                no_input = not any(masks[layer - 1][:, j])
                no_output = layer < len(masks) and not any(masks[layer][j, :])
                if causes[layer][j] == 0 and (no_input or no_output):
                    lost.append((layer, j, no_input + 2 * no_output))
        if not lost:
            return masks, causes
        for layer, j, cause in lost:
            causes[layer][j] = cause
            masks[layer - 1][:, j] = False
            if layer < len(masks):
                masks[layer][j, :] = False


def energy(machine, layers):
    """E(x) of one joint state, term by term."""
    total = 0.0
    for bias, x in zip(machine.biases, layers):
        total -= sum(float(b) * int(unit) for b, unit in zip(bias, x))
    for weights, below, above in zip(machine.weights, layers, layers[1:]):
        total -= sum(float(weights[i, j]) * int(below[i]) * int(above[j]) for i, j in np.ndindex(weights.shape))
    return total


def enumerate_states(machine):
    """(states, p): every joint state, one array (n_states, n_l) a layer, and its probability."""
    sizes = [len(b) for b in machine.biases]
    joint = np.array(list(itertools.product((0, 1), repeat=sum(sizes))))
    states = np.split(joint, np.cumsum(sizes)[:-1], axis=1)
    weight = np.exp([-energy(machine, layers) for layers in zip(*states)])
    return states, weight / weight.sum()


def machine_of(n_units, seed=0, weight_std=1.0, density=0.7):
    """A small machine with strong weights, random masks and biases around 0; density one number, or one a pair."""
    from analysis.machine.model import BoltzmannMachine

    rng = np.random.default_rng(seed)
    pairs = list(zip(n_units, n_units[1:]))
    return BoltzmannMachine(
        tuple(rng.normal(0, 0.5, n) for n in n_units),
        tuple(rng.normal(0, weight_std, pair) for pair in pairs),
        tuple(rng.random(pair) < d for pair, d in zip(pairs, np.broadcast_to(density, len(pairs)))),
    )


def patterns_of(n, n_visible, seed=1):
    return np.random.default_rng(seed).integers(0, 2, (n, n_visible)).astype(np.uint8)


def assert_within_error(found, expected, standard_error):
    """Every |found - expected| is within the error of a sample: a correct estimator fails once in a million seeds.

    The limit in standard errors follows from the number of comparisons (Bonferroni).
    """
    found, expected, error = (np.ravel(x) for x in np.broadcast_arrays(found, expected, standard_error))
    limit = stats.norm.isf(0.5e-6 / found.size)
    excess = np.abs(found - expected) / (error + 1e-9)
    assert excess.max() < limit, f"{excess.max():.1f} standard errors at {excess.argmax()}, expected below {limit:.1f}"


def assert_same_bits(found, expected):
    """The arrays have the same types, shapes and values, NaNs alike."""
    for layer, (a, b) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_array_equal(a, b, f"layer {layer}", strict=True)
