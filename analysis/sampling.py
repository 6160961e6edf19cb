"""Block Gibbs sampling: P(x_l,j = 1 | rest) = sigmoid(b_l,j + x_{l-1}^T W_l[:, j] + W_{l+1}[j, :] x_{l+1}).

Given its neighbours a layer is factorial, so odd and even layers are drawn in turn (Salakhutdinov & Hinton 2009).
"""

import numpy as np

from analysis import kernels
from analysis.graph import build, from_words, to_words
from analysis.lanes import CHAINS
from analysis.model import check_binary, check_count, check_memory
from analysis.random import derive, key
from analysis.threads import share


def sample(machine, n_chains, n_steps, seed, initial=None):
    """States ~ P(x) = exp(-E(x)) / Z after n_steps sweeps: one uint8 array (n_chains, n_l) a layer.

    Parameters
    ----------
    n_chains, n_steps : counts; a sweep draws the odd layers, then the even ones
    seed : governs the initial states and every draw
    initial : states to start from, one array (n_chains, n_l) a layer; default: each unit ~ sigmoid(bias)

    Raises
    ------
    ValueError : counts below 1, initial states that do not fit or are not binary
    """
    for name, value in (("n_chains", n_chains), ("n_steps", n_steps)):
        check_count(name, value)
    check_memory("n_chains", f"{n_chains:,} chains", n_chains * sum(machine.n_units) * 9 // 8)  # a byte and a bit
    graph = build(machine)
    words = start_words(graph, n_chains, seed) if initial is None else _initial_words(machine, n_chains, initial)
    share(len(words), kernels.gibbs, words, graph, key(derive(seed, "gibbs")), 0, n_steps, n_chains)
    return from_words(words, graph.layer, n_chains)


def start_words(graph, n_chains, seed):
    """Words of independent units, P(x_u = 1) = sigmoid(b_u)."""
    words = np.zeros((-(-n_chains // CHAINS), len(graph.bias)), dtype=np.uint64)
    share(len(words), kernels.start, words, graph.bias, key(derive(seed, "start")), n_chains)
    return words


def _initial_words(machine, n_chains, initial):
    if len(initial) != len(machine.n_units):
        raise ValueError(f"initial: found {len(initial)} layers, expected {len(machine.n_units)}")
    layers = [check_binary(f"initial[{k}]", x, n) for k, (x, n) in enumerate(zip(initial, machine.n_units))]
    if any(len(x) != n_chains for x in layers):
        raise ValueError(f"initial: found {[len(x) for x in layers]} chains, expected {n_chains} in every layer")
    return to_words(layers, sum(machine.n_units))
