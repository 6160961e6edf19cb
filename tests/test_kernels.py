"""Every kernel has the bits of its naive twin, whatever the threads; functions keep their error bounds."""

import os
import subprocess
import sys
from pathlib import Path

import naive
import numpy as np
import pytest

from analysis import graph, kernels, spectrum, threads, training
from analysis.jit import kernel
from analysis.lanes import LANES, lane_dot, lane_sum
from analysis.model import BoltzmannMachine
from analysis.random import key

# Layers that start off multiples of 4, more layers than two, a tile with spare lanes, several tiles.
SHAPES = [(5, 4), (1, 1), (3, 6, 5), (2, 3, 1, 4)]
COUNTS = [1, LANES, LANES + 5]
SEED = 2**40 + 3


def sparse_machine(n_units):
    """Half of the synapses, and in the first layer of synapses a unit without any on either side."""
    machine = naive.machine_of(n_units, density=0.6)
    if min(n_units[:2]) == 1:
        return machine
    masks = [mask.copy() for mask in machine.masks]
    masks[0][1], masks[0][:, 0] = False, False
    return BoltzmannMachine(machine.biases, machine.weights, tuple(masks))


def states_of(machine, n, dtype=np.float32):
    """States with every value in [0, 1] (float32) or {0, 1} (int)."""
    rng = np.random.default_rng(2)
    if dtype == np.float32:
        return [rng.random((n, size), np.float32) for size in machine.n_units]
    return [rng.integers(0, 2, (n, size)) for size in machine.n_units]


def assert_same_bits(found, expected):
    for layer, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
        np.testing.assert_array_equal(a, b, f"layer {layer}", strict=True)


def run(kernel, machine, states, *arguments):
    """The kernel on these states, shared among threads: the states after it."""
    built, n = graph.build(machine), len(states[0])
    tiles = graph.to_tiles(states, len(built.bias))
    threads.share(len(tiles), kernel, tiles, built, *arguments)
    return graph.from_tiles(tiles, built.layer, n, np.float32)


def sigmoid(x):
    """kernels.sigmoid of every x: the mean field of units without synapses."""
    machine = BoltzmannMachine((np.zeros(1), x), (np.zeros((1, len(x))),), (np.zeros((1, len(x))),))
    return training.mean_field(machine, np.zeros((1, 1)))[1][0]


def exp(x):
    return kernels.exponential(np.asarray(x, np.float32).reshape(1, -1))[0]


@kernel
def sum_and_dot(total, tile, neighbour, weight, tiles, i, j):
    lane_sum(total, 1, tile, 1, neighbour.size - 1, neighbour, weight)
    return lane_dot(tiles, i, j)


# ---- exp and sigmoid -----------------------------------------------------------------------------------------------


def test_exp_and_sigmoid_have_the_bits_of_their_twins():
    rng = np.random.default_rng(0)
    halves = np.arange(-120, 121) * np.log(2) / 2  # where the rounding of the exponent changes
    x = np.concatenate([rng.uniform(-90, 90, 1000), rng.normal(0, 3, 1000), halves, [0.0, -0.0]]).astype(np.float32)
    assert exp(x).tolist() == [float(naive.exp(v)) for v in x]
    assert sigmoid(x).tolist() == [float(naive.sigmoid(v)) for v in x]


def test_exp_keeps_its_stated_relative_error():
    x = np.linspace(-80, 80, 1_000_001).astype(np.float32)
    error = np.abs(exp(x) / np.exp(x.astype(float)) - 1)
    assert error.max() < 6e-6
    assert error[np.abs(x) < 30].max() < 3e-6


def test_sigmoid_keeps_its_stated_absolute_error():
    x = np.linspace(-30, 30, 300_001).astype(np.float32)
    assert np.abs(sigmoid(x) - 1 / (1 + np.exp(-x.astype(float)))).max() < 2e-7


def test_sigmoid_rises_monotonically_up_to_one_rounding():
    wide = sigmoid(np.linspace(-20, 10, 100_001))
    assert (np.diff(wide) >= 0).all()
    assert wide[0] < 1e-8
    neighbours = sigmoid(np.float32(0.3) + np.arange(100_000, dtype=np.float32) * np.float32(2.0**-25))
    assert np.diff(neighbours).min() >= -(2.0**-24)


@pytest.mark.filterwarnings("error")
def test_exp_and_sigmoid_are_finite_and_in_range_at_extreme_arguments():
    big = np.finfo(np.float32).max
    x = np.array([-big, -1e30, -1000, -100, -80, 0, 80, 100, 1000, 1e30, big], dtype=np.float32)
    p = sigmoid(x)
    assert np.isfinite(p).all()
    assert (p >= 0).all()
    assert (p <= 1).all()
    assert (np.diff(p) >= 0).all()
    assert (p[0], p[5], p[-1]) == (p[4], 0.5, 1.0)
    infinite = exp([-np.inf, np.inf])
    assert infinite.tolist() == exp([-80, 80]).tolist()
    assert np.isfinite(infinite).all()


@pytest.mark.parametrize(
    ("word", "p", "expected"),
    [
        (0, 0.0, 0),
        (0, 1e-30, 1),
        (2**31, 0.5, 0),
        (2**31 - 1, 0.5, 1),
        (2**31 - 1, 0.5 - 2**-24, 0),
        (2**32 - 1, 1.0, 1),
    ],
)
def test_bernoulli_is_one_where_the_upper_24_bits_are_below_p(word, p, expected):
    assert kernels.bernoulli(np.uint32(word), np.float32(p)) == expected


# ---- sums ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_tiles", [0, 1, 3])
def test_lane_sum_and_lane_dot_add_in_the_documented_order(n_tiles):
    rng = np.random.default_rng(1)
    tile, total = rng.lognormal(0, 5, (7, LANES)).astype(np.float32), np.zeros((3, LANES), np.float32)
    neighbour = rng.permutation(np.arange(14) % 7).astype(np.int32)
    weight = rng.normal(0, 1, 14).astype(np.float32)
    tiles = (rng.normal(0, 1, (n_tiles, 5, LANES)) * rng.lognormal(0, 5, (n_tiles, 5, LANES))).astype(np.float32)
    dot = sum_and_dot(total, tile, neighbour, weight, tiles, 1, 4)
    inner = slice(1, 13)
    expected = [naive.lane_sum(weight[inner], tile[neighbour[inner], c]) for c in range(LANES)]
    assert total.tolist() == [[0.0] * LANES, [float(x) for x in expected], [0.0] * LANES]
    assert dot == naive.lane_dot(tiles[:, 1].ravel(), tiles[:, 4].ravel())


def test_the_order_of_a_sum_shows_in_its_bits():
    """Or else the test above would prove nothing."""
    rng = np.random.default_rng(1)
    x, y = rng.lognormal(0, 3, (2, 3 * LANES)).astype(np.float32)
    assert naive.lane_dot(x, y) != naive.lane_sum(x, y) != naive.lane_sum(x[::-1], y[::-1])


def test_lane_total_adds_in_ascending_order():
    tiles = np.random.default_rng(3).lognormal(0, 3, (3, 2, LANES)).astype(np.float32)
    assert kernels.lane_total(tiles, 1) == naive.lane_sum(np.ones(3 * LANES), tiles[:, 1].ravel())


# ---- states --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_gibbs_has_the_bits_of_its_twin(n_units, n, n_threads):
    machine = sparse_machine(n_units)
    states = states_of(machine, n, int)
    found = run(kernels.gibbs, machine, states, key(SEED), 5, 2)
    assert_same_bits(found, naive.gibbs(machine, states, SEED, 5, 2))


@pytest.mark.parametrize("factor", [1.0, 2.0])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_draw_layer_has_the_bits_of_its_twin(layer, factor, n_threads):
    machine = sparse_machine((3, 6, 5))
    states = states_of(machine, 2 * LANES + 5, int)
    found = run(kernels.draw_layer, machine, states, layer, np.float32(factor), key(SEED))
    naive.draw_layer(machine, states, layer, SEED, 0, factor)
    assert_same_bits(found, states)


@pytest.mark.parametrize("n", COUNTS)
def test_start_has_the_bits_of_its_twin(n, n_threads):
    machine = sparse_machine((3, 6, 5))
    built = graph.build(machine)
    tiles = np.full((-(-n // LANES), len(built.bias), LANES), 7, np.float32)
    threads.share(len(tiles), kernels.start, tiles, built.bias, key(SEED))
    assert_same_bits(graph.from_tiles(tiles, built.layer, n, np.float32), naive.start(machine, n, SEED))


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("n_units", SHAPES, ids=str)
@pytest.mark.parametrize(("n_iterations", "tolerance"), [(1, 0.0), (4, 0.0), (30, 1e-2)])
def test_mean_field_has_the_bits_of_its_twin(n_units, n, n_iterations, tolerance, n_threads):
    machine = sparse_machine(n_units)
    patterns = naive.patterns_of(n, n_units[0])
    found = training.mean_field(machine, patterns, n_iterations, tolerance)
    assert_same_bits(found, naive.mean_field(machine, patterns, n_iterations, tolerance))


def test_mean_field_starts_from_the_visible_units_alone():
    machine = sparse_machine((3, 6, 5))
    states = states_of(machine, 5)
    silent = [states[0], *(0 * x for x in states[1:])]
    found, expected = (run(kernels.mean_field, machine, x, 1, np.float32(0)) for x in (states, silent))
    assert_same_bits(found, expected)


# ---- learning ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factors", [(1, 1), (2, 1), (1, 2)], ids=str)
@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("n", COUNTS)
def test_contrastive_divergence_has_the_bits_of_its_twin(n, n_steps, factors, n_threads):
    machine = sparse_machine((6, 5))
    built, patterns = graph.build(machine), naive.patterns_of(n, 6)
    positive = graph.to_tiles([patterns], len(built.bias))
    negative = np.full_like(positive, 7)
    arguments = positive, negative, built, np.array(factors, np.float32), key(SEED), 10, n_steps
    threads.share(len(positive), kernels.contrastive_divergence, *arguments)
    expected = naive.contrastive_divergence(machine, patterns, SEED, 10, n_steps, factors)
    for tiles, states in zip((positive, negative), expected, strict=True):
        assert_same_bits(graph.from_tiles(tiles, built.layer, n, np.float32), states)


@pytest.mark.parametrize(("n", "n_chains"), [(1, 1), (LANES, 2 * LANES + 5), (2 * LANES + 5, 5)])
@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_learn_has_the_bits_of_its_twin(n_units, n, n_chains, n_threads):
    machine = sparse_machine(n_units)
    built, twin = graph.build(machine), naive.learner(machine)
    velocity = np.zeros_like(built.weight), np.zeros_like(built.bias)
    positive, negative = states_of(machine, n), states_of(machine, n_chains, int)
    tiles = [graph.to_tiles(states, len(built.bias)) for states in (positive, negative)]
    for rate in (0.3, 0.1):
        arguments = built, *velocity, *tiles, np.array([n, n_chains]), np.float32(rate), np.float32(0.9)
        assert sum(threads.share(len(built.bias), kernels.learn, *arguments)) == 0
        naive.learn(twin, positive, negative, rate, 0.9)
    found = graph.to_machine(built, machine.masks)
    assert_same_bits([*found.biases, *found.weights], [*twin.biases, *twin.weights])
    assert (built.weight == built.weight[built.twin]).all()


@pytest.mark.parametrize("value", [1000.0, -1001.0, np.inf, -np.inf, np.nan], ids=str)
def test_learn_counts_the_parameters_that_left_the_range(value):
    machine = naive.machine_of((3, 2), density=1.1)
    for place in ("bias", "weight"):
        built = graph.build(machine)
        tiles, zeros = np.zeros((1, 5, LANES), np.float32), (np.zeros_like(built.weight), np.zeros_like(built.bias))
        if place == "bias":
            built.bias[4] = value
        else:
            built.weight[0] = value
        arguments = built, *zeros, tiles, tiles, np.array([1, 1]), np.float32(1), np.float32(0)
        assert kernels.learn(0, 5, *arguments) == 1


@pytest.mark.parametrize("max_norm", [0.5, 1.5])
@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_cap_norms_has_the_bits_of_its_twin(n_units, max_norm, n_threads):
    machine = sparse_machine(n_units)
    built, twin = graph.build(machine), naive.learner(machine)
    threads.share(len(built.bias), kernels.cap_norms, built, np.float32(max_norm))
    naive.cap_norms(twin, max_norm)
    found = graph.to_machine(built, machine.masks)
    assert_same_bits(found.weights, twin.weights)
    assert (built.weight == built.weight[built.twin]).all()
    for before, after in zip(machine.weights, found.weights):
        norms = np.linalg.norm(before, axis=0), np.linalg.norm(after, axis=0)
        np.testing.assert_allclose(norms[1], np.minimum(norms[0], max_norm), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("n_iterations", [1, 3, 500])
def test_power_iteration_has_the_bits_of_its_twin(n, n_iterations):
    x = np.random.default_rng(n).normal(size=(20, n))
    matrix = x.T @ x
    value, vector = spectrum.power_iteration(matrix, np.diag(matrix).copy(), n_iterations, 1e-9)
    expected, twin = naive.power_iteration(matrix, np.diag(matrix), n_iterations, 1e-9)
    assert value == expected
    assert vector.tolist() == twin


# ---- threads -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_threads_share_a_range_without_gap_or_overlap(n, n_threads):
    parts = threads.share(n, lambda begin, end, extra: list(range(begin, end)) + extra, [])
    assert [k for part in parts for k in part] == list(range(n))
    assert len(parts) == min(n, n_threads)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_a_number_of_threads_that_is_no_count_is_refused(text, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", text)
    with pytest.raises(ValueError, match=rf"^NUMBA_NUM_THREADS: found '{text}', expected a count of at least 1$"):
        threads.count()


# ---- processors ----------------------------------------------------------------------------------------------------

DIGEST = """
import hashlib
import naive
from analysis import fisher, sampling, training
digest = hashlib.sha256()
for n_units, algorithm, batch_size in (((9, 6, 7), "pcd", 20), ((9, 6), "cd", 1), ((9, 6), "cd", 20)):
    plan = training.Schedule(algorithm, 3, (0.5, 0.1), 0.5, batch_size, max_norm=None if batch_size == 1 else 1.5)
    machine = training.train(naive.machine_of(n_units), naive.patterns_of(90, 9), plan, 1)
    states = sampling.sample(machine, 50, 3, 1)
    importance = fisher.first_eigenvector(fisher.information_matrix(*states[:2]))
    for array in (*machine.biases, *machine.weights, *states, importance):
        digest.update(array.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_no_instruction_set_changes_a_bit():
    """Compiled for this processor and for the oldest of its kind, without wide vectors and fused multiply-add."""
    tests = Path(__file__).parent
    digests = set()
    for processor in ({}, {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}):
        environment = os.environ | processor | {"PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)])}
        command = [sys.executable, "-c", DIGEST]
        digests.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(digests) == 1
