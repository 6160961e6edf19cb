"""Criteria against hand-computed cases; pruning removes what was asked, then what is stranded, and says why."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import fisher, pruning
from analysis.experiment.measures import share_in_common
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import CRITERIA, KEPT, prune

# Four samples of a 2-2-1 machine; <v_i h_j> = [[1/4, 2/4], [1/4, 3/4]] and <h_i g> = [[1/4], [2/4]].
STATES = [
    np.array([[1, 1], [1, 1], [0, 1], [0, 0]]),
    np.array([[1, 1], [0, 1], [0, 1], [0, 0]]),
    np.array([[1], [1], [0], [0]]),
]
DEEP = BoltzmannMachine(([0, 0], [0, 0], [0]), ([[1, -2], [3, 0]], [[-4], [5]]))
VARIANCES = [np.array([[3, 4], [3, 3]]) / 16, np.array([[3], [4]]) / 16]


def dense(*n_units):
    """A machine with all synapses and weights that differ."""
    return naive.machine_of(n_units, density=1.1)


@st.composite
def machines_with_importance(draw):
    n_units = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    machine = naive.machine_of(n_units, draw(st.integers(0, 1000)), density=draw(st.sampled_from([0.3, 0.7, 1.1])))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return machine, [rng.integers(-1, 4, mask.shape) for mask in machine.masks]  # with ties, zeros and harm


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("variance_fi", VARIANCES),
        ("variance_fi_w2", [VARIANCES[0] * [[1, 4], [9, 0]], VARIANCES[1] * [[16], [25]]]),
        ("weight", [[[1, 2], [3, 0]], [[4], [5]]]),
        ("anti_fi", [1 - VARIANCES[0], 1 - VARIANCES[1]]),
    ],
)
def test_criteria_of_a_hand_computed_case(name, expected):
    found = pruning.criterion(name)(DEEP, STATES, 0)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_heuristic_criterion_of_a_hand_computed_case():
    """Rates 1/2, 3/4 and 1/4, 3/4: p = <h> <v> / (<v> + (1 - <v>) exp(-w (1 - <h>)))."""
    e = np.exp
    p = np.array([[0.25 / (1 + e(-0.75)), 0.75 / (1 + e(0.5))], [0.25 / (1 + e(-2.25) / 3), 0.75 * 0.75]])
    np.testing.assert_allclose(CRITERIA["heuristic_fi"](DEEP, STATES, 0)[0], p * (1 - p), atol=1e-6)


@pytest.mark.parametrize("density", [0.6, 1.1])
def test_eigenvector_criterion_is_the_first_eigenvector_among_the_synapses_that_exist(density):
    machine = naive.machine_of((4, 3), 2, density=density)
    rng = np.random.default_rng(0)
    states = [rng.integers(0, 2, (2000, n)) for n in (4, 3)]
    mask = machine.masks[0]
    alive = np.concatenate([np.ones(7, bool), mask.ravel()])
    matrix = fisher.information_matrix(*states)[np.ix_(alive, alive)]
    first = np.abs(np.linalg.eigh(matrix)[1][:, -1])
    (found,) = CRITERIA["eigenvector"](machine, states, 0)
    np.testing.assert_allclose(found[mask], first[7:], atol=1e-6)
    assert not found[~mask].any()
    assert (found >= 0).all()


def test_random_criterion_is_uniform_above_zero_and_a_function_of_the_seed_alone():
    machine = dense(40, 50, 30)
    found = CRITERIA["random"](machine, None, 3)
    for a, b, c in zip(found, CRITERIA["random"](machine, STATES, 3), CRITERIA["random"](machine, None, 4)):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()
        naive.assert_within_error(a.mean(), 0.5, np.sqrt(1 / 12 / a.size))
        assert a.min() > 0
        assert a.max() <= 1
    below, above = CRITERIA["random_units"](machine, None, 3)
    assert (below[0, :30] != above[0]).all(), "other numbers for the next layer"
    assert np.abs(np.corrcoef(found[0].ravel()[:1500], found[1].ravel())[0, 1]) < 4.9 / np.sqrt(1500)


def test_a_fraction_a_layer_prunes_each_layer_by_its_own():
    machine, rng = dense(4, 5, 10), np.random.default_rng(0)
    importance = [1 + rng.permutation(20).reshape(4, 5), 1 + rng.permutation(50).reshape(5, 10)]
    whole = [prune(machine, importance, fraction).machine for fraction in (0.1, 0.2, [0.1, 0.2])]
    assert whole[2].n_synapses == (whole[0].n_synapses[0], whole[1].n_synapses[1])
    with pytest.raises(ValueError, match=r"^fraction: found \[0.1\], expected a number .*, or one a layer"):
        prune(machine, importance, [0.1])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1), st.floats(0.01, 0.99))
def test_the_share_in_common_counts_what_pruning_by_either_would_remove(pairs, fraction):
    """Of a layer of units with one input each: what the twin removes, ties and zeros included."""
    n, pruned = len(pairs), []
    machine = BoltzmannMachine(([0], [0] * n), (np.ones((1, n)),))
    for values in zip(*pairs):
        masks, _ = naive.prune(machine, [np.array([values])], fraction)
        pruned.append(set(np.flatnonzero(~masks[0][0])))
    expected = 2 * len(pruned[0] & pruned[1]) / (len(pruned[0]) + len(pruned[1]))
    assert share_in_common(*zip(*pairs), fraction) == pytest.approx(expected)


@given(machines_with_importance(), st.floats(0.01, 0.99))
def test_pruning_is_that_of_its_twin(case, fraction):
    machine, importance = case
    masks, causes = naive.prune(machine, importance, fraction)
    if not all(KEPT in cause for cause in causes):
        with pytest.raises(ValueError, match=r": found (no unit left in layer \d|0 for all \d+ synapses)"):
            prune(machine, importance, fraction)
        return
    found = prune(machine, importance, fraction)
    assert [cause.tolist() for cause in found.causes] == causes
    survivors = [np.flatnonzero(np.equal(cause, KEPT)).tolist() for cause in causes]
    assert [units.tolist() for units in found.kept] == survivors
    pairs = list(zip(found.kept, found.kept[1:]))
    for bias, old, units in zip(found.machine.biases, machine.biases, found.kept, strict=True):
        np.testing.assert_array_equal(bias, old[units])
    for layer, pair in enumerate(pairs):
        np.testing.assert_array_equal(found.machine.masks[layer], masks[layer][np.ix_(*pair)])
        expected = np.where(masks[layer], machine.weights[layer], 0)[np.ix_(*pair)]
        np.testing.assert_array_equal(found.machine.weights[layer], expected)
