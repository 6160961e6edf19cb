"""Annealed importance sampling and the variational bound agree with enumeration."""

import numpy as np
import pytest

from analysis import exact, likelihood
from analysis.model import BoltzmannMachine
from analysis.training import mean_field

N_CHAINS, N_TEMPERATURES = 64, 60


def machine_of(n_units, seed=0, weight_std=1.0):
    rng = np.random.default_rng(seed)
    pairs = list(zip(n_units, n_units[1:]))
    biases = tuple(rng.normal(0, 0.5, n) for n in n_units)
    return BoltzmannMachine(biases, tuple(rng.normal(0, weight_std, pair) for pair in pairs))


@pytest.mark.parametrize("n_units", [(8, 6), (4, 9), (6, 4, 5), (3, 6, 4, 3)], ids=str)
def test_annealed_importance_sampling_matches_enumeration_within_its_error(n_units):
    machine = machine_of(n_units)
    expected = exact.log_partition(machine)
    results = [likelihood.log_partition(machine, N_CHAINS, N_TEMPERATURES, seed) for seed in range(8)]
    estimates, errors = np.array(results).T
    error_of_mean = np.sqrt((errors**2).sum()) / len(errors)
    assert abs(estimates.mean() - expected) < 4 * error_of_mean
    # The stated errors are the spread of the estimates: chi-square, 8 degrees of freedom, 0.01 % beyond either end.
    assert 0.4 < (((estimates - expected) / errors) ** 2).sum() < 31.8
    assert errors.max() < 0.3


def test_annealing_corrects_what_the_base_rate_machine_misses():
    machine = machine_of((6, 4, 5))
    even, odd, _ = exact.sides(machine)
    base_rate = exact.softplus(even).sum() + exact.softplus(odd).sum()
    estimate, error = likelihood.log_partition(machine, N_CHAINS, N_TEMPERATURES, 0)
    assert abs(exact.log_partition(machine) - base_rate) > 20 * error
    assert abs(estimate - exact.log_partition(machine)) < 4 * error


def test_a_machine_without_weights_needs_no_annealing():
    machine = machine_of((5, 4, 3), weight_std=0.0)
    estimate, error = likelihood.log_partition(machine, 2, 2, 0)
    assert estimate == pytest.approx(exact.log_partition(machine), abs=1e-12)
    assert error == pytest.approx(0, abs=1e-12)


def test_same_seed_same_estimate_and_other_seed_other_estimate():
    machine = machine_of((5, 4))
    first, again, other = (likelihood.log_partition(machine, 8, 5, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("counts", "name"), [((1, 10), "n_chains"), ((10, 1), "n_temperatures")])
def test_counts_below_two_are_refused(counts, name):
    with pytest.raises(ValueError, match=f"{name}: found 1, expected at least 2"):
        likelihood.log_partition(machine_of((3, 2)), *counts, 0)


def test_variational_bound_of_an_rbm_is_its_log_likelihood():
    machine = machine_of((6, 5))
    patterns = np.random.default_rng(1).integers(0, 2, (40, 6))
    bound = likelihood.variational_bound(machine, patterns, exact.log_partition(machine))
    assert bound == pytest.approx(exact.log_likelihood(patterns, machine), abs=1e-5)


def test_variational_bound_of_a_deep_machine_lies_below_by_the_divergence_of_its_mean_field():
    machine = machine_of((4, 3, 2))
    patterns = np.random.default_rng(1).integers(0, 2, (1, 4))
    log_z = exact.log_partition(machine)
    h1, h2 = (m[0].astype(float) for m in mean_field(machine, patterns)[1:])
    gap = 0.0  # KL(q(h) || P(h | v)), over all 2^5 hidden states
    for hidden in exact.states(5):
        q = np.prod(np.where(hidden, np.concatenate([h1, h2]), 1 - np.concatenate([h1, h2])))
        joint = -machine.energy([patterns, hidden[None, :3], hidden[None, 3:]])[0] - log_z
        gap += q * (np.log(q) - (joint - exact.log_likelihood(patterns, machine)))
    bound = likelihood.variational_bound(machine, patterns, log_z)
    assert gap > 1e-3
    assert bound == pytest.approx(exact.log_likelihood(patterns, machine) - gap, abs=1e-6)


def test_variational_bound_refuses_patterns_that_do_not_fit():
    with pytest.raises(ValueError, match=r"patterns: found shape \(2, 4\), expected \(n, 3\)"):
        likelihood.variational_bound(machine_of((3, 2)), np.zeros((2, 4)), 0.0)
