"""Learning: dW <- momentum dW + rate (<x x^T>_data - <x x^T>_model), by contrastive divergence or persistent chains.

`pretrain_greedily` trains each pair of layers as an RBM; a layer that misses the input of a further layer gets its own
twice. Source: Salakhutdinov & Hinton (2009), AISTATS. Minibatches are the standard
alternative to the paper's single patterns; the schedule names their size.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from analysis.kernels import binary, learning
from analysis.kernels.threads import share
from analysis.machine import graph
from analysis.machine.arguments import check_binary
from analysis.machine.learners import Task, learner
from analysis.machine.meanfield import mean_field
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive, key, permutation
from analysis.machine.schedule import Schedule

__all__ = ["DivergenceError", "Schedule", "mean_field", "pretrain_greedily", "train"]


class DivergenceError(ArithmeticError):
    """Parameters left the range of use; names epoch, update and learning rate."""


def train(
    machine: BoltzmannMachine, patterns: ArrayLike, schedule: Schedule, seed: int, progress: bool = False
) -> BoltzmannMachine:
    """dW <- momentum dW + rate (<x x^T>_data - <x x^T>_model) by the schedule: the trained machine.

    patterns : (n_patterns, n_0), values in {0, 1}
    seed : governs the order of patterns, every draw and the persistent chains
    progress : show a bar of epochs

    Raises ValueError for patterns that are not binary or do not fit and for cd of more than one hidden layer,
    DivergenceError where a parameter left (-1000, 1000) or is not finite, with its update and learning rate.
    """
    data = check_binary("patterns", patterns, machine.n_units[0])
    return _train(Task(machine, data, schedule, seed, (1.0, 1.0)), progress)


def pretrain_greedily(
    machine: BoltzmannMachine, patterns: ArrayLike, schedules: Sequence[Schedule], seed: int, progress: bool = False
) -> BoltzmannMachine:
    """Train each pair of layers as an RBM, lowest first; the next pair learns the samples of the layer below.

    The bottom RBM doubles its input upwards, the top one its input downwards, those between both, in place of the
    missing neighbour (Salakhutdinov & Hinton 2009, section 3.3; factor 1 for a single pair). schedules : one an RBM;
    patterns (n_patterns, n_0). Biases of a layer between two RBMs: those of the lower RBM. Raises as `train`, and
    ValueError for another number of schedules.
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
        pair = _train(Task(pair, data, schedule, sub_seed, (up, down)), progress)
        biases = [*(biases if k else pair.biases[:1]), pair.biases[1]]
        weights.append(pair.weights[0])
        data = _sample_upwards(pair, data, up, derive(sub_seed, "up"))
    return BoltzmannMachine(biases, weights, machine.masks)


def _train(task: Task, progress: bool) -> BoltzmannMachine:
    _, data, schedule, seed, _ = task
    learning_machine = learner(task)
    n_updates = schedule.n_updates(len(data)) // schedule.n_epochs
    for epoch, (rate, momentum) in enumerate(tqdm(schedule.epochs, disable=not progress, unit="epoch", leave=False)):
        order = permutation(derive(seed, "order", epoch), len(data))
        failed = learning_machine.epoch(order, rate, momentum, epoch * n_updates)
        if failed >= 0:
            raise DivergenceError(
                f"training diverged at epoch {epoch}, update {failed}, learning rate {rate:g}: a parameter is beyond "
                f"{learning.DIVERGED:g} or not finite; lower learning_rates or momentum"
            )
    return learning_machine.machine()


def _sample_upwards(machine: BoltzmannMachine, data: np.ndarray, factor: float, seed: int) -> np.ndarray:
    """h ~ P(h | v) of every pattern, with `factor` times its input: (n_patterns, n_hidden) uint8."""
    built, n = graph.of(machine), len(data)
    words = graph.to_words([data], len(built.bias))
    share(len(words), binary.draw_layer, words, built, 1, np.float32(factor), key(seed), n)
    return graph.from_words(words, built.layer, n)[1]
