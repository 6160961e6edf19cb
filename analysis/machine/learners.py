"""One epoch of learning, dW <- momentum dW + rate (<x x^T>_data - <x x^T>_model), whatever stands for the model.

    cd     k block Gibbs steps from the data, for one hidden layer
    pcd    chains that live on from update to update; mean field for the hidden units of the data

Sources: Hinton (2002) doi:10.1162/089976602760128018; Tieleman (2008); Salakhutdinov & Hinton (2009) AISTATS.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from analysis.kernels import binary, contrastive, gibbs, learning, meanfield
from analysis.kernels.layouts import PATTERNS, pack, zeros
from analysis.kernels.threads import share, share_all
from analysis.machine import graph
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive, key
from analysis.machine.sampling import start_words
from analysis.machine.schedule import Schedule

# (positive tiles, negative tiles or none, words of the negative states or none, how many of each) of an update
States = Callable[[np.ndarray, int], tuple[Any, ...]]


class Task(NamedTuple):
    """What is to be learnt, and how."""

    machine: BoltzmannMachine
    data: np.ndarray  # (n_patterns, n_0) uint8
    schedule: Schedule
    seed: int
    factors: tuple[float, float]  # of the input upwards and downwards, for a missing neighbour (cd)


def learner(task: Task) -> "Dense | Minibatches":
    """The faster way to learn this task. Raises ValueError for cd of more than one hidden layer."""
    return Dense(task) if is_dense(task.machine, task.schedule) else Minibatches(task)


def is_dense(machine: BoltzmannMachine, schedule: Schedule) -> bool:
    """Whether whole rows of weights are faster to learn than synapses: single patterns, or a pair of dense layers."""
    if schedule.algorithm != "cd" or schedule.max_norm is not None or len(machine.masks) > 1:
        return False
    return schedule.batch_size == 1 or bool(machine.masks[0].mean() >= graph.DENSE)


class Dense:
    """CD-k of one dense pair of layers; an epoch is one call."""

    def __init__(self, task: Task) -> None:
        machine, data, schedule, seed, factors = task
        self._masks, self._data, self._key = machine.masks, data, key(derive(seed, "cd"))
        self._shape, self._rbm = machine.n_units, contrastive.build(machine)
        self._numbers = schedule.batch_size, schedule.n_gibbs_steps, np.array(factors, dtype=np.float32)

    def epoch(self, order: np.ndarray, rate: np.float32, momentum: np.float32, first_update: int) -> int:
        """One pass over the patterns in this order; returns the update at which it diverged, or -1."""
        step = rate, momentum, self._key, first_update
        return contrastive.epoch(self._rbm, self._shape, self._data, order, *self._numbers, *step)

    def machine(self) -> BoltzmannMachine:
        """What it is by now."""
        biases, weights = contrastive.parameters(self._rbm, self._shape)
        return BoltzmannMachine(biases, (weights,), self._masks)


class Minibatches:
    """Gradient steps over minibatches; the algorithm names the two sets of states that a step compares."""

    def __init__(self, task: Task) -> None:
        machine, data, schedule = task[:3]
        self._masks, self._data, self._schedule = machine.masks, data, schedule
        self._graph = built = graph.build(machine)
        self._velocity = tuple(zeros(x.shape, np.float32) for x in (built.weight, built.panel, built.bias))
        ones = BoltzmannMachine(machine.biases, machine.masks, machine.masks)
        self._present = graph.panels(ones)[0].astype(np.uint8)
        self._work = np.concatenate([[0], np.cumsum(1 + built.start[1:] - built.above)])
        states = {"cd": _contrastive_divergence, "pcd": _persistent_chains}[schedule.algorithm]
        self._states = states(built, task)

    def epoch(self, order: np.ndarray, rate: np.float32, momentum: np.float32, first_update: int) -> int:
        """As that of Dense."""
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

    def machine(self) -> BoltzmannMachine:
        """What it is by now."""
        return graph.to_machine(self._graph, self._masks)


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
