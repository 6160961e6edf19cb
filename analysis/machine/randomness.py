"""Random numbers as pure functions of seed and position (Philox4x32-7), exact on every machine.

    derive(seed, labels)   a seed for a purpose: the purpose's name and indices are hashed into it
    normal                 sum of 12 uniforms - 6 (Irwin-Hall): mean 0, variance 1, no logarithm, no rounding

Source: Salmon et al. (2011), doi:10.1145/2063384.2063405. The sum of twelve uniforms departs from the normal law
in its tails alone (excess kurtosis -0.1, none beyond 6); it serves for initial weights.
"""

import hashlib
import json

import numpy as np

from analysis.kernels import draws, layouts

_AT_ONCE = 2**18  # normal numbers whose uniforms are in memory together


def derive(seed: int, *labels: object) -> int:
    """A 64-bit seed = BLAKE2b(seed, labels), one for each purpose. Raises ValueError for a seed that is no count."""
    text = json.dumps([str(part) for part in (check_seed(seed), *labels)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def check_seed(seed: int) -> int:
    """The seed as an int; ValueError unless it is an integer in 0 ... 2^64 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise ValueError(f"seed: found {seed!r}, expected an integer from 0 to 2^64 - 1")
    return int(seed)


def key(seed: int, stream: int = 0) -> np.ndarray:
    """(3,) uint64 for the kernels: low and high word of the seed, stream."""
    seed = check_seed(seed)
    return np.array([seed & 0xFFFFFFFF, seed >> 32, stream], dtype=np.uint64)


def bits(seed: int, stream: int, n: int, first: int = 0) -> np.ndarray:
    """(n,) uint32 of random bits; those from `first` on, a multiple of 4."""
    out = np.empty(n + layouts.BLOCK, dtype=np.uint32)
    draws.random_bits(out, first // 4, -(-n // 4), key(seed, stream), 0, 0)
    return out[:n]


def normal(seed: int, stream: int, n: int) -> np.ndarray:
    """(n,) float32 ~ sum of 12 uniforms - 6: mean 0, variance 1."""
    out = np.empty(n, dtype=np.float32)
    for first in range(0, n, _AT_ONCE):
        part = out[first : first + _AT_ONCE]
        halves = bits(seed, stream, 12 * len(part), 12 * first).reshape(-1, 12) >> 12  # 20 bits each: an exact sum
        part[:] = (halves.sum(axis=1, dtype=np.int64) - 6 * 2**20) * np.float32(2.0**-20)
    return out


def permutation(seed: int, n: int) -> np.ndarray:
    """(n,) int64: the order of n random 64-bit numbers."""
    words = bits(seed, 0, 2 * n).astype(np.uint64)
    return np.argsort(words[:n] << np.uint64(32) | words[n:], kind="stable")


def choice(seed: int, n: int, size: int) -> np.ndarray:
    """(size,) int64: distinct indices below n, in random order. Raises ValueError for more than there are."""
    if not 0 <= size <= n:
        raise ValueError(f"size: found {size}, expected 0 to {n} (drawn without replacement)")
    return permutation(seed, n)[:size]
