"""Estimates are their formulas, also where a unit is always on or never; running averages equal a twin's."""

import naive
import numpy as np
import pytest

from analysis import fisher
from analysis.machine.randomness import derive
from analysis.pruning import CRITERIA, online


def samples(n, n_visible, n_hidden, seed=0):
    """Correlated binary samples, with a unit that is always on and one that is never on."""
    rng = np.random.default_rng(seed)
    common = rng.random((n, 1)) < 0.5
    visible = (common ^ (rng.random((n, n_visible)) < 0.3)).astype(np.uint8)
    hidden = (common ^ (rng.random((n, n_hidden)) < 0.2)).astype(np.uint8)
    visible[:, 0], hidden[:, -1] = 1, 0
    return visible, hidden


def statistics(visible, hidden):
    """(v, h, v_1 h_1, v_1 h_2, ...) of each sample, one entry at a time."""
    samples = zip(visible.tolist(), hidden.tolist())
    return np.array([[*v, *h, *(x * y for x in v for y in h)] for v, h in samples], float)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_heuristic_estimate_is_its_formula_where_the_logit_exists(scale):
    visible, hidden = samples(5000, 5, 4)
    visible[0, 0], hidden[0, -1] = 0, 1  # no unit is always on or never on
    weights = np.random.default_rng(1).normal(0, scale, (5, 4))
    v, h = visible.mean(axis=0)[:, None], hidden.mean(axis=0)[None]
    p = h / (1 + np.exp(-(np.log(v / (1 - v)) + weights * (1 - h))))
    np.testing.assert_allclose(fisher.heuristic_estimate(visible, hidden, weights), p * (1 - p), atol=1e-6)


@pytest.mark.parametrize("weight", [-1000.0, -5.0, 0.0, 5.0, 1000.0])
def test_heuristic_estimate_takes_rates_of_0_and_1_and_any_weight(weight):
    """<v> = 0 gives p = 0, <v> = 1 gives p = <h>, <h> = 0 gives p = 0, <h> = 1 gives p = <v>."""
    visible = np.array([[0, 1, 0, 1]] * 2 + [[0, 1, 0, 0]] * 2)
    hidden = np.array([[0, 1, 1]] * 2 + [[0, 1, 0]] * 2)
    found = fisher.heuristic_estimate(visible, hidden, np.full((4, 3), weight))
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 0.25)).all()
    assert not found[0].any()
    assert not found[2].any()
    assert (found[1].tolist(), found[3, :2].tolist()) == ([0, 0, 0.25], [0, 0.25])


@pytest.mark.parametrize("n", [63, 64, 65, 1000])
def test_information_matrix_has_the_bits_of_its_counts(n):
    visible, hidden = samples(n, 5, 4)
    s = statistics(visible, hidden)
    mean = s.sum(axis=0) / n
    np.testing.assert_array_equal(fisher.information_matrix(visible, hidden), s.T @ s / n - mean[:, None] * mean)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[4.0]], [1]),
        ([[1.0, 0.0], [0.0, 9.0]], [0, 1]),
        ([[2.0, 2.0], [2.0, 2.0]], [0.5**0.5] * 2),
        ([[0.0, 0.0], [0.0, 0.0]], [0, 0]),
        ([[2.0, -2.0], [-2.0, 2.0]], [0.5**0.5] * 2),
        ([[1, -0.5, 0], [-0.5, 1, 0], [0, 0, 1.2]], [0.5**0.5, 0.5**0.5, 0]),
    ],
)
def test_first_eigenvector_of_small_matrices(matrix, expected):
    np.testing.assert_allclose(fisher.first_eigenvector(matrix), expected, atol=1e-8)


@pytest.mark.parametrize(
    ("eigenvalues", "expected"),
    [([0.5, 9, 0.5], [0, 9, 0]), ([1, 6, 3], [0, 6, 3]), ([1, 6, 2.9], [1, 6, 2.9])],
)
def test_stiff_are_the_fewest_eigenvectors_that_hold_nine_tenths_of_the_trace(eigenvalues, expected):
    np.testing.assert_allclose(fisher.stiff_importance(np.diag(eigenvalues)), expected)


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
