"""States of a machine: samples by block Gibbs, and the mean field of what the hidden units do.

    P(x_l,j = 1 | rest) = sigmoid(b_l,j + x_{l-1}^T W_l[:, j] + W_{l+1}[j, :] x_{l+1})
    m_u = sigmoid(b_u + sum_k w_uk m_k)                  the visible units clamped

Given its neighbours a layer is factorial, so odd and even layers are drawn in turn (Salakhutdinov & Hinton 2009).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis.kernels import binary, gibbs, meanfield
from analysis.kernels.layouts import CHAINS, SWEPT, unpack
from analysis.kernels.threads import share
from analysis.machine import graph
from analysis.machine.arguments import check_binary, check_count, check_memory, is_number
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive, key


@dataclass(frozen=True, eq=False)
class Samples(Sequence[np.ndarray]):
    """n states of a machine, packed: reads like a list of uint8 arrays (n, n_l), one a layer."""

    words: np.ndarray  # (n_tiles, n_units) uint64, see kernels.layouts
    layer: np.ndarray  # (L + 2,): layer l is units layer[l] ... layer[l + 1] - 1
    n: int

    def __len__(self) -> int:
        return len(self.layer) - 1

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self[layer] for layer in range(len(self))[k]]
        return unpack(self.words_of(k), self.n)

    def words_of(self, k: int) -> np.ndarray:
        """The words of layer k: (n_tiles, n_k) uint64, C-contiguous. Raises IndexError beyond the last layer."""
        k = range(len(self))[k]
        return np.ascontiguousarray(self.words[:, self.layer[k] : self.layer[k + 1]])

    def rates(self) -> list[np.ndarray]:
        """<x_u> over the states: one float64 array (n_l,) a layer, equal to the means of the unpacked arrays."""
        return np.split(np.bitwise_count(self.words).sum(axis=0, dtype=np.int64) / self.n, self.layer[1:-1])

    @classmethod
    def of(cls, name: str, states: Sequence[ArrayLike], n_units: Sequence[int | None]) -> "Samples":
        """These states, packed unless they are: one array (n, n_l) a layer, values in {0, 1}.

        n_units : n_l, None for any. Raises ValueError, beginning with `name`, for states that do not fit.
        """
        if len(states) != len(n_units):
            raise ValueError(f"{name}: found {len(states)} layers, expected {len(n_units)}")
        if isinstance(states, cls):
            if (found := tuple(np.diff(states.layer).tolist())) != tuple(n_units):
                raise ValueError(f"{name}: found layers of {found} units, expected {tuple(n_units)}")
            return states
        layers = [check_binary(f"{name}[{k}]", x, n) for k, (x, n) in enumerate(zip(states, n_units))]
        if len({len(x) for x in layers}) > 1:
            raise ValueError(f"{name}: found {[len(x) for x in layers]} states, expected as many in every layer")
        bounds = np.cumsum([0, *(x.shape[1] for x in layers)])
        return cls(graph.to_words(layers, bounds[-1]), bounds, len(layers[0]))


States = Sequence[ArrayLike] | None  # one array (n_chains, n_l) a layer, or Samples


def sample(machine: BoltzmannMachine, n_chains: int, n_steps: int, seed: int, initial: States = None) -> Samples:
    """States ~ P(x) = exp(-E(x)) / Z after n_steps sweeps: Samples, read as one uint8 array (n_chains, n_l) a layer.

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
    """The states of `sample` after every `stride` sweeps, n_records times, draw by draw. Raises as `sample`."""
    for name, value in (("n_chains", n_chains), ("n_records", n_records), ("stride", stride)):
        check_count(name, value)
    check_memory("n_chains", f"{n_chains:,} chains", n_chains * sum(machine.n_units) * 9 // 8)  # a bit; a byte if read
    built, draws = graph.of(machine, SWEPT), key(derive(seed, "gibbs"))
    words = start_words(built, n_chains, seed, initial)
    for k in range(n_records):
        share(len(words), gibbs.sweeps, words, built, draws, k * stride, stride, n_chains)
        yield Samples(words.copy(), built.layer, n_chains)


def awake(machine: BoltzmannMachine, patterns: ArrayLike, n_chains: int, seed: int) -> Samples:
    """States with the data in the visible layer, n_chains of them, to start `sample` from.

    Patterns (n_patterns, n_0) are drawn without replacement, and again where there are more chains; hidden layers in
    one pass upwards, x_l ~ sigmoid(b_l + 2 x_l-1^T W_l), the last one without the 2, which stands for input from above.
    """
    check_count("n_chains", n_chains)
    patterns, built = check_binary("patterns", patterns, machine.n_units[0]), graph.of(machine)
    order = choice(derive(seed, "patterns"), len(patterns), min(n_chains, len(patterns)))
    words = graph.to_words([patterns[np.resize(order, n_chains)]], sum(machine.n_units))
    for layer in range(1, len(machine.biases)):
        factor, draws = np.float32(2 if layer < len(machine.weights) else 1), key(derive(seed, "awake", layer))
        share(len(words), binary.draw_layer, words, built, layer, factor, draws, n_chains)
    return Samples(words, built.layer, n_chains)


def start_words(built: graph.Graph, n_chains: int, seed: int, initial: States = None) -> np.ndarray:
    """Words of n_chains initial states, a copy; None: of independent units, P(x_u = 1) = sigmoid(b_u)."""
    if initial is not None:
        states = Samples.of("initial", initial, np.diff(built.layer).tolist())
        if states.n != n_chains:
            raise ValueError(f"initial: found {states.n} states, expected {n_chains}, one a chain")
        return states.words.copy()
    words = np.zeros((-(-n_chains // CHAINS), len(built.bias)), dtype=np.uint64)
    nothing, none, draws = np.zeros_like(built.start), np.full_like(built.layer[1:], -1), key(derive(seed, "start"))
    alone = built._replace(start=nothing, above=nothing[1:], panels_below=none, panels_above=none)
    for layer in range(len(built.layer) - 1):
        share(len(words), binary.draw_layer, words, alone, layer, np.float32(1), draws, n_chains)
    return words


def mean_field(
    machine: BoltzmannMachine, patterns: ArrayLike, n_iterations: int = 50, tolerance: float = 1e-7
) -> list[np.ndarray]:
    """m_u = sigmoid(b_u + sum_k w_uk m_k) for the hidden units of each pattern: one float32 array (n, n_l) a layer.

    The first array is the clamped patterns; exact for one hidden layer. Starts with a pass upwards; ends after
    n_iterations more, or when no unit moved by `tolerance` or more.
    """
    visible = check_binary("patterns", patterns, machine.n_units[0])
    check_count("n_iterations", n_iterations)
    if not is_number(tolerance) or not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance: found {tolerance!r}, expected a finite number of at least 0")
    built = graph.of(machine)
    tiles = graph.to_tiles(visible, len(built.bias))
    share(len(tiles), meanfield.mean_field, tiles, built, n_iterations, np.float32(tolerance), len(visible))
    layers = np.split(tiles, built.layer[1:-1], axis=1)
    return [np.ascontiguousarray(m.transpose(0, 2, 1).reshape(-1, m.shape[1])[: len(visible)]) for m in layers]
