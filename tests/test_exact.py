"""Enumeration by sides agrees with the naive sum over all joint states."""

import re

import naive
import naive_exact
import numpy as np
import pytest

from analysis import exact
from analysis.machine import optimum
from analysis.machine.model import BoltzmannMachine

# More and fewer hidden than visible units; odd or even layers the smaller side; hidden even more or fewer than odd.
SHAPES = [(3, 5), (5, 3), (1, 1), (3, 3, 2), (1, 5, 2), (4, 1, 3), (2, 2, 3, 2), (2, 3, 1, 2, 2)]
RBMS = [(3, 4), (4, 3), (1, 1)]


def machine_of(n_units, seed=0):
    """Strong weights, a third of the synapses pruned."""
    return naive.machine_of(n_units, seed, 1.5, 2 / 3)


def patterns_of(machine, n=50, seed=1):
    return np.random.default_rng(seed).integers(0, 2, (n, machine.n_units[0])).astype(np.uint8)


@pytest.fixture(params=[None, 8], ids=["one chunk", "many chunks"])
def chunk(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(exact, "CHUNK", request.param)


@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_log_z_moments_and_log_probabilities_match_the_sum_over_joint_states(n_units, chunk):
    machine = machine_of(n_units)
    patterns, v = patterns_of(machine), exact.states(n_units[0])
    means, correlations = exact.moments(machine)
    expected_means, expected_correlations = naive_exact.moments(machine)
    pairs = [
        *zip([*means, *correlations], [*expected_means, *expected_correlations], strict=True),
        (exact.log_partition(machine), naive_exact.log_partition(machine)),
        (exact.visible_log_probabilities(machine), naive_exact.log_probabilities(v.astype(int), machine)),
        (exact.log_likelihood(patterns, machine), naive_exact.log_probabilities(patterns, machine).mean()),
        (exact.kl_divergence(patterns, machine), naive_exact.kl_divergence(patterns, machine)),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12, strict=np.ndim(found) > 0)


def test_distinct_patterns_keeps_rows_apart_that_differ_in_one_unit():
    rng = np.random.default_rng(0)
    for n_units in (1, 8, 9, 13, 40):
        patterns = rng.integers(0, 2, (300, n_units)).astype(np.uint8)
        patterns[:100] = 0
        patterns[0, -1] = 1
        rows, counts = exact.distinct_patterns(patterns)
        expected_rows, expected_counts = np.unique(patterns, axis=0, return_counts=True)
        order = np.lexsort(rows.T[::-1])
        np.testing.assert_array_equal(rows[order], expected_rows)
        np.testing.assert_array_equal(counts[order], expected_counts)


@pytest.mark.parametrize("n_units", RBMS, ids=str)
def test_fisher_information_is_the_covariance_of_the_sufficient_statistics(n_units, chunk):
    machine = machine_of(n_units)
    np.testing.assert_allclose(exact.fisher_information(machine), naive_exact.fisher_information(machine), atol=1e-12)


@pytest.mark.parametrize("n_units", RBMS, ids=str)
def test_deletion_damage_is_that_of_a_machine_rebuilt_without_the_synapse(n_units, chunk):
    machine = machine_of(n_units)
    patterns = patterns_of(machine)
    (expected,) = naive_exact.deletion_damage(patterns, machine)
    np.testing.assert_allclose(exact.deletion_damage(patterns, machine), expected, atol=1e-12)


def test_enumeration_survives_weights_that_overflow_exp():
    machine = BoltzmannMachine((np.full(2, -800.0), [900.0]), (np.full((2, 1), 700.0),))
    assert exact.log_partition(machine) == pytest.approx(900.0)  # v = (0, 0), h = 1 outweighs (1, 1) at 700
    assert np.isfinite(exact.visible_log_probabilities(machine)).all()
    assert exact.moments(machine)[0][1] == pytest.approx([1.0])


LARGE, DEEP = BoltzmannMachine.random((30, 23), 0), machine_of((2, 2, 2))
REFUSED = [
    (lambda: exact.log_partition(LARGE), "30-23 units, which needs 2^23 states, expected at most 2^22 = 4,194,304"),
    (lambda: exact.deletion_damage(np.zeros((2, 30)), LARGE), "30-23 units, which needs 2^23 states"),
    (lambda: exact.visible_log_probabilities(BoltzmannMachine.random((30, 3), 0)), "30-3 units, which needs 2^30 stat"),
    (lambda: exact.moments(BoltzmannMachine.random((40, 40, 67), 0)), "40-40-67 units, which needs 2^40 states"),
    (lambda: exact.states(23), "23 units, which needs 2^23 states"),
    (lambda: exact.kl_divergence(np.zeros((2, 4)), machine_of((3, 2))), "patterns: found shape (2, 4), expected (n, 3"),
    (lambda: exact.log_likelihood(np.full((2, 2), 0.5), DEEP), "patterns: found values other than 0 and 1"),
    (lambda: exact.deletion_damage(np.zeros((2, 2)), DEEP), "deletion_damage: found 3 layers, expected 2"),
    (lambda: exact.fisher_information(DEEP), "fisher_information: found 3 layers, expected 2"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_cannot_be_enumerated_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_data_of_another_machine_are_matched_to_their_last_pattern():
    target = naive.machine_of((4, 2), seed=1, weight_std=1.5, density=1.1)
    counts = np.round(np.exp(exact.visible_log_probabilities(target)) * 10**6).astype(int)
    patterns, start = np.repeat(exact.states(4), counts, axis=0), naive.machine_of((4, 3), seed=2, density=1.1)
    assert exact.kl_divergence(patterns, start) > 0.05
    assert exact.kl_divergence(patterns, optimum.descend(start, patterns, 500)) < 1e-4


@pytest.mark.parametrize("n_units", [(4, 3), (4, 2, 3), (3, 2, 2, 2)], ids=str)
def test_the_first_step_goes_down_the_steepest_slope_of_the_divergence(n_units):
    """The slope by differences, parameter by parameter; what does not exist stays 0."""
    machine, patterns = naive.machine_of(n_units, density=0.7), naive.patterns_of(40, n_units[0])
    found, n = optimum.descend(machine, patterns, 1), len(n_units)
    assert exact.kl_divergence(patterns, found) < exact.kl_divergence(patterns, machine)
    before, after = ([*x.biases, *x.weights] for x in (machine, found))
    steps, slopes = [], []
    for which, exists in enumerate([*map(np.ones_like, machine.biases), *machine.masks]):
        assert not (after[which] - before[which])[exists == 0].any()
        for place in map(tuple, np.argwhere(exists)):
            kl = []
            for change in (0.01, -0.01):
                parameters = [x.copy() for x in before]
                parameters[which][place] += change
                moved = BoltzmannMachine(parameters[:n], parameters[n:], machine.masks)
                kl.append(exact.kl_divergence(patterns, moved))
            slopes.append(kl[0] - kl[1])
            steps.append(after[which][place] - before[which][place])
    np.testing.assert_allclose(-np.array(steps) / np.linalg.norm(steps), slopes / np.linalg.norm(slopes), atol=1e-3)


def test_no_iteration_and_too_many_states_are_refused():
    machine = naive.machine_of((4, 3))
    with pytest.raises(ValueError, match=r"^n_iterations: found 0, expected a count"):
        optimum.descend(machine, naive.patterns_of(10, 4), 0)
    with pytest.raises(ValueError, match=r"^enumeration: found 23 units"):
        optimum.descend(BoltzmannMachine.random((23, 2), 0), naive.patterns_of(10, 23), 1)
