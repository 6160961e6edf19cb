"""What exact gradients reach from a machine: how far it is from its data for want of training.

    KL = sum_v p(v) log p(v) - <L(v)>_data + log sum_s exp(L(s)),   dKL/dtheta = <t>_model - <t>_data,  t = (s, x, s x)

s are the states of the even layers, enumerated, x the odd layers, L(s) = b . s + sum_j log(1 + exp(b_j + s . W_j)).
Above a pattern of the data, the even layers follow the model given the pattern. Minimised by L-BFGS: Byrd, Lu, Nocedal
& Zhu (1995), doi:10.1137/0916069.
"""

import numpy as np
from numpy.typing import ArrayLike

from analysis.machine.arguments import check_binary, check_count, check_memory
from analysis.machine.exact import distinct_patterns, sides, spans, states, synapse_blocks
from analysis.machine.model import BoltzmannMachine, softplus


def descend(machine: BoltzmannMachine, patterns: ArrayLike, n_iterations: int) -> BoltzmannMachine:
    """The machine after at most n_iterations of L-BFGS on KL(data || model), over biases and the weights that exist.

    patterns : (n_patterns, n_0), values in {0, 1}. Time goes with 2^n n_odd, n the units in even layers. For measures
    alone: last bits differ between machines. Raises ValueError where the even layers have too many states.
    """
    from scipy.optimize import minimize  # takes as long to import as all else

    n_iterations, n_visible = check_count("n_iterations", n_iterations), machine.n_units[0]
    distinct, counts = distinct_patterns(check_binary("patterns", patterns, n_visible))
    even, odd, weights = sides(machine)
    s = states(len(even)).astype(np.float64)
    check_memory("enumeration", f"{len(s):,} states", 48 * len(s) * len(odd))
    share = np.zeros(2**n_visible)  # of the data, by patterns in the order of `states`
    share[distinct @ (1 << np.arange(n_visible)[::-1])] = counts / counts.sum()
    exists = sides(BoltzmannMachine(machine.biases, machine.masks, machine.masks))[2] == 1
    matrix, ends = np.zeros(weights.shape), np.cumsum([len(even), len(odd)])

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """KL(data || model) without the data's entropy, and its gradient."""
        even, odd, matrix[exists] = np.split(parameters, ends)
        fields = odd + s @ matrix
        summed = softplus(fields)
        log_weight = s @ even + summed.sum(axis=1)
        above = log_weight.reshape(len(share), -1)  # (patterns, states above them)
        of_pattern = np.logaddexp.reduce(above, axis=1)
        log_z = np.logaddexp.reduce(of_pattern)
        asleep, awake = np.exp(log_weight - log_z), share[:, None] * np.exp(above - of_pattern[:, None])
        excess, on = asleep - awake.ravel(), np.exp(fields - summed)  # on: P(x_j = 1 | s)
        gradient = excess @ s, excess @ on, ((s * excess[:, None]).T @ on)[exists]
        return float(log_z - share @ of_pattern), np.concatenate(gradient)

    start = np.concatenate([even, odd, weights[exists]])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": n_iterations}).x
    *biases, matrix[exists] = np.split(found, ends)
    layers = [biases[layer % 2][span] for layer, span in enumerate(spans(machine))]
    return BoltzmannMachine(layers, synapse_blocks(machine, matrix), machine.masks)
