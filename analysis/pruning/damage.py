"""What the deletion of a synapse does to KL(data || model), from what is known at the synapse alone.

    damage = log(1 - p + p exp(-w)) - <log(1 - q + q exp(-w))>    p = <v h> asleep, q = P(v h = 1 | pattern) awake

The energy without the synapse is E(x) + w v h. So Z changes by the factor <exp(-w v h)> asleep, and P(pattern) Z, a sum
over hidden states, by <exp(-w v h)> awake. As v h is 0 or 1, these are the two mixtures above: exact for any Boltzmann
machine, nothing retrained. Where learning is done p = <q>, and what is left is the gap of Jensen's inequality, >= 0,
of awake averages alone. Awake, q_ij = x_i x_j of the mean field: exact between the patterns and the hidden layer of a
restricted machine, an approximation in deep ones. Derived for this package; notebook 05 compares it with enumeration.
"""

from typing import NamedTuple

import numpy as np

from analysis.kernels import statistics
from analysis.machine.model import BoltzmannMachine
from analysis.pruning.removal import Layers


class Awake(NamedTuple):
    """w, <q>, <q^2>, <log(1 - q + q exp(-w))> (nats) of the synapses of a layer: each (n_l, n_l+1) float64."""

    weights: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    log: np.ndarray


def awake_averages(machine: BoltzmannMachine, awake: Layers) -> list[Awake]:
    """The averages of every layer of synapses; awake: <x_l> given each pattern, one array (n_patterns, n_l) a layer."""
    found, expected = [np.shape(x) for x in awake], [(len(awake[0]), n) for n in machine.n_units]
    if found != expected:
        raise ValueError(f"awake: found shapes {found}, expected {expected}, as in the machine")
    weights = [w.astype(np.float64) for w in machine.weights]
    return [Awake(w, *statistics.log_means(pre, post, w)) for pre, post, w in zip(awake, awake[1:], weights)]


def deletion(joint: np.ndarray, awake: Awake) -> np.ndarray:
    """log(1 - p + p exp(-w)) - <log(1 - q + q exp(-w))>, nats; joint: p = <v_i h_j> asleep, (n_l, n_l+1)."""
    return statistics.log_mixture(joint, awake.weights) - awake.log


def gap(awake: Awake) -> np.ndarray:
    """log(1 - <q> + <q> exp(-w)) - <log(1 - q + q exp(-w))>, nats: `deletion` where learning is done, >= -1e-15."""
    return deletion(awake.mean, awake)


def gap_second_order(awake: Awake) -> np.ndarray:
    """w^2 Var(q) / 2, nats: `gap` for small w."""
    return awake.weights**2 * (awake.square - awake.mean**2) / 2


def curvature(joint: np.ndarray, awake: Awake) -> np.ndarray:
    """w^2 (p (1 - p) - <q (1 - q)>) / 2, nats: the second order of `deletion` in w; the first is w (<q> - p)."""
    return awake.weights**2 * (joint * (1.0 - joint) - awake.mean + awake.square) / 2
