"""A synapse that learns its importance while the network dreams, without stored samples.

    r <- r + (x - r) / t                after sweep t = 1, 2, ...; x = v_i (pre), h_j (post) and v_i h_j (joint)
    importance = p (1 - p),             p_ij = (t r_ij + r_i r_j) / (t + 1)

The importance is the variance estimate of Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458. To what the
joint average says, coincidences by chance, r_i r_j (their heuristic estimate at weight 0), are added as one sweep: or
else all synapses whose units were not yet on together would have importance 0, and go at once.
"""

import numpy as np

from analysis.kernels import statistics
from analysis.machine import graph
from analysis.machine.arguments import check_count
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive, key
from analysis.machine.sampling import Samples
from analysis.pruning.removal import Layers

N_SWEEPS = 5000  # of a dream that scores the synapses; with the 280,000 of the digits it takes two seconds


def importance(rates: Layers, joint: Layers, t: int) -> list[np.ndarray]:
    """p (1 - p) with p_ij = (t r_ij + r_i r_j) / (t + 1) after sweep t: one (n_l, n_l+1) a layer of synapses."""
    rates, joint = ([x.astype(np.float64) for x in layers] for layers in (rates, joint))
    p = [(t * both + pre[:, None] * post) / (t + 1) for both, pre, post in zip(joint, rates, rates[1:])]
    return [x * (1.0 - x) for x in p]


def dream(machine: BoltzmannMachine, state: Layers, n_sweeps: int, seed: int) -> tuple[Layers, Layers]:
    """r_i, (n_l,) a layer, and r_ij, (n_l, n_l+1) a layer of synapses, 0 where there is none: float32.

    state : where one network starts, one array (n_l,) a layer, values in {0, 1}; seed : governs every draw
    Raises ValueError for a count below 1 and a state that does not fit or is not binary.
    """
    check_count("n_sweeps", n_sweeps)
    words = Samples.of("state", [np.asarray(x)[None] for x in state], machine.n_units).words
    built = graph.of(machine)
    rate, joint = (np.zeros(len(x), dtype=np.float32) for x in (built.bias, built.neighbour))
    statistics.dream(words, built, key(derive(seed, "dream")), 0, n_sweeps, rate, joint)
    unit = np.repeat(np.arange(len(rate)), np.diff(built.start))
    upwards = joint[built.neighbour > unit]  # each synapse once, in the order of the masks
    matrices = [np.zeros(mask.shape, dtype=np.float32) for mask in machine.masks]
    for matrix, mask, x in zip(matrices, machine.masks, np.split(upwards, np.cumsum(machine.n_synapses))):
        matrix[mask] = x
    return np.split(rate, built.layer[1:-1]), matrices
