"""Words hold one chain a bit, and counts of bits are the products of binary states."""

import naive
import numpy as np
import pytest

from analysis.kernels import layouts, statistics
from analysis.kernels.layouts import CHAINS
from analysis.machine.sampling import Samples, sample

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
