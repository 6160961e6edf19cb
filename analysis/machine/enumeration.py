"""Enumeration of the states of small machines, in chunks.

    sum_x exp(-E(x)) = sum_s exp(b_s . s) prod_j (1 + exp(b_j + s . W_j))

Units of even layers touch only units of odd layers. So any machine is a restricted Boltzmann machine of two sides, the
even and the odd layers; the states s of the smaller side are enumerated and the other side is summed analytically.
All in float64 and nats. Source: Salakhutdinov & Hinton (2009), AISTATS, eq. 1-8.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from analysis.machine.logistic import sigmoid, softplus
from analysis.machine.model import BoltzmannMachine

MAX_STATES = 2**22
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
CHUNK = 2**22  # numbers held at once; larger tables are worked through in chunks (32 MB in float64)


def states(n: int) -> np.ndarray:
    """All 2^n patterns of n binary units, (2^n, n) uint8: pattern k is k written in binary; ValueError beyond 2^22."""
    check_states(n, [n])
    return _states(0, 2**n, n)


def sides(machine: BoltzmannMachine) -> Arrays:
    """E = - b_even . x_even - b_odd . x_odd - x_even^T W x_odd: biases (n_even,), (n_odd,), weights (n_even, n_odd)."""
    even, odd = (np.concatenate(machine.biases[k::2]).astype(np.float64) for k in (0, 1))
    weights = np.zeros((len(even), len(odd)))
    for block, w in zip(synapse_blocks(machine, weights), machine.weights):
        block[...] = w
    return even, odd, weights


def spans(machine: BoltzmannMachine) -> list[slice]:
    """Where each layer lies within the side of its parity: L + 1 slices."""
    n_units = machine.n_units
    starts = [sum(n_units[layer % 2 : layer : 2]) for layer in range(len(n_units))]
    return [slice(start, start + n) for start, n in zip(starts, n_units)]


def synapse_blocks(machine: BoltzmannMachine, matrix: np.ndarray) -> list[np.ndarray]:
    """Views of the (n_even, n_odd) matrix, one a layer of synapses: L arrays (n_l, n_l+1)."""
    where = spans(machine)
    return [matrix[a, b] if layer % 2 == 0 else matrix[b, a].T for layer, (a, b) in enumerate(zip(where, where[1:]))]


def enumerates_odd(machine: BoltzmannMachine) -> bool:
    """Whether the odd layers are the smaller side."""
    return sum(machine.n_units[1::2]) < sum(machine.n_units[0::2])


def n_hidden_enumerated(machine: BoltzmannMachine) -> int:
    """Hidden units to enumerate once the visible layer is given."""
    return min(sum(machine.n_units[2::2]), sum(machine.n_units[1::2]))


def log_partition(machine: BoltzmannMachine) -> float:
    """log Z = log sum_x exp(-E(x)), in nats. Raises ValueError for more than 2^22 states of the smaller side."""
    side, other, weights = _smaller_side(machine)
    chunks = (_log_weights_of_side(s, side, other, weights) for s in _state_chunks(len(side), len(other)))
    return float(np.logaddexp.reduce([np.logaddexp.reduce(chunk) for chunk in chunks]))


def weighted_states(machine: BoltzmannMachine, n_columns: int) -> Iterator[Arrays]:
    """Chunks of the smaller side's states s (n, n_side), P(s) (n,) and P(x_j = 1 | s) in the other (n, n_other).

    n_columns : numbers that the caller holds for a state. Raises ValueError as `log_partition`.
    """
    (side, other, weights), log_z = _smaller_side(machine), log_partition(machine)
    for s in _state_chunks(len(side), n_columns):
        p = np.exp(_log_weights_of_side(s, side, other, weights) - log_z)
        yield s, p, sigmoid(other + s @ weights)


def log_weights(machine: BoltzmannMachine, patterns: np.ndarray) -> np.ndarray:
    """log sum_h exp(-E(v, h)) for each of the patterns v (n_patterns, n_0): (n_patterns,).

    Given v, the hidden layers are a machine of two sides again: the odd layers, with v's input on top of their biases,
    and the even ones above them. The smaller is enumerated, the other summed. An RBM has no even ones: one state.
    """
    n_visible = machine.n_units[0]
    even, odd, weights = sides(machine)
    upper, between = even[n_visible:], weights[n_visible:]
    inputs = patterns @ weights[:n_visible]  # (n_patterns, n_odd)
    result = np.full(len(patterns), -np.inf)
    for s in _state_chunks(n_hidden_enumerated(machine), len(odd)):
        for chunk in _chunks(len(patterns), len(s) * len(odd)):
            if len(upper) <= len(odd):
                fields = (odd + inputs[chunk])[:, None, :] + (s @ between)[None, :, :]
                table = s @ upper + softplus(fields).sum(axis=2)
            else:
                table = s @ odd + softplus(upper + s @ between.T).sum(axis=1) + inputs[chunk] @ s.T
            result[chunk] = np.logaddexp(result[chunk], np.logaddexp.reduce(table, axis=1))
    return result + patterns @ even[:n_visible]


def check_states(n: int, n_units: Sequence[int]) -> None:
    """ValueError where n of the units of these layers have more than 2^22 states."""
    if 2**n > MAX_STATES:
        raise ValueError(
            f"enumeration: found {'-'.join(str(n) for n in n_units)} units, which needs 2^{n} states, "
            f"expected at most 2^22 = {MAX_STATES:,}; take analysis.likelihood and samples instead"
        )


def _smaller_side(machine: BoltzmannMachine) -> Arrays:
    """Biases of the side to enumerate, biases of the other, weights (n_side, n_other)."""
    even, odd, weights = sides(machine)
    if enumerates_odd(machine):
        even, odd, weights = odd, even, weights.T
    check_states(len(even), machine.n_units)
    return even, odd, weights


def _log_weights_of_side(s: np.ndarray, side: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """b . s + sum_j softplus(b_j + s . W_j): (n_states,)."""
    return s @ side + softplus(other + s @ weights).sum(axis=1)


def _states(start: int, stop: int, n: int) -> np.ndarray:
    """Patterns start..stop-1 of `states`."""
    bits = np.arange(n - 1, -1, -1)
    return ((np.arange(start, stop)[:, None] >> bits) & 1).astype(np.uint8)


def _state_chunks(n: int, n_columns: int) -> Iterator[np.ndarray]:
    """All states of n units as float64, in chunks of at most CHUNK numbers of n_columns a state."""
    for chunk in _chunks(2**n, n_columns):
        yield _states(chunk.start, chunk.stop, n).astype(np.float64)


def _chunks(n_rows: int, n_columns: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(1, n_columns))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
