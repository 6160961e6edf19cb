"""Exact quantities of small machines, by enumeration, in float64 and nats.

    log Z = log sum_x exp(-E(x)),   P(v) = sum_h exp(-E(v, h)) / Z,   F = Cov(t, t),   t = (v, h, v_i h_j)
    sum_x exp(-E(x)) = sum_s exp(b_s . s) prod_j (1 + exp(b_j + s . W_j))

Units of even layers touch only units of odd layers. So any machine is a restricted Boltzmann machine of two sides, the
even and the odd layers; the states s of the smaller side are enumerated, in chunks, and the other is summed over.

Sources: Salakhutdinov & Hinton (2009), AISTATS, eq. 1-8; the Fisher information of an exponential family is the
covariance of its sufficient statistics (Amari 2016, Information Geometry, section 2.1). Patterns are (n_patterns, n_0),
values in {0, 1}. All functions raise ValueError where more than 2^22 states would be enumerated.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from analysis.kernels import statistics
from analysis.machine.arguments import check_binary
from analysis.machine.model import BoltzmannMachine, entropy, sigmoid, softplus  # noqa: F401 offered here too

MAX_STATES = 2**22
CHUNK = 2**22  # numbers held at once; larger tables are worked through in chunks (32 MB in float64)
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def states(n: int) -> np.ndarray:
    """All 2^n patterns of n binary units, (2^n, n) uint8: pattern k is k written in binary."""
    _check_states(n, [n])
    return np.concatenate([*_state_chunks(n, 1)]).astype(np.uint8)


def log_partition(machine: BoltzmannMachine) -> float:
    """log Z = log sum_x exp(-E(x)), in nats."""
    return float(np.logaddexp.reduce([np.logaddexp.reduce(chunk) for _, chunk, _ in _smaller_side(machine, 1)]))


def log_weights(machine: BoltzmannMachine, patterns: np.ndarray) -> np.ndarray:
    """log sum_h exp(-E(v, h)) for each of the patterns v (n_patterns, n_0): (n_patterns,).

    Given v, the hidden layers are a machine of two sides again: the odd layers, with v's input on top of their biases,
    and the even ones above them, of which an RBM has none.
    """
    n_visible = machine.n_units[0]
    even, odd, weights = sides(machine)
    upper, between = even[n_visible:], weights[n_visible:]
    inputs = patterns @ weights[:n_visible]  # (n_patterns, n_odd)
    result = np.full(len(patterns), -np.inf)
    for s in _state_chunks(min(len(upper), len(odd)), len(odd)):
        for chunk in _chunks(len(patterns), len(s) * len(odd)):
            if len(upper) <= len(odd):
                fields = (odd + inputs[chunk])[:, None, :] + (s @ between)[None, :, :]
                table = s @ upper + softplus(fields).sum(axis=2)
            else:
                table = s @ odd + softplus(upper + s @ between.T).sum(axis=1) + inputs[chunk] @ s.T
            result[chunk] = np.logaddexp(result[chunk], np.logaddexp.reduce(table, axis=1))
    return result + patterns @ even[:n_visible]


def moments(machine: BoltzmannMachine) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """<x_l> and <x_l-1,i x_l,j> under P(x) = exp(-E(x)) / Z: L + 1 arrays (n_l,) and L arrays (n_l-1, n_l)."""
    parts = [(p @ s, p @ q, (s * p[:, None]).T @ q) for s, p, q in _weighted_states(machine, 1)]
    even, odd, both = (np.asarray(sum(part)) for part in zip(*parts))
    if sum(machine.n_units[1::2]) < sum(machine.n_units[::2]):  # the odd side was enumerated
        even, odd, both = odd, even, both.T
    means = [(even, odd)[layer % 2][span] for layer, span in enumerate(spans(machine))]
    return means, synapse_blocks(machine, both)


def visible_log_probabilities(machine: BoltzmannMachine) -> np.ndarray:
    """log P(v) = log sum_h exp(-E(v, h)) - log Z for all visible patterns, in the order of `states`: (2^n_0,), nats."""
    n_visible = machine.n_units[0]
    n_hidden = min(sum(machine.n_units[2::2]), sum(machine.n_units[1::2]))  # enumerated for each pattern
    _check_states(n_visible + n_hidden, machine.n_units)
    return log_weights(machine, states(n_visible)) - log_partition(machine)


def log_likelihood(patterns: ArrayLike, machine: BoltzmannMachine) -> float:
    """<log P(v)> over the patterns, in nats a pattern."""
    distinct, counts = distinct_patterns(check_binary("patterns", patterns, machine.n_units[0]))
    return float(counts @ log_weights(machine, distinct) / counts.sum()) - log_partition(machine)


def kl_divergence(patterns: ArrayLike, machine: BoltzmannMachine) -> float:
    """KL(data || model) = sum_v p(v) (log p(v) - log P(v)), in nats; p(v) is the share of the patterns that are v."""
    distinct, counts = distinct_patterns(check_binary("patterns", patterns, machine.n_units[0]))
    p = counts / counts.sum()
    return float(p @ (np.log(p) - log_weights(machine, distinct))) + log_partition(machine)


def fisher_information(machine: BoltzmannMachine) -> np.ndarray:
    """F = Cov(t, t) of t = (v, h, v_i h_j) under the model: the Fisher information matrix of an RBM.

    Order: visible biases, hidden biases, weights row by row (i slow, j fast), pruned synapses too; symmetric. Raises
    ValueError for deep machines.

    With s the states of the smaller layer and q_j = P(x_j = 1 | s) in the other, Cov(t) = Cov_s(E[t | s]) +
    E_s[Cov(t | s)] (law of total covariance). Given s, units of the other layer are independent, so with s_0 = 1
    Cov(s_i x_j, s_k x_l | s) = delta_jl s_i s_k q_j (1 - q_j): one block a unit.
    """
    _check_restricted("fisher_information", machine)
    means, (both,) = moments(machine)
    n, m = sorted(machine.n_units)  # of the smaller layer, of the other
    if swapped := (n, m) != machine.n_units:
        means, both = means[::-1], both.T
    mean = np.concatenate([*means, both.ravel()])
    matrix, blocks = np.zeros((len(mean), len(mean))), np.zeros((m, (n + 1) ** 2))
    for s, p, q in _weighted_states(machine, len(mean)):
        expected = np.concatenate([s, q, (s[:, :, None] * q[:, None, :]).reshape(len(s), n * m)], axis=1)
        expected = (expected - mean) * np.sqrt(p)[:, None]
        matrix += expected.T @ expected
        s = np.concatenate([np.ones((len(s), 1)), s], axis=1)
        blocks += (q * (1 - q) * p[:, None]).T @ (s[:, :, None] * s[:, None, :]).reshape(len(s), (n + 1) ** 2)
    place = n + np.arange(n + 1) * m + np.arange(m)[:, None]  # of s_i x_j for i = 0 to n: (m, n + 1)
    matrix[place[:, :, None], place[:, None, :]] += blocks.reshape(m, n + 1, n + 1)
    if swapped:
        order = np.concatenate([n + np.arange(m), np.arange(n), n + m + np.arange(n * m).reshape(n, m).T.ravel()])
        matrix = matrix[np.ix_(order, order)]
    return matrix


def deletion_damage(patterns: ArrayLike, machine: BoltzmannMachine) -> np.ndarray:
    """KL(data || model without w_ij) - KL(data || model), each synapse deleted alone, nothing retrained: nats.

    Returns (n_0, n_1) float64, 0 where there is no synapse: log(1 - p + p exp(-w)) - <log(1 - q + q exp(-w))> over the
    patterns, p = P(v_i = h_j = 1), q = v_i P(h_j = 1 | v), derived in `analysis.pruning.damage`. |w| above 700 counts
    as 700. Raises ValueError for deep machines.
    """
    _check_restricted("deletion_damage", machine)
    visible = check_binary("patterns", patterns, machine.n_units[0]).astype(np.float64)
    weights = machine.weights[0].astype(np.float64)
    _, (both,) = moments(machine)
    awake = sigmoid(machine.biases[1].astype(np.float64) + visible @ weights)
    damage = statistics.log_mixture(both, weights) - statistics.log_means(visible, awake, weights)[2]
    return np.where(machine.masks[0], damage, 0.0)


def distinct_patterns(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of binary patterns (n_patterns, n_units), uint8, and how often each occurs."""
    packed = np.packbits(patterns, axis=1)
    rows = packed.view(f"S{packed.shape[1]}").ravel()  # one byte string a row: many times faster than axis=0
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    return patterns[first], counts


def sides(machine: BoltzmannMachine) -> Arrays:
    """E = - b_even . x_even - b_odd . x_odd - x_even^T W x_odd: biases (n_even,), (n_odd,), weights (n_even, n_odd)."""
    even, odd = (np.concatenate(machine.biases[k::2]).astype(np.float64) for k in (0, 1))
    weights = np.zeros((len(even), len(odd)))
    for block, w in zip(synapse_blocks(machine, weights), machine.weights):
        block[...] = w
    return even, odd, weights


def synapse_blocks(machine: BoltzmannMachine, matrix: np.ndarray) -> list[np.ndarray]:
    """Views of the (n_even, n_odd) matrix, one a layer of synapses: L arrays (n_l, n_l+1)."""
    where = spans(machine)
    return [matrix[a, b] if layer % 2 == 0 else matrix[b, a].T for layer, (a, b) in enumerate(zip(where, where[1:]))]


def spans(machine: BoltzmannMachine) -> list[slice]:
    """Where each layer lies within the side of its parity: L + 1 slices."""
    n_units = machine.n_units
    starts = [sum(n_units[layer % 2 : layer : 2]) for layer in range(len(n_units))]
    return [slice(start, start + n) for start, n in zip(starts, n_units)]


def _smaller_side(machine: BoltzmannMachine, n_columns: int) -> Iterator[Arrays]:
    """Chunks of the smaller side's states s (n, n_side), log sum exp(-E) over the other (n,), its input (n, n_other).

    n_columns : numbers that the caller holds for a state.
    """
    side, other, weights = sides(machine)
    if len(other) < len(side):
        side, other, weights = other, side, weights.T
    _check_states(len(side), machine.n_units)
    for s in _state_chunks(len(side), max(n_columns, len(other))):
        fields = other + s @ weights
        yield s, s @ side + softplus(fields).sum(axis=1), fields


def _weighted_states(machine: BoltzmannMachine, n_columns: int) -> Iterator[Arrays]:
    """Chunks of the smaller side's states s (n, n_side), P(s) (n,) and P(x_j = 1 | s) in the other (n, n_other)."""
    log_z = log_partition(machine)
    for s, log_weight, fields in _smaller_side(machine, n_columns):
        yield s, np.exp(log_weight - log_z), sigmoid(fields)


def _state_chunks(n: int, n_columns: int) -> Iterator[np.ndarray]:
    """All states of n units as float64, in chunks of at most CHUNK numbers of n_columns a state."""
    for chunk in _chunks(2**n, n_columns):
        yield ((np.arange(chunk.start, chunk.stop)[:, None] >> np.arange(n)[::-1]) & 1).astype(np.float64)


def _chunks(n_rows: int, n_columns: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(1, n_columns))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def _check_states(n: int, n_units: Sequence[int]) -> None:
    """ValueError where n of the units of these layers have more than 2^22 states."""
    if 2**n > MAX_STATES:
        raise ValueError(
            f"enumeration: found {'-'.join(str(n) for n in n_units)} units, which needs 2^{n} states, "
            f"expected at most 2^22 = {MAX_STATES:,}; take analysis.likelihood and samples instead"
        )


def _check_restricted(name: str, machine: BoltzmannMachine) -> None:
    if len(machine.weights) != 1:
        raise ValueError(f"{name}: found {len(machine.biases)} layers, expected 2 (a restricted machine)")
