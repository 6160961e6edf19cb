"""Random numbers: Philox's published answers, positions, and moments within the errors of their sample size."""

import hashlib

import naive
import numpy as np
import pytest

from analysis.kernels import draws, layouts
from analysis.kernels.layouts import CHAINS
from analysis.machine import randomness

FULL = 0xFFFFFFFF
# Known answers of Random123 1.14, kat_vectors, philox4x32 7: counter, key, result.
KNOWN_ANSWERS = {
    "zeros": ((0, 0, 0, 0), (0, 0), (0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48)),
    "ones": ((FULL,) * 4, (FULL,) * 2, (0x5207DDC2, 0x45165E59, 0x4D8EE751, 0x8C52F662)),
    "digits of pi": (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0x4DFCCABA, 0x190A87F0, 0xC47362BA, 0xB6B5242A),
    ),
}


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS.values(), ids=KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter, key, expected):
    (block, step, chain, stream), units = counter, np.empty(layouts.BLOCK, np.uint32)
    chains, words = np.empty((4, CHAINS), np.uint32), np.array([*key, stream], np.uint64)
    draws.random_bits(units, block, 1, words, step, chain)
    draws.random_chains(chains, 4 * block, 4 * block + 4, words, step, chain)
    assert tuple(units[:4]) == tuple(chains[:, 0]) == tuple(naive.philox(counter, key)) == expected
    words = (np.full(3, word, np.uint64) for word in counter)
    assert [word.tolist() for word in naive.philox(words, key)] == [[word] * 3 for word in expected]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**64 - 1])
@pytest.mark.parametrize(("stream", "step", "chain"), [(0, 0, 0), (3, 0, 7), (9, FULL, FULL - 99), (5, 2**31, 2**31)])
def test_bits_are_philox_at_unit_step_chain_stream(seed, stream, step, chain):
    row, chains = np.empty(layouts.BLOCK, np.uint32), np.empty((8, CHAINS), np.uint32)
    key = randomness.key(seed, stream)
    draws.random_bits(row, 3, 2, key, step, chain)
    draws.random_chains(chains, 12, 20, key, step, chain)
    expected = [[naive.bits(seed, stream, chain + c, step, u) for c in range(CHAINS)] for u in range(12, 20)]
    assert row[:8].tolist() == [unit[0] for unit in expected]
    assert chains.tolist() == expected


def test_normal_is_the_exact_sum_of_twelve_uniforms():
    found = randomness.normal(9, 4, 50)
    assert (found.dtype, found.tolist()) == (np.float32, naive.normal(9, 4, 50))


def test_permutation_is_the_order_of_random_64_bit_numbers():
    for n in (0, 1, 2, 31):
        assert randomness.permutation(11, n).tolist() == naive.permutation(11, n)
    assert sorted(randomness.permutation(3, 1000)) == list(range(1000))
    assert (randomness.permutation(3, 1000) != randomness.permutation(4, 1000)).any()


def test_choice_is_the_begin_of_the_permutation():
    assert randomness.choice(5, 10, 4).tolist() == randomness.permutation(5, 10)[:4].tolist()
    assert randomness.choice(5, 10, 0).size == 0
    assert sorted(randomness.choice(5, 10, 10)) == list(range(10))


def test_derive_is_blake2b_of_seed_and_labels():
    digest = hashlib.blake2b(b'["7", "order", "3"]', digest_size=8).digest()
    for seed in (7, np.int64(7)):
        assert randomness.derive(seed, "order", 3) == int.from_bytes(digest, "little")
    labels = [(), ("a",), ("a", 0), ("a", 1), ("b",)]
    derived = {randomness.derive(seed, *names) for seed in (0, 1) for names in labels}
    assert len(derived) == 10
    assert all(0 <= seed < 2**64 for seed in derived)
