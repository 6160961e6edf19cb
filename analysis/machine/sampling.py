"""Block Gibbs sampling: P(x_l,j = 1 | rest) = sigmoid(b_l,j + x_{l-1}^T W_l[:, j] + W_{l+1}[j, :] x_{l+1}).

Given its neighbours a layer is factorial, so odd and even layers are drawn in turn (Salakhutdinov & Hinton 2009).
"""

import numpy as np

from analysis.kernels import binary, gibbs
from analysis.kernels.layouts import CHAINS
from analysis.kernels.threads import share
from analysis.machine.graph import build, from_words, to_words
from analysis.machine.model import check_binary, check_count, check_memory
from analysis.machine.randomness import choice, derive, key


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
    check_count("n_steps", n_steps)
    (states,) = trajectory(machine, n_chains, 1, seed, initial, n_steps)
    return states


def trajectory(machine, n_chains, n_records, seed, initial=None, stride=1):
    """The states of `sample` after every `stride` sweeps, n_records times: yields its arrays, one a layer.

    Arguments as for `sample`, whose states these are, draw by draw. Raises ValueError as `sample`.
    """
    for name, value in (("n_chains", n_chains), ("n_records", n_records), ("stride", stride)):
        check_count(name, value)
    check_memory("n_chains", f"{n_chains:,} chains", n_chains * sum(machine.n_units) * 9 // 8)  # a byte and a bit
    graph, draws = build(machine), key(derive(seed, "gibbs"))
    words = start_words(graph, n_chains, seed) if initial is None else _initial_words(machine, n_chains, initial)
    for k in range(n_records):
        share(len(words), gibbs.sweeps, words, graph, draws, k * stride, stride, n_chains)
        yield from_words(words, graph.layer, n_chains)


def awake(machine, patterns, n_chains, seed):
    """States with the data in the visible layer, one uint8 array (n_chains, n_l) a layer, to start `sample` from.

    Patterns are drawn without replacement, and again where there are more chains; hidden layers in one pass upwards,
    x_l ~ sigmoid(b_l + 2 x_l-1^T W_l), the last one without the 2, which stands for the input from above.

    patterns : (n_patterns, n_0), values in {0, 1}. Raises ValueError for patterns that do not fit, n_chains below 1.
    """
    check_count("n_chains", n_chains)
    patterns, graph = check_binary("patterns", patterns, machine.n_units[0]), build(machine)
    order = choice(derive(seed, "patterns"), len(patterns), min(n_chains, len(patterns)))
    words, last = to_words([patterns[np.resize(order, n_chains)]], sum(machine.n_units)), len(machine.weights)
    for layer in range(1, last + 1):
        factor, draws = np.float32(2 if layer < last else 1), key(derive(seed, "awake", layer))
        share(len(words), binary.draw_layer, words, graph, layer, factor, draws, n_chains)
    return from_words(words, graph.layer, n_chains)


def start_words(graph, n_chains, seed):
    """Words of independent units, P(x_u = 1) = sigmoid(b_u)."""
    words = np.zeros((-(-n_chains // CHAINS), len(graph.bias)), dtype=np.uint64)
    share(len(words), binary.start, words, graph.bias, key(derive(seed, "start")), n_chains)
    return words


def _initial_words(machine, n_chains, initial):
    if len(initial) != len(machine.n_units):
        raise ValueError(f"initial: found {len(initial)} layers, expected {len(machine.n_units)}")
    layers = [check_binary(f"initial[{k}]", x, n) for k, (x, n) in enumerate(zip(initial, machine.n_units))]
    if any(len(x) != n_chains for x in layers):
        raise ValueError(f"initial: found {[len(x) for x in layers]} chains, expected {n_chains} in every layer")
    return to_words(layers, sum(machine.n_units))
