"""Block Gibbs sampling draws from P(x) = exp(-E(x)) / Z, and every draw depends on its position alone."""

import naive
import numpy as np
import pytest

from analysis.kernels.layouts import CHAINS
from analysis.machine import graph, sampling
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import choice, derive
from analysis.machine.sampling import awake, sample, trajectory

MACHINES = {
    "RBM": naive.machine_of((4, 3), 0),
    "masked DBM": naive.machine_of((3, 4, 3), 1),
    "four layers": naive.machine_of((2, 3, 2, 3), 2),
    "strong synapses": naive.machine_of((3, 3, 2), 3, weight_std=1.5, density=1.1),
}
N_CHAINS, N_STEPS = 40_000, 60


def pairs(states, p):
    """<x_i x_j> of every pair of units under weights p, whatever their layers."""
    joint = np.concatenate(states, axis=1).astype(float)
    return ((joint * p[:, None]).T @ joint)[np.triu_indices(joint.shape[1])]


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_gibbs_marginals_and_pair_moments_match_enumeration(machine):
    expected = pairs(*naive.enumerate_states(machine))  # the diagonal holds the marginals, since x^2 = x
    states = sample(machine, N_CHAINS, N_STEPS, 5)
    found = pairs(states, np.full(N_CHAINS, 1 / N_CHAINS))
    naive.assert_within_error(found, expected, np.sqrt(expected * (1 - expected) / N_CHAINS))


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_one_sweep_leaves_the_exact_distribution_as_it_is(machine):
    """Every moment of the joint states after one sweep from exact draws: no burn-in hides a wrong step."""
    states, p = naive.enumerate_states(machine)
    drawn = np.random.default_rng(7).choice(len(p), N_CHAINS, p=p)
    after = sample(machine, N_CHAINS, 1, 7, initial=[x[drawn] for x in states])
    expected, found = pairs(states, p), pairs(after, np.full(N_CHAINS, 1 / N_CHAINS))
    naive.assert_within_error(found, expected, np.sqrt(expected * (1 - expected) / N_CHAINS))


@pytest.mark.parametrize("n_chains", [1, CHAINS, 2 * CHAINS + 3])
def test_sample_has_the_bits_of_its_twin(n_chains, n_threads):
    machine = MACHINES["masked DBM"]
    found = sample(machine, n_chains, 3, 9)
    naive.assert_same_bits(found, [x.astype(np.uint8) for x in naive.sample(machine, n_chains, 3, 9)])
    assert all(x.flags.c_contiguous for x in found)


def test_a_wide_layer_has_the_same_states_with_and_without_panels(monkeypatch):
    """8,191 units are the widest layer whose rows are counted in 16 bits; wider ones have no panels."""
    rng = np.random.default_rng(0)
    for n in (8191, 8192):
        weights, states = rng.normal(0, 0.05, (n, 2)), []
        for share in (0, 2):
            monkeypatch.setattr(sampling, "SWEPT", share)
            machine = BoltzmannMachine((np.full(n, 2.0), np.zeros(2)), (weights,))
            assert (len(graph.of(machine, share).panel) > 0) == (share == 0 and n == 8191)
            states.append(sample(machine, 40, 2, 0))
        naive.assert_same_bits(*states)


@pytest.mark.parametrize("stride", [1, 3])
def test_a_trajectory_passes_through_the_states_of_sample(stride):
    machine = naive.machine_of((3, 4, 3), 1)
    for k, states in enumerate(list(trajectory(machine, 70, 3, 2, stride=stride)), start=1):
        naive.assert_same_bits(states, sample(machine, 70, k * stride, 2))


def test_awake_chains_show_the_data_and_hidden_units_driven_by_it():
    machine = naive.machine_of((4, 3, 2), 1)
    patterns = naive.patterns_of(5, 4)
    visible, h1, h2 = awake(machine, patterns, 60_000, 0)
    assert {tuple(v) for v in visible} == {tuple(v) for v in patterns}
    for below, above, layer, factor in ((visible, h1, 0, 2), (h1, h2, 1, 1)):
        p = 1 / (1 + np.exp(-(machine.biases[layer + 1] + factor * below @ machine.weights[layer].astype(float))))
        naive.assert_within_error(above.mean(axis=0), p.mean(axis=0), np.sqrt((p * (1 - p)).mean(axis=0) / len(p)))
    expected = [visible[:70], np.zeros((70, 3), int), np.zeros((70, 2), int)]
    for layer, factor in ((1, 2), (2, 1)):
        naive.draw_layer(machine, expected, layer, derive(0, "awake", layer), 0, factor)
    for found, states in zip(awake(machine, patterns, 60_000, 0), expected):
        np.testing.assert_array_equal(found[:70], states)
    order = choice(derive(0, "patterns"), 5, 5)
    np.testing.assert_array_equal(visible[:7], patterns[np.resize(order, 7)])
    few = awake(machine, np.eye(4, dtype=np.uint8), 3, 0)[0]
    assert len({tuple(v) for v in few}) == 3  # without replacement
