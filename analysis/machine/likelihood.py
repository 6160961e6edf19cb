"""Likelihood of machines that are too large to enumerate.

    log Z = log Z_0 + log < prod_k f_k(x_k-1) / f_k-1(x_k-1) >        annealed importance sampling
    log Z = log Z_0 - log < prod_k f_k-1(x_k) / f_k(x_k) >            the same backwards, from samples of the machine
    log P(v) >= <-E(v, h)>_q + H(q) - log Z                           variational bound, q the mean field

On average the first estimate of log Z is too low and the second too high: together they bracket it. Sources: Neal
(2001), doi:10.1023/A:1008923215028; Salakhutdinov & Murray (2008), ICML, doi:10.1145/1390156.1390266; Burda, Grosse &
Salakhutdinov (2015), AISTATS (backwards); Salakhutdinov & Hinton (2009), AISTATS, section 2 and appendix.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analysis.kernels import gibbs, statistics
from analysis.kernels.threads import share
from analysis.machine import graph
from analysis.machine.arguments import check_count
from analysis.machine.model import BoltzmannMachine, entropy, softplus
from analysis.machine.randomness import derive, key
from analysis.machine.sampling import Samples, mean_field, start_words

_RAREST = 0.02  # a base-rate unit on, or off, less often than this would hardly ever try


class Path(NamedTuple):
    """From independent units (beta = 0) to a machine (beta = 1): beta times its weights, biases (1 - beta) a + beta b.

    f_beta(x) is the sum of exp(-E_beta) over the odd layers, x the even ones.
    """

    machine: graph.Graph
    base: np.ndarray  # (n_units,) float32: a
    even: np.ndarray  # (n,) int32: units of even layers

    @classmethod
    def to(cls, machine: BoltzmannMachine, patterns: ArrayLike | None) -> "Path":
        """a = logit of the mean field's mean activity on patterns (n, n_0), values in {0, 1}; None: a = b."""
        built = graph.of(machine)
        base = built.bias
        if patterns is not None:
            activity = np.concatenate([m.mean(axis=0, dtype=np.float64) for m in mean_field(machine, patterns)])
            rates = activity.clip(_RAREST, 1 - _RAREST)
            base = np.round(np.log(rates / (1 - rates)), 6).astype(np.float32)  # last bits are the C library's
        even = [np.arange(*ends, dtype=np.int32) for ends in zip(built.layer[::2], built.layer[1::2])]
        return cls(built, base, np.concatenate(even))

    def biases(self, betas: np.ndarray) -> np.ndarray:
        """(1 - beta) base + beta b, b of the machine: (n, n_units) float32 at betas (n,) float32."""
        return (1 - betas[:, None]) * self.base + betas[:, None] * self.machine.bias

    def at(self, beta: np.float32) -> graph.Graph:
        """The graph of the machine on the path at beta: its biases there, and beta W."""
        (bias,), built = self.biases(np.array([beta])), self.machine
        return built._replace(bias=bias, weight=beta * built.weight, panel=beta * built.panel)

    def gain(self, words: np.ndarray, pair: np.ndarray, n_chains: int) -> np.ndarray:
        """log f_pair[1](x) - log f_pair[0](x), (n_chains,) float64; words: of the states; pair: two betas, float32."""
        gain, biases = np.zeros(n_chains), self.biases(pair)
        share(len(words), statistics.anneal, gain, words, self.machine, self.even, biases, pair, n_chains)
        return gain

    @property
    def log_z_base(self) -> float:
        """log Z at beta = 0, of independent units: sum_u log(1 + exp(base_u))."""
        return float(softplus(self.base.astype(np.float64)).sum())


def log_partition(
    machine: BoltzmannMachine, n_chains: int, n_temperatures: int, seed: int, patterns: ArrayLike | None = None
) -> tuple[float, float]:
    """log Z = log Z_0 + log <w>, w = prod_k f_k(x_k-1) / f_k-1(x_k-1): annealed importance sampling, in nats.

    Returns (estimate, standard error), the error sd(w) / (<w> sqrt(n_chains)) (delta method). <w> is unbiased; with too
    few of the evenly spaced temperatures a rare large w is missed, log Z comes out low and the error too small. A base
    that resembles the machine's own activity (`patterns`, see `Path.to`) needs far fewer of them (Salakhutdinov &
    Murray 2008, section 4.1).
    """
    check_count("n_chains", n_chains, 2)
    check_count("n_temperatures", n_temperatures, 2)
    path, log_w = Path.to(machine, patterns), np.zeros(n_chains)
    words, draws = start_words(path.at(np.float32(0)), n_chains, derive(seed, "start")), key(derive(seed, "gibbs"))
    betas = np.linspace(0, 1, n_temperatures, dtype=np.float32)
    for k in range(n_temperatures - 1):
        share(len(words), gibbs.sweeps, words, path.at(betas[k]), draws, k, 1, n_chains)
        log_w += path.gain(words, betas[k : k + 2], n_chains)
    return _log_mean(path.log_z_base + log_w)


def log_partition_backwards(
    samples: Samples, machine: BoltzmannMachine, n_temperatures: int, seed: int, patterns: ArrayLike | None = None
) -> tuple[float, float]:
    """log Z = log Z_0 - log < 1 / w >: the path of `log_partition` from samples (2 or more) of the machine down."""
    check_count("samples", samples.n, 2)
    check_count("n_temperatures", n_temperatures, 2)
    path, log_w, words = Path.to(machine, patterns), np.zeros(samples.n), samples.words.copy()
    betas, draws = np.linspace(1, 0, n_temperatures, dtype=np.float32), key(derive(seed, "gibbs"))
    for k in range(n_temperatures - 1):
        log_w += path.gain(words, betas[k : k + 2], samples.n)
        share(len(words), gibbs.sweeps, words, path.at(betas[k + 1]), draws, k, 1, samples.n)
    minus_log_z, error = _log_mean(log_w - path.log_z_base)
    return -minus_log_z, error


def variational_bound(machine: BoltzmannMachine, patterns: ArrayLike, log_z: float) -> float:
    """<log P(v)> >= < b_0 . v + sum_l b_l . m_l + sum_l m_l-1^T W_l m_l + sum_l H(m_l) > - log Z, in nats a pattern.

    patterns : (n_patterns, n_0), values in {0, 1}; m_l, the mean field of the hidden layers (m_0 = v);
    log_z : in nats. For an RBM the bound is tight.
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
