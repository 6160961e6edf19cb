"""Likelihood of machines that are too large to enumerate.

    log Z = log Z_0 + log < prod_k f_k(x_k-1) / f_k-1(x_k-1) >        annealed importance sampling
    log P(v) >= <-E(v, h)>_q + H(q) - log Z                           variational bound, q the mean field

Sources: Neal (2001), doi:10.1023/A:1008923215028; Salakhutdinov & Murray (2008), ICML, doi:10.1145/1390156.1390266;
Salakhutdinov & Hinton (2009), AISTATS, section 2 and appendix.
"""

import numpy as np
from numpy.typing import ArrayLike

from analysis.kernels import gibbs, statistics
from analysis.kernels.threads import share
from analysis.machine import graph
from analysis.machine.model import BoltzmannMachine, entropy, softplus
from analysis.machine.randomness import derive, key
from analysis.machine.sampling import mean_field, start_words

_RAREST = 0.02  # a base-rate unit on, or off, less often than this would hardly ever try


def log_partition(
    machine: BoltzmannMachine, n_chains: int, n_temperatures: int, seed: int, patterns: ArrayLike | None = None
) -> tuple[float, float]:
    """log Z = log Z_0 + log <w>, w = prod_k f_k(x_k-1) / f_k-1(x_k-1): annealed importance sampling, in nats.

    n_chains : independent runs, at least 2
    n_temperatures : inverse temperatures from 0 to 1, evenly spaced, both ends counted, at least 2
    patterns : (n, n_0), values in {0, 1}, whose mean field is the mean activity of the base-rate machine; None:
        sigmoid(bias)

    Returns (estimate, standard error), the error sd(w) / (<w> sqrt(n_chains)) (delta method). Raises ValueError for
    counts below 2 and patterns that do not fit.

    Notes
    -----
    Machine k has beta_k times the weights and biases (1 - beta_k) a + beta_k b, so machine 0, the base-rate machine of
    biases a = logit(mean activity), is factorial. f_k(x) is the sum of exp(-E_k) over the odd layers, x the even ones;
    one sweep of block Gibbs sampling moves x. <w> is unbiased; with too few temperatures a rare large w is missed,
    log Z comes out low and the error too small. A base that resembles the machine's own activity, as the mean field of
    the data does once it is trained, needs far fewer of them (Salakhutdinov & Murray 2008, section 4.1).
    """
    for name, value in (("n_chains", n_chains), ("n_temperatures", n_temperatures)):
        if value < 2:
            raise ValueError(f"{name}: found {value}, expected at least 2")
    built, log_w = graph.of(machine), np.zeros(n_chains)
    start = built.bias if patterns is None else _base_biases(mean_field(machine, patterns))
    words, draws = start_words(built._replace(bias=start), n_chains, derive(seed, "start")), key(derive(seed, "gibbs"))
    even = np.concatenate([np.arange(*ends, dtype=np.int32) for ends in zip(built.layer[::2], built.layer[1::2])])
    betas = np.linspace(0, 1, n_temperatures, dtype=np.float32)[:, None]
    for k in range(n_temperatures - 1):
        pair = betas[k : k + 2]
        biases = (1 - pair) * start + pair * built.bias
        tempered = built._replace(bias=biases[0], weight=pair[0] * built.weight, panel=pair[0] * built.panel)
        share(len(words), gibbs.sweeps, words, tempered, draws, k, 1, n_chains)
        share(len(words), statistics.anneal, log_w, words, built, even, biases, pair[:, 0], n_chains)
    return _log_mean(softplus(start.astype(np.float64)).sum() + log_w)


def _base_biases(activity: list[np.ndarray]) -> np.ndarray:
    """logit of the units' mean activities, (n,) float32; activity : one array (n_patterns, n_l) a layer."""
    rates = np.concatenate([x.mean(axis=0, dtype=np.float64) for x in activity]).clip(_RAREST, 1 - _RAREST)
    return np.round(np.log(rates / (1 - rates)), 6).astype(np.float32)  # the logarithm's last bits are the C library's


def variational_bound(machine: BoltzmannMachine, patterns: ArrayLike, log_z: float) -> float:
    """<log P(v)> >= < b_0 . v + sum_l b_l . m_l + sum_l m_l-1^T W_l m_l + sum_l H(m_l) > - log Z, in nats a pattern.

    patterns : (n_patterns, n_0), values in {0, 1}; m_l, the mean field of the hidden layers (m_0 = v);
    log_z : log Z in nats, from `exact.log_partition` or `log_partition`. For an RBM the bound is tight.
    Raises ValueError for patterns that do not fit.
    """
    layers = [m.astype(np.float64) for m in mean_field(machine, patterns)]
    entropies = sum(entropy(m).sum(axis=1) for m in layers[1:])
    return float(np.mean(entropies - machine.energy(layers))) - log_z


def _log_mean(log_values: np.ndarray) -> tuple[float, float]:
    """log of the mean of the values and its standard error."""
    n = len(log_values)
    estimate = np.logaddexp.reduce(log_values) - np.log(n)
    relative = np.exp(log_values - estimate)
    return float(estimate), float(relative.std(ddof=1) / np.sqrt(n))
