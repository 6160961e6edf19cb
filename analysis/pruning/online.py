"""A synapse that learns its importance while the network dreams, without stored samples.

    r <- r + (x - r) / t                after sweep t = 1, 2, ...; x = v_i (pre), h_j (post) and v_i h_j (joint)
    p_ij = (t r_ij + r_i r_j) / (t + 1)
    importance = p_ij (1 - p_ij)

The importance is the variance estimate of Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458. To what the
joint average says, coincidences by chance, r_i r_j (their heuristic estimate at weight 0), are added as one sweep: or
else all synapses whose units were not yet on together would have importance 0, and go at once.
"""

from typing import NamedTuple

import numpy as np

from analysis.kernels import statistics
from analysis.machine import graph
from analysis.machine.arguments import check_count
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive, key
from analysis.machine.sampling import Samples
from analysis.pruning.removal import Layers

N_SWEEPS = 5000  # of a dream that scores the synapses; with the 280,000 of the digits it takes two seconds


class Averages(NamedTuple):
    """What synapses remember after n_sweeps: rates, one array (n_l,) a layer, and joint, one (n_l, n_l+1) a layer of
    synapses, 0 where there is none; probabilities, float32."""

    rates: Layers
    joint: Layers
    n_sweeps: int


def importance(averages: Averages) -> list[np.ndarray]:
    """p (1 - p) with p_ij = (t r_ij + r_i r_j) / (t + 1) after t sweeps: one (n_l, n_l+1) a layer."""
    t, found = averages.n_sweeps, []
    for pre, post, joint in zip(averages.rates, averages.rates[1:], averages.joint):
        pre, post = pre.astype(np.float64), post.astype(np.float64)
        p = (t * joint.astype(np.float64) + pre[:, None] * post[None, :]) / (t + 1)
        found.append(p * (1.0 - p))
    return found


def dream(machine: BoltzmannMachine, state: Layers, n_sweeps: int, seed: int) -> Averages:
    """The averages after n_sweeps sweeps of block Gibbs by one network.

    state : where it starts, one array (n_l,) a layer, values in {0, 1}
    seed : governs every draw
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
    return Averages(np.split(rate, built.layer[1:-1]), matrices, n_sweeps)
