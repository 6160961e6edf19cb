"""Learning: dW <- momentum dW + rate (<x x^T>_data - <x x^T>_model).

    cd     contrastive divergence for one hidden layer: k block Gibbs steps from the data replace the model
    pcd    persistent chains for the model, mean field for the hidden units of the data; any number of layers
    greedy each pair of layers as an RBM by cd; a layer that misses the input of a further layer gets its own twice

Sources: Hinton (2002) doi:10.1162/089976602760128018; Tieleman (2008); Salakhutdinov & Hinton (2009) AISTATS.
Minibatches are the standard alternative to the paper's single patterns; the schedule names their size.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from analysis.kernels import binary, gibbs, learning, meanfield, rbm
from analysis.kernels.arrays import zeros
from analysis.kernels.layouts import PATTERNS
from analysis.kernels.threads import share, share_all
from analysis.kernels.words import pack
from analysis.machine.arguments import check_binary, check_count
from analysis.machine.graph import DENSE, build, from_tiles, from_words, panels, to_machine, to_tiles, to_words
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive, key, permutation
from analysis.machine.sampling import start_words


def _is_number(value):
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


class DivergenceError(ArithmeticError):
    """Parameters left the range of use; names epoch, update and learning rate."""


@dataclass(frozen=True)
class Schedule:
    """How to train: one rule, `algorithm`, and its numbers.

    algorithm : "cd" (one hidden layer) or "pcd"
    n_epochs : passes over the patterns
    learning_rates : (first, last), log-spaced over the epochs
    momentum : one value, or one an epoch
    batch_size : patterns an update (1: online)
    n_gibbs_steps : sweeps an update: k of CD-k, or steps of the persistent chains
    n_chains : persistent chains (pcd)
    n_mean_field_steps, tolerance : the end of mean field (pcd)
    max_norm : cap of the Euclidean norm of a unit's synapses from below; None for none
    """

    algorithm: str
    n_epochs: int
    learning_rates: tuple[float, float]
    momentum: tuple | float = 0.0
    batch_size: int = 1
    n_gibbs_steps: int = 1
    n_chains: int = 100
    n_mean_field_steps: int = 10
    tolerance: float = 1e-3
    max_norm: float | None = None

    def __post_init__(self):
        if self.algorithm not in _ALGORITHMS:
            raise ValueError(f"algorithm: found {self.algorithm!r}, expected one of {sorted(_ALGORITHMS)}")
        for name in ("n_epochs", "batch_size", "n_gibbs_steps", "n_chains", "n_mean_field_steps"):
            check_count(name, getattr(self, name))
        rates = self.learning_rates
        if np.shape(rates) != (2,) or not all(_is_number(r) and 1e-9 <= r < np.inf for r in rates):
            raise ValueError(f"learning_rates: found {rates!r}, expected (first, last), both at least 1e-9")
        momenta: Any = [self.momentum] * self.n_epochs if np.ndim(self.momentum) == 0 else self.momentum
        if len(momenta) != self.n_epochs or not all(_is_number(m) and 0 <= m <= 0.9999 for m in momenta):
            raise ValueError(f"momentum: found {self.momentum!r}, expected one value in [0, 1), or one an epoch")
        if not _is_number(self.tolerance) or not self.tolerance >= 0:
            raise ValueError(f"tolerance: found {self.tolerance!r}, expected a number of at least 0")
        if self.max_norm is not None and not (_is_number(self.max_norm) and self.max_norm > 0):
            raise ValueError(f"max_norm: found {self.max_norm!r}, expected a positive number or None")

    @property
    def epochs(self):
        """(learning rate, momentum) an epoch, float32; rounded first, since powers come from the C library."""
        rates = np.geomspace(*self.learning_rates, self.n_epochs) if self.n_epochs > 1 else [self.learning_rates[0]]
        momenta = np.broadcast_to(self.momentum, self.n_epochs)
        return [(np.float32(round(float(r), 9)), np.float32(m)) for r, m in zip(rates, momenta)]

    def n_updates(self, n_patterns):
        """Parameter updates that the schedule makes on so many patterns."""
        return self.n_epochs * -(-n_patterns // self.batch_size)


def train(machine, patterns, schedule, seed, progress=False):
    """dW <- momentum dW + rate (<x x^T>_data - <x x^T>_model) by the schedule: the trained machine.

    Parameters
    ----------
    patterns : (n_patterns, n_visible), values in {0, 1}
    schedule : Schedule
    seed : governs the order of patterns, every draw and the persistent chains
    progress : show a bar of epochs

    Raises
    ------
    ValueError : patterns that are not binary or do not fit; cd for more than one hidden layer
    DivergenceError : a parameter left (-1000, 1000) or is not finite, named with its update and learning rate
    """
    patterns = check_binary("patterns", patterns, machine.n_units[0])
    return _train(machine, patterns, schedule, seed, (1.0, 1.0), progress)


def pretrain_greedily(machine, patterns, schedules, seed, progress=False):
    """Train each pair of layers as an RBM, lowest first; the next pair learns the samples of the layer below.

    The bottom RBM doubles its input upwards, the top one its input downwards, those between both, in place of the
    missing neighbour (Salakhutdinov & Hinton 2009, section 3.3; factor 1 for a single pair). schedules : one an RBM.
    Biases of a layer between two RBMs: those of the lower RBM. Raises as `train`.
    """
    data = check_binary("patterns", patterns, machine.n_units[0])
    n_pairs = len(machine.weights)
    if len(schedules) != n_pairs:
        raise ValueError(f"schedules: found {len(schedules)}, expected one for each of {n_pairs} layers of synapses")
    biases, weights = [machine.biases[0]], []
    for pair, schedule in enumerate(schedules):
        factors = (1.0 if pair == n_pairs - 1 else 2.0, 1.0 if pair == 0 else 2.0)
        pair_of_layers = BoltzmannMachine(
            (machine.biases[pair], machine.biases[pair + 1]), (machine.weights[pair],), (machine.masks[pair],)
        )
        sub_seed = derive(seed, "pretrain", pair)
        trained = _train(pair_of_layers, data, schedule, sub_seed, factors, progress)
        if pair == 0:
            biases[0] = trained.biases[0]
        biases.append(trained.biases[1])
        weights.append(trained.weights[0])
        data = _sample_upwards(trained, data, factors, derive(sub_seed, "up"))
    return BoltzmannMachine(tuple(biases), tuple(weights), machine.masks)


def mean_field(machine, patterns, n_iterations=50, tolerance=1e-7):
    """m_u = sigmoid(b_u + sum_k w_uk m_k) for the hidden units of each pattern: one float32 array (n, n_l) a layer.

    The first array is the clamped patterns; exact for one hidden layer. Starts with a pass upwards; ends after
    n_iterations more (0: none), or when no unit moved by `tolerance` or more. Raises ValueError as `train`, and for a
    negative count or a tolerance that is no number >= 0.
    """
    patterns = check_binary("patterns", patterns, machine.n_units[0])
    if n_iterations != 0:
        check_count("n_iterations", n_iterations)
    if not isinstance(tolerance, (int, float, np.floating)) or not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance: found {tolerance!r}, expected a finite number of at least 0")
    graph = build(machine)
    tiles = to_tiles(patterns, len(graph.bias))
    share(len(tiles), meanfield.mean_field, tiles, graph, n_iterations, np.float32(tolerance), len(patterns))
    return from_tiles(tiles, graph.layer, len(patterns))


def _train(machine, data, schedule, seed, factors, progress):
    learner = (_Dense if _is_dense(machine, schedule) else _Minibatches)(machine, data, schedule, seed, factors)
    n_updates = schedule.n_updates(len(data)) // schedule.n_epochs
    for epoch, (rate, momentum) in enumerate(tqdm(schedule.epochs, disable=not progress, unit="epoch", leave=False)):
        order = permutation(derive(seed, "order", epoch), len(data))
        failed = learner.epoch(order, rate, momentum, epoch * n_updates)
        if failed >= 0:
            raise DivergenceError(
                f"training diverged at epoch {epoch}, update {failed}, learning rate {rate:g}: a parameter is beyond "
                f"{learning.DIVERGED:g} or not finite; lower learning_rates or momentum"
            )
    return learner.machine()


def _is_dense(machine, schedule):
    """Whether whole rows of weights are faster to learn than synapses: single patterns, or a pair of dense layers."""
    if schedule.algorithm != "cd" or schedule.max_norm is not None or len(machine.masks) > 1:
        return False
    return schedule.batch_size == 1 or machine.masks[0].mean() >= DENSE


class _Dense:
    """CD-k of one dense pair of layers; an epoch is one call."""

    def __init__(self, machine, data, schedule, seed, factors):
        self._masks, self._data, self._key = machine.masks, data, key(derive(seed, "cd"))
        self._shape, self._rbm = machine.n_units, rbm.build(machine)
        self._numbers = schedule.batch_size, schedule.n_gibbs_steps, np.array(factors, dtype=np.float32)

    def epoch(self, order, rate, momentum, first_update):
        """One pass; returns the update at which it diverged, or -1."""
        step = rate, momentum, self._key, first_update
        return rbm.contrastive_divergence(self._rbm, self._shape, self._data, order, *self._numbers, *step)

    def machine(self):
        biases, weights = rbm.parameters(self._rbm, self._shape)
        return BoltzmannMachine(biases, (weights,), self._masks)


class _Minibatches:
    """Gradient steps over minibatches; the algorithm names the two sets of states that a step compares."""

    def __init__(self, machine, data, schedule, seed, factors):
        self._masks, self._data, self._schedule = machine.masks, data, schedule
        self._graph = build(machine)
        self._velocity = tuple(
            zeros(x.shape, np.float32) for x in (self._graph.weight, self._graph.panel, self._graph.bias)
        )
        ones = BoltzmannMachine(machine.biases, tuple(m.astype(np.float32) for m in machine.masks), machine.masks)
        self._present = panels(ones)[0].astype(np.uint8)
        self._work = np.concatenate([[0], np.cumsum(1 + self._graph.start[1:] - self._graph.above)])
        self._states = _ALGORITHMS[schedule.algorithm](self._graph, data, schedule, seed, factors)

    def epoch(self, order, rate, momentum, first_update):
        """One pass; returns the update at which it diverged, or -1."""
        size, max_norm = self._schedule.batch_size, self._schedule.max_norm
        for n, first in enumerate(range(0, len(order), size)):
            batch = self._data[order[first : first + size]]
            states = self._states(batch, first_update + n)
            step = self._graph, self._velocity, self._present, *states, rate, momentum
            if any(share(self._work, learning.learn, *step)):
                return first_update + n
            if max_norm is not None:
                share(self._work, learning.cap_norms, self._graph, np.float32(max_norm))
        return -1

    def machine(self):
        return to_machine(self._graph, self._masks)


def _contrastive_divergence(graph, data, schedule, seed, factors):
    """What a CD-k update compares: data and reconstructions, with the hidden units' probabilities."""
    if len(graph.layer) != 3:
        raise ValueError(f"algorithm 'cd': found {len(graph.layer) - 2} hidden layers, expected 1 (use 'pcd')")
    draw_key, n_steps, factors = key(derive(seed, "cd")), schedule.n_gibbs_steps, np.array(factors, np.float32)
    no_words = np.zeros((0, len(graph.bias)), dtype=np.uint64)

    def states(batch, update):
        n, words = len(batch), to_words([batch], len(graph.bias))
        positive = to_tiles(batch, len(graph.bias))
        negative = zeros(positive.shape, np.float32)
        first_step = update * (n_steps + 1)
        arguments = positive, negative, graph, factors, draw_key, first_step, n_steps, n
        share(len(words), binary.contrastive_divergence, words, *arguments)
        return positive, negative, no_words, np.array([n, n])

    return states


def _persistent_chains(graph, data, schedule, seed, factors):
    """What a PCD update compares: mean field on the data, and chains that live on from update to update."""
    draw_key, n_steps, n_chains = key(derive(seed, "pcd")), schedule.n_gibbs_steps, schedule.n_chains
    chains = start_words(graph, n_chains, derive(seed, "chains"))
    starts = choice(derive(seed, "chain data"), len(data), min(n_chains, len(data)))
    chains[:, : data.shape[1]] = pack(np.resize(data[starts], (n_chains, data.shape[1])))
    n_iterations, tolerance = schedule.n_mean_field_steps, np.float32(schedule.tolerance)
    no_tiles = np.zeros((0, len(graph.bias), PATTERNS), dtype=np.float32)

    def states(batch, update):
        n, positive = len(batch), to_tiles(batch, len(graph.bias))
        share_all(
            (len(positive), meanfield.mean_field, positive, graph, n_iterations, tolerance, n),
            (len(chains), gibbs.sweeps, chains, graph, draw_key, update * n_steps, n_steps, n_chains),
        )
        return positive, no_tiles, chains, np.array([n, n_chains])

    return states


_ALGORITHMS = {"cd": _contrastive_divergence, "pcd": _persistent_chains}


def _sample_upwards(machine, data, factors, seed):
    """h ~ P(h | v) of every pattern, (n_patterns, n_hidden) uint8."""
    graph, n = build(machine), len(data)
    words = to_words([data], len(graph.bias))
    share(len(words), binary.draw_layer, words, graph, 1, np.float32(factors[0]), key(seed), n)
    return from_words(words, graph.layer, n)[1]
