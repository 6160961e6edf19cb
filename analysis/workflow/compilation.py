"""Compile every kernel once, on machines of three units, so that the jobs of a workflow find them in the cache."""

import multiprocessing

import numpy as np

from analysis.kernels import jit
from analysis.machine import exact, sampling, tempering, training
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import damage, fisher, online

_PATTERNS = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1], [0, 0, 1]], dtype=np.uint8)
_BATCHES = training.Schedule("cd", 1, (0.1, 0.1), batch_size=2)


def compile_all():
    """Call every kernel with the types that the protocols use; a second process compiles half of them."""
    if jit.CACHE_FOLDER is None:  # nowhere to keep them: each job compiles what it calls
        return
    other = multiprocessing.get_context("spawn").Process(target=_learning)
    other.start()
    _sampling()
    other.join()
    _learning()  # from the cache, but for what one process may have written over the other's note of it


def _sampling():
    rbm, dbm = (BoltzmannMachine.random(n_units, 0) for n_units in ((3, 2), (3, 2, 2)))
    visible, hidden = sampling.sample(rbm, 20, 2, 0)
    online.dream(rbm, [x[0] for x in (visible, hidden)], 2, 0)
    tempering.tempered(dbm, 2, 2, 2, 0)
    training.pretrain_greedily(dbm, _PATTERNS, [_BATCHES, _BATCHES], 0)
    exact.deletion_damage(_PATTERNS, rbm)
    (averages,) = damage.awake_averages(rbm, training.mean_field(rbm, _PATTERNS))
    damage.deletion(np.full((3, 2), 0.5), averages)  # rows in turn, where enumeration has columns in turn
    fisher.heuristic_estimate(visible, hidden, rbm.weights[0])
    fisher.first_eigenvector(fisher.information_matrix(visible, hidden))


def _learning():
    rbm, dbm = (BoltzmannMachine.random(n_units, 0) for n_units in ((3, 2), (3, 2, 2)))
    training.train(rbm, _PATTERNS, training.Schedule("cd", 1, (0.1, 0.1)), 0)
    training.mean_field(dbm, _PATTERNS)
    few_synapses = BoltzmannMachine(rbm.biases, rbm.weights, (np.eye(3, 2, dtype=bool),))
    training.train(few_synapses, _PATTERNS, _BATCHES, 0)
    persistent = training.Schedule("pcd", 1, (0.1, 0.1), batch_size=2, n_chains=2, max_norm=6.0)
    training.train(dbm, _PATTERNS, persistent, 0)
