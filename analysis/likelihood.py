"""Likelihood of machines that are too large to enumerate.

    log Z = log Z_0 + log < prod_k f_k(x_k-1) / f_k-1(x_k-1) >        annealed importance sampling
    log P(v) >= <-E(v, h)>_q + H(q) - log Z                           variational bound, q the mean field

Sources: Neal (2001), doi:10.1023/A:1008923215028; Salakhutdinov & Murray (2008), ICML, doi:10.1145/1390156.1390266;
Salakhutdinov & Hinton (2009), AISTATS, section 2 and appendix.
"""

import numpy as np

from analysis import kernels
from analysis.exact import entropy, sides, softplus
from analysis.graph import build, from_words
from analysis.model import check_binary
from analysis.random import derive, key
from analysis.sampling import start_words
from analysis.threads import share
from analysis.training import mean_field


def log_partition(machine, n_chains, n_temperatures, seed):
    """log Z = log Z_0 + log <w>, w = prod_k f_k(x_k-1) / f_k-1(x_k-1): annealed importance sampling, in nats.

    Parameters
    ----------
    n_chains : independent runs, at least 2
    n_temperatures : inverse temperatures from 0 to 1, evenly spaced, both ends counted, at least 2
    seed : governs every draw

    Returns
    -------
    estimate, standard_error : the error is sd(w) / (<w> sqrt(n_chains)) (delta method)

    Raises ValueError for counts below 2.

    Notes
    -----
    Machine k has the biases and beta_k times the weights, so machine 0, the base-rate machine, is factorial. f_k(x) is
    the sum of exp(-E_k) over the odd layers, x the even ones; one sweep of block Gibbs sampling moves x. <w> is
    unbiased; with too few temperatures a rare large w is missed, log Z comes out low and the error too small.
    """
    for name, value in (("n_chains", n_chains), ("n_temperatures", n_temperatures)):
        if value < 2:
            raise ValueError(f"{name}: found {value}, expected at least 2")
    even_bias, odd_bias, weights = sides(machine)
    log_z_0 = softplus(even_bias).sum() + softplus(odd_bias).sum()
    betas = np.linspace(0.0, 1.0, n_temperatures)
    graph, log_w = build(machine), np.zeros(n_chains)
    words, draws = start_words(graph, n_chains, derive(seed, "start")), key(derive(seed, "gibbs"))
    for k, (beta, following) in enumerate(zip(betas, betas[1:])):
        tempered = graph._replace(weight=np.float32(beta) * graph.weight, panel=np.float32(beta) * graph.panel)
        share(len(words), kernels.gibbs, words, tempered, draws, k, 1, n_chains)
        states = from_words(words, graph.layer, n_chains)
        field = np.concatenate(states[0::2], axis=1) @ weights
        log_w += (softplus(odd_bias + following * field) - softplus(odd_bias + beta * field)).sum(axis=1)
    return _log_mean(log_z_0 + log_w)


def variational_bound(machine, patterns, log_z):
    """<log P(v)> >= < b_0 . v + sum_l b_l . m_l + sum_l m_l-1^T W_l m_l + sum_l H(m_l) > - log Z, in nats a pattern.

    patterns : (n_patterns, n_0), values in {0, 1}; m_l, the mean field of the hidden layers (m_0 = v);
    log_z : log Z in nats, from `exact.log_partition` or `log_partition`. For an RBM the bound is tight.
    Raises ValueError for patterns that do not fit.
    """
    patterns = check_binary("patterns", patterns, machine.n_units[0])
    layers = [m.astype(np.float64) for m in mean_field(machine, patterns)]
    entropies = sum(entropy(m).sum(axis=1) for m in layers[1:])
    return float(np.mean(entropies - machine.energy(layers))) - log_z


def _log_mean(log_values):
    """log of the mean of the values and its standard error."""
    n = len(log_values)
    estimate = np.logaddexp.reduce(log_values) - np.log(n)
    relative = np.exp(log_values - estimate)
    return float(estimate), float(relative.std(ddof=1) / np.sqrt(n))
