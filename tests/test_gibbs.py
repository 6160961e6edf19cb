"""Whole sums never decide a draw that the exact one would decide otherwise; words hold one chain a bit."""

import naive
import numpy as np
import pytest

from analysis.kernels import draws, gibbs, layouts, statistics
from analysis.kernels.jit import kernel
from analysis.kernels.layouts import CHAINS, PANEL
from analysis.machine import graph
from analysis.machine.model import BoltzmannMachine
from analysis.machine.randomness import key
from analysis.machine.sampling import Samples, sample, start_words

SEED = 5
UNIT = np.log(2) / 2**23  # nats


def machine_of(scale, n_units=(150, 40), density=0.3, seed=0):
    """Weights ~ N(0, scale^2), biases that keep activity near a half."""
    rng = np.random.default_rng(seed)
    masks = [rng.random(shape) < density for shape in zip(n_units[:-1], n_units[1:])]
    weights = [np.where(mask, rng.normal(0, scale, mask.shape), 0).astype(np.float32) for mask in masks]
    return BoltzmannMachine(tuple(rng.normal(0, 0.3, n).astype(np.float32) for n in n_units), tuple(weights), masks)


def rounded_of(machine):
    built = graph.build(machine, graph.DENSE)
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
    built, n_sweeps = graph.build(machine_of(scale, n_units), graph.DENSE), 20
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


# Around one word, several words, and the block of words that is counted at a time.
COUNTS = [1, CHAINS - 1, CHAINS, CHAINS + 1, 2 * CHAINS + 5]
BLOCK = statistics._WORDS * CHAINS


def states_of(n, n_units, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n, n_units)).astype(np.uint8)


@pytest.mark.parametrize("n_units", [1, 3, 16])
@pytest.mark.parametrize("n", COUNTS)
def test_a_bit_is_a_chain_and_spare_bits_are_zero(n, n_units, n_threads):
    states = states_of(n, n_units)
    packed = layouts.pack(states)
    assert (packed.shape, packed.dtype) == ((-(-n // CHAINS), n_units), np.uint64)
    for (t, u), word in np.ndenumerate(packed):
        part = states[t * CHAINS : (t + 1) * CHAINS, u]
        assert int(word) == sum(int(x) << c for c, x in enumerate(part))


@pytest.mark.parametrize("n", [*COUNTS, BLOCK, BLOCK + 1])
def test_unpack_is_the_inverse_of_pack(n, n_threads):
    states = states_of(n, 5)
    np.testing.assert_array_equal(layouts.unpack(layouts.pack(states), n), states, strict=True)


@pytest.mark.parametrize("n", [1, CHAINS + 1, BLOCK, BLOCK + 1])
@pytest.mark.parametrize("shape", [(1, 1), (15, 3), (35, 16)], ids=str)
def test_coincidences_are_the_plain_product(shape, n, n_threads):
    x, y = states_of(n, shape[0], 1), states_of(n, shape[1], 2)
    found = statistics.coincidences(layouts.pack(x), layouts.pack(y))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, x.T.astype(np.int64) @ y.astype(np.int64))


# Packed states of a machine read like the arrays that they hold.

N_UNITS = (3, 1, 70)


def arrays(n):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 2, (n, size)).astype(np.uint8) for size in N_UNITS]


@pytest.mark.parametrize("n", [1, CHAINS, 2 * CHAINS + 5])
def test_samples_read_like_the_list_of_their_arrays(n):
    states, found = arrays(n), Samples.of("states", arrays(n), N_UNITS)
    assert (len(found), found.n, found.words.dtype) == (3, n, np.uint64)
    naive.assert_same_bits((*found, *found[1:], found[-1]), (*states, *states[1:], states[-1]))
    np.testing.assert_array_equal(np.concatenate(found, axis=1), np.concatenate(states, axis=1))
    with pytest.raises(IndexError):
        found[3]


def test_words_and_rates_of_a_layer_are_those_of_its_array():
    states, found = arrays(200), Samples.of("states", arrays(200), N_UNITS)
    for layer, x in enumerate(states):
        packed = Samples.of("states", [x], [x.shape[1]])
        np.testing.assert_array_equal(found.words_of(layer), packed.words, strict=True)
        np.testing.assert_array_equal(found.rates()[layer], x.mean(axis=0), strict=True)
    assert Samples.of("states", found, N_UNITS) is found


def test_samples_of_another_machine_are_refused():
    with pytest.raises(ValueError, match=r"^states: found layers of \(3, 1, 70\) units, expected \(3, 2, 70\)$"):
        Samples.of("states", Samples.of("states", arrays(5), N_UNITS), (3, 2, 70))


def test_sampling_from_packed_states_is_sampling_from_their_arrays():
    machine = naive.machine_of((3, 4, 3), 1)
    start = sample(machine, 70, 2, 0)
    before = start.words.copy()
    naive.assert_same_bits(sample(machine, 70, 2, 1, start), sample(machine, 70, 2, 1, list(start)))
    np.testing.assert_array_equal(start.words, before)
