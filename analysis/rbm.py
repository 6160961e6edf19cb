"""Contrastive divergence of one dense pair of layers, a whole epoch in one call.

    dW <- momentum dW + rate (sum_c v_c P(h | v_c)^T - sum_c v'_c P(h | v'_c)^T) / B,   W <- W + dW

For protocol A, single patterns on an RBM of 13-70, and for pretraining. An update waits for the one before it, so there
is nothing to share among threads; units lie side by side instead. Upwards the rows of active units are added, downwards
each row is multiplied with the states: one copy of the weights, which stays in the nearest cache that holds it.
Draws are those of kernels.contrastive_divergence.
"""

from typing import NamedTuple

import numpy as np

from analysis.jit import kernel
from analysis.kernels import DIVERGED, draw, exp, random_bits
from analysis.lanes import GROUP, WIDTH, add_rows, fma, row_dots

_NEVER = np.float32(-100.0)  # bias of the hidden units that fill up: P(h = 1) < 1e-34
_DIVERGED_BITS = DIVERGED.view(np.int32)
_MAGNITUDE = np.int32(0x7FFFFFFF)


class DenseRBM(NamedTuple):
    """Biases and weights of two layers, filled up with 0 to whole vectors; all float32."""

    a: np.ndarray  # (n_visible,) visible biases
    b: np.ndarray  # (n_hidden,) hidden biases
    w: np.ndarray  # (n_visible, n_hidden)
    mask: np.ndarray  # 1 where there is a synapse, like w; empty where all exist
    da: np.ndarray  # velocities
    db: np.ndarray
    dw: np.ndarray


def build(machine):
    """The DenseRBM of a BoltzmannMachine with one hidden layer; a copy."""
    (a, b), (w,), (mask,) = machine.biases, machine.weights, machine.masks
    n_hidden, a, b = len(b), _filled_up(a, GROUP), _filled_up(b, WIDTH)
    b[n_hidden:] = _NEVER
    w, mask = _filled_up(w, GROUP, WIDTH), _filled_up(mask, GROUP, WIDTH) if not mask.all() else np.zeros((0, 0), "f4")
    return DenseRBM(a, b, w, mask, np.zeros_like(a), np.zeros_like(b), np.zeros_like(w))


def parameters(rbm, shape):
    """(visible biases, hidden biases), weights without what was filled up; shape (n_visible, n_hidden)."""
    n, m = shape
    return (rbm.a[:n].copy(), rbm.b[:m].copy()), rbm.w[:n, :m].copy()


def _filled_up(array, *multiples):
    return np.pad(array.astype(np.float32), [(0, -n % multiple) for n, multiple in zip(array.shape, multiples)])


@kernel
def contrastive_divergence(rbm, shape, patterns, order, size, n_steps, factors, rate, momentum, key, first_update):
    """CD-k over patterns[order] in batches of `size`, in place; returns the update at which it diverged, or -1.

    shape (n_visible, n_hidden); factors (2,) float32: of the input upwards and downwards.
    """
    (n_visible, n_hidden), size = shape, min(size, order.size)
    v, v_model = np.zeros((2, size, len(rbm.a)), np.float32)
    p, p_model, h = np.zeros((3, size, len(rbm.b)), np.float32)
    bits, rows = np.empty((n_visible + n_hidden + 7) // 4 * 4, np.uint32), np.empty(len(rbm.a) + 1, np.int32)
    for first in range(0, order.size, size):
        n, update = min(size, order.size - first), first_update + first // size
        for c in range(n):
            for i in range(n_visible):
                v[c, i] = patterns[order[first + c], i]
            step = update * (n_steps + 1)
            upwards(p[c], v[c], rbm, factors[0], rows)
            sample(h[c], p[c], bits, n_visible, n_hidden, key, step, c)
            for k in range(1, n_steps + 1):
                downwards(v_model[c], h[c], rbm, factors[1])
                sample(v_model[c], v_model[c], bits, 0, n_visible, key, step + k, c)
                upwards(p_model[c], v_model[c], rbm, factors[0], rows)
                if k < n_steps:
                    sample(h[c], p_model[c], bits, n_visible, n_hidden, key, step + k, c)
        if learn(rbm, v[:n], p[:n], v_model[:n], p_model[:n], rate, momentum):
            return update
    return -1


@kernel
def upwards(odds, v, rbm, factor, rows):
    """odds_j = exp(-(b_j + factor sum_i v_i w_ij)), so that P(h_j = 1 | v) = 1 / (1 + odds_j)."""
    n = 0
    for i in range(v.size):
        rows[n] = i
        n += v[i] != 0
    for j in range(0, odds.size, WIDTH):
        add_rows(odds, j, rbm.w, rows, n)
    to_odds(odds, rbm.b, factor)


@kernel
def downwards(odds, h, rbm, factor):
    """odds_i = exp(-(a_i + factor sum_j w_ij h_j)), so that P(v_i = 1 | h) = 1 / (1 + odds_i)."""
    for i in range(0, odds.size, GROUP):
        row_dots(odds, i, rbm.w, h)
    to_odds(odds, rbm.a, factor)


@kernel
def to_odds(total, bias, factor):
    """total <- exp(-(bias + factor total))."""
    for j in range(total.size):
        total[j] = exp(-fma(factor, total[j], bias[j]))


@kernel
def sample(state, odds, bits, first, n, key, step, chain):
    """state_j = 1 with probability 1 / (1 + odds_j), for the n units from number `first` on; the rest is 0."""
    random_bits(bits[: (first % 4 + n + 3) // 4 * 4], first // 4, key, step, chain)
    random = bits[first % 4 :]
    for j in range(n):
        state[j] = np.float32(draw(random[j], odds[j]) < np.float32(1.0))
    state[n:] = np.float32(0.0)


@kernel
def learn(rbm, v, odds, v_model, odds_model, rate, momentum):
    """One update from the patterns (rows) and their reconstructions; returns whether a parameter diverged."""
    one, m = np.float32(1.0), len(rbm.b)
    scale, data, model = one / np.float32(len(v)), np.empty(m, np.float32), np.empty(m, np.float32)
    rows = np.empty(len(v) + 1, np.int32)
    for p in (odds, odds_model):
        for c in range(len(v)):
            for j in range(m):
                p[c, j] = one / (one + p[c, j])
    worst = np.int32(0)
    for i in range(len(rbm.a)):
        add_active(data, odds, v, i, rows)
        add_active(model, odds_model, v_model, i, rows)
        for j in range(m):
            data[j] = (data[j] - model[j]) * scale
        if rbm.mask.size:
            for j in range(m):
                data[j] *= rbm.mask[i, j]
        w, dw = rbm.w[i], rbm.dw[i]
        for j in range(m):
            dw[j] = momentum * dw[j] + rate * data[j]
            w[j] += dw[j]
        worst = max(worst, largest(w))
    worst = max(worst, learn_bias(rbm.a, rbm.da, v, v_model, scale, rate, momentum))
    worst = max(worst, learn_bias(rbm.b, rbm.db, odds, odds_model, scale, rate, momentum))
    return worst >= _DIVERGED_BITS


@kernel
def add_active(total, p, v, i, rows):
    """total_j = sum_c v_ci p_cj."""
    n = 0
    for c in range(len(v)):
        rows[n] = c
        n += v[c, i] != 0
    for j in range(0, total.size, WIDTH):
        add_rows(total, j, p, rows, n)


@kernel
def learn_bias(bias, velocity, data, model, scale, rate, momentum):
    """db <- momentum db + rate (sum_c data_c - sum_c model_c) / B, b <- b + db; returns the largest |b|, as bits."""
    for j in range(bias.size):
        total, total_model = np.float32(0.0), np.float32(0.0)
        for c in range(len(data)):
            total += data[c, j]
            total_model += model[c, j]
        velocity[j] = momentum * velocity[j] + rate * ((total - total_model) * scale)
        bias[j] += velocity[j]
    return largest(bias)


@kernel
def largest(values):
    """The largest |value| as the bits of its float32: in the order of numbers, what is not finite above all."""
    worst = np.int32(0)
    bits = values.view(np.int32)
    for j in range(bits.size):
        worst = max(worst, np.int32(bits[j] & _MAGNITUDE))
    return worst
