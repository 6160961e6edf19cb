"""Estimates from samples are their formulas, also where a unit is always on or never."""

import numpy as np
import pytest

from analysis import fisher


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
