"""How well an RBM describes patterns that it has not learned: two measures, in nats a pattern, larger is better.

pseudo-log-likelihood   < sum_i log P(v_i | all other v) >                  exact
log-likelihood          < log P*(v) > - log Z                               log Z by annealed importance sampling
"""

import numpy as np

from analysis import likelihood


def pseudo_log_likelihood(machine, patterns):
    """< sum_i log P(v_i | v_others) > of an RBM over patterns (n_patterns, n_visible), in nats.

    log P(v_i | others) = -log(1 + P*(v with pixel i turned over) / P*(v)), where s = 1 - 2 v_i turns it over and
    log P*(turned) - log P*(v) = s a_i + sum_j log(1 + P(h_j = 1 | v) (exp(s w_ij) - 1)).
    """
    (a, b), (weights,) = machine.biases, machine.weights
    v = patterns.astype(np.float64)
    hidden = 1.0 / (1.0 + np.exp(-(b + v @ weights)))
    total = np.zeros(len(v))
    for i, w in enumerate(weights.astype(np.float64)):
        s = 1.0 - 2.0 * v[:, i]
        factor = np.where(s[:, None] > 0, np.expm1(w), np.expm1(-w))
        total -= np.logaddexp(0.0, s * a[i] + np.log1p(hidden * factor).sum(axis=1))
    return float(total.mean())


def log_likelihood(machine, patterns, n_chains, n_temperatures):
    """< log P(v) > of an RBM, in nats: estimate and the standard error of its log Z."""
    log_z, error = likelihood.log_partition(machine, n_chains, n_temperatures, seed=0)
    return likelihood.variational_bound(machine, patterns, log_z), error
