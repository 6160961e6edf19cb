"""Words hold one chain a bit, and counts of bits are the products of binary states."""

import numpy as np
import pytest

from analysis.kernels import words
from analysis.kernels.layouts import CHAINS

# Around one word, several words, and the block of words that is counted at a time.
COUNTS = [1, CHAINS - 1, CHAINS, CHAINS + 1, 2 * CHAINS + 5]
BLOCK = words._WORDS * CHAINS


def states_of(n, n_units, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n, n_units)).astype(np.uint8)


@pytest.mark.parametrize("n_units", [1, 3, 16])
@pytest.mark.parametrize("n", COUNTS)
def test_a_bit_is_a_chain_and_spare_bits_are_zero(n, n_units, n_threads):
    states = states_of(n, n_units)
    packed = words.pack(states)
    assert packed.shape == (-(-n // CHAINS), n_units)
    assert packed.dtype == np.uint64
    for (t, u), word in np.ndenumerate(packed):
        part = states[t * CHAINS : (t + 1) * CHAINS, u]
        assert int(word) == sum(int(x) << c for c, x in enumerate(part))


@pytest.mark.parametrize("n", [*COUNTS, BLOCK, BLOCK + 1])
def test_unpack_is_the_inverse_of_pack(n, n_threads):
    states = states_of(n, 5)
    np.testing.assert_array_equal(words.unpack(words.pack(states), n), states, strict=True)


@pytest.mark.parametrize("n", [*COUNTS, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 65])
@pytest.mark.parametrize("shape", [(1, 1), (15, 3), (16, 17), (17, 2), (35, 16)], ids=str)
def test_coincidences_are_the_plain_product(shape, n, n_threads):
    x, y = states_of(n, shape[0], 1), states_of(n, shape[1], 2)
    found = words.coincidences(words.pack(x), words.pack(y))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, x.T.astype(np.int64) @ y.astype(np.int64))
