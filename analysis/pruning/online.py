"""A synapse that learns its importance while the network dreams, without stored samples.

    r <- r + (x - r) / min(t, memory)      after sweep t = 1, 2, ...; x = v_i (pre), h_j (post) and v_i h_j (joint)
    p_ij = (m r_ij + r_i r_j) / (m + 1),   m = min(t, memory)
    importance = p_ij (1 - p_ij)

One network, one pass, three numbers a synapse. Up to `memory` sweeps r is the plain mean, which no initial value
biases; then it forgets exponentially. Scoring between sessions takes the plain mean throughout, since the machine does
not change; pruning while dreaming needs to forget.

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


def importance(averages: Averages, memory: int) -> list[np.ndarray]:
    """p (1 - p) with p_ij = (m r_ij + r_i r_j) / (m + 1), m = min(n_sweeps, memory): one (n_l, n_l+1) a layer."""
    m, found = min(averages.n_sweeps, memory), []
    for pre, post, joint in zip(averages.rates, averages.rates[1:], averages.joint):
        pre, post = pre.astype(np.float64), post.astype(np.float64)
        p = (m * joint.astype(np.float64) + pre[:, None] * post[None, :]) / (m + 1)
        found.append(p * (1.0 - p))
    return found


def dream(
    machine: BoltzmannMachine, state: Layers, n_sweeps: int, memory: int, seed: int, averages: Averages | None = None
) -> tuple[list[np.ndarray], Averages]:
    """(state, averages) after n_sweeps more sweeps of block Gibbs by one network.

    state : where it starts, one array (n_l,) a layer, values in {0, 1}
    memory : sweeps, the time constant; at least n_sweeps in all: the plain mean
    seed : governs every draw; a draw depends on the number of its sweep, so that a dream in pieces is the whole dream
    averages : to go on from; None: none yet
    Raises ValueError for counts below 1 and a state that does not fit or is not binary.
    """
    check_count("n_sweeps", n_sweeps)
    check_count("memory", memory)
    words = Samples.of("state", [np.asarray(x)[None] for x in state], machine.n_units).words
    if averages is None:
        rates = tuple(np.zeros(n, dtype=np.float32) for n in machine.n_units)
        averages = Averages(rates, tuple(np.zeros(m.shape, dtype=np.float32) for m in machine.masks), 0)
    built, n_done = graph.build(machine), averages.n_sweeps
    unit = np.repeat(np.arange(len(built.bias)), np.diff(built.start))
    upwards = built.neighbour > unit  # each synapse once, in the order of the masks: rows ascend through the layers
    rate, joint = np.concatenate(averages.rates), np.zeros(len(upwards), dtype=np.float32)
    joint[upwards] = np.concatenate([x[mask] for x, mask in zip(averages.joint, machine.masks)])
    statistics.dream(words, built, key(derive(seed, "dream")), n_done, n_sweeps, memory, rate, joint)
    matrices = tuple(np.zeros(mask.shape, dtype=np.float32) for mask in machine.masks)
    for matrix, mask, x in zip(matrices, machine.masks, np.split(joint[upwards], np.cumsum(machine.n_synapses))):
        matrix[mask] = x
    state = [x[0] for x in Samples(words, built.layer, 1)]
    return state, Averages(tuple(np.split(rate, built.layer[1:-1])), matrices, n_done + n_sweeps)


def prune_continuously(
    machine: BoltzmannMachine, state: Layers, n_synapses: int, n_sweeps: int, memory: int, seed: int
) -> list[np.ndarray]:
    """Masks after removing the least important synapse every n_sweeps sweeps of one dream, until n_synapses are left.

    The first goes after `memory` sweeps. Synapses of all layers compete; ties are broken by position. Returns the
    masks, one (n_l, n_l+1) bool a layer; `pruning.remove_stranded(machine, masks)` makes the smaller machine of them.
    state, memory, seed : as for `dream`. Raises ValueError as `dream`, and unless 1 <= n_synapses <= those there are.
    """
    check_count("n_synapses", n_synapses)
    if n_synapses > sum(machine.n_synapses):
        raise ValueError(f"n_synapses: found {n_synapses}, expected at most the machine's {sum(machine.n_synapses)}")
    state, averages = dream(machine, state, memory, memory, seed)
    while sum(machine.n_synapses) > n_synapses:
        machine = _without_least(machine, importance(averages, memory))
        if sum(machine.n_synapses) > n_synapses:
            state, averages = dream(machine, state, n_sweeps, memory, seed, averages)
    return list(machine.masks)


def _without_least(machine: BoltzmannMachine, scores: Layers) -> BoltzmannMachine:
    values = [np.where(mask, x, np.inf) for mask, x in zip(machine.masks, scores)]
    layer = int(np.argmin([x.min() for x in values]))
    masks = [mask.copy() for mask in machine.masks]
    masks[layer].ravel()[np.argmin(values[layer])] = False
    return BoltzmannMachine(machine.biases, machine.weights, tuple(masks))
