"""A synapse that learns its importance while the network dreams, without stored samples.

    r <- r + (x - r) / t                after sweep t = 1, 2, ...; x = v_i (pre), h_j (post) and v_i h_j (joint)
    p_ij = (t r_ij + r_i r_j) / (t + 1)
    importance = p_ij (1 - p_ij)

One network, one pass, three numbers a synapse, each the mean so far, which no initial value biases.

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

    rates: tuple[np.ndarray, ...]
    joint: tuple[np.ndarray, ...]
    n_sweeps: int


def importance(averages: Averages) -> list[np.ndarray]:
    """p (1 - p) with p_ij = (t r_ij + r_i r_j) / (t + 1) after t sweeps: one (n_l, n_l+1) a layer."""
    t, found = averages.n_sweeps, []
    for pre, post, joint in zip(averages.rates, averages.rates[1:], averages.joint):
        pre, post = pre.astype(np.float64), post.astype(np.float64)
        p = (t * joint.astype(np.float64) + pre[:, None] * post[None, :]) / (t + 1)
        found.append(p * (1.0 - p))
    return found


def dream(
    machine: BoltzmannMachine, state: Layers, n_sweeps: int, seed: int, averages: Averages | None = None
) -> tuple[list[np.ndarray], Averages]:
    """(state, averages) after n_sweeps more sweeps of block Gibbs by one network.

    state : where it starts, one array (n_l,) a layer, values in {0, 1}
    seed : governs every draw; a draw depends on the number of its sweep, so that a dream in pieces is the whole dream
    averages : to go on from; None: none yet
    Raises ValueError for a count below 1 and a state that does not fit or is not binary.
    """
    check_count("n_sweeps", n_sweeps)
    words = Samples.of("state", [np.asarray(x)[None] for x in state], machine.n_units).words
    if averages is None:
        rates = tuple(np.zeros(n, dtype=np.float32) for n in machine.n_units)
        averages = Averages(rates, tuple(np.zeros(m.shape, dtype=np.float32) for m in machine.masks), 0)
    built, n_done = graph.build(machine), averages.n_sweeps
    unit = np.repeat(np.arange(len(built.bias)), np.diff(built.start))
    upwards = built.neighbour > unit  # each synapse once, in the order of the masks: rows ascend through the layers
    rate, joint = np.concatenate(averages.rates), np.zeros(len(upwards), dtype=np.float32)
    joint[upwards] = np.concatenate([x[mask] for x, mask in zip(averages.joint, machine.masks)])
    statistics.dream(words, built, key(derive(seed, "dream")), n_done, n_sweeps, rate, joint)
    matrices = tuple(np.zeros(mask.shape, dtype=np.float32) for mask in machine.masks)
    for matrix, mask, x in zip(matrices, machine.masks, np.split(joint[upwards], np.cumsum(machine.n_synapses))):
        matrix[mask] = x
    state = [x[0] for x in Samples(words, built.layer, 1)]
    return state, Averages(tuple(np.split(rate, built.layer[1:-1])), matrices, n_done + n_sweeps)
