"""Learning follows its gradient: exact first updates, exact likelihood, naive twins, and the schedule."""

import re
from functools import cache

import naive
import numpy as np
import pytest

from analysis import exact, training
from analysis.kernels import contrastive
from analysis.kernels.layouts import CHAINS, PATTERNS, STRIP
from analysis.machine import graph
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive, key
from analysis.machine.training import DivergenceError, Schedule, mean_field, pretrain_greedily, train

N = 20_000  # patterns or chains whose mean is compared with an exact expectation


def schedule(algorithm="cd", n_epochs=1, rates=(1.0, 1.0), **options):
    return Schedule(algorithm, n_epochs, rates, **options)


def skewed_patterns(n, n_visible, seed=0):
    """Patterns of units that follow one another: far from uniform and from independent."""
    rng = np.random.default_rng(seed)
    first = rng.random((n, 1)) < 0.7
    flips = rng.random((n, n_visible)) < 0.2
    return (first ^ np.logical_xor.accumulate(flips, axis=1)).astype(np.uint8)


def parameters(machine):
    return [*machine.biases, *machine.weights]


def update_of(trained, machine):
    """Change of each bias and of each synapse that exists, as one vector."""
    changes = [np.subtract(a, b, dtype=float) for a, b in zip(parameters(trained), parameters(machine))]
    n = len(machine.biases)
    return np.concatenate([*changes[:n], *(x[mask] for x, mask in zip(changes[n:], machine.masks))])


@pytest.mark.parametrize("n_units", [(4, 3), (3, 4, 2), (2, 3, 2, 2)], ids=str)
def test_the_expected_pcd_update_matches_the_exact_gradient(n_units):
    """<x x^T> of the mean field on the data (exact for an RBM) minus the model's, with chains that have mixed."""
    machine, patterns = naive.machine_of(n_units, 4), skewed_patterns(50, n_units[0])
    options = {"batch_size": 50, "n_gibbs_steps": 60, "n_chains": N, "n_mean_field_steps": 100, "tolerance": 1e-7}
    trained = train(machine, patterns, schedule("pcd", **options), 1)
    model = moments(machine, *exact.moments(machine))
    driven = [x.astype(float) for x in mean_field(machine, patterns, 500, 1e-7)]
    data = moments(machine, [x.mean(axis=0) for x in driven], [a.T @ b / 50 for a, b in zip(driven, driven[1:])])
    naive.assert_within_error(update_of(trained, machine), data - model, np.sqrt(model * (1 - model) / N))


def moments(machine, means, pairs):
    """<x> and <x y> of each synapse, as one vector."""
    return np.concatenate([*means, *(x[mask] for x, mask in zip(pairs, machine.masks))])


def test_greedy_pretraining_has_the_bits_of_its_twin(form, n_threads):
    """Input counts twice in place of a missing neighbour: upwards below the last pair, downwards above the first."""
    machine, patterns = naive.machine_of((4, 5, 3, 4), 2), skewed_patterns(CHAINS + 9, 4)
    plan = schedule(n_epochs=2, rates=(0.3, 0.1), momentum=0.5, batch_size=10)
    found = pretrain_greedily(machine, patterns, [plan] * 3, 5)
    biases, weights, data = [], [], patterns
    for pair, factors in enumerate([(2, 1), (2, 2), (1, 2)]):
        seed = derive(5, "pretrain", pair)
        one = slice(pair, pair + 1)
        rbm = BoltzmannMachine(machine.biases[pair : pair + 2], machine.weights[one], machine.masks[one])
        rbm = naive.train(rbm, data, plan, seed, factors)
        biases += rbm.biases[len(biases) > 0 :]
        weights.append(rbm.weights[0])
        states = [data, np.zeros((len(data), len(rbm.biases[1])), int)]
        naive.draw_layer(rbm, states, 1, derive(seed, "up"), 0, factors[0])
        data = states[1]
    naive.assert_same_bits(parameters(found), [*biases, *weights])


PLANS = {
    "cd online": schedule(n_epochs=2, rates=(0.5, 0.1), momentum=(0.0, 0.9)),
    "cd minibatch": schedule(n_epochs=2, rates=(0.5, 0.1), momentum=(0.0, 0.9), batch_size=CHAINS + 3),
    "cd-3": schedule(n_epochs=2, rates=(0.5, 0.1), batch_size=10, n_gibbs_steps=3),
    "cd-3 capped": schedule(n_epochs=2, rates=(0.5, 0.1), batch_size=10, n_gibbs_steps=3, max_norm=0.8),
    "pcd few chains": schedule("pcd", 2, (0.5, 0.1), momentum=0.5, batch_size=10, n_chains=5, n_gibbs_steps=2),
    "pcd more chains than patterns": schedule("pcd", 2, (0.5, 0.1), batch_size=PATTERNS + 3, n_chains=3 * CHAINS + 1),
    "pcd capped": schedule("pcd", 2, (0.5, 0.1), batch_size=20, n_chains=7, max_norm=0.8, n_mean_field_steps=3),
}


def assert_trained_as_twin(plan, n_units, n_patterns, density=0.7, weight_std=0.3, factors=(1, 1)):
    """On a machine of this shape; the twin does not depend on threads and is trained once."""
    machine, patterns = naive.machine_of(n_units, 1, weight_std, density), skewed_patterns(n_patterns, n_units[0])
    found = training._train(training.Task(machine, patterns, plan, 2**50, factors))
    expected = trained_twin(graph.DENSE, plan, n_units, n_patterns, density, weight_std, factors)
    naive.assert_same_bits(parameters(found), parameters(expected))


@cache
def trained_twin(share, plan, n_units, n_patterns, density, weight_std, factors):
    machine, patterns = naive.machine_of(n_units, 1, weight_std, density), skewed_patterns(n_patterns, n_units[0])
    return naive.train(machine, patterns, plan, 2**50, factors)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_training_has_the_bits_of_its_twin(plan, form, n_threads):
    n_units = (5, 4) if plan.algorithm == "cd" else (5, 4, 3)
    assert_trained_as_twin(plan, n_units, CHAINS + 13, weight_std=1.0)


# Around the vectors that rows are filled up to: 8 visible and 80 hidden units.
@pytest.mark.parametrize("n_visible", [7, 9])
@pytest.mark.parametrize("n_hidden", [1, 17, 81])
@pytest.mark.parametrize(("plan", "density"), [("cd online", 1.1), ("cd online", 0.6), ("cd-3", 0.6), ("cd-3", 1.1)])
def test_units_that_fill_up_vectors_never_matter(n_visible, n_hidden, plan, density):
    assert_trained_as_twin(PLANS[plan], (n_visible, n_hidden), 4 if plan == "cd online" else 11, density)


@pytest.mark.parametrize(
    ("n_units", "n_patterns", "batch_size", "density"),
    [
        *(((n, m), 8, 1, density) for n, m in ((70, 13), (33, 161)) for density in (0.1, 1.1)),
        *(((9, 17), 100, size, 1.1) for size in (2, 31, 33, 100, 10**9)),
        *(((n, 21), 6, size, 1.1) for n, size in ((STRIP, 1), (STRIP + 1, 2), (2 * STRIP + 1, 3))),  # several strips
    ],
)
def test_batches_of_any_size_learn_with_the_bits_of_their_twin(n_units, n_patterns, batch_size, density):
    plan = schedule(n_epochs=2, rates=(0.5, 0.1), momentum=0.5, batch_size=batch_size)
    assert_trained_as_twin(plan, n_units, n_patterns, density)


@pytest.mark.parametrize("n_hidden", [9, 80, 81])
@pytest.mark.parametrize("value", [999.9, 1000.0, -1001.0, np.inf, -np.inf, np.nan], ids=str)
def test_one_parameter_that_left_the_range_is_caught_wherever_it_stands(value, n_hidden):
    """At rate 0 nothing else moves."""
    patterns = skewed_patterns(3, 6)
    for name, place in (("a", (0, 5)), ("b", (0, n_hidden - 1)), ("w", (5, n_hidden - 1)), ("w", (0, 0))):
        built = contrastive.build(naive.machine_of((6, n_hidden), density=1.1))
        getattr(built, name)[place] = value
        arguments = patterns, np.arange(3), 1, 1, np.ones(2, np.float32), np.float32(0), np.float32(0), key(0), 7
        found = contrastive.epoch(built, (6, n_hidden), *arguments)
        assert found == (-1 if abs(value) < 1000 else 7), name


@pytest.mark.parametrize(
    ("n_epochs", "rates", "momentum", "expected"),
    [
        (1, (0.1, 0.01), 0.9, [(0.1, 0.9)]),
        (3, (0.1, 0.001), (0.5, 0.5, 0.9), [(0.1, 0.5), (0.01, 0.5), (0.001, 0.9)]),
        (3, (0.01, 0.04), 0.0, [(0.01, 0.0), (0.02, 0.0), (0.04, 0.0)]),
    ],
)
def test_learning_rates_are_log_spaced_over_the_epochs(n_epochs, rates, momentum, expected):
    found = Schedule("cd", n_epochs, rates, momentum).epochs
    assert found == [(np.float32(rate), np.float32(m)) for rate, m in expected]
    assert {type(x) for pair in found for x in pair} == {np.float32}


COUNTS = ("n_epochs", "batch_size", "n_gibbs_steps", "n_chains", "n_mean_field_steps")
BAD_VALUES = [
    *((name, 0, "a count of at least 1") for name in COUNTS),
    *(("n_epochs", n, "a count of at least 1") for n in (1.5, True, "3")),
    *(("learning_rates", r, "(first, last), both at least 1e-9") for r in (0.1, (0.1,), (0.1, 0.0), (np.nan, 1))),
    *(("learning_rates", r, "(first, last), both at least 1e-9") for r in ((-0.1, 0.1), (0.1, np.inf))),
    *(("momentum", m, "one from 0 to 0.9999, or 3, one an epoch") for m in (1.0, -0.1, (0.5, 0.5), np.nan)),
    *(("tolerance", t, "a number of at least 0") for t in (-1e-3, np.nan, "small")),
    *(("max_norm", x, "a positive number or None") for x in (0, np.nan)),
    ("algorithm", "sgd", "'cd' or 'pcd'"),
]


@pytest.mark.parametrize(("name", "value", "expected"), BAD_VALUES, ids=str)
def test_a_schedule_that_makes_no_sense_is_refused(name, value, expected):
    good = {"algorithm": "pcd", "n_epochs": 3, "learning_rates": (0.1, 0.01)}
    with pytest.raises(ValueError, match="^" + re.escape(f"{name}: found {value!r}, expected {expected}") + "$"):
        Schedule(**good | {name: value})


@pytest.mark.parametrize(
    "plan",
    [
        schedule(n_epochs=3, rates=(200.0, 100.0), momentum=0.9, batch_size=8),
        schedule("pcd", 3, (4000.0, 8000.0), momentum=0.5, batch_size=8, n_chains=10),
        schedule(n_epochs=3, rates=(200.0, 100.0), momentum=0.9),
    ],
    ids=["cd", "pcd", "cd online"],
)
def test_divergence_names_the_epoch_the_update_and_the_learning_rate(plan):
    machine, patterns = naive.machine_of((5, 4), 1), skewed_patterns(50, 5)
    with pytest.raises(naive.Diverged) as expected:
        naive.train(machine, patterns, plan, 0)
    (update,) = expected.value.args
    epoch = update // (plan.n_updates(50) // plan.n_epochs)
    message = (
        f"training diverged at epoch {epoch}, update {update}, learning rate {plan.epochs[epoch][0]:g}: a parameter is "
        "beyond 1000 or not finite; lower learning_rates or momentum"
    )
    with pytest.raises(DivergenceError, match="^" + re.escape(message) + "$"):
        train(machine, patterns, plan, 0)
