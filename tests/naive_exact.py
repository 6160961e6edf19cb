"""The slow obvious twin of `exact`: every joint state of all layers, straight from E(x)."""

import math

import naive
import numpy as np


def log_partition(machine):
    """log sum_x exp(-E(x))."""
    states, _ = naive.enumerate_states(machine)
    return math.log(math.fsum(math.exp(-naive.energy(machine, x)) for x in zip(*states)))


def moments(machine):
    """Means of each layer and <x_i y_j> of each layer of synapses."""
    states, p = naive.enumerate_states(machine)
    return [p @ x for x in states], [(x * p[:, None]).T @ y for x, y in zip(states, states[1:])]


def fisher_information(machine):
    """Covariance of (v, h, v_i h_j), i slow and j fast."""
    (v, h), p = naive.enumerate_states(machine)
    t = np.concatenate([v, h, (v[:, :, None] * h[:, None, :]).reshape(len(v), -1)], axis=1)
    return (t * p[:, None]).T @ t - np.outer(p @ t, p @ t)


def log_probabilities(patterns, machine):
    """log P(v) of each pattern."""
    p = naive.enumerate_states(machine)[1].reshape(2 ** patterns.shape[1], -1).sum(axis=1)  # in binary order
    return np.log(p)[patterns @ (1 << np.arange(patterns.shape[1])[::-1])]


def kl_divergence(patterns, machine):
    """sum_v p(v) (log p(v) - log P(v)) over the different patterns."""
    distinct, counts = np.unique(patterns, axis=0, return_counts=True)
    p = counts / counts.sum()
    return p @ (np.log(p) - log_probabilities(distinct, machine))


def deletion_damage(patterns, machine):
    """KL of a machine rebuilt without each synapse in turn, less that of the whole one: one array a layer."""
    damage, before = [np.zeros(mask.shape) for mask in machine.masks], kl_divergence(patterns, machine)
    for layer, mask in enumerate(machine.masks):
        for synapse in zip(*np.nonzero(mask)):
            masks = [mask.copy() for mask in machine.masks]
            masks[layer][synapse] = False
            without = type(machine)(machine.biases, machine.weights, masks)
            damage[layer][synapse] = kl_divergence(patterns, without) - before
    return damage
