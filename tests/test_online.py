"""The online rule: running averages equal a twin's, and importance is what a hand computes from them."""

import naive
import numpy as np
import pytest

from analysis.machine.randomness import derive
from analysis.pruning import CRITERIA, online

f32 = np.float32
SHAPES = [(4, 3), (5, 4, 3), (3, 4, 2, 3)]


def start_of(machine, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 2, n).astype(np.uint8) for n in machine.n_units]


def naive_dream(machine, state, n_sweeps, seed):
    """Rates and joint averages, one sweep, one unit, one synapse at a time, in float32."""
    states = [np.array(x)[None] for x in state]
    rates = [np.zeros(n, f32) for n in machine.n_units]
    joint = [np.zeros(m.shape, f32) for m in machine.masks]
    for sweep in range(n_sweeps):
        states = naive.gibbs(machine, states, derive(seed, "dream"), sweep, 1)
        share = f32(1) / f32(sweep + 1)
        for rate, x in zip(rates, states):
            for u in range(len(rate)):
                rate[u] = rate[u] + (f32(x[0, u]) - rate[u]) * share
        for r, mask, x, y in zip(joint, machine.masks, states, states[1:]):
            for i, j in np.argwhere(mask):
                r[i, j] = r[i, j] + (f32(x[0, i]) * f32(y[0, j]) - r[i, j]) * share
    return rates, joint


@pytest.mark.parametrize("density", [0.5, 1.1])
@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_averages_are_those_of_a_twin_that_goes_synapse_by_synapse(n_units, density, monkeypatch):
    machine = naive.machine_of(n_units, density=density)
    averages = online.dream(machine, start_of(machine), 40, 3)
    for found, expected in zip(averages, naive_dream(machine, start_of(machine), 40, 3)):
        naive.assert_same_bits(found, expected)
    monkeypatch.setattr(online, "N_SWEEPS", 40)
    samples = [np.stack([x, 1 - x]) for x in start_of(machine)]  # the criterion dreams on from the first
    naive.assert_same_bits(CRITERIA["online_fi"](machine, samples, 3), online.importance(*averages, 40))


def test_importance_of_a_hand_computed_case():
    """Three sweeps: (3 r + r_i r_j) / 4, also where the two units were never on together."""
    rates, joint = (f32([0.5]), f32([0.5, 0.25])), (f32([[0.5, 0.0]]),)
    p = np.array([[(3 * 0.5 + 0.25) / 4, 0.125 / 4]])
    np.testing.assert_allclose(online.importance(rates, joint, 3)[0], p * (1 - p))
