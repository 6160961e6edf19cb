"""Enumeration by sides agrees with the naive sum over all joint states."""

import math

import naive_exact
import numpy as np
import pytest

from analysis import exact
from analysis.machine import enumeration
from analysis.machine.model import BoltzmannMachine

# More and fewer hidden than visible units; odd or even layers the smaller side; hidden even more or fewer than odd.
SHAPES = [(3, 5), (5, 3), (1, 1), (3, 3, 2), (1, 5, 2), (4, 1, 3), (2, 2, 3, 2), (2, 3, 1, 2, 2)]
RBMS = [(3, 4), (4, 3), (1, 1)]


def machine_of(n_units, seed=0):
    """Strong weights and biases, a third of the synapses pruned."""
    rng = np.random.default_rng(seed)
    pairs = list(zip(n_units, n_units[1:]))
    return BoltzmannMachine(
        tuple(rng.normal(0, 1, n) for n in n_units),
        tuple(rng.normal(0, 1.5, pair) for pair in pairs),
        tuple(rng.random(pair) < 2 / 3 for pair in pairs),
    )


def patterns_of(machine, n=50, seed=1):
    return np.random.default_rng(seed).integers(0, 2, (n, machine.n_units[0])).astype(np.uint8)


@pytest.fixture(params=[None, 8], ids=["one chunk", "many chunks"])
def chunk(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(enumeration, "CHUNK", request.param)


def test_states_count_upwards_in_binary():
    assert exact.states(3).tolist() == [[int(bit) for bit in f"{k:03b}"] for k in range(8)]
    assert exact.states(3).dtype == np.uint8


@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_log_partition_matches_the_sum_over_joint_states(n_units, chunk):
    machine = machine_of(n_units)
    assert exact.log_partition(machine) == pytest.approx(naive_exact.log_partition(machine), abs=1e-12)


@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_moments_match_the_sum_over_joint_states(n_units, chunk):
    machine = machine_of(n_units)
    means, correlations = exact.moments(machine)
    naive_means, naive_correlations = naive_exact.moments(machine)
    assert [m.shape for m in means] == [(n,) for n in n_units]
    for found, expected in zip([*means, *correlations], [*naive_means, *naive_correlations], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_visible_log_probabilities_match_the_sum_over_joint_states(n_units, chunk):
    machine = machine_of(n_units)
    log_p = exact.visible_log_probabilities(machine)
    expected = naive_exact.visible_probabilities(machine)
    assert log_p.shape == (2 ** n_units[0],)
    for pattern, found in zip(exact.states(n_units[0]), log_p):
        assert found == pytest.approx(math.log(expected[tuple(pattern.tolist())]), abs=1e-12)


@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_log_likelihood_is_the_mean_log_probability_of_the_patterns(n_units, chunk):
    machine = machine_of(n_units)
    patterns, p = patterns_of(machine), naive_exact.visible_probabilities(machine)
    expected = np.mean([math.log(p[tuple(v.tolist())]) for v in patterns])
    assert exact.log_likelihood(patterns, machine) == pytest.approx(expected, abs=1e-12)


def test_kl_divergence_matches_its_definition():
    machine = machine_of((3, 4))
    patterns, p = patterns_of(machine), naive_exact.visible_probabilities(machine)
    rows = [tuple(v.tolist()) for v in patterns]
    shares = {row: rows.count(row) / len(rows) for row in rows}
    expected = sum(share * math.log(share / p[row]) for row, share in shares.items())
    assert exact.kl_divergence(patterns, machine) == pytest.approx(expected, abs=1e-12)


def test_kl_divergence_of_a_uniform_machine_is_log_2_a_constant_unit():
    machine = BoltzmannMachine((np.zeros(3), np.zeros(2)), (np.zeros((3, 2)),))
    patterns = [[0, 0, 1], [0, 1, 1], [0, 0, 1], [0, 1, 1]]  # unit 0 off, unit 1 fair, unit 2 on
    assert exact.kl_divergence(patterns, machine) == pytest.approx(2 * math.log(2), abs=1e-12)


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


def test_fisher_information_is_the_curvature_of_log_z():
    step = 2.0**-7  # theta and step are exact in float32
    rng = np.random.default_rng(0)
    theta = np.round(rng.normal(0, 1, 11) * 2**10) / 2**10

    def machine(theta):
        return BoltzmannMachine((theta[:3], theta[3:5]), (theta[5:].reshape(3, 2),))

    matrix = exact.fisher_information(machine(theta))
    unit = np.eye(len(theta)) * step
    for a, b in [(0, 0), (0, 4), (3, 3), (5, 10), (2, 7), (6, 6)]:
        signs = [(s, t) for s in (1, -1) for t in (1, -1)]
        corners = [s * t * exact.log_partition(machine(theta + s * unit[a] + t * unit[b])) for s, t in signs]
        assert matrix[a, b] == pytest.approx(sum(corners) / (4 * step**2), abs=2 * step**2)


def test_diagonal_of_fisher_information_is_p_times_1_minus_p_of_the_moments():
    machine = machine_of((13, 20))
    means, correlations = exact.moments(machine)
    p = np.concatenate([*means, correlations[0].ravel()])
    np.testing.assert_allclose(np.diag(exact.fisher_information(machine)), p * (1 - p), atol=1e-12)


@pytest.mark.parametrize("n_units", RBMS, ids=str)
def test_deletion_damage_is_that_of_a_machine_rebuilt_without_the_synapse(n_units, chunk):
    machine = machine_of(n_units)
    patterns = patterns_of(machine)
    expected = naive_exact.deletion_damage(patterns, machine)
    np.testing.assert_allclose(exact.deletion_damage(patterns, machine), expected, atol=1e-12)


def test_deleting_a_synapse_may_bring_the_model_nearer_to_the_data():
    machine = BoltzmannMachine(([0.0, 0.0], [0.0]), ([[3.0], [3.0]],))
    patterns = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # independent pixels: every coupling is too much
    assert (exact.deletion_damage(patterns, machine) < 0).all()


def test_deletion_damage_of_weak_synapses_is_half_their_fisher_information_times_the_squared_weight():
    """Where the data are the model's own: KL = w^2 F / 2 + O(w^3)."""
    machine = BoltzmannMachine(([0.3, -0.2], [0.1]), ([[0.01], [-0.02]],))
    p = np.exp(exact.visible_log_probabilities(machine))
    patterns = np.repeat(exact.states(2), np.round(p * 10**6).astype(int), axis=0)
    fisher = np.zeros((2, 1))
    for i in range(2):  # of the visible marginal: what the hidden unit's noise hides does no harm
        score = exact.states(2)[:, i] * exact.sigmoid(0.1 + exact.states(2) @ machine.weights[0][:, 0])
        fisher[i] = p @ score**2 - (p @ score) ** 2
    np.testing.assert_allclose(
        exact.deletion_damage(patterns, machine), machine.weights[0] ** 2 * fisher / 2, rtol=0.05
    )


def test_enumeration_survives_weights_that_overflow_exp():
    machine = BoltzmannMachine((np.full(2, -800.0), [900.0]), (np.full((2, 1), 700.0),))
    assert exact.log_partition(machine) == pytest.approx(900.0)  # v = (0, 0), h = 1 outweighs (1, 1) at 700
    assert np.isfinite(exact.visible_log_probabilities(machine)).all()
    assert exact.moments(machine)[0][1] == pytest.approx([1.0])


def test_softplus_and_sigmoid_hold_at_both_ends():
    x = np.array([-1000.0, -40.0, 0.0, 40.0, 1000.0])
    np.testing.assert_allclose(exact.softplus(x), [0.0, math.exp(-40), math.log(2), 40.0, 1000.0], rtol=1e-12)
    np.testing.assert_allclose(exact.sigmoid(x), [0.0, math.exp(-40), 0.5, 1.0, 1.0], rtol=1e-12)


def test_entropy_is_log_2_at_a_half_and_0_at_both_ends():
    np.testing.assert_allclose(exact.entropy([0.0, 0.25, 0.5, 1.0]), [0.0, 0.5623351446188083, math.log(2), 0.0])


def test_a_machine_too_large_to_enumerate_is_refused_with_its_number_of_states():
    machine = BoltzmannMachine.random((30, 23), 0)
    with pytest.raises(ValueError, match=r"30-23 units, which needs 2\^23 states, expected at most 2\^22 = 4,194,304"):
        exact.log_partition(machine)
    with pytest.raises(ValueError, match=r"30-3 units, which needs 2\^30 states"):
        exact.visible_log_probabilities(BoltzmannMachine.random((30, 3), 0))
    with pytest.raises(ValueError, match=r"400-400-676 units, which needs 2\^400 states"):
        exact.moments(BoltzmannMachine.random((400, 400, 676), 0))
    with pytest.raises(ValueError, match=r"23 units, which needs 2\^23 states"):
        exact.states(23)


def test_patterns_that_do_not_fit_the_machine_are_refused():
    with pytest.raises(ValueError, match=r"patterns: found shape \(2, 4\), expected \(n, 3\)"):
        exact.kl_divergence(np.zeros((2, 4)), machine_of((3, 2)))
    with pytest.raises(ValueError, match="patterns: found values other than 0 and 1"):
        exact.log_likelihood(np.full((2, 3), 0.5), machine_of((3, 2)))


def test_deletion_damage_of_deep_and_of_large_machines_is_refused():
    with pytest.raises(ValueError, match="deletion_damage: found 3 layers, expected 2"):
        exact.deletion_damage(np.zeros((2, 2)), machine_of((2, 2, 2)))
    with pytest.raises(ValueError, match=r"30-23 units, which needs 2\^23 states"):
        exact.deletion_damage(np.zeros((2, 30)), BoltzmannMachine.random((30, 23), 0))


def test_fisher_information_of_a_deep_machine_is_refused():
    with pytest.raises(ValueError, match="fisher_information: found 3 layers, expected 2"):
        exact.fisher_information(machine_of((2, 2, 2)))
