"""Exact quantities of small machines, by enumeration.

    Z = sum_x exp(-E(x)) = sum_s exp(b_s . s) prod_j (1 + exp(b_j + s . W_j))

Units of even layers touch only units of odd layers. So any machine is a restricted Boltzmann machine of two sides, the
even and the odd layers; the states s of the smaller side are enumerated and the other side is summed analytically.
All in float64 and nats. Source: Salakhutdinov & Hinton (2009), AISTATS, eq. 1-8; the Fisher information of an
exponential family is the covariance of its sufficient statistics (Amari 2016, Information Geometry, section 2.1).
"""

import numpy as np

from analysis.machine.arguments import check_binary
from analysis.machine.model import BoltzmannMachine

MAX_STATES = 2**22
# Numbers held at once by an enumeration; larger tables are worked through in chunks (32 MB in float64).
CHUNK = 2**22


def states(n):
    """All 2^n patterns of n binary units, (2^n, n) uint8: unit i of pattern k is bit n - 1 - i of k.

    So pattern k reads as k written in binary. Raises ValueError for more than 2^22 patterns.
    """
    _check_states(n, f"{n} units")
    return _states(0, 2**n, n)


def log_partition(machine):
    """log Z = log sum_x exp(-E(x)), in nats.

    Raises ValueError where the smaller of the even and the odd layers has more than 2^22 states.
    """
    side, other, weights = _smaller_side(machine)
    chunks = (_log_weights_of_side(s, side, other, weights) for s in _state_chunks(len(side), len(other)))
    return float(np.logaddexp.reduce([np.logaddexp.reduce(chunk) for chunk in chunks]))


def moments(machine):
    """<x_l> and <x_l-1,i x_l,j> under P(x) = exp(-E(x)) / Z.

    Returns
    -------
    means : L + 1 arrays (n_l,), probability that the unit is on
    correlations : L arrays (n_l-1, n_l), probability that both units are on

    Raises ValueError where the smaller of the even and the odd layers has more than 2^22 states.
    """
    side, other, _ = _smaller_side(machine)
    mean_side, mean_other, both = np.zeros(len(side)), np.zeros(len(other)), np.zeros((len(side), len(other)))
    for s, p, q in _weighted_states(machine, len(other)):
        mean_side += p @ s
        mean_other += p @ q
        both += (s * p[:, None]).T @ q
    if _enumerates_odd(machine):
        mean_side, mean_other, both = mean_other, mean_side, both.T
    means = [(mean_side, mean_other)[layer % 2][span] for layer, span in enumerate(_spans(machine))]
    return means, _blocks(machine, both)


def visible_log_probabilities(machine):
    """log P(v) = log sum_h exp(-E(v, h)) - log Z for all 2^n_0 visible patterns, in nats.

    Returns (2^n_0,), pattern k in the order of `states`: visible unit i is bit n_0 - 1 - i of k.
    Raises ValueError where more than 2^22 states would be enumerated.
    """
    n_visible = machine.n_units[0]
    _check_states(n_visible + _n_hidden_enumerated(machine), _describe(machine))
    return _log_weights(machine, states(n_visible)) - log_partition(machine)


def log_likelihood(patterns, machine):
    """Mean over the patterns of log P(v), in nats a pattern.

    patterns : (n_patterns, n_0), values in {0, 1}.
    Raises ValueError for patterns that do not fit and where more than 2^22 states would be enumerated.
    """
    distinct, counts = distinct_patterns(check_binary("patterns", patterns, machine.n_units[0]))
    return float(counts @ _log_weights(machine, distinct) / counts.sum()) - log_partition(machine)


def kl_divergence(patterns, machine):
    """KL(data || model) = sum_v p(v) (log p(v) - log P(v)), in nats.

    patterns : (n_patterns, n_0), values in {0, 1}; p(v) is the share of the patterns that are v.
    Raises ValueError for patterns that do not fit and where more than 2^22 states would be enumerated.
    """
    distinct, counts = distinct_patterns(check_binary("patterns", patterns, machine.n_units[0]))
    p = counts / counts.sum()
    return float(p @ (np.log(p) - _log_weights(machine, distinct))) + log_partition(machine)


def fisher_information(machine):
    """F = Cov(t, t) of t = (v, h, v_i h_j) under the model: the Fisher information matrix of an RBM.

    Order: visible biases, hidden biases, weights row by row (i slow, j fast), pruned synapses too. Returns
    (n_0 + n_1 + n_0 n_1,) squared, float64, symmetric.

    Raises ValueError for deep machines and where the smaller layer has more than 2^22 states.

    Notes
    -----
    With s the states of the smaller layer and q_j = P(x_j = 1 | s) in the other, Cov(t) = Cov_s(E[t | s]) +
    E_s[Cov(t | s)] (law of total covariance). Given s, units of the other layer are independent, so with s_0 = 1
    Cov(s_i x_j, s_k x_l | s) = delta_jl s_i s_k q_j (1 - q_j): one block a unit.
    """
    if len(machine.weights) != 1:
        raise ValueError(f"fisher_information: found {len(machine.biases)} layers, expected 2 (a restricted machine)")
    if _enumerates_odd(machine):
        return _fisher_information_of_swapped(machine)
    n, m = machine.n_units
    means, correlations = moments(machine)
    mean = np.concatenate([*means, correlations[0].ravel()])
    matrix, blocks = np.zeros((len(mean), len(mean))), np.zeros((m, (n + 1) ** 2))
    for s, p, q in _weighted_states(machine, len(mean)):
        expected = np.concatenate([s, q, (s[:, :, None] * q[:, None, :]).reshape(len(s), n * m)], axis=1)
        expected = (expected - mean) * np.sqrt(p)[:, None]
        matrix += expected.T @ expected
        s = np.concatenate([np.ones((len(s), 1)), s], axis=1)
        blocks += (q * (1 - q) * p[:, None]).T @ (s[:, :, None] * s[:, None, :]).reshape(len(s), (n + 1) ** 2)
    place = n + np.arange(n + 1) * m + np.arange(m)[:, None]  # of s_i x_j for i = 0 to n: (m, n + 1)
    matrix[place[:, :, None], place[:, None, :]] += blocks.reshape(m, n + 1, n + 1)
    return matrix


def deletion_damage(patterns, machine):
    """KL(data || model without w_ij) - KL(data || model), each synapse deleted alone, nothing retrained: nats.

    patterns : (n_patterns, n_0), values in {0, 1}. Returns (n_0, n_1) float64: 0 where there is no synapse; below 0
    where the model without the synapse is nearer to the data.

    Raises ValueError for deep machines, patterns that do not fit and where the smaller layer has more than 2^22 states.

    Notes
    -----
    Without w_ij the input c_j(v) of hidden unit j is less by v_i w_ij, and nothing else changes. So with
    p_ij = P(v_i = h_j = 1), log Z grows by log(1 - p_ij + p_ij exp(-w_ij)), and log P(v) + log Z by
    v_i (softplus(c_j(v) - w_ij) - softplus(c_j(v))): one enumeration, and one pass over the data's patterns.
    """
    if len(machine.weights) != 1:
        raise ValueError(f"deletion_damage: found {len(machine.biases)} layers, expected 2 (a restricted machine)")
    distinct, counts = distinct_patterns(check_binary("patterns", patterns, machine.n_units[0]))
    weights = machine.weights[0].astype(np.float64)
    _, (both,) = moments(machine)
    log_apart, log_both = (np.log(np.maximum(p, np.finfo(float).tiny)) for p in (1.0 - both, both))
    damage = np.logaddexp(log_apart, log_both - weights)
    inputs = machine.biases[1].astype(np.float64) + distinct @ weights
    for i, w in enumerate(weights):
        on = distinct[:, i] == 1
        damage[i] -= counts[on] @ (softplus(inputs[on] - w) - softplus(inputs[on])) / counts.sum()
    return np.where(machine.masks[0], damage, 0.0)


def softplus(x):
    """log(1 + exp(x)), for x of any size."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x):
    """1 / (1 + exp(-x)), for x of any size."""
    return np.exp(-softplus(-x))


def entropy(p):
    """H(p) = - p log p - (1 - p) log(1 - p), in nats; H(0) = H(1) = 0. p : probabilities of any shape."""
    p = np.asarray(p, dtype=np.float64)
    inner = np.clip(p, np.finfo(float).tiny, None), np.clip(1 - p, np.finfo(float).tiny, None)
    return -p * np.log(inner[0]) - (1 - p) * np.log(inner[1])


def distinct_patterns(patterns):
    """The different rows of binary patterns (n_patterns, n_units), uint8, and how often each occurs."""
    packed = np.packbits(patterns, axis=1)
    rows = packed.view(f"S{packed.shape[1]}").ravel()  # one byte string a row: many times faster than axis=0
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    return patterns[first], counts


def sides(machine):
    """The machine as one of two sides: biases (n_even,), (n_odd,) and weights (n_even, n_odd), float64.

    E = - b_even . x_even - b_odd . x_odd - x_even^T W x_odd, where x_even and x_odd join the layers of that parity.
    """
    even, odd = (np.concatenate(machine.biases[k::2]).astype(np.float64) for k in (0, 1))
    weights = np.zeros((len(even), len(odd)))
    for block, w in zip(_blocks(machine, weights), machine.weights):
        block[...] = w
    return even, odd, weights


def _spans(machine):
    """Where each layer lies within the side of its parity: L + 1 slices."""
    n_units = machine.n_units
    starts = [sum(n_units[layer % 2 : layer : 2]) for layer in range(len(n_units))]
    return [slice(start, start + n) for start, n in zip(starts, n_units)]


def _blocks(machine, matrix):
    """Views of the (n_even, n_odd) matrix, one a layer of synapses: L arrays (n_l, n_l+1)."""
    spans = _spans(machine)
    pairs = enumerate(zip(spans, spans[1:]))
    return [matrix[below, above] if layer % 2 == 0 else matrix[above, below].T for layer, (below, above) in pairs]


def _enumerates_odd(machine):
    return sum(machine.n_units[1::2]) < sum(machine.n_units[0::2])


def _smaller_side(machine):
    """Biases of the side to enumerate, biases of the other, weights (n_side, n_other)."""
    even, odd, weights = sides(machine)
    if _enumerates_odd(machine):
        even, odd, weights = odd, even, weights.T
    _check_states(len(even), _describe(machine))
    return even, odd, weights


def _weighted_states(machine, n_columns):
    """Chunks of the smaller side's states s (n, n_side), P(s) (n,) and P(x_j = 1 | s) in the other (n, n_other)."""
    side, other, weights = _smaller_side(machine)
    log_z = log_partition(machine)
    for s in _state_chunks(len(side), n_columns):
        p = np.exp(_log_weights_of_side(s, side, other, weights) - log_z)
        yield s, p, sigmoid(other + s @ weights)


def _fisher_information_of_swapped(machine):
    """The Fisher information from the machine with its two layers swapped, in the machine's own order."""
    n, m = machine.n_units
    swapped = BoltzmannMachine(machine.biases[::-1], (machine.weights[0].T,), (machine.masks[0].T,))
    place_of_weights = n + m + np.arange(n * m).reshape(m, n).T.ravel()
    order = np.concatenate([m + np.arange(n), np.arange(m), place_of_weights])
    return fisher_information(swapped)[np.ix_(order, order)]


def _log_weights_of_side(s, side, other, weights):
    """log sum_other exp(-E(s, other)) = b . s + sum_j softplus(b_j + s . W_j): (n_states,)."""
    return s @ side + softplus(other + s @ weights).sum(axis=1)


def _log_weights(machine, patterns):
    """log sum_h exp(-E(v, h)) for each of the patterns: (n_patterns,).

    Given v, the hidden layers are a machine of two sides again: the odd layers, with v's input on top of their biases,
    and the even ones above them. The smaller is enumerated, the other summed. An RBM has no even ones: one state.
    """
    n_visible = machine.n_units[0]
    even, odd, weights = sides(machine)
    upper, between = even[n_visible:], weights[n_visible:]
    inputs = patterns @ weights[:n_visible]  # (n_patterns, n_odd)
    result = np.full(len(patterns), -np.inf)
    for s in _state_chunks(_n_hidden_enumerated(machine), len(odd)):
        for chunk in _chunks(len(patterns), len(s) * len(odd)):
            if len(upper) <= len(odd):
                fields = (odd + inputs[chunk])[:, None, :] + (s @ between)[None, :, :]
                table = s @ upper + softplus(fields).sum(axis=2)
            else:
                table = s @ odd + softplus(upper + s @ between.T).sum(axis=1) + inputs[chunk] @ s.T
            result[chunk] = np.logaddexp(result[chunk], np.logaddexp.reduce(table, axis=1))
    return result + patterns @ even[:n_visible]


def _n_hidden_enumerated(machine):
    """Hidden units to enumerate once the visible layer is given."""
    return min(sum(machine.n_units[2::2]), sum(machine.n_units[1::2]))


def _states(start, stop, n):
    """Patterns start..stop-1 of `states`."""
    bits = np.arange(n - 1, -1, -1)
    return ((np.arange(start, stop)[:, None] >> bits) & 1).astype(np.uint8)


def _state_chunks(n, n_columns):
    """All states of n units as float64, in chunks of at most CHUNK numbers of n_columns a state."""
    for chunk in _chunks(2**n, n_columns):
        yield _states(chunk.start, chunk.stop, n).astype(np.float64)


def _chunks(n_rows, n_columns):
    step = max(1, CHUNK // max(1, n_columns))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def _check_states(n, what):
    if 2**n > MAX_STATES:
        raise ValueError(
            f"enumeration: found {what}, which needs 2^{n} states, expected at most 2^22 = {MAX_STATES:,}; "
            "take analysis.likelihood and samples instead"
        )


def _describe(machine):
    return "a machine of " + "-".join(str(n) for n in machine.n_units) + " units"
