"""Sums of whole numbers never decide a draw that the exact sum would decide otherwise."""

import naive
import numpy as np
import pytest

from analysis.kernels import draws, gibbs, layouts
from analysis.kernels.jit import kernel
from analysis.kernels.layouts import CHAINS, PANEL
from analysis.machine import graph
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import key
from analysis.machine.sampling import Samples, start_words

SEED = 5
UNIT = np.log(2) / 2**23  # nats


def machine_of(scale, n_units=(150, 40), density=0.3, seed=0):
    """Weights ~ N(0, scale^2), biases that keep activity near a half."""
    rng = np.random.default_rng(seed)
    masks = [rng.random(shape) < density for shape in zip(n_units[:-1], n_units[1:])]
    weights = [np.where(mask, rng.normal(0, scale, mask.shape), 0).astype(np.float32) for mask in masks]
    return BoltzmannMachine(tuple(rng.normal(0, 0.3, n).astype(np.float32) for n in n_units), tuple(weights), masks)


def rounded_of(machine):
    built = graph.build(machine)
    return built, gibbs.round_weights(built, np.ones(len(machine.n_units), np.bool_))


def numbers(rounded, built, u):
    """The whole numbers of a unit, signed."""
    return (rounded.twice[built.start[u] : built.start[u + 1]] & 0xFFFF).astype(np.uint16).astype(np.int16).astype(int)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [0.01, 0.3, 1.0])
def test_whole_numbers_stand_for_the_weights_within_the_margin(scale, seed):
    machine = machine_of(scale, seed=seed)
    built, rounded = rounded_of(machine)
    rng = np.random.default_rng(seed)
    for u in range(len(built.bias)):
        weight = built.weight[built.start[u] : built.start[u + 1]].astype(float)
        grain, whole = -float(rounded.grain[u]) * UNIT, numbers(rounded, built, u)
        rest = weight - grain * whole
        off = max(rest.clip(0).sum(), -rest.clip(None, 0).sum())  # of the worst states
        assert whole.clip(0).sum() <= 2**15 - 1  # no sum overflows
        assert whole.clip(None, 0).sum() >= -(2**15)
        bias = (127 * 2**23 - float(rounded.bias[u])) * UNIT
        assert rounded.margin[u] >= np.expm1(off + abs(bias - built.bias[u]))
        assert rounded.margin[u] <= 1.3 * len(weight) * grain + 2e-3  # half a grain each, and rounding
        on = rng.random((50, len(weight))) < 0.5
        assert (np.abs(on @ rest) <= off * (1 + 1e-9)).all()


@pytest.mark.parametrize("what", ["weight of a thousand", "sum of a hundred", "bias of a hundred", "too many rests"])
def test_units_that_16_bits_or_a_rough_power_cannot_stand_for_are_always_drawn_exactly(what):
    weights, bias = np.full((300, 1), 0.1, np.float32), 0.0
    if what == "weight of a thousand":
        weights[0] = 999
    elif what == "sum of a hundred":
        weights[:] = 0.34
    elif what == "bias of a hundred":
        bias = -100.0
    else:
        weights = np.full((32_000, 1), 1e-4, np.float32)
    machine = BoltzmannMachine((np.zeros(len(weights)), np.array([bias])), (weights,), (np.ones(weights.shape, bool),))
    _, rounded = rounded_of(machine)
    assert np.isinf(rounded.margin[len(weights)])


@kernel
def rough_powers(out, x):
    for k in range(0, len(x), PANEL):
        layouts.store(out, 0, k, draws.rough_power(layouts.load(x, 0, k, PANEL)))


def test_the_rough_power_is_within_its_stated_error_at_both_ends_and_between():
    """A polynomial that reached 2 would be read as half of that."""
    step, last = 2**23, 255 * 2**23 - 1
    ends = np.concatenate([k * step + np.arange(-1000, 1000) for k in (2, 127, 128, 254)])
    x = np.concatenate([[step, last], ends, np.arange(127 * step, 128 * step, 97), np.arange(step, last, 999_983)])
    x = x[: len(x) // PANEL * PANEL]
    expected = 2.0 ** (x / step - 127)
    found = np.empty(len(x), np.float32)
    rough_powers(found, x.astype(np.int32))
    np.testing.assert_allclose(found.astype(float), expected, rtol=9e-5)


@pytest.mark.parametrize("size", [80.5, 88.5, 88.9, 100.0, 266.0, 999.0])
@pytest.mark.parametrize("sign", [-1, 1])
def test_units_whose_inputs_are_beyond_a_float_s_exponent_are_drawn_right_among_others(size, sign, monkeypatch):
    """exp(-z) is clipped at 80 nats, where it decides nothing; a rough power beyond 88 may be no number.

    Of half of these units no chain has any input, so that none of a word's calls for the exact sum: as large as it is.
    """
    monkeypatch.setattr(graph, "DENSE", 2)  # no panels
    machine = machine_of(0.3, (150, 40))
    biases, weights = machine.biases[1].copy(), machine.weights[0].copy()
    biases[:8], weights[:, :4] = sign * size, 0
    weights[:, 8] = np.where(machine.masks[0][:, 8], -sign * size, 0)
    machine = BoltzmannMachine((machine.biases[0], biases), (weights,), machine.masks)
    built, rounded = rounded_of(machine)
    assert np.isinf(rounded.margin[150:159]).all()
    words, n_sweeps = start_words(built, CHAINS, SEED), gibbs.WORTHWHILE
    states = [x.copy() for x in Samples(words, built.layer, CHAINS)]
    gibbs.sweeps(0, 1, words, built, key(SEED), 0, n_sweeps, CHAINS)
    expected = naive.gibbs(machine, states, SEED, 0, n_sweeps)
    naive.assert_same_bits(Samples(words, built.layer, CHAINS), expected)


@pytest.mark.parametrize("n_chains", [1, 64, 65, 5 * CHAINS + 3])
@pytest.mark.parametrize("n_units", [(150, 40), (30, 70, 21), (5, 3)], ids=str)
@pytest.mark.parametrize("scale", [0.0, 0.05, 1.0, 8.0, 300.0])
def test_many_sweeps_have_the_bits_of_sweeps_one_by_one(scale, n_units, n_chains):
    """One sweep of one tile is not worth rounding weights for, and drawn by exact sums; 20 are."""
    built, n_sweeps = graph.build(machine_of(scale, n_units)), 20
    together, apart = (start_words(built, n_chains, SEED) for _ in range(2))
    assert n_sweeps >= gibbs.WORTHWHILE > 1
    gibbs.sweeps(0, len(together), together, built, key(SEED), 3, n_sweeps, n_chains)
    for t in range(len(apart)):
        for step in range(n_sweeps):
            gibbs.sweeps(t, t + 1, apart, built, key(SEED), 3 + step, 1, n_chains)
    np.testing.assert_array_equal(together, apart)


def test_draws_that_whole_numbers_leave_open_are_made_exactly(monkeypatch):
    """One large weight makes the grains coarse, many small ones beside it the rests large."""
    monkeypatch.setattr(graph, "DENSE", 2)  # no panels
    n_chains, n_sweeps, machine = 4 * CHAINS, gibbs.WORTHWHILE, machine_of(0.02, (300, 40), 1.0)
    weights = machine.weights[0].copy()
    weights[0] = 3.0
    machine = BoltzmannMachine(machine.biases, (weights,), machine.masks)
    built, rounded = rounded_of(machine)
    assert (rounded.margin[300:] > 0.005).all()
    states = [np.random.default_rng(3).integers(0, 2, (n_chains, n)).astype(np.uint8) for n in machine.n_units]
    words, layers = graph.to_words(states, len(built.bias)), np.ones(2, np.bool_)
    gibbs.round_weights(built, layers)
    assert layers.all()  # the doubts are not so many that whole numbers are given up
    gibbs.sweeps(0, len(words), words, built, key(SEED), 0, n_sweeps, n_chains)
    expected = naive.gibbs(machine, states, SEED, 0, n_sweeps)
    naive.assert_same_bits(Samples(words, built.layer, n_chains), expected)
