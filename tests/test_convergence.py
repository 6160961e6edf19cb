"""Convergence: estimates are their formulas on cases by hand, and tau is that of the transition matrix."""

import naive
import numpy as np
import pytest

from analysis.machine import convergence as c
from analysis.machine.randomness import derive
from analysis.machine.sampling import awake, sample, trajectory


def transition_matrix(machine):
    """P(x' | x) of a sweep of an RBM: hidden given visible, then visible given hidden; and P(x)."""
    (v, h), p = naive.enumerate_states(machine)
    (b, c_), (w,) = machine.biases, machine.weights
    up, down = (1 / (1 + np.exp(-z)) for z in (c_ + v @ w, b + h @ w.T))
    to_hidden = np.prod(np.where(h[None], up[:, None], 1 - up[:, None]), axis=2)
    to_visible = np.prod(np.where(v, down, 1 - down), axis=1)  # of a state's v given its own h
    return to_hidden * to_visible, p


def test_r_hat_is_the_formula_on_a_case_by_hand():
    traces = np.array([[0.0, 1, 0, 1], [2, 3, 2, 3]])[:, :, None]  # halves: means 0.5, 2.5, 0.5, 2.5, variances 0.5
    assert c.r_hat(traces)[0] == pytest.approx(np.sqrt((0.5 * 0.5 + 4 / 3) / 0.5))


def test_two_starts_and_autocorrelation_are_the_formulas_on_cases_by_hand():
    x = np.array([[0.0], [1], [0], [1]])  # variances 1/3: s^2 = 1/2 - 1/12, W = 1/3
    assert c.two_start_r_hat(x, x + 1)[0] == pytest.approx(1.5)
    traces = np.tile([1.0, 1, -1, -1], 2)[None, :, None]  # rho 1, 1/7, -1, -1/5, 1, 1/3, ...: the second pair ends it
    assert c.autocorrelation_time(traces)[0] == pytest.approx(2 * (1 + 1 / 7) - 1)


def test_autocorrelation_time_of_gibbs_sampling_is_that_of_the_transition_matrix():
    machine = naive.machine_of((3, 2), 3, weight_std=1.5, density=1.1)
    matrix, p = transition_matrix(machine)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    np.testing.assert_allclose(p @ matrix, p)
    x = naive.enumerate_states(machine)[0][0][:, 0] - 0.0
    x -= p @ x
    moved, covariances = x, []
    for _ in range(200):
        covariances.append(p @ (x * moved))
        moved = matrix @ moved
    expected = 2 * np.sum(covariances) / covariances[0] - 1
    start = sample(machine, 2000, 100, 0)
    states = [s[0][:, :1] for s in trajectory(machine, 2000, 120, 1, start)]
    found = c.autocorrelation_time(np.stack(states, axis=1).astype(float))
    assert expected > 1.3
    assert found[0] == pytest.approx(expected, rel=0.05)


def test_chains_are_followed_from_both_starts_after_the_first_sweeps():
    machine, patterns = naive.machine_of((4, 3), 1), naive.patterns_of(30, 4)
    found, moments = c.convergence(machine, patterns, 50, 7, 6, 3, 1), c.choose(machine, 3, derive(1, "moments"))
    traces = []
    for name, start in (("noise", None), ("data", awake(machine, patterns, 50, 1))):
        states = [sample(machine, 50, 7, derive(derive(1, name), "steps"), start)]
        states += trajectory(machine, 50, 5, derive(derive(1, name), "sweeps"), states[0])
        traces.append(np.stack([c.values(machine, moments, x) for x in states], axis=1))
    np.testing.assert_array_equal(found.r_hat, c.r_hat(traces[0]))
    np.testing.assert_array_equal(found.two_start_r_hat, c.two_start_r_hat(*(x[:, 0] for x in traces)))
    np.testing.assert_array_equal(found.autocorrelation_time, c.autocorrelation_time(traces[1]))


def test_moments_are_those_of_the_states():
    machine = naive.machine_of((4, 3, 2), 1)
    moments, states = c.choose(machine, 100, 0), sample(machine, 5, 3, 0)
    found = c.values(machine, moments, states)
    n = sum(machine.n_synapses)
    assert moments.kinds.tolist() == [0] * 9 + [1] * n + [2] * 3 + [3]
    assert c.choose(machine, 2, 0).kinds.tolist() == [0] * 2 + [1] * 2 + [2] * 3 + [3]
    np.testing.assert_array_equal(found[:, :9], np.concatenate(states, axis=1))
    layers = zip(states, states[1:], machine.masks)
    pairs = [below[:, i] * above[:, j] for below, above, mask in layers for i, j in np.argwhere(mask)]
    np.testing.assert_array_equal(found[:, 9 : 9 + n], np.transpose(pairs))
    np.testing.assert_allclose(found[:, 9 + n : -1], np.stack([x.mean(axis=1) for x in states], axis=1), rtol=1e-6)
    np.testing.assert_allclose(found[:, -1], machine.energy(states), rtol=1e-6)


def test_a_constant_moment_counts_as_converged():
    traces = np.ones((5, 8, 1))
    assert (c.r_hat(traces), c.two_start_r_hat(traces[:, 0], traces[:, 0]), c.autocorrelation_time(traces)) == (1, 1, 1)
    assert c.two_start_r_hat(traces[:, 0], 0 * traces[:, 0]) == np.inf
