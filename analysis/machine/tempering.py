"""Chains that cross from mode to mode: parallel tempering (replica exchange).

    P_k(x) ~ f_k(x), k = 1 ... K          machines between independent units and the machine, see likelihood.Path
    x_k <-> x_k+1  with probability min(1, f_k(x_k+1) f_k+1(x_k) / (f_k(x_k) f_k+1(x_k+1)))

After each sweep of block Gibbs the states of neighbouring machines change places, pairs (1, 2), (3, 4) ... and
(2, 3), (4, 5) ... in turn.
Sources: Hukushima & Nemoto (1996), doi:10.1143/JPSJ.65.1604; Bereux, Decelle, Furtlehner, Rosset & Seoane (2025),
arXiv:2405.15376, whose machines between are those of the training's course: here a straight path is enough.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analysis.kernels import gibbs
from analysis.kernels.draws import exponential
from analysis.kernels.layouts import pack
from analysis.kernels.threads import share
from analysis.machine.arguments import check_count, check_memory
from analysis.machine.likelihood import Path
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import bits, derive, key
from analysis.machine.sampling import Samples, States, start_words

RECORDS = 8  # of a chain, evenly spaced over the second half of its sweeps
_FROM_BELOW, _FROM_ABOVE = 1, 2  # where a state was last: at independent units, or at the machine


class Tempered(NamedTuple):
    """States of the machine, and how well they moved along the path."""

    samples: Samples  # min(RECORDS, n_steps / 2) of each chain, record by record
    last: Samples  # (n_chains,) after the last sweep
    acceptance: np.ndarray  # (n_rungs - 1,) share of the exchanges tried that were made
    round_trips: float  # arrivals from independent units at the machine, a chain


def tempered(
    machine: BoltzmannMachine,
    n_chains: int,
    n_steps: int,
    n_rungs: int,
    seed: int,
    patterns: ArrayLike | None = None,
    initial: States = None,
) -> Tempered:
    """States ~ P(x) = exp(-E(x)) / Z by n_steps sweeps of parallel tempering, the first half of which is left out.

    n_chains : chains at each of the n_rungs machines, at least 2 of both; machines are evenly spaced on the path
    patterns : (n, n_0), values in {0, 1}, whose mean activity the independent units have; None: sigmoid(bias). A path
        from units that resemble one mode alone meets the others near its end, and hardly any state crosses
    initial : n_chains states to start from at every rung; default: independent units
    """
    for name, value, least in (("n_chains", n_chains, 2), ("n_rungs", n_rungs, 2), ("n_steps", n_steps, 1)):
        check_count(name, value, least)
    check_memory("n_chains", f"{n_chains:,} chains", n_rungs * n_chains * sum(machine.n_units) // 8)
    path, betas = Path.to(machine, patterns), np.linspace(0, 1, n_rungs, dtype=np.float32)
    rungs, draws = [path.at(beta) for beta in betas], [key(derive(seed, "gibbs", k)) for k in range(n_rungs)]
    words = [start_words(rungs[0], n_chains, derive(seed, "start", k), initial) for k in range(n_rungs)]
    n_tried, n_moved, n_arrived = np.zeros(n_rungs - 1), np.zeros(n_rungs - 1), 0
    came_from = np.zeros((n_rungs, n_chains), dtype=np.int8)
    n_records = n_per_chain(n_steps)
    stride, records = max(1, n_steps // 2 // n_records), []
    for step in range(n_steps):
        for k in range(n_rungs):
            share(len(words[k]), gibbs.sweeps, words[k], rungs[k], draws[k], step, 1, n_chains)
        for k in range(step % 2, n_rungs - 1, 2):
            gains = [path.gain(x, betas[k : k + 2], n_chains) for x in words[k : k + 2]]
            random = bits(derive(seed, "exchange", step, k), 0, n_chains)
            moved = _exchange(words[k], words[k + 1], gains, random)
            came_from[k : k + 2, moved] = came_from[k : k + 2, moved][::-1]
            n_tried[k] += 1
            n_moved[k] += moved.mean()
        n_arrived += int((came_from[-1] == _FROM_BELOW).sum())
        came_from[0], came_from[-1] = _FROM_BELOW, _FROM_ABOVE
        if (n_steps - 1 - step) % stride == 0 and n_steps - 1 - step < n_records * stride:
            records.append(Samples(words[-1].copy(), path.machine.layer, n_chains))
    layers = [np.concatenate([record[k] for record in records]) for k in range(len(machine.n_units))]
    every = Samples.of("samples", layers, machine.n_units)
    return Tempered(every, records[-1], n_moved / np.maximum(n_tried, 1), n_arrived / n_chains)


def n_per_chain(n_steps: int) -> int:
    """Records of a chain of so many sweeps."""
    return max(1, min(RECORDS, n_steps // 2))


def sample(
    machine: BoltzmannMachine, n: int, n_steps: int, n_rungs: int, seed: int, patterns: ArrayLike | None = None
) -> Samples:
    """n states of the machine, from as many chains as `tempered` needs for them."""
    n_chains = max(2, -(-n // n_per_chain(n_steps)))
    found = tempered(machine, n_chains, n_steps, n_rungs, seed, patterns).samples
    return Samples.of("samples", [x[:n] for x in found], machine.n_units)


def _exchange(lower: np.ndarray, upper: np.ndarray, gains: Sequence[np.ndarray], random: np.ndarray) -> np.ndarray:
    """Exchange states of neighbouring rungs in place, by 32 random bits a chain: (n_chains,) bool, which chains did."""
    chance = exponential(np.minimum(gains[0] - gains[1], 0).astype(np.float32)[None])[0]
    moved = (random >> 8) * 2.0**-24 < chance
    other = (lower ^ upper) & pack(moved[:, None].view(np.uint8))
    lower ^= other
    upper ^= other
    return moved
