"""Packed states read like the arrays that they hold."""

import naive
import numpy as np
import pytest

from analysis.kernels.layouts import CHAINS
from analysis.machine.sampling import Samples, sample

N_UNITS = (3, 1, 70)


def arrays(n):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 2, (n, size)).astype(np.uint8) for size in N_UNITS]


@pytest.mark.parametrize("n", [1, CHAINS, 2 * CHAINS + 5])
def test_samples_read_like_the_list_of_their_arrays(n):
    states, found = arrays(n), Samples.of("states", arrays(n), N_UNITS)
    assert (len(found), found.n, found.words.dtype) == (3, n, np.uint64)
    for one, other in zip((*found, *found[1:], found[-1]), (*states, *states[1:], states[-1]), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
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
    for found, expected in zip(sample(machine, 70, 2, 1, start), sample(machine, 70, 2, 1, list(start))):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(start.words, before)
