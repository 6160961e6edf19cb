"""Every kernel has the bits of its naive twin, whatever the threads and the form of the weights.

Functions keep their error bounds, and vector operations the order of their sums.
"""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import naive
import numpy as np
import pytest

from analysis import sampling, training
from analysis.kernels import binary, draws, gibbs, learning, threads, vectors
from analysis.kernels.jit import kernel
from analysis.kernels.layouts import AT_ONCE, CHAINS, PATTERNS
from analysis.kernels.statistics import power_iteration
from analysis.machine import graph
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive, key

# Layers that start off multiples of 4 and fill no panel, more layers than two, words and tiles with spare chains; in
# the last shape several panels, in the last count more words than share a read of the weights.
SHAPES = [(5, 4), (1, 1), (3, 6, 5), (2, 3, 1, 4), (18, 35, 9, 21)]
COUNTS = [1, PATTERNS, CHAINS, CHAINS + 5, (AT_ONCE + 1) * CHAINS + 7]
SEED = 2**40 + 3


@cache
def sparse_machine(n_units):
    """Many and few synapses in turn, and in the first layer of synapses a unit without any on either side."""
    machine = naive.machine_of(n_units, density=[(0.75, 0.4)[pair % 2] for pair in range(len(n_units) - 1)])
    if min(n_units[:2]) == 1:
        return machine
    masks = [mask.copy() for mask in machine.masks]
    masks[0][1], masks[0][:, 0] = False, False
    return BoltzmannMachine(machine.biases, machine.weights, tuple(masks))


def states_of(machine, n, dtype=np.uint8):
    """States with every value in [0, 1] (float32) or {0, 1} (uint8)."""
    rng = np.random.default_rng(2)
    if dtype == np.float32:
        return [rng.random((n, size), np.float32) for size in machine.n_units]
    return [rng.integers(0, 2, (n, size)).astype(dtype) for size in machine.n_units]


def assert_same_bits(found, expected):
    naive.assert_same_bits(*([np.asarray(x, np.float32) for x in arrays] for arrays in (found, expected)))


def run(kernel, machine, states, *arguments):
    """The kernel on these binary states, shared among threads: the states after it. Spare bits stay 0."""
    built, n = graph.build(machine, graph.DENSE), len(states[0])
    words = graph.to_words(states, len(built.bias))
    threads.share(len(words), kernel, words, built, *arguments, n)
    assert not (words[-1] >> np.uint64((n - 1) % CHAINS) >> np.uint64(1)).any()
    return sampling.Samples(words, built.layer, n)


def tiles_of(states):
    """States of all layers as tiles, spare lanes 0."""
    return graph.to_tiles(np.concatenate(states, axis=1), sum(x.shape[1] for x in states))


def sigmoid(x):
    """kernels.sigmoid of every x: the mean field of units without synapses."""
    machine = BoltzmannMachine((np.zeros(1), x), (np.zeros((1, len(x))),), (np.zeros((1, len(x))),))
    return training.mean_field(machine, np.zeros((1, 1)))[1][0]


def exp(x):
    return draws.exponential(np.asarray(x, np.float32).reshape(1, -1))[0]


@kernel
def fma_of(out, a, b, c):
    for k in range(out.size):
        out[k] = vectors.fma(a[k], b[k], c[k])


def test_fma_has_the_bits_of_its_twin():
    rng = np.random.default_rng(1)
    many = np.float32(np.ldexp(rng.normal(size=(100_000, 3)), rng.integers(-12, 12, (100_000, 3))))
    odd, ties = 1 + 2.0**-23, 2.0 ** -np.arange(20, 30)  # products rounded first, or sums in float64, would be wrong
    hard = [(s * odd * k, y, z) for s in (1, -1) for k in ties for y in (1, odd) for z in (1, -odd, 1 - 2.0**-24)]
    tiny = [(x * 2.0**-70, y * 2.0**-75, z * 2.0**-147) for x, y, z in rng.normal(size=(200, 3))]
    a, b, c = np.ascontiguousarray(np.concatenate([np.float32(hard), np.float32(tiny), many]).T)
    found = np.empty_like(a)
    fma_of(found, a, b, c)
    np.testing.assert_array_equal(found, naive.fma(a, b, c))


def test_exp_and_sigmoid_have_the_bits_of_their_twins():
    rng = np.random.default_rng(0)
    halves = np.arange(-120, 121) * np.log(2) / 2  # where the rounding of the exponent changes
    x = np.concatenate([rng.uniform(-90, 90, 1000), rng.normal(0, 3, 1000), halves, [0.0, -0.0]]).astype(np.float32)
    assert exp(x).tolist() == [float(naive.exp(v)) for v in x]
    assert sigmoid(x).tolist() == [float(naive.sigmoid(v)) for v in x]


def test_exp_keeps_its_stated_relative_error():
    x = np.linspace(-80, 80, 1_000_001).astype(np.float32)
    error = np.abs(exp(x) / np.exp(x.astype(float)) - 1)
    assert error.max() < 1.5e-6
    assert error[np.abs(x) < 30].max() < 7e-7


@cache
def twin_of_gibbs(n_units, n):
    machine = sparse_machine(n_units)
    return naive.gibbs(machine, states_of(machine, n), SEED, 5, 2)


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_gibbs_has_the_bits_of_its_twin(n_units, n, form, n_threads):
    machine = sparse_machine(n_units)
    found = run(gibbs.sweeps, machine, states_of(machine, n), key(SEED), 5, 2)
    assert_same_bits(found, twin_of_gibbs(n_units, n))


@pytest.mark.parametrize("factor", [1.0, 2.0])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_draw_layer_has_the_bits_of_its_twin(layer, factor, form, n_threads):
    machine = sparse_machine((3, 18, 5))
    states = states_of(machine, 2 * CHAINS + 5)
    found = run(binary.draw_layer, machine, states, layer, np.float32(factor), key(SEED))
    naive.draw_layer(machine, states, layer, SEED, 0, factor)
    assert_same_bits(found, states)


@pytest.mark.parametrize("n", COUNTS)
def test_start_has_the_bits_of_its_twin(n, n_threads):
    machine = sparse_machine((3, 6, 5))
    built = graph.build(machine, graph.DENSE)
    words = sampling.start_words(built, n, SEED)
    states = sampling.Samples(words, built.layer, n)
    assert_same_bits(states, naive.start(machine, n, derive(SEED, "start")))
    assert not (words[-1] >> np.uint64((n - 1) % CHAINS) >> np.uint64(1)).any()


@cache
def twin_of_mean_field(n_units, n, n_iterations, tolerance):
    return naive.mean_field(sparse_machine(n_units), naive.patterns_of(n, n_units[0]), n_iterations, tolerance)


@pytest.mark.parametrize("n", [1, PATTERNS - 1, PATTERNS, 5 * PATTERNS + 7])
@pytest.mark.parametrize("n_units", SHAPES, ids=str)
@pytest.mark.parametrize(("n_iterations", "tolerance"), [(1, 0.0), (4, 0.0), (30, 1e-2)])
def test_mean_field_has_the_bits_of_its_twin(n_units, n, n_iterations, tolerance, form, n_threads):
    found = training.mean_field(sparse_machine(n_units), naive.patterns_of(n, n_units[0]), n_iterations, tolerance)
    assert_same_bits(found, twin_of_mean_field(n_units, n, n_iterations, tolerance))


@cache
def twin_of_contrastive_divergence(n_units, n, n_steps, factors):
    patterns = naive.patterns_of(n, n_units[0])
    return naive.contrastive_divergence(sparse_machine(n_units), patterns, SEED, 10, n_steps, factors)


@pytest.mark.parametrize("factors", [(1, 1), (2, 1), (1, 2)], ids=str)
@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize(("n_units", "n"), [((6, 5), n) for n in COUNTS] + [((18, 35), CHAINS + 5)], ids=str)
def test_contrastive_divergence_has_the_bits_of_its_twin(n_units, n, n_steps, factors, form, n_threads):
    built, patterns = graph.build(sparse_machine(n_units), graph.DENSE), naive.patterns_of(n, n_units[0])
    words, positive = graph.to_words([patterns], len(built.bias)), graph.to_tiles(patterns, len(built.bias))
    negative = np.zeros_like(positive)
    arguments = positive, negative, built, np.array(factors, np.float32), key(SEED), 10, n_steps, n
    threads.share(len(words), binary.contrastive_divergence, words, *arguments)
    for tiles, states in zip((positive, negative), twin_of_contrastive_divergence(n_units, n, n_steps, factors)):
        graded = tiles.transpose(0, 2, 1).reshape(-1, tiles.shape[1])[:n]
        assert_same_bits(np.split(graded, built.layer[1:-1], axis=1), states)
        assert not tiles[-1, :, (n - 1) % PATTERNS + 1 :].any()


def velocity_of(built):
    return tuple(np.zeros_like(x) for x in (built.weight, built.panel, built.bias))


def present_of(machine):
    ones = [m.astype(np.float32) for m in machine.masks]
    return graph.build(BoltzmannMachine(machine.biases, ones, machine.masks), graph.DENSE).panel.astype(np.uint8)


@cache
def twin_of_learn(n_units, n, n_chains, binary, form):
    machine = sparse_machine(n_units)
    twin = naive.learner(machine)
    for rate in (0.3, 0.1):
        states = states_of(machine, n, np.float32), states_of(machine, n_chains, np.uint8 if binary else np.float32)
        naive.learn(twin, *states, rate, 0.9)
    return twin


@pytest.mark.parametrize("binary", [False, True], ids=["tiles", "words"])
@pytest.mark.parametrize(("n", "n_chains"), [(1, 1), (PATTERNS, 2 * CHAINS + 5), (2 * PATTERNS + 5, 5)])
@pytest.mark.parametrize("n_units", [*SHAPES, (17, 150, 3)], ids=str)
def test_learn_has_the_bits_of_its_twin(n_units, n, n_chains, binary, form, n_threads):
    """The states of the model are tiles or words."""
    machine = sparse_machine(n_units)
    built = graph.build(machine, graph.DENSE)
    moving = velocity_of(built), present_of(machine)
    negative, words = np.zeros((0, sum(n_units), PATTERNS), np.float32), np.zeros((0, sum(n_units)), np.uint64)
    if binary:
        words = graph.to_words(states_of(machine, n_chains), sum(n_units))
    else:
        negative = tiles_of(states_of(machine, n_chains, np.float32))
    states = tiles_of(states_of(machine, n, np.float32)), negative, words, np.array([n, n_chains])
    for rate in (0.3, 0.1):
        arguments = built, *moving, *states, np.float32(rate), np.float32(0.9)
        assert sum(threads.share(len(built.bias), learning.learn, *arguments)) == 0
    found, twin = graph.to_machine(built, machine.masks), twin_of_learn(n_units, n, n_chains, binary, form)
    assert_same_bits([*found.biases, *found.weights], [*twin.biases, *twin.weights])
    assert (built.weight == built.weight[built.twin]).all()
    np.testing.assert_array_equal(built.panel, graph.build(found, graph.DENSE).panel)


@pytest.mark.parametrize("value", [999.9, 1000.0, -1001.0, np.inf, -np.inf, np.nan], ids=str)
def test_learn_counts_the_parameters_that_left_the_range(value, form):
    machine = naive.machine_of((3, 2), density=1.1)
    for place in ("bias", "weight"):
        built = graph.build(machine, graph.DENSE)
        tiles = np.zeros((1, 5, PATTERNS), np.float32)
        if place == "bias":
            built.bias[4] = value
        else:
            (built.panel if len(built.panel) else built.weight)[0] = value
        states = tiles, tiles, np.zeros((0, 5), np.uint64), np.array([1, 1])
        arguments = built, velocity_of(built), present_of(machine), *states, np.float32(1), np.float32(0)
        assert learning.learn(0, 5, *arguments) == (not abs(value) < 1000)


@pytest.mark.parametrize("max_norm", [0.5, 1.5])
@pytest.mark.parametrize("n_units", SHAPES, ids=str)
def test_cap_norms_has_the_bits_of_its_twin(n_units, max_norm, form, n_threads):
    machine = sparse_machine(n_units)
    built, twin = graph.build(machine, graph.DENSE), naive.learner(machine)
    threads.share(len(built.bias), learning.cap_norms, built, np.float32(max_norm))
    naive.cap_norms(twin, max_norm)
    found = graph.to_machine(built, machine.masks)
    assert_same_bits(found.weights, twin.weights)
    assert (built.weight == built.weight[built.twin]).all()
    np.testing.assert_array_equal(built.panel, graph.build(found, graph.DENSE).panel)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("n_iterations", [1, 3, 500])
def test_power_iteration_has_the_bits_of_its_twin(n, n_iterations):
    x = np.random.default_rng(n).normal(size=(20, n))
    matrix = x.T @ x
    value, vector = power_iteration(matrix, np.diag(matrix).copy(), n_iterations, 1e-9)
    expected, twin = naive.power_iteration(matrix, np.diag(matrix), n_iterations, 1e-9)
    assert value == expected
    assert vector.tolist() == twin.tolist()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 49])
def test_threads_share_a_range_without_gap_or_overlap(n, n_threads):
    parts = threads.share(n, range)
    assert ([k for part in parts for k in part], len(parts)) == (list(range(n)), max(1, min(n, n_threads)))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("item", range(6))
@pytest.mark.parametrize("work", [6, np.arange(7)], ids=["count", "costs"])
def test_an_error_in_any_part_is_raised(item, work, n_threads):
    def fail(begin, end):
        if begin <= item < end:
            raise ArithmeticError("found nothing")

    with pytest.raises(ArithmeticError, match=r"^found nothing$"):
        threads.share(work, fail)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_a_number_of_threads_that_is_no_count_is_refused(text, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", text)
    with pytest.raises(ValueError, match=rf"^NUMBA_NUM_THREADS: found '{text}', expected a count of at least 1$"):
        threads.count()


@pytest.mark.parametrize("variable", ["NUMBA_DISABLE_JIT=1", "NUMBA_DISABLE_JIT=yes", "NUMBA_NUM_THREADS=0"])
def test_values_that_numba_cannot_use_are_refused_in_a_line(variable, tmp_path):
    command = [sys.executable, "-m", "analysis.workflow", "compile", "--output", str(tmp_path / "compiled")]
    environment = os.environ | dict([variable.split("=")])
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.match(f"python -m analysis.workflow compile: environment: found .*{variable}.* \\(", done.stderr)
    assert done.stderr.count("\n") == 1
