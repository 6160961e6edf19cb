"""Do chains of block Gibbs sampling forget where they started?

    R = sqrt(((n - 1) / n W + B / n) / W)        split R-hat: B, W the variances between and within half chains
    tau = 1 + 2 sum_t rho_t                      integrated autocorrelation time, in sweeps
    R_2 = sqrt(1 + s^2 / W)                      two starts: s^2 the variance of their means, W that of single states

R shows how slowly a chain moves, and no mode that none of them visits. R_2 compares where chains from noise and chains
from the data are after as many sweeps: 1 if both have forgotten the start.
Sources: Gelman & Rubin (1992), doi:10.1214/ss/1177011136, chains halved as in Vehtari et al. (2021),
doi:10.1214/20-BA1221, without their ranks, since most statistics are binary; R_2 treats all chains of a start as one,
as the nested R-hat of Margossian et al. (2024), doi:10.1214/24-BA1453; tau ends by the initial positive sequence of
Geyer (1992), doi:10.1214/ss/1177011137.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analysis.machine.arguments import check_count
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive
from analysis.machine.sampling import Samples, awake, sample, trajectory

KINDS = ("unit", "synapse", "layer", "energy")


class Moments(NamedTuple):
    """What is followed along chains: x_u of some units, x_i x_j of some synapses, each layer's mean, E(x)."""

    units: np.ndarray  # (n,) numbers through all layers
    synapses: np.ndarray  # (m, 2) numbers of both units
    kinds: np.ndarray  # (n_moments,) index in KINDS


class Convergence(NamedTuple):
    """Arrays (n_moments,) in the order of `moments`."""

    r_hat: np.ndarray  # chains from noise, in the n_sweeps after the first n_steps
    two_start_r_hat: np.ndarray  # chains from noise and chains from data, after n_steps
    autocorrelation_time: np.ndarray  # in sweeps, chains from the data
    moments: Moments


def convergence(
    machine: BoltzmannMachine,
    patterns: ArrayLike,
    n_chains: int,
    n_steps: int,
    n_sweeps: int,
    n_moments: int,
    seed: int,
) -> Convergence:
    """How far chains have converged after n_steps sweeps, for n_moments units, as many synapses, layers and energy.

    patterns : (n_patterns, n_0), values in {0, 1}, where half of the chains start (machine.sampling.awake)
    n_sweeps : how long chains are followed after that, at least two for half a chain
    """
    check_count("n_sweeps", n_sweeps, 4)
    moments = choose(machine, n_moments, derive(seed, "moments"))

    def follow(start: Samples | None, seed: int) -> np.ndarray:
        """Traces (n_chains, n_sweeps, n_moments) of the states after n_steps, n_steps + 1 ... sweeps."""
        first = sample(machine, n_chains, n_steps, derive(seed, "steps"), start)
        later = trajectory(machine, n_chains, n_sweeps - 1, derive(seed, "sweeps"), first)
        return np.stack([values(machine, moments, states) for states in (first, *later)], axis=1)

    noise = follow(None, derive(seed, "noise"))
    data = follow(awake(machine, patterns, n_chains, seed), derive(seed, "data"))
    two = two_start_r_hat(noise[:, 0], data[:, 0])
    return Convergence(r_hat(noise), two, autocorrelation_time(data), moments)


def choose(machine: BoltzmannMachine, n_moments: int, seed: int) -> Moments:
    """Moments: n_moments units and as many synapses, or all where there are fewer."""
    first = np.cumsum([0, *machine.n_units])
    synapses = np.concatenate([np.argwhere(mask) + first[k : k + 2] for k, mask in enumerate(machine.masks)])
    units, order = (
        np.sort(choice(derive(seed, name), n, min(n_moments, n)))
        for name, n in (("units", first[-1]), ("synapses", len(synapses)))
    )
    return Moments(units, synapses[order], np.repeat(np.arange(4), [len(units), len(order), len(machine.n_units), 1]))


def values(machine: BoltzmannMachine, moments: Moments, states: Sequence[np.ndarray]) -> np.ndarray:
    """(n_chains, n_moments) float32: the moments of each chain's state."""
    layers, (pre, post) = list(states), moments.synapses.T
    every, means = np.concatenate(layers, axis=1), np.stack([x.mean(axis=1) for x in layers], axis=1)
    parts = [every[:, moments.units], every[:, pre] & every[:, post], means, machine.energy(layers)[:, None]]
    return np.concatenate([part.astype(np.float32) for part in parts], axis=1)


def r_hat(traces: np.ndarray) -> np.ndarray:
    """R of traces (n_chains, n_sweeps, n_moments): (n_moments,), 1 where a moment never moves."""
    half = traces.shape[1] // 2
    halves = np.concatenate([traces[:, :half], traces[:, half : 2 * half]]).astype(np.float64)
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = halves.mean(axis=1).var(axis=0, ddof=1)  # B / n
    return _root_ratio((half - 1) / half * within + between, within)


def two_start_r_hat(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """R_2 of states from two starts, each (n_chains, n_moments): (n_moments,); s^2 is less what chance makes of it."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    variances = x.var(axis=0, ddof=1), y.var(axis=0, ddof=1)
    error = (variances[0] / len(x) + variances[1] / len(y)) / 2
    between = np.maximum((x.mean(axis=0) - y.mean(axis=0)) ** 2 / 2 - error, 0)
    within = (variances[0] + variances[1]) / 2
    return _root_ratio(within + between, within)


def autocorrelation_time(traces: np.ndarray) -> np.ndarray:
    """tau, in sweeps, of traces (n_chains, n_sweeps, n_moments): (n_moments,), 1 for a constant.

    rho_t is taken around the mean of all chains, so that chains which differ from each other count. The sum ends before
    the first pair rho_2k + rho_2k+1 that is not positive; where none is, tau is a lower bound.
    """
    n = traces.shape[1]
    spectrum = np.zeros((n + 1, traces.shape[2]))
    for deviation in traces - traces.mean(axis=(0, 1), dtype=np.float64):
        spectrum += np.abs(np.fft.rfft(deviation, 2 * n, axis=0)) ** 2
    covariance = np.fft.irfft(spectrum, 2 * n, axis=0)[:n] / (len(traces) * np.arange(n, 0, -1)[:, None])
    moves = covariance[0] > 1e-12
    rho = covariance / np.where(moves, covariance[0], 1)
    pairs = rho[0 : n - n % 2 : 2] + rho[1::2]
    positive = np.cumprod(pairs > 0, axis=0)
    return np.where(moves, 2 * (pairs * positive).sum(axis=0) - 1, 1.0)


def _root_ratio(total: np.ndarray, within: np.ndarray) -> np.ndarray:
    """sqrt(total / within); 1 where both are 0, infinite where only the second is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, np.sqrt(total / within), 1.0)
