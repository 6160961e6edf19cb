"""One binary unit of input x: log(1 + exp(x)) sums over its two states, its slope is the probability of being on."""

import numpy as np
from numpy.typing import ArrayLike


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), for x of any size and shape."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), for x of any size and shape."""
    return np.exp(-softplus(-x))


def entropy(p: ArrayLike) -> np.ndarray:
    """H(p) = - p log p - (1 - p) log(1 - p), in nats; H(0) = H(1) = 0. p : probabilities of any shape."""
    p = np.asarray(p, dtype=np.float64)
    inner = np.clip(p, np.finfo(float).tiny, None), np.clip(1 - p, np.finfo(float).tiny, None)
    return -p * np.log(inner[0]) - (1 - p) * np.log(inner[1])
