"""Contrastive divergence of one dense pair of layers, a whole epoch in one call.

    dW <- momentum dW + rate (sum_c v_c P(h | v_c)^T - sum_c v'_c P(h | v'_c)^T) / B,   W <- W + dW

For protocol A, single patterns on an RBM of 13-70, and for pretraining. An update waits for the one before it, so there
is nothing to share among threads; units lie side by side instead. Upwards the rows of active units are added, strip by
strip: what the nearest cache holds serves all patterns of the batch. Downwards each row is multiplied with the states,
of two patterns at a time. There is one copy of the weights. Draws are those of binary.contrastive_divergence.
"""

from typing import NamedTuple

import numpy as np

from analysis.kernels.draws import draw, exp, random_bits
from analysis.kernels.jit import formula, kernel
from analysis.kernels.layouts import BLOCK, PANEL, ROWS, STRIP, TWO, WIDTH, at, filled_up, load, steps, store, zeros
from analysis.kernels.learning import DIVERGED_BITS, move
from analysis.kernels.vectors import fma, select, splat, sums

_f32, _VECTORS = np.float32, WIDTH // PANEL
_NEVER = np.float32(-100.0)  # bias of the hidden units that fill up: P(h = 1) < 1e-34


class DenseRBM(NamedTuple):
    """Biases and weights of two layers, filled up with 0 to whole vectors; all float32."""

    a: np.ndarray  # (1, n_visible) visible biases
    b: np.ndarray  # (1, n_hidden) hidden biases
    w: np.ndarray  # (n_visible, n_hidden)
    mask: np.ndarray  # 1 where there is a synapse, like w; empty where all exist
    da: np.ndarray  # velocities
    db: np.ndarray
    dw: np.ndarray


def build(machine):
    """The DenseRBM of a BoltzmannMachine with one hidden layer; a copy."""
    (a, b), (w,), (mask,) = machine.biases, machine.weights, machine.masks
    n_hidden, a, b = len(b), filled_up(a[None], (1, PANEL)), filled_up(b[None], (1, WIDTH))
    b[:, n_hidden:] = _NEVER
    w = filled_up(w, (PANEL, WIDTH))
    mask = filled_up(mask, (PANEL, WIDTH)) if not mask.all() else np.zeros((0, 0), np.float32)
    return DenseRBM(a, b, w, mask, *(zeros(x.shape, np.float32) for x in (a, b, w)))


@kernel
def epoch(rbm, shape, patterns, order, size, n_steps, factors, rate, momentum, key, first_update):
    """CD-k over patterns[order] in batches of `size`, in place; returns the update at which it diverged, or -1.

    shape (n_visible, n_hidden); factors (2,) float32: of the input upwards and downwards.
    """
    (n_visible, n_hidden), size = shape, min(size, order.size)
    a, b, w, mask, da, db, dw = rbm
    v, v_model = np.zeros((size, a.size), np.float32), np.zeros((size, a.size), np.float32)
    p, p_model = np.zeros((size, b.size), np.float32), np.zeros((size, b.size), np.float32)
    h, rows = np.zeros((size, b.size), np.float32), np.empty((size, STRIP), np.int32)
    data, model, every = np.empty(size, np.int32), np.empty(size, np.int32), np.arange(size).astype(np.int32)
    bits = np.zeros((BLOCK + b.size + max(a.size, b.size),), np.uint32)
    for first in range(0, order.size, size):
        n, update = min(size, order.size - first), first_update + first // size
        for c in range(n):
            v[c, :n_visible] = patterns[order[first + c]]
        step = update * (n_steps + 1)
        upwards(p, v, n, b, w, factors[0], rows)
        sample(h, p, n, bits, n_visible, n_hidden, key, step)
        for k in range(1, n_steps + 1):
            downwards(v_model, h, n, a, w, factors[1])
            sample(v_model, v_model, n, bits, np.int64(0), n_visible, key, step + k)
            upwards(p_model, v_model, n, b, w, factors[0], rows)
            if k < n_steps:
                sample(h, p_model, n, bits, n_visible, n_hidden, key, step + k)
        to_probabilities(p, n)
        to_probabilities(p_model, n)
        scale, worst = np.float32(1.0) / np.float32(n), np.int32(0)
        for i in range(n_visible):
            n_data, n_model = active(data, v[:, i], 0, n), active(model, v_model[:, i], 0, n)
            for j in range(0, b.size, WIDTH):
                here, columns = steps(i * b.size + j, PANEL, _VECTORS), steps(j, PANEL, _VECTORS)
                lists = data, n_data, p_model, model, n_model
                worst = max(worst, learn_lanes(w, dw, here, p, columns, *lists, scale, momentum, rate))
        if mask.size:
            for i in range(n_visible):
                for j in range(b.size):
                    w[i, j] *= mask[i, j]
                    dw[i, j] *= mask[i, j]
        for i in range(0, a.size, PANEL):
            worst = max(worst, learn_lanes(a, da, i, v, i, every, n, v_model, every, n, scale, momentum, rate))
        for j in range(0, b.size, PANEL):
            worst = max(worst, learn_lanes(b, db, j, p, j, every, n, p_model, every, n, scale, momentum, rate))
        if worst >= DIVERGED_BITS:
            return update
    return -1


@kernel
def upwards(odds, v, n, b, w, factor, rows):
    """odds_cj = exp(-(b_j + factor sum_i v_ci w_ij)), so that P(h_j = 1 | v_c) = 1 / (1 + odds_cj), for c < n."""
    n_rows = np.empty(n, np.int64)
    odds[:n] = np.float32(0.0)
    for first in range(0, v.shape[1], STRIP):
        for c in range(n):
            n_rows[c] = active(rows[c], v[c], first, min(first + STRIP, v.shape[1]))
        for j in range(0, b.size, WIDTH):
            columns = steps(j, PANEL, _VECTORS)
            for c in range(n):
                x = load(odds, columns, c * b.size, PANEL)
                for k in range(n_rows[c]):
                    x = x + load(w, columns, at(rows, c * STRIP, k) * b.size, PANEL)
                store(odds, columns, c * b.size, x)
    to_odds(odds, n, b, factor)


@kernel
def downwards(odds, h, n, a, w, factor):
    """odds_ci = exp(-(a_i + factor sum_j w_ij h_cj)), so that P(v_i = 1 | h_c) = 1 / (1 + odds_ci), for c < n."""
    for i in range(0, a.size, ROWS):
        for c in range(0, n - 1, TWO):
            row_dots(odds, c, i, w, h)
        if n % TWO:
            row_dot(odds, n - 1, i, w, h)
    to_odds(odds, n, a, factor)


@kernel
def sample(states, odds, n, bits, first, n_units, key, step):
    """states_cj = 1 with probability 1 / (1 + odds_cj), c < n, for units from number `first` on; the rest is 0."""
    for c in range(n):
        random_bits(bits, first // 4, (first % 4 + n_units + 3) // 4, key, step, c)
        for j in range(0, n_units, PANEL):
            value = draw(load(bits, first % 4, j, PANEL), load(odds, c * odds.shape[1], j, PANEL))
            store(states, c * states.shape[1], j, select(value < 1.0, _f32(1.0), _f32(0.0)))
        states[c, n_units:] = np.float32(0.0)


@kernel
def to_odds(total, n, bias, factor):
    """total <- exp(-(bias + factor total)), in the first n rows."""
    for c in range(n):
        for j in range(0, bias.size, PANEL):
            z = fma(factor, load(total, c * bias.size, j, PANEL) + 0.0, load(bias, 0, j, PANEL))
            store(total, c * bias.size, j, exp(-z))


@kernel
def to_probabilities(odds, n):
    """odds <- 1 / (1 + odds), in the first n rows."""
    for c in range(n):
        for j in range(odds.shape[1]):
            odds[c, j] = np.float32(1.0) / (np.float32(1.0) + odds[c, j])


@kernel
def active(places, states, first, last):
    """places = the k for which states_k = 1, k = first ... last - 1; returns how many."""
    count = 0
    for k in range(first, last):
        places[count] = k
        count += states[k] != 0
    return count


@formula
def row_dot(total, row, i, matrix, vectors):
    """total[row, i + g] = sum_j matrix[i + g, j] vectors[row, j], g < ROWS.

    In the order j = lane, lane + PANEL, ..., then a binary tree over lanes.
    """
    m = matrix.shape[1]
    rows = steps(i * m, m, ROWS)
    x = splat(_f32(0.0), PANEL, rows)
    for block in range(m // PANEL):
        j = block * PANEL
        x = fma(load(matrix, rows, j, PANEL), load(vectors, row * m, j, PANEL), x)
    store(total, row * total.shape[1], i, sums(x))


@formula
def row_dots(total, row, i, matrix, vectors):
    """The same of TWO vectors, of row and row + 1, which share a read of the matrix."""
    m = matrix.shape[1]
    rows = steps(i * m, m, ROWS)
    x, y = splat(_f32(0.0), PANEL, rows), splat(_f32(0.0), PANEL, rows)
    for block in range(m // PANEL):
        j = block * PANEL
        w = load(matrix, rows, j, PANEL)
        x = fma(w, load(vectors, row * m, j, PANEL), x)
        y = fma(w, load(vectors, (row + 1) * m, j, PANEL), y)
    store(total, row * total.shape[1], i, sums(x))
    store(total, (row + 1) * total.shape[1], i, sums(y))


@formula
def learn_lanes(w, dw, places, p, columns, rows, n, p_model, rows_model, n_model, scale, momentum, rate):
    """dw <- momentum dw + rate scale (sum_k p[rows[k]] - sum_k p_model[rows_model[k]]), w <- w + dw.

    For PANEL columns from each of `columns` on, whose w and dw stand at `places`; k ascends to n - 1, to n_model - 1.
    Returns what `move` does.
    """
    gradient = (total_of(p, columns, rows, n) - total_of(p_model, columns, rows_model, n_model)) * scale
    return move(w, dw, places, momentum * load(dw, places, 0, PANEL) + rate * gradient)


@formula
def total_of(p, columns, rows, n):
    """sum_k p[rows[k], j + c], k < n, for PANEL columns from each of `columns` on."""
    x = splat(_f32(0.0), PANEL, columns)
    for k in range(n):
        x = x + load(p, columns, at(rows, 0, k) * p.shape[1], PANEL)
    return x
