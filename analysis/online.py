"""Contrastive divergence of single patterns on a small RBM: the paper's protocol A.

    dW <- momentum dW + rate (v P(h | v)^T - v' P(h | v')^T),   W <- W + dW

The update waits for the one before it, so there is nothing to share among threads and no lane to fill; what counts is
that 13 x 70 weights stay in the nearest cache. Rows of active units are added (states are binary), in the order of the
general kernels: same bits as kernels.contrastive_divergence and kernels.learn with a batch of one.
"""

from typing import NamedTuple

import numpy as np

from analysis.jit import kernel
from analysis.kernels import DIVERGED, bernoulli, random_bits, sigmoid


class DenseRBM(NamedTuple):
    """An RBM with its weights in both orders, so that both directions add contiguous rows; all float32."""

    a: np.ndarray  # (n_visible,) visible biases
    b: np.ndarray  # (n_hidden,) hidden biases
    w: np.ndarray  # (n_visible, n_hidden)
    wt: np.ndarray  # (n_hidden, n_visible) the same weights
    mask: np.ndarray  # 1 where there is a synapse, like w
    mask_t: np.ndarray
    da: np.ndarray  # velocities
    db: np.ndarray
    dw: np.ndarray
    dw_t: np.ndarray


def build(machine):
    """The DenseRBM of a BoltzmannMachine with one hidden layer; a copy."""
    (a, b), (w,), (mask,) = machine.biases, machine.weights, machine.masks
    forward = (a.copy(), b.copy(), w.copy(), w.T.copy(), mask.astype(np.float32), mask.T.astype(np.float32))
    velocity = (np.zeros_like(a), np.zeros_like(b), np.zeros_like(w), np.zeros(w.shape[::-1], np.float32))
    return DenseRBM(*forward, *velocity)


@kernel
def activate(p, state, weights, bias):
    """p_j = sigmoid(bias_j + sum_i state_i weights_ij), active units i in ascending order."""
    p[:] = np.float32(0.0)
    for i in range(state.size):
        if state[i] != 0:
            row = weights[i]
            for j in range(p.size):
                p[j] += row[j]
    for j in range(p.size):
        p[j] = sigmoid(bias[j] + p[j])


@kernel
def step(weights, velocity, mask, pre, post, pre_model, post_model, rate, momentum):
    """dw_ij <- momentum dw_ij + rate mask_ij (pre_i post_j - pre'_i post'_j), w <- w + dw; counts what diverged."""
    n_diverged = 0
    for i in range(pre.size):
        x, y = pre[i], pre_model[i]
        for j in range(post.size):
            gradient = mask[i, j] * (x * post[j] - y * post_model[j])
            velocity[i, j] = momentum * velocity[i, j] + rate * gradient
            weights[i, j] += velocity[i, j]
            n_diverged += not abs(weights[i, j]) < DIVERGED
    return n_diverged


@kernel
def step_bias(bias, velocity, data, model, rate, momentum):
    """db <- momentum db + rate (data - model), b <- b + db; counts what diverged."""
    n_diverged = 0
    for j in range(bias.size):
        velocity[j] = momentum * velocity[j] + rate * (data[j] - model[j])
        bias[j] += velocity[j]
        n_diverged += not abs(bias[j]) < DIVERGED
    return n_diverged


@kernel
def contrastive_divergence(rbm, patterns, order, rate, momentum, key, first_update):
    """CD-1 over patterns[order], in place; returns the update at which it diverged, or -1."""
    n_visible, n_hidden = rbm.w.shape
    v, v_model = np.empty(n_visible, np.float32), np.empty(n_visible, np.float32)
    p, p_model = np.empty(n_hidden, np.float32), np.empty(n_hidden, np.float32)
    h = np.empty(n_hidden, np.float32)
    bits = np.empty((n_visible + n_hidden + 3) // 4 * 4, np.uint32)
    for n in range(order.size):
        for i in range(n_visible):
            v[i] = patterns[order[n], i]
        activate(p, v, rbm.w, rbm.b)
        random_bits(bits, key, 2 * (first_update + n), 0)
        for j in range(n_hidden):
            h[j] = bernoulli(bits[n_visible + j], p[j])
        activate(v_model, h, rbm.wt, rbm.a)
        random_bits(bits, key, 2 * (first_update + n) + 1, 0)
        for i in range(n_visible):
            v_model[i] = bernoulli(bits[i], v_model[i])
        activate(p_model, v_model, rbm.w, rbm.b)
        n_diverged = step(rbm.w, rbm.dw, rbm.mask, v, p, v_model, p_model, rate, momentum)
        step(rbm.wt, rbm.dw_t, rbm.mask_t, p, v, p_model, v_model, rate, momentum)
        n_diverged += step_bias(rbm.a, rbm.da, v, v_model, rate, momentum)
        n_diverged += step_bias(rbm.b, rbm.db, p, p_model, rate, momentum)
        if n_diverged:
            return first_update + n
    return -1
