"""Learning: dW <- momentum dW + rate (<x x^T>_data - <x x^T>_model), whatever stands for the model.

    cd     k block Gibbs steps from the data, for one hidden layer
    pcd    chains that live on from update to update; mean field for the hidden units of the data

Minibatches are the standard alternative to the paper's single patterns; the schedule names their size.
Sources: Hinton (2002) doi:10.1162/089976602760128018; Tieleman (2008); Salakhutdinov & Hinton (2009) AISTATS.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from analysis.kernels import binary, contrastive, gibbs, learning, meanfield
from analysis.kernels.layouts import PATTERNS, pack, zeros
from analysis.kernels.threads import share, share_all
from analysis.machine import graph
from analysis.machine.arguments import check_binary
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive, key, permutation
from analysis.machine.sampling import Samples, mean_field, start_words
from analysis.machine.schedule import Schedule

__all__ = ["DivergenceError", "Schedule", "mean_field", "pretrain_greedily", "train"]

# (batch, update) -> positive tiles, negative tiles or none, words of the negative states or none, how many of each
States = Callable[[np.ndarray, int], tuple[Any, ...]]
# An epoch, (order, rate, momentum, first update) -> the update at which it diverged, or -1; what the machine is by then
Learner = tuple[Callable[[np.ndarray, np.float32, np.float32, int], int], Callable[[], BoltzmannMachine]]


class DivergenceError(ArithmeticError):
    """Parameters left the range of use; names epoch, update and learning rate."""


class Task(NamedTuple):
    """What is to be learnt, and how."""

    machine: BoltzmannMachine
    data: np.ndarray  # (n_patterns, n_0) uint8
    schedule: Schedule
    seed: int
    factors: tuple[float, float]  # of the input upwards and downwards, for a missing neighbour (cd)


def train(machine: BoltzmannMachine, patterns: ArrayLike, schedule: Schedule, seed: int) -> BoltzmannMachine:
    """dW <- momentum dW + rate (<x x^T>_data - <x x^T>_model) by the schedule: the trained machine.

    patterns : (n_patterns, n_0), values in {0, 1}
    seed : governs the order of patterns, every draw and the persistent chains

    Raises ValueError for cd of more than one hidden layer, DivergenceError where a parameter left (-1000, 1000).
    """
    data = check_binary("patterns", patterns, machine.n_units[0])
    return _train(Task(machine, data, schedule, seed, (1.0, 1.0)))


def pretrain_greedily(
    machine: BoltzmannMachine, patterns: ArrayLike, schedules: Sequence[Schedule], seed: int
) -> BoltzmannMachine:
    """Train each pair of layers as an RBM, lowest first; the next pair learns the samples of the layer below.

    The bottom RBM doubles its input upwards, the top one its input downwards, those between both, in place of the
    missing neighbour (Salakhutdinov & Hinton 2009, section 3.3; factor 1 for a single pair). A layer between two RBMs
    keeps the biases of the lower one. schedules : one an RBM. Raises as `train`.
    """
    data = check_binary("patterns", patterns, machine.n_units[0])
    n_pairs = len(machine.weights)
    if len(schedules) != n_pairs:
        raise ValueError(f"schedules: found {len(schedules)}, expected one for each of {n_pairs} layers of synapses")
    biases, weights = [machine.biases[0]], []
    for k, schedule in enumerate(schedules):
        up, down = 1.0 if k == n_pairs - 1 else 2.0, 1.0 if k == 0 else 2.0
        pair = BoltzmannMachine(machine.biases[k : k + 2], (machine.weights[k],), (machine.masks[k],))
        sub_seed = derive(seed, "pretrain", k)
        pair = _train(Task(pair, data, schedule, sub_seed, (up, down)))
        biases = [*(biases if k else pair.biases[:1]), pair.biases[1]]
        weights.append(pair.weights[0])
        built, words = graph.of(pair), graph.to_words([data], sum(pair.n_units))
        share(len(words), binary.draw_layer, words, built, 1, np.float32(up), key(derive(sub_seed, "up")), len(data))
        data = Samples(words, built.layer, len(data))[1]
    return BoltzmannMachine(biases, weights, machine.masks)


def _train(task: Task) -> BoltzmannMachine:
    machine, data, schedule, seed, _ = task
    learn_epoch, trained = (dense if is_dense(machine, schedule) else minibatches)(task)
    n_updates = schedule.n_updates(len(data)) // schedule.n_epochs
    epochs = tqdm(schedule.epochs, disable=None, unit="epoch", leave=False)
    for epoch, (rate, momentum) in enumerate(epochs):
        order = permutation(derive(seed, "order", epoch), len(data))
        failed = learn_epoch(order, rate, momentum, epoch * n_updates)
        if failed >= 0:
            raise DivergenceError(
                f"training diverged at epoch {epoch}, update {failed}, learning rate {rate:g}: a parameter is beyond "
                f"{learning.DIVERGED:g} or not finite; lower learning_rates or momentum"
            )
    return trained()


def is_dense(machine: BoltzmannMachine, schedule: Schedule) -> bool:
    """Whether whole rows of weights are faster to learn than synapses: single patterns, or a pair of dense layers."""
    if schedule.algorithm != "cd" or schedule.max_norm is not None or len(machine.masks) > 1:
        return False
    return schedule.batch_size == 1 or bool(machine.masks[0].mean() >= graph.DENSE)


def dense(task: Task) -> Learner:
    """CD-k of one dense pair of layers; an epoch is one call."""
    machine, data, schedule, seed, factors = task
    built, (n, m), draws = contrastive.build(machine), machine.n_units, key(derive(seed, "cd"))
    numbers = schedule.batch_size, schedule.n_gibbs_steps, np.array(factors, dtype=np.float32)

    def epoch(order: np.ndarray, rate: np.float32, momentum: np.float32, first_update: int) -> int:
        return contrastive.epoch(built, (n, m), data, order, *numbers, rate, momentum, draws, first_update)

    def trained() -> BoltzmannMachine:
        return BoltzmannMachine((built.a[0, :n], built.b[0, :m]), (built.w[:n, :m],), machine.masks)

    return epoch, trained


def minibatches(task: Task) -> Learner:
    """Gradient steps over minibatches; the algorithm names the two sets of states that a step compares."""
    machine, data, schedule = task[:3]
    built, max_norm = graph.build(machine, graph.DENSE), schedule.max_norm
    velocity = tuple(zeros(x.shape, np.float32) for x in (built.weight, built.panel, built.bias))
    ones = BoltzmannMachine(machine.biases, machine.masks, machine.masks)
    present = graph.panels(ones, graph.DENSE)[0].astype(np.uint8)
    work = np.concatenate([[0], np.cumsum(1 + built.start[1:] - built.above)])
    compared = {"cd": _contrastive_divergence, "pcd": _persistent_chains}[schedule.algorithm](built, task)

    def epoch(order: np.ndarray, rate: np.float32, momentum: np.float32, first_update: int) -> int:
        for n, first in enumerate(range(0, len(order), schedule.batch_size)):
            states = compared(data[order[first : first + schedule.batch_size]], first_update + n)
            if any(share(work, learning.learn, built, velocity, present, *states, rate, momentum)):
                return first_update + n
            if max_norm is not None:
                share(work, learning.cap_norms, built, np.float32(max_norm))
        return -1

    return epoch, lambda: graph.to_machine(built, machine.masks)


def _contrastive_divergence(built: graph.Graph, task: Task) -> States:
    """What a CD-k update compares: data and reconstructions, with the hidden units' probabilities."""
    if len(built.layer) != 3:
        raise ValueError(f"algorithm 'cd': found {len(built.layer) - 2} hidden layers, expected 1 (use 'pcd')")
    draws, n_steps = key(derive(task.seed, "cd")), task.schedule.n_gibbs_steps
    factors = np.array(task.factors, np.float32)
    no_words = np.zeros((0, len(built.bias)), dtype=np.uint64)

    def states(batch: np.ndarray, update: int) -> tuple[Any, ...]:
        n, words = len(batch), graph.to_words([batch], len(built.bias))
        positive = graph.to_tiles(batch, len(built.bias))
        negative = zeros(positive.shape, np.float32)
        arguments = positive, negative, built, factors, draws, update * (n_steps + 1), n_steps, n
        share(len(words), binary.contrastive_divergence, words, *arguments)
        return positive, negative, no_words, np.array([n, n])

    return states


def _persistent_chains(built: graph.Graph, task: Task) -> States:
    """What a PCD update compares: mean field on the data, and chains that live on from update to update."""
    data, schedule, seed = task.data, task.schedule, task.seed
    draws, n_steps, n_chains = key(derive(seed, "pcd")), schedule.n_gibbs_steps, schedule.n_chains
    chains = start_words(built, n_chains, derive(seed, "chains"))
    starts = choice(derive(seed, "chain data"), len(data), min(n_chains, len(data)))
    chains[:, : data.shape[1]] = pack(np.resize(data[starts], (n_chains, data.shape[1])))
    n_iterations, tolerance = schedule.n_mean_field_steps, np.float32(schedule.tolerance)
    no_tiles = np.zeros((0, len(built.bias), PATTERNS), dtype=np.float32)

    def states(batch: np.ndarray, update: int) -> tuple[Any, ...]:
        n, positive = len(batch), graph.to_tiles(batch, len(built.bias))
        share_all(
            (len(positive), meanfield.mean_field, positive, built, n_iterations, tolerance, n),
            (len(chains), gibbs.sweeps, chains, built, draws, update * n_steps, n_steps, n_chains),
        )
        return positive, no_tiles, chains, np.array([n, n_chains])

    return states
