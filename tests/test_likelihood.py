"""Annealed importance sampling and the variational bound agree with enumeration."""

import naive
import numpy as np
import pytest

from analysis import exact, likelihood
from analysis.kernels import statistics
from analysis.machine import graph
from analysis.machine.sampling import Samples
from analysis.machine.training import mean_field


@pytest.mark.parametrize("density", [0.3, 1.1], ids=["rows", "panels"])
@pytest.mark.parametrize("n_units", [(8, 6), (6, 4, 5), (3, 6, 4, 3)], ids=str)
def test_few_temperatures_are_enough_where_chains_are_many(n_units, density):
    """Weights are unbiased whatever the path and the base: 50,000 chains know log Z to 0.02 nats."""
    machine, n = naive.machine_of(n_units, 3, 0.8, density), n_units[0]
    for patterns in (None, np.arange(n) < np.arange(n)[:, None]):
        estimate, error = likelihood.log_partition(machine, 50_000, 4, 0, patterns)
        assert error < 0.02
        assert abs(estimate - exact.log_partition(machine)) < 4.5 * error


def test_the_way_back_from_exact_states_knows_log_z_whatever_its_base():
    machine, patterns = naive.machine_of((4, 3), density=1.1), naive.patterns_of(20, 4)
    states, p = naive.enumerate_states(machine)
    drawn = np.random.default_rng(0).choice(len(p), 50_000, p=p)
    samples = Samples.of("states", [x[drawn].astype(np.uint8) for x in states], machine.n_units)
    found = [likelihood.log_partition_backwards(samples, machine, 4, 0, base) for base in (None, patterns)]
    for estimate, error in found:
        assert error < 0.02
        assert abs(estimate - exact.log_partition(machine)) < 4.5 * error
    assert found[0] != found[1]


def test_mean_and_error_of_two_weights_by_hand():
    """Weights 1 and 3: mean 2, standard deviation sqrt(2), so an error of sqrt(2) / (2 sqrt(2)) of the mean."""
    assert likelihood._log_mean(np.log([1.0, 3.0])) == pytest.approx((np.log(2), 0.5))


def test_a_step_of_annealing_is_the_ratio_of_the_machines_that_it_joins():
    """Fields of up to 300 nats too, beyond what the exponential function of the kernels takes."""
    for scale in (1.0, 100.0):
        machine = naive.machine_of((4, 20, 5), 2, weight_std=scale)
        states = [naive.patterns_of(70, n, n) for n in machine.n_units]
        built, rng = graph.build(machine, graph.DENSE), np.random.default_rng(0)
        biases, betas = rng.normal(size=(2, 29)).astype(np.float32), np.array([0.3, 0.4], dtype=np.float32)
        found = np.zeros(70)
        even = np.delete(np.arange(29, dtype=np.int32), range(4, 24))
        statistics.anneal(0, 2, found, graph.to_words(states, 29), built, even, biases, betas, 70)
        states_even, field = np.concatenate(states[0::2], axis=1), states[0] @ machine.weights[0].astype(float)
        field += states[2] @ machine.weights[1].T.astype(float)
        log_f = [
            states_even @ np.delete(b, range(4, 24)).astype(float) + exact.softplus(b[4:24] + beta * field).sum(axis=1)
            for b, beta in zip(biases, betas.astype(float))
        ]
        np.testing.assert_allclose(found, log_f[1] - log_f[0], atol=1e-5 * scale)


def test_units_of_the_base_that_never_or_always_fire_do_so_in_one_chain_of_fifty():
    path = likelihood.Path.to(naive.machine_of((3, 2)), [[0, 0, 1], [0, 1, 1]])
    np.testing.assert_allclose(path.base[:3], np.log([0.02 / 0.98, 1, 49]), atol=1e-6)


@pytest.mark.parametrize("n_units", [(6, 5), (4, 3, 2)], ids=str)
def test_variational_bound_lies_below_the_likelihood_by_the_divergence_of_its_mean_field(n_units):
    """KL(q(h) || P(h | v)), over all 2^5 hidden states: 0 for a restricted machine."""
    machine, gaps = naive.machine_of(n_units, density=1.1), np.zeros(5)
    patterns, log_z = np.random.default_rng(1).integers(0, 2, (5, n_units[0])), exact.log_partition(machine)
    for k, p in enumerate(np.concatenate(mean_field(machine, patterns)[1:], axis=1).astype(float)):
        for hidden in exact.states(5):
            q, layers = np.prod(np.where(hidden, p, 1 - p)), np.split(hidden[None], n_units[1:-1], axis=1)
            joint = -machine.energy([patterns[[k]], *layers])[0] - log_z
            gaps[k] += q * (np.log(q) - (joint - exact.log_likelihood(patterns[[k]], machine)))
    assert (abs(gaps) < 1e-5).all() if len(n_units) == 2 else (gaps > 1e-3).all()
    bound = likelihood.variational_bound(machine, patterns, log_z)
    assert bound == pytest.approx(exact.log_likelihood(patterns, machine) - gaps.mean(), abs=1e-6)
