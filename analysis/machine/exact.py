"""Exact quantities of small machines, by enumeration (see `enumeration`), in float64 and nats.

    log Z = log sum_x exp(-E(x)),   P(v) = sum_h exp(-E(v, h)) / Z,   F = Cov(t, t),   t = (v, h, v_i h_j)

Sources: Salakhutdinov & Hinton (2009), AISTATS, eq. 1-8; the Fisher information of an exponential family is the
covariance of its sufficient statistics (Amari 2016, Information Geometry, section 2.1). Patterns are (n_patterns, n_0),
values in {0, 1}. All functions raise ValueError where more than 2^22 states would be enumerated, and for patterns that
do not fit.
"""

import numpy as np
from numpy.typing import ArrayLike

from analysis.machine import enumeration
from analysis.machine.arguments import check_binary
from analysis.machine.enumeration import MAX_STATES, log_partition, log_weights, states  # noqa: F401 offered here too
from analysis.machine.logistic import entropy, sigmoid, softplus  # noqa: F401
from analysis.machine.model import BoltzmannMachine


def moments(machine: BoltzmannMachine) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """<x_l> and <x_l-1,i x_l,j> under P(x) = exp(-E(x)) / Z.

    Returns L + 1 arrays (n_l,), probability that the unit is on, and L arrays (n_l-1, n_l), that both are.
    """
    n_side, n_other = sorted(sum(machine.n_units[k::2]) for k in (0, 1))
    mean_side, mean_other, both = np.zeros(n_side), np.zeros(n_other), np.zeros((n_side, n_other))
    for s, p, q in enumeration.weighted_states(machine, n_other):
        mean_side += p @ s
        mean_other += p @ q
        both += (s * p[:, None]).T @ q
    if enumeration.enumerates_odd(machine):
        mean_side, mean_other, both = mean_other, mean_side, both.T
    means = [(mean_side, mean_other)[layer % 2][span] for layer, span in enumerate(enumeration.spans(machine))]
    return means, enumeration.synapse_blocks(machine, both)


def visible_log_probabilities(machine: BoltzmannMachine) -> np.ndarray:
    """log P(v) = log sum_h exp(-E(v, h)) - log Z for all 2^n_0 visible patterns, in nats.

    Returns (2^n_0,), pattern k in the order of `states`: visible unit i is bit n_0 - 1 - i of k.
    """
    n_visible = machine.n_units[0]
    enumeration.check_states(n_visible + enumeration.n_hidden_enumerated(machine), machine.n_units)
    return log_weights(machine, states(n_visible)) - log_partition(machine)


def log_likelihood(patterns: ArrayLike, machine: BoltzmannMachine) -> float:
    """<log P(v)> over the patterns, in nats a pattern."""
    distinct, counts = _distinct(patterns, machine)
    return float(counts @ log_weights(machine, distinct) / counts.sum()) - log_partition(machine)


def kl_divergence(patterns: ArrayLike, machine: BoltzmannMachine) -> float:
    """KL(data || model) = sum_v p(v) (log p(v) - log P(v)), in nats; p(v) is the share of the patterns that are v."""
    distinct, counts = _distinct(patterns, machine)
    p = counts / counts.sum()
    return float(p @ (np.log(p) - log_weights(machine, distinct))) + log_partition(machine)


def fisher_information(machine: BoltzmannMachine) -> np.ndarray:
    """F = Cov(t, t) of t = (v, h, v_i h_j) under the model: the Fisher information matrix of an RBM.

    Order: visible biases, hidden biases, weights row by row (i slow, j fast), pruned synapses too. Returns
    (n_0 + n_1 + n_0 n_1,) squared, float64, symmetric. Raises ValueError for deep machines.

    Notes
    -----
    With s the states of the smaller layer and q_j = P(x_j = 1 | s) in the other, Cov(t) = Cov_s(E[t | s]) +
    E_s[Cov(t | s)] (law of total covariance). Given s, units of the other layer are independent, so with s_0 = 1
    Cov(s_i x_j, s_k x_l | s) = delta_jl s_i s_k q_j (1 - q_j): one block a unit.
    """
    _check_restricted("fisher_information", machine)
    if enumeration.enumerates_odd(machine):
        return _fisher_information_of_swapped(machine)
    n, m = machine.n_units
    means, correlations = moments(machine)
    mean = np.concatenate([*means, correlations[0].ravel()])
    matrix, blocks = np.zeros((len(mean), len(mean))), np.zeros((m, (n + 1) ** 2))
    for s, p, q in enumeration.weighted_states(machine, len(mean)):
        expected = np.concatenate([s, q, (s[:, :, None] * q[:, None, :]).reshape(len(s), n * m)], axis=1)
        expected = (expected - mean) * np.sqrt(p)[:, None]
        matrix += expected.T @ expected
        s = np.concatenate([np.ones((len(s), 1)), s], axis=1)
        blocks += (q * (1 - q) * p[:, None]).T @ (s[:, :, None] * s[:, None, :]).reshape(len(s), (n + 1) ** 2)
    place = n + np.arange(n + 1) * m + np.arange(m)[:, None]  # of s_i x_j for i = 0 to n: (m, n + 1)
    matrix[place[:, :, None], place[:, None, :]] += blocks.reshape(m, n + 1, n + 1)
    return matrix


def deletion_damage(patterns: ArrayLike, machine: BoltzmannMachine) -> np.ndarray:
    """KL(data || model without w_ij) - KL(data || model), each synapse deleted alone, nothing retrained: nats.

    Returns (n_0, n_1) float64: 0 where there is no synapse; below 0 where the model without the synapse is nearer to
    the data. Raises ValueError for deep machines.

    Notes
    -----
    Without w_ij the input c_j(v) of hidden unit j is less by v_i w_ij, and nothing else changes. So with
    p_ij = P(v_i = h_j = 1), log Z grows by log(1 - p_ij + p_ij exp(-w_ij)), and log P(v) + log Z by
    v_i (softplus(c_j(v) - w_ij) - softplus(c_j(v))): one enumeration, and one pass over the data's patterns.
    """
    _check_restricted("deletion_damage", machine)
    distinct, counts = _distinct(patterns, machine)
    weights = machine.weights[0].astype(np.float64)
    _, (both,) = moments(machine)
    log_apart, log_both = (np.log(np.maximum(p, np.finfo(float).tiny)) for p in (1.0 - both, both))
    damage = np.logaddexp(log_apart, log_both - weights)
    inputs = machine.biases[1].astype(np.float64) + distinct @ weights
    for i, w in enumerate(weights):
        on = distinct[:, i] == 1
        damage[i] -= counts[on] @ (softplus(inputs[on] - w) - softplus(inputs[on])) / counts.sum()
    return np.where(machine.masks[0], damage, 0.0)


def distinct_patterns(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of binary patterns (n_patterns, n_units), uint8, and how often each occurs."""
    packed = np.packbits(patterns, axis=1)
    rows = packed.view(f"S{packed.shape[1]}").ravel()  # one byte string a row: many times faster than axis=0
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    return patterns[first], counts


def _distinct(patterns: ArrayLike, machine: BoltzmannMachine) -> tuple[np.ndarray, np.ndarray]:
    return distinct_patterns(check_binary("patterns", patterns, machine.n_units[0]))


def _check_restricted(name: str, machine: BoltzmannMachine) -> None:
    if len(machine.weights) != 1:
        raise ValueError(f"{name}: found {len(machine.biases)} layers, expected 2 (a restricted machine)")


def _fisher_information_of_swapped(machine: BoltzmannMachine) -> np.ndarray:
    """The Fisher information from the machine with its two layers swapped, in the machine's own order."""
    n, m = machine.n_units
    swapped = BoltzmannMachine(machine.biases[::-1], (machine.weights[0].T,), (machine.masks[0].T,))
    place_of_weights = n + m + np.arange(n * m).reshape(m, n).T.ravel()
    order = np.concatenate([m + np.arange(n), np.arange(m), place_of_weights])
    return fisher_information(swapped)[np.ix_(order, order)]
