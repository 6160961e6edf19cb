"""Exact gradients are those of the divergence, and reach optima that are known."""

import naive
import numpy as np
import pytest

from analysis import exact
from analysis.machine import optimum
from analysis.machine.model import BoltzmannMachine


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
