"""The slow obvious twin of `exact`: every joint state of all layers, one at a time, straight from E(x)."""

import itertools
import math

import numpy as np


def joint_states(machine):
    """Every joint state, as a list of layers of ints."""
    n_units = machine.n_units
    for bits in itertools.product((0, 1), repeat=sum(n_units)):
        layers, start = [], 0
        for n in n_units:
            layers.append(bits[start : start + n])
            start += n
        yield layers


def negative_energy(machine, layers):
    """sum_l b_l . x_l + sum_l x_{l-1}^T W_l x_l, term by term."""
    total = 0.0
    for bias, x in zip(machine.biases, layers):
        for b, unit in zip(bias, x):
            total += float(b) * unit
    for weights, below, above in zip(machine.weights, layers, layers[1:]):
        for i, x in enumerate(below):
            for j, y in enumerate(above):
                total += float(weights[i, j]) * x * y
    return total


def log_partition(machine):
    """log sum_x exp(-E(x))."""
    return math.log(math.fsum(math.exp(negative_energy(machine, x)) for x in joint_states(machine)))


def probabilities(machine):
    """(joint state, probability) of every joint state."""
    log_z = log_partition(machine)
    return [(x, math.exp(negative_energy(machine, x) - log_z)) for x in joint_states(machine)]


def visible_probabilities(machine):
    """{visible pattern: probability}."""
    result = {}
    for layers, p in probabilities(machine):
        result[layers[0]] = result.get(layers[0], 0.0) + p
    return result


def moments(machine):
    """Means of each layer and <x_i y_j> of each layer of synapses."""
    means = [np.zeros(n) for n in machine.n_units]
    correlations = [np.zeros(w.shape) for w in machine.weights]
    for layers, p in probabilities(machine):
        arrays = [np.array(x, dtype=float) for x in layers]
        for mean, x in zip(means, arrays):
            mean += p * x
        for correlation, below, above in zip(correlations, arrays, arrays[1:]):
            correlation += p * np.outer(below, above)
    return means, correlations


def fisher_information(machine):
    """Covariance of (v, h, v_i h_j), i slow and j fast."""
    mean, second = 0.0, 0.0
    for (v, h), p in probabilities(machine):
        t = np.array([*v, *h, *(i * j for i in v for j in h)], dtype=float)
        mean, second = mean + p * t, second + p * np.outer(t, t)
    return second - np.outer(mean, mean)


def kl_divergence(patterns, machine):
    """sum_v p(v) (log p(v) - log P(v)) over the different patterns."""
    model, shares = visible_probabilities(machine), {}
    for pattern in patterns.tolist():
        shares[tuple(pattern)] = shares.get(tuple(pattern), 0.0) + 1 / len(patterns)
    return math.fsum(p * (math.log(p) - math.log(model[v])) for v, p in shares.items())


def deletion_damage(patterns, machine):
    """A machine without the synapse, for each of them in turn."""
    damage, before = np.zeros(machine.weights[0].shape), kl_divergence(patterns, machine)
    for i, j in np.argwhere(machine.masks[0]):
        mask = machine.masks[0].copy()
        mask[i, j] = False
        smaller = type(machine)(machine.biases, machine.weights, (mask,))
        damage[i, j] = kl_divergence(patterns, smaller) - before
    return damage
