"""Block Gibbs sampling: P(x_l,j = 1 | rest) = sigmoid(b_l,j + x_{l-1}^T W_l[:, j] + W_{l+1}[j, :] x_{l+1}).

Given its neighbours a layer is factorial, so odd and even layers are drawn in turn (Salakhutdinov & Hinton 2009).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from analysis.kernels import binary, gibbs
from analysis.kernels.layouts import CHAINS
from analysis.kernels.threads import share
from analysis.machine import graph
from analysis.machine.arguments import check_binary, check_count, check_memory
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive, key
from analysis.machine.samples import Samples

States = Sequence[ArrayLike] | None  # one array (n_chains, n_l) a layer, or Samples


def sample(machine: BoltzmannMachine, n_chains: int, n_steps: int, seed: int, initial: States = None) -> Samples:
    """States ~ P(x) = exp(-E(x)) / Z after n_steps sweeps: Samples, read as one uint8 array (n_chains, n_l) a layer.

    n_chains, n_steps : counts; a sweep draws the odd layers, then the even ones
    seed : governs the initial states and every draw
    initial : states to start from, Samples or one array (n_chains, n_l) a layer; default: each unit ~ sigmoid(bias)

    Raises ValueError for counts below 1 and initial states that do not fit or are not binary.
    """
    check_count("n_steps", n_steps)
    (states,) = trajectory(machine, n_chains, 1, seed, initial, n_steps)
    return states


def trajectory(
    machine: BoltzmannMachine, n_chains: int, n_records: int, seed: int, initial: States = None, stride: int = 1
) -> Iterator[Samples]:
    """The states of `sample` after every `stride` sweeps, n_records times.

    Arguments as for `sample`, whose states these are, draw by draw. Raises ValueError as `sample`.
    """
    for name, value in (("n_chains", n_chains), ("n_records", n_records), ("stride", stride)):
        check_count(name, value)
    check_memory("n_chains", f"{n_chains:,} chains", n_chains * sum(machine.n_units) * 9 // 8)  # a bit; a byte if read
    built, draws = graph.of(machine), key(derive(seed, "gibbs"))
    words = start_words(built, n_chains, seed) if initial is None else _initial_words(machine, n_chains, initial)
    for k in range(n_records):
        share(len(words), gibbs.sweeps, words, built, draws, k * stride, stride, n_chains)
        yield Samples(words.copy(), built.layer, n_chains)


def awake(machine: BoltzmannMachine, patterns: ArrayLike, n_chains: int, seed: int) -> Samples:
    """States with the data in the visible layer, n_chains of them, to start `sample` from.

    Patterns are drawn without replacement, and again where there are more chains; hidden layers in one pass upwards,
    x_l ~ sigmoid(b_l + 2 x_l-1^T W_l), the last one without the 2, which stands for the input from above.

    patterns : (n_patterns, n_0), values in {0, 1}. Raises ValueError for patterns that do not fit, n_chains below 1.
    """
    check_count("n_chains", n_chains)
    patterns, built = check_binary("patterns", patterns, machine.n_units[0]), graph.of(machine)
    order = choice(derive(seed, "patterns"), len(patterns), min(n_chains, len(patterns)))
    words = graph.to_words([patterns[np.resize(order, n_chains)]], sum(machine.n_units))
    last = len(machine.weights)
    for layer in range(1, last + 1):
        factor, draws = np.float32(2 if layer < last else 1), key(derive(seed, "awake", layer))
        share(len(words), binary.draw_layer, words, built, layer, factor, draws, n_chains)
    return Samples(words, built.layer, n_chains)


def start_words(built: graph.Graph, n_chains: int, seed: int) -> np.ndarray:
    """Words of independent units, P(x_u = 1) = sigmoid(b_u)."""
    words = np.zeros((-(-n_chains // CHAINS), len(built.bias)), dtype=np.uint64)
    nothing, none, draws = np.zeros_like(built.start), np.full_like(built.layer[1:], -1), key(derive(seed, "start"))
    alone = built._replace(start=nothing, above=nothing[1:], panels_below=none, panels_above=none)
    for layer in range(len(built.layer) - 1):
        share(len(words), binary.draw_layer, words, alone, layer, np.float32(1), draws, n_chains)
    return words


def _initial_words(machine: BoltzmannMachine, n_chains: int, initial: Sequence[ArrayLike]) -> np.ndarray:
    states = Samples.of("initial", initial, machine.n_units)
    if states.n != n_chains:
        found = [states.n] * len(states)
        raise ValueError(f"initial: found {found} chains, expected {n_chains} in every layer")
    return states.words.copy()  # sweeps are made in place
