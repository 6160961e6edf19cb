"""Compile every kernel once, on machines of three units, so that the jobs of a workflow find them in the cache."""

import numpy as np

from analysis import fisher, likelihood, online, sampling, training
from analysis.model import BoltzmannMachine


def compile_all():
    """Call every kernel with the types that the protocols use."""
    patterns = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1], [0, 0, 1]], dtype=np.uint8)
    rbm = BoltzmannMachine.random((3, 2), 0)
    dbm = BoltzmannMachine.random((3, 2, 2), 0)
    single = training.Schedule("cd", 1, (0.1, 0.1))
    batches = training.Schedule("cd", 1, (0.1, 0.1), batch_size=2)
    persistent = training.Schedule("pcd", 1, (0.1, 0.1), batch_size=2, n_chains=2, max_norm=6.0)
    training.train(rbm, patterns, single, 0)
    dbm = training.pretrain_greedily(dbm, patterns, [batches, batches], 0)
    dbm = training.train(dbm, patterns, persistent, 0)
    training.mean_field(dbm, patterns)
    visible, hidden = sampling.sample(rbm, 20, 2, 0)
    fisher.heuristic_estimate(visible, hidden, rbm.weights[0])
    fisher.first_eigenvector(fisher.information_matrix(visible, hidden))
    online.dream(rbm, [x[0] for x in (visible, hidden)], 2, 2, 0)
    likelihood.log_partition(dbm, 2, 2, 0)
