"""The damage of a deletion, from one synapse's averages, is what enumeration finds of machines with and without it."""

import naive
import naive_exact
import numpy as np
import pytest

from analysis import sampling, training
from analysis.kernels import statistics
from analysis.machine import exact
from analysis.pruning import CRITERIA, Activity, damage, prune

RBMS = [naive.machine_of((4, 3), 0), naive.machine_of((3, 5), 1, density=1.1), naive.machine_of((5, 1), 2, 3.0)]
DEEP = naive.machine_of((5, 3, 2), 1, weight_std=0.7, density=1.1)
MIXTURES = [(0.0, 5.0), (1.0, 5.0), (1.0, -690.0), (1.0, 690.0), (0.5, 690.0), (0.3, -690.0), (0.3, 1e-9), (1e-9, 2.0)]


def awake_by_enumeration(machine, patterns):
    """damage.Awake of each layer, of q_ij = P(x_i x_j = 1 | pattern), every hidden state enumerated."""
    states, p = naive.enumerate_states(machine)
    given = (patterns[:, None, :] == states[0][None]).all(axis=2) * p
    given /= given.sum(axis=1, keepdims=True)
    averages = []
    for pre, post, w in zip(states, states[1:], machine.weights):
        q, w = np.einsum("cs,si,sj->cij", given, pre, post), w.astype(float)
        logs = [statistics.log_mixture(x, w) for x in q]
        averages.append(damage.Awake(w, q.mean(axis=0), (q**2).mean(axis=0), np.mean(logs, axis=0)))
    return averages


def test_log_mixture_is_the_logarithm_of_two_states():
    rng, n = np.random.default_rng(0), 10_000
    w = np.concatenate([rng.uniform(-700, 700, n), rng.uniform(-2, 2, n)])
    cases = [MIXTURES, np.transpose([rng.random(2 * n), w]), np.transpose([np.ones(2 * n), w])]
    q, w = np.concatenate(cases).T[:, :, None]
    with np.errstate(divide="ignore"):
        expected = np.logaddexp(np.log1p(-q), np.log(q) - w)
    np.testing.assert_allclose(statistics.log_mixture(q, w), expected, rtol=1e-14, atol=5e-16)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("largest", [0.0, 1.0, 30.0, 690.0])
@pytest.mark.parametrize("n", [1, 63, 64, 65, 1000])
def test_log_means_are_those_of_one_pattern_at_a_time(n, largest, kind, n_threads):
    rng = np.random.default_rng(n)
    pre, post = rng.random((n, 3)).astype(kind), rng.random((n, 7)).astype(kind)
    pre[:, 0], post[:, 0], post[:, 1] = rng.random(n) < 0.5, 1, 0  # states as of pixels, and units that are sure
    w = rng.uniform(-largest, largest, (3, 7))
    q = pre[:, :, None].astype(float) * post[:, None, :].astype(float)
    mean, square, log = statistics.log_means(pre, post, w)
    np.testing.assert_allclose(mean, q.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(square, (q**2).mean(axis=0), rtol=1e-13)
    expected = np.mean([statistics.log_mixture(x, w) for x in q], axis=0)
    np.testing.assert_allclose(log, expected, rtol=1e-13, atol=1e-15 * max(largest, 1))
    assert (log[:, 1] == 0).all()


@pytest.mark.parametrize("machine", RBMS, ids=repr)
def test_the_criterion_is_the_damage_by_enumeration_where_sleep_is_exact(machine):
    patterns = naive.patterns_of(40, machine.n_units[0])
    (expected,) = naive_exact.deletion_damage(patterns, machine)
    (awake,) = damage.awake_averages(machine, training.mean_field(machine, patterns))
    (joint,) = exact.moments(machine)[1]
    np.testing.assert_allclose(damage.deletion(joint, awake)[machine.masks[0]], expected[machine.masks[0]], atol=2e-6)


def test_the_damage_is_exact_in_deep_machines_where_averages_awake_are():
    patterns = naive.patterns_of(30, 5)
    expected = naive_exact.deletion_damage(patterns, DEEP)
    for awake, joint, values in zip(awake_by_enumeration(DEEP, patterns), exact.moments(DEEP)[1], expected):
        np.testing.assert_allclose(damage.deletion(joint, awake), values, atol=1e-12)


def test_mean_field_costs_a_deep_machine_at_most_a_seventh_of_its_largest_awake_damage():
    patterns = naive.patterns_of(30, 5)
    by_mean_field = damage.awake_averages(DEEP, training.mean_field(DEEP, patterns))
    for found, exactly in zip(by_mean_field, awake_by_enumeration(DEEP, patterns)):
        expected = damage.gap(exactly)
        np.testing.assert_allclose(damage.gap(found), expected, atol=expected.max() / 7, rtol=0)


@pytest.mark.parametrize("sign", [1, -1])
def test_second_orders_are_the_limits_of_small_weights(sign):
    """What a third order leaves shrinks a thousandfold with w / 10."""
    rng = np.random.default_rng(0)
    pre, post, joint = rng.random((200, 3)), rng.random((200, 4)), rng.random((3, 4))
    left = []
    for size in (1e-2, 1e-3):
        w = np.full((3, 4), sign * size)
        awake = damage.Awake(w, *statistics.log_means(pre, post, w))
        second_order = w * (awake.mean - joint) + damage.curvature(joint, awake)
        assert (np.abs(damage.deletion(joint, awake) - second_order) < size**3).all()
        left.append(damage.gap(awake) - damage.gap_second_order(awake))
        assert (damage.gap(awake) > 0).all()
        assert (np.abs(left[-1]) < size**3).all()
    np.testing.assert_allclose(left[1] * 1000, left[0], rtol=0.05, atol=1e-10)


def test_who_is_awake_needs_no_sleep_and_who_has_not_been_awake_is_told_so():
    machine, patterns = RBMS[1], naive.patterns_of(40, 3)
    look = lambda: training.mean_field(machine, patterns)  # noqa: E731
    states = [np.zeros((10, n), dtype=np.uint8) for n in machine.n_units]
    for name in ("awake_damage", "awake_variance"):
        for asleep in (states, ()):
            importance = CRITERIA[name](machine, Activity(asleep, look), 0)
            assert prune(machine, importance, 0.3).machine.n_synapses < machine.n_synapses
    for name in ("deletion_damage", "visible_curvature", "awake_damage", "awake_variance"):
        with pytest.raises(ValueError, match=r"^activity\.awake: found samples of sleep alone, expected Activity"):
            CRITERIA[name](machine, states, 0)
    with pytest.raises(ValueError, match=r"^states: found 0 layers, expected 2"):
        CRITERIA["deletion_damage"](machine, Activity((), look), 0)
    with pytest.raises(ValueError, match=r"^awake: found shapes \[\(40, 3\)\], expected \[\(40, 3\), \(40, 5\)\]"):
        CRITERIA["awake_damage"](machine, Activity((), lambda: look()[:1]), 0)


def test_synapses_of_a_pixel_never_on_go_at_once_and_those_of_one_always_on_have_a_rank():
    machine, patterns = naive.machine_of((4, 3), 0, density=1.1), naive.patterns_of(40, 4)
    patterns[:, 0], patterns[:, 1] = 0, 1
    activity = Activity((), lambda: training.mean_field(machine, patterns))
    for name in ("awake_damage", "awake_variance"):
        (importance,) = CRITERIA[name](machine, activity, 0)
        assert (importance[0] == 0).all()
        assert (importance[1:] > 0).all()
        assert not prune(machine, [importance], 0.01).machine.masks[0][0].any()


def test_criteria_that_look_at_the_same_activity_average_it_once(monkeypatch):
    machine, patterns, calls = RBMS[1], naive.patterns_of(40, 3), []
    averages = damage.awake_averages
    monkeypatch.setattr(damage, "awake_averages", lambda *given: calls.append(given[0]) or averages(*given))
    for states in ([np.ones((10, n), dtype=np.uint8) for n in machine.n_units], sampling.sample(machine, 10, 1, 0)):
        activity = Activity(states, lambda: training.mean_field(machine, patterns))
        for name in ("deletion_damage", "visible_curvature", "awake_damage", "awake_variance"):
            CRITERIA[name](machine, activity, 0)
    other = naive.machine_of(machine.n_units, 7)
    (found,), (expected,) = (CRITERIA["awake_damage"](other, x, 0) for x in (activity, Activity((), activity.look)))
    np.testing.assert_array_equal(found, expected)
    assert calls == [machine, machine, other, other]
