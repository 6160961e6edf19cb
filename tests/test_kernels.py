"""Every kernel has the bits of its naive twin, whatever the threads and the form of the weights.

Functions keep their error bounds, and vector operations the order of their sums.
"""

import itertools
import os
import re
import subprocess
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import naive
import numpy as np
import pytest

from analysis import sampling, training
from analysis.kernels import binary, draws, gibbs, layouts, learning, meanfield, threads, vectors
from analysis.kernels.binary import row_sum
from analysis.kernels.contrastive import add_rows, learn_lanes, row_dot, row_dots
from analysis.kernels.draws import draw_lanes, odds_lanes
from analysis.kernels.jit import kernel
from analysis.kernels.layouts import AT_ONCE, CHAINS, GROUP, PANEL, PATTERNS, TWO, WIDTH
from analysis.kernels.meanfield import relax
from analysis.kernels.statistics import power_iteration
from analysis.machine import graph
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import derive, key

# Layers that start off multiples of 4 and fill no panel, more layers than two, words and tiles with spare chains; in
# the last shape several panels, in the last count more words than share a read of the weights.
SHAPES = [(5, 4), (1, 1), (3, 6, 5), (2, 3, 1, 4), (18, 35, 9, 21)]
COUNTS = [1, PATTERNS, CHAINS, CHAINS + 5, (AT_ONCE + 1) * CHAINS + 7]
SEED = 2**40 + 3


@pytest.fixture(params=[0, 0.5, 2], ids=["panels", "both", "rows"])
def form(request, monkeypatch):
    """The share of synapses from which a pair of layers stands in panels: all pairs, those with many synapses, none."""
    monkeypatch.setattr(graph, "DENSE", request.param)
    return request.param


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
    for layer, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
        np.testing.assert_array_equal(a, b, f"layer {layer}", strict=True)


def run(kernel, machine, states, *arguments):
    """The kernel on these binary states, shared among threads: the states after it. Spare bits stay 0."""
    built, n = graph.build(machine), len(states[0])
    words = graph.to_words(states, len(built.bias))
    threads.share(len(words), kernel, words, built, *arguments, n)
    assert not (words[-1] >> np.uint64((n - 1) % CHAINS) >> np.uint64(1)).any()
    return graph.from_words(words, built.layer, n)


def tiles_of(states):
    """States of all layers as tiles, spare lanes 0."""
    return graph.to_tiles(np.concatenate(states, axis=1), sum(x.shape[1] for x in states))


def sigmoid(x):
    """kernels.sigmoid of every x: the mean field of units without synapses."""
    machine = BoltzmannMachine((np.zeros(1), x), (np.zeros((1, len(x))),), (np.zeros((1, len(x))),))
    return training.mean_field(machine, np.zeros((1, 1)))[1][0]


def draw(bits, odds):
    """r (1 + odds), see draws.draw."""
    bits, odds = (np.broadcast_to(x, PANEL).astype(kind) for x, kind in ((bits, np.uint32), (odds, np.float32)))
    out = np.empty(PANEL, np.float32)
    draw_all(out, bits, odds)
    return out[0]


@kernel
def draw_all(out, bits, odds):
    layouts.store(out, 0, 0, draws.draw(layouts.load(bits, 0, 0, PANEL), layouts.load(odds, 0, 0, PANEL)))


def exp(x):
    return draws.exponential(np.asarray(x, np.float32).reshape(1, -1))[0]


def rough(rng, *shape):
    """Numbers of all sizes and both signs: another order of their sum shows in its bits."""
    return (rng.normal(0, 1, shape) * rng.lognormal(0, 4, shape)).astype(np.float32)


# ---- fused multiply-add --------------------------------------------------------------------------------------------


def rounded(exact):
    """A fraction as the nearest float32, ties to even: an integer of 24 bits, or fewer below 2^-126, times 2^e."""
    e = -149
    while abs(exact) >= Fraction(2) ** (e + 24):
        e += 1
    return float(round(exact / Fraction(2) ** e) * Fraction(2) ** e)  # 2^24 times 2^e is a float32 as well


def triples():
    """(a, b, c): random, and those where a product rounded first, or a sum in float64, would round wrongly."""
    rng = np.random.default_rng(0)
    plain = np.ldexp(rng.normal(size=(500, 3)), rng.integers(-40, 40, (500, 3)))
    cancelling = [(a, b, -np.float32(a * b)) for a, b in np.float32(rng.normal(size=(200, 2)))]
    odd, below = 1 + 2.0**-23, 1 - 2.0**-23  # odd below = 1 - 2^-46: half of the last bit of 1, but for a speck
    ties = [
        (sign * odd * 2.0**k, other, c)
        for sign in (1, -1)
        for k in range(-30, -20)
        for other in (1.0, odd, below)
        for c in (1.0, -1.0, odd, -odd, 1 + 2.0**-22, 1 - 2.0**-24)
    ]
    halves = [(2.0**-12, 2.0**-12 * s, c) for s in (1, -1) for c in (1.0, odd, -1.0, -odd)]  # exact ties
    specks = [(2.0**-60, 2.0**-40 * s, x) for s in (1, -1) for x in (1.0, odd, -odd, 2.0**-126, 2.0**-149)]
    small = [(a * 2.0**-70, b * 2.0**-75, c * 2.0**-147) for a, b, c in rng.normal(size=(200, 3))]
    zeros = [(0.0, 5.0, 0.0), (0.0, -5.0, 3.0), (3.0, 2.0, -6.0), (2.0**-100, 2.0**-100, 0.0)]
    return np.float32([*plain, *cancelling, *ties, *halves, *specks, *small, *zeros])


@kernel
def fma_of(out, a, b, c):
    for k in range(out.size):
        out[k] = vectors.fma(a[k], b[k], c[k])


def test_fma_of_the_twin_is_the_exact_value_rounded_once():
    for a, b, c in triples():
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        assert float(naive.fma(a, b, c)) == rounded(exact), (a, b, c)


def test_fma_has_the_bits_of_its_twin():
    rng = np.random.default_rng(1)
    many = np.float32(np.ldexp(rng.normal(size=(100_000, 3)), rng.integers(-12, 12, (100_000, 3))))
    a, b, c = np.ascontiguousarray(np.concatenate([triples(), many]).T)
    found = np.empty_like(a)
    fma_of(found, a, b, c)
    np.testing.assert_array_equal(found, naive.fma(a, b, c))


@pytest.mark.filterwarnings("error")
def test_fma_of_infinite_numbers_is_infinite():
    big, inf = np.finfo(np.float32).max, np.inf
    a, b, c = np.float32([(big, 2, 0), (-big, big, big), (inf, 1, 5), (1, 1, -inf), (big, 1, big)]).T.copy()
    found = np.empty_like(a)
    fma_of(found, a, b, c)
    assert found.tolist() == naive.fma(a, b, c).tolist() == [inf, -inf, inf, -inf, inf]


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
    assert error.max() < 1.5e-6
    assert error[np.abs(x) < 30].max() < 7e-7


def test_sigmoid_keeps_its_stated_absolute_error():
    x = np.linspace(-30, 30, 300_001).astype(np.float32)
    assert np.abs(sigmoid(x) - 1 / (1 + np.exp(-x.astype(float)))).max() < 2e-7


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
    ("word", "odds", "expected"),
    [
        (0, np.inf, None),
        (0, 5.5e34, 1),  # the first of 2^24 values: as rare as a draw can be
        (2**8, 5.5e34, 0),
        (2**31, 1.0, 0),
        (2**31 - 1, 1.0, 1),
        (2**31, 1 - 2**-20, 1),
        (2**32 - 1, 0.0, 1),
        (2**32 - 1, 2**-23, 0),
    ],
)
def test_a_draw_is_below_one_where_the_upper_24_bits_are_below_the_probability(word, odds, expected):
    value = draw(np.uint32(word), np.float32(odds))
    if expected is None:
        assert not value < 1  # draws.exp is finite: no odds are infinite
    else:
        assert (value < 1) == expected
        assert value == naive.fma((word >> 8) * 2.0**-24, odds, (word >> 8) * 2.0**-24)


# ---- lanes ---------------------------------------------------------------------------------------------------------

VECTORS = WIDTH // PANEL
FIRST, LAST = 1, 14  # of the synapses that a sum goes over


def test_row_sum_reaches_the_last_row_that_16_bits_can_count():
    panel = np.arange(8192 * PANEL, dtype=np.float32)
    total, rows = np.zeros((CHAINS, PANEL), np.float32), np.full((CHAINS, 2), 8191 * PANEL // 2, np.uint16)
    row_sum(total, 0, panel.view(np.int64), 0, rows, 0, 1)
    assert total[0].tolist() == panel[-PANEL:].tolist()


def test_odds_and_draws_of_lanes_are_those_of_single_units():
    rng = np.random.default_rng(13)
    odds, bias = rng.normal(0, 2, (3, 3 * PANEL)).astype(np.float32), rng.normal(size=(1, 3 * PANEL)).astype(np.float32)
    expected = odds.copy()
    expected[1, PANEL : 2 * PANEL] = naive.exp(-naive.fma(np.float32(2), odds[1], bias[0]))[PANEL : 2 * PANEL]
    odds_lanes(odds, 1, PANEL, bias, np.float32(2))
    np.testing.assert_array_equal(odds, expected)
    states, bits = np.full((2, 3 * PANEL), 7, np.float32), rng.integers(0, 2**32, 50, np.uint32)
    draw_lanes(states, 0, PANEL, odds, 1, bits, 3)
    on = [draw(bits[3 + c], odds[1, PANEL + c]) < 1 for c in range(PANEL)]
    assert states.tolist() == [[7] * PANEL + on + [7] * PANEL, [7] * 3 * PANEL]


@pytest.mark.parametrize("n", [1, 20, PATTERNS])
def test_relax_sets_the_sigmoid_of_the_input_and_returns_the_largest_change(n):
    rng = np.random.default_rng(8)
    below, above = rng.normal(0, 2, (2, 4, PATTERNS)).astype(np.float32)
    factor, bias = np.float32(2), rng.normal(size=5).astype(np.float32)
    new = naive.sigmoid(naive.fma(factor, below[1:3] + above[1:3], bias[2:4, None]))  # of units 2 and 3
    new[:, n:] = 0
    for c, u in itertools.product(range(n), (0, 1)):
        tiles = rng.random((2, 5, PATTERNS), np.float32)
        tiles[1, 2:4] = new + np.float32(0.01)
        tiles[1, 2 + u, c] = new[u, c] - np.float32((-1) ** c * 0.5)
        largest, expected = np.abs(new - tiles[1, 2:4]).max(), tiles.copy()
        expected[1, 2:4] = new
        assert relax(tiles, 1, 2, 4, below, above, 1, factor, bias, n) == largest
        np.testing.assert_array_equal(tiles, expected)


@pytest.mark.parametrize("n_blocks", [0, 1, 5])
@pytest.mark.parametrize(("multiply", "n_vectors"), [(row_dot, 1), (row_dots, TWO)])
def test_row_dots_add_every_16th_column_in_ascending_order_and_lanes_by_halves(multiply, n_vectors, n_blocks):
    rng = np.random.default_rng(11)
    matrix, vectors = rough(rng, 3 * GROUP, n_blocks * PANEL), rough(rng, 5, n_blocks * PANEL)
    total = np.full((4, 3 * GROUP), 7, np.float32)
    multiply(total, 1, GROUP, matrix, vectors, 2)
    expected = np.full((4, 3 * GROUP), 7, np.float32)
    for t in range(n_vectors):
        for i in range(GROUP, 2 * GROUP):
            expected[1 + t, i] = naive.lane_dot(matrix[i], vectors[2 + t], PANEL)
    assert total.tolist() == expected.tolist()


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (0, 9), (4, 9), (3, 2)])
def test_add_rows_adds_to_the_sum_there_is_in_the_order_of_the_list(first, last):
    rng = np.random.default_rng(12)
    matrix, rows = rough(rng, 10, 3 * WIDTH), rng.integers(0, 10, 12).astype(np.int32)
    total = rough(rng, 2, 3 * WIDTH)
    expected, there = total.copy(), slice(WIDTH, 2 * WIDTH)
    add_rows(total, 1, WIDTH, matrix, rows, first, last)
    for k in range(first, last):
        expected[1, there] += matrix[rows[k], there]
    np.testing.assert_array_equal(total, expected)


@kernel
def learn_width(w, dw, j, p, *arguments):
    here = layouts.steps(2 * w.shape[1] + j, PANEL, VECTORS)
    columns = layouts.steps(j, PANEL, VECTORS)
    return learn_lanes(w, dw, here, p, columns, *arguments)


@kernel
def learn_panel(w, dw, j, p, *arguments):
    return learn_lanes(w, dw, 2 * w.shape[1] + j, p, j, *arguments)


@pytest.mark.parametrize(("learn", "width"), [(learn_width, WIDTH), (learn_panel, PANEL)])
@pytest.mark.parametrize(("n", "n_model"), [(0, 0), (1, 0), (3, 5)])
def test_learning_of_lanes_adds_rows_in_their_order_and_returns_the_largest_weight(learn, width, n, n_model):
    rng = np.random.default_rng(14)
    w, dw, p, p_model = (rough(rng, 6, 3 * width) for _ in range(4))
    rows, rows_model = rng.integers(0, 6, (2, 6)).astype(np.int32)
    scale, momentum, rate = np.float32([0.3, 0.7, 0.11])
    columns = slice(width, 2 * width)
    data = naive.lane_sum(np.ones(n), p[rows[:n], columns]) - naive.lane_sum(
        np.ones(n_model), p_model[rows_model[:n_model], columns]
    )
    new, velocity = w.copy(), dw.copy()
    velocity[2, columns] = momentum * dw[2, columns] + rate * (data * scale)
    new[2, columns] += velocity[2, columns]
    found = learn(w, dw, width, p, rows, n, p_model, rows_model, n_model, scale, momentum, rate)
    np.testing.assert_array_equal(w, new)
    np.testing.assert_array_equal(dw, velocity)
    assert np.int32(found).view(np.float32) == np.abs(new[2, columns]).max()


def test_the_order_of_a_sum_shows_in_its_bits():
    """Or else the tests above would prove nothing."""
    x, y = rough(np.random.default_rng(1), 2, 100, 3 * PATTERNS)  # 100 sums each
    pairs = [(a, b) for a, b in zip(x, y)]
    orders = [
        [float(naive.lane_sum(a, b)) for a, b in pairs],
        [float(naive.lane_sum(a[::-1], b[::-1])) for a, b in pairs],
        [float(naive.lane_dot(a, b)) for a, b in pairs],
        [float(naive.lane_dot(a, b, PANEL)) for a, b in pairs],
    ]
    for one, other in itertools.combinations(orders, 2):
        assert np.mean(np.array(one) != other) > 0.3


# ---- states --------------------------------------------------------------------------------------------------------


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
    built = graph.build(machine)
    words = sampling.start_words(built, n, SEED)
    assert_same_bits(graph.from_words(words, built.layer, n), naive.start(machine, n, derive(SEED, "start")))
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


def test_mean_field_of_a_tile_ends_without_regard_to_the_others(form):
    """Tiles that stop after different numbers of iterations: each has the bits that it has alone."""
    machine = naive.machine_of((3, 18, 5), density=1.1)
    patterns = np.repeat(naive.patterns_of(6, 3), PATTERNS, axis=0)
    together = training.mean_field(machine, patterns, 50, 1e-3)
    stops = set()
    for first in range(0, len(patterns), PATTERNS):
        part = slice(first, first + PATTERNS)
        assert_same_bits([x[part] for x in together], training.mean_field(machine, patterns[part], 50, 1e-3))
        states = [training.mean_field(machine, patterns[first : first + 1], n, 0)[1] for n in range(50)]
        stops.add(next(n for n, x in enumerate(states) if (x == together[1][first]).all()))
    assert len(stops) > 2


def test_spare_lanes_of_mean_field_stay_zero_and_do_not_hold_up_the_others(form):
    """Biases that would move an empty lane for many iterations, while the only pattern stands still."""
    machine = BoltzmannMachine((np.zeros(2), np.zeros(3), np.zeros(17)), (np.full((2, 3), 40.0), np.full((3, 17), 3.0)))
    built, tiles = graph.build(machine), graph.to_tiles(np.ones((1, 2)), 22)
    meanfield.mean_field(0, 1, tiles, built, 50, np.float32(1e-3), 1)
    assert not tiles[:, :, 1:].any()
    found = graph.from_tiles(tiles, built.layer, 1)
    assert_same_bits(found, naive.mean_field(machine, np.ones((1, 2)), 50, 1e-3))


# ---- learning ------------------------------------------------------------------------------------------------------


@cache
def twin_of_contrastive_divergence(n_units, n, n_steps, factors):
    patterns = naive.patterns_of(n, n_units[0])
    return naive.contrastive_divergence(sparse_machine(n_units), patterns, SEED, 10, n_steps, factors)


@pytest.mark.parametrize("factors", [(1, 1), (2, 1), (1, 2)], ids=str)
@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize(("n_units", "n"), [((6, 5), n) for n in COUNTS] + [((18, 35), CHAINS + 5)], ids=str)
def test_contrastive_divergence_has_the_bits_of_its_twin(n_units, n, n_steps, factors, form, n_threads):
    built, patterns = graph.build(sparse_machine(n_units)), naive.patterns_of(n, n_units[0])
    words, positive = graph.to_words([patterns], len(built.bias)), graph.to_tiles(patterns, len(built.bias))
    negative = np.zeros_like(positive)
    arguments = positive, negative, built, np.array(factors, np.float32), key(SEED), 10, n_steps, n
    threads.share(len(words), binary.contrastive_divergence, words, *arguments)
    for tiles, states in zip((positive, negative), twin_of_contrastive_divergence(n_units, n, n_steps, factors)):
        assert_same_bits(graph.from_tiles(tiles, built.layer, n), states)
        assert not tiles[-1, :, (n - 1) % PATTERNS + 1 :].any()


def velocity_of(built):
    return tuple(np.zeros_like(x) for x in (built.weight, built.panel, built.bias))


def present_of(machine):
    ones = [m.astype(np.float32) for m in machine.masks]
    return graph.build(BoltzmannMachine(machine.biases, ones, machine.masks)).panel.astype(np.uint8)


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
    built = graph.build(machine)
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
    np.testing.assert_array_equal(built.panel, graph.build(found).panel)


@pytest.mark.parametrize("value", [999.9, 1000.0, -1001.0, np.inf, -np.inf, np.nan], ids=str)
def test_learn_counts_the_parameters_that_left_the_range(value, form):
    machine = naive.machine_of((3, 2), density=1.1)
    for place in ("bias", "weight"):
        built = graph.build(machine)
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
    built, twin = graph.build(machine), naive.learner(machine)
    threads.share(len(built.bias), learning.cap_norms, built, np.float32(max_norm))
    naive.cap_norms(twin, max_norm)
    found = graph.to_machine(built, machine.masks)
    assert_same_bits(found.weights, twin.weights)
    assert (built.weight == built.weight[built.twin]).all()
    np.testing.assert_array_equal(built.panel, graph.build(found).panel)
    for before, after in zip(machine.weights, found.weights):
        norms = np.linalg.norm(before, axis=0), np.linalg.norm(after, axis=0)
        np.testing.assert_allclose(norms[1], np.minimum(norms[0], max_norm), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("n_iterations", [1, 3, 500])
def test_power_iteration_has_the_bits_of_its_twin(n, n_iterations):
    x = np.random.default_rng(n).normal(size=(20, n))
    matrix = x.T @ x
    value, vector = power_iteration(matrix, np.diag(matrix).copy(), n_iterations, 1e-9)
    expected, twin = naive.power_iteration(matrix, np.diag(matrix), n_iterations, 1e-9)
    assert value == expected
    assert vector.tolist() == twin


# ---- threads -------------------------------------------------------------------------------------------------------


def parts_of(work):
    """The ranges that threads get."""
    return threads.share(work, lambda begin, end: range(begin, end))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 49])
def test_threads_share_a_range_without_gap_or_overlap(n, n_threads):
    parts = parts_of(n)
    assert [k for part in parts for k in part] == list(range(n))
    assert len(parts) == max(1, min(n, n_threads))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    "costs",
    [[], [5], [0], [1, 1, 1], [0, 0, 0, 0], [0, 0, 5], [5, 0, 0], [0, 9, 0, 0, 9, 0], [100, 1, 1], [1, 1, 100]],
    ids=str,
)
def test_threads_share_items_that_cost_something_or_nothing_without_gap_or_overlap(costs, n_threads):
    parts = parts_of(np.concatenate([[0], np.cumsum(costs, dtype=np.int64)]))
    assert [k for part in parts for k in part] == list(range(len(costs)))


def test_threads_get_the_same_cost_up_to_one_item(n_threads):
    costs = np.random.default_rng(0).integers(0, 100, 500)
    parts = parts_of(np.concatenate([[0], np.cumsum(costs)]))
    assert len(parts) == n_threads
    for part in parts:
        assert abs(costs[list(part)].sum() - costs.sum() / n_threads) <= 100


def test_arguments_reach_every_part_and_results_come_back_in_order(n_threads):
    found = threads.share(5, lambda begin, end, a, b: (begin, a, b), "a", "b")
    assert [begin for begin, _, _ in found] == sorted(begin for begin, _, _ in found)
    assert {rest for _, *rest in map(tuple, found) for rest in [tuple(rest)]} == {("a", "b")}


def test_jobs_that_are_shared_together_are_each_done_as_if_alone(n_threads):
    def job(begin, end, name):
        return name, range(begin, end)

    jobs = (5, job, "a"), (1, job, "b"), (np.arange(10), job, "c"), (0, job, "d")
    assert threads.share_all(*jobs) == [threads.share(*alone) for alone in jobs]


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
    command = [sys.executable, "-m", "analysis", "compile", "--output", str(tmp_path / "compiled")]
    environment = os.environ | dict([variable.split("=")])
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.match(f"python -m analysis compile: environment: found .*{variable}.* \\(", done.stderr)
    assert done.stderr.count("\n") == 1


# ---- processors ----------------------------------------------------------------------------------------------------

DIGEST = """
import hashlib
import naive
from analysis import fisher, sampling, training
digest = hashlib.sha256()


def add(*arrays):
    for array in arrays:
        digest.update(array.tobytes())


def plan(algorithm, batch_size, max_norm=None, n_steps=1):
    return training.Schedule(algorithm, 3, (0.5, 0.1), 0.5, batch_size, n_steps, n_chains=330, max_norm=max_norm)


for n_units, density in (((9, 6, 7), 0.2), ((9, 6, 7), 0.7), ((37, 50, 19, 21), (0.7, 0.2, 0.7))):
    machine, patterns = naive.machine_of(n_units, 0, 0.3, density), naive.patterns_of(90, n_units[0])
    machine = training.pretrain_greedily(machine, patterns, [plan("cd", 20)] * len(machine.masks), 1)
    machine = training.train(machine, patterns, plan("pcd", 40, 1.5), 1)
    add(*machine.biases, *machine.weights)
    add(*sampling.sample(machine, 330, 3, 1), *training.mean_field(machine, patterns))
for n_units in ((9, 6), (13, 70), (33, 161)):
    for density in (0.2, 0.7):
        machine, patterns = naive.machine_of(n_units, 0, 0.3, density), naive.patterns_of(90, n_units[0])
        for schedule in (plan("cd", 1), plan("cd", 20), plan("cd", 70, 1.5, 3)):
            trained = training.train(machine, patterns, schedule, 1)
            add(*trained.biases, *trained.weights)
states = sampling.sample(naive.machine_of((9, 6)), 500, 3, 1)
add(fisher.first_eigenvector(fisher.information_matrix(*states)), *states)
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
