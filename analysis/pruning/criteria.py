"""Which synapses matter, and the smaller machine without the others.

Every criterion is a function (machine, states, seed) -> importance, one array (n_l, n_l+1) a layer of synapses, larger
is more important; `states` are samples of the machine's spontaneous activity, one array (n_chains, n_l) a layer;
those that do not fit raise ValueError. `prune` removes the least important synapses of each layer, then the units that
this leaves without input or output. Adding a criterion: write such a function and enter it in CRITERIA. Source:
Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458.
"""

from typing import NamedTuple

import numpy as np

from analysis.machine.model import BoltzmannMachine, check_binary, check_numbers
from analysis.machine.randomness import bits, derive
from analysis.pruning import fisher, online

KEPT, LOST_INPUTS, LOST_OUTPUTS, LOST_BOTH = 0, 1, 2, 3
CAUSES = {KEPT: "kept", LOST_INPUTS: "lost_inputs", LOST_OUTPUTS: "lost_outputs", LOST_BOTH: "lost_both"}


class Pruned(NamedTuple):
    """The smaller machine, the indices of the units it kept (one array a layer), and why each unit of the larger
    machine went (one int8 array a layer: 0 kept, 1 lost its inputs, 2 its outputs, 3 both)."""

    machine: BoltzmannMachine
    kept: tuple
    causes: tuple


def variance_fi(machine, states, seed):
    """Var(v_i h_j) over the samples."""
    states = _check_states(machine, states)
    return [fisher.variance_estimate(pre, post) for pre, post in zip(states, states[1:])]


def variance_fi_w2(machine, states, seed):
    """w_ij^2 Var(v_i h_j): second-order change of KL(with || without the synapse), twice."""
    return [f * w.astype(np.float64) ** 2 for f, w in zip(variance_fi(machine, states, seed), machine.weights)]


def heuristic_fi(machine, states, seed):
    """p_ij (1 - p_ij) from mean rates and the weight."""
    states = _check_states(machine, states)
    return [fisher.heuristic_estimate(pre, post, w) for pre, post, w in zip(states, states[1:], machine.weights)]


def eigenvector(machine, states, seed):
    """|entry| of the first eigenvector of the Fisher information of the synapses that exist; one hidden layer only."""
    if len(machine.weights) != 1:
        raise ValueError(f"criterion 'eigenvector': found {len(machine.weights)} layers of synapses, expected 1")
    mask = machine.masks[0]
    alive = np.concatenate([np.ones(sum(machine.n_units), dtype=bool), mask.ravel()])
    matrix = fisher.information_matrix(*_check_states(machine, states))
    importance = np.zeros(len(matrix))
    importance[alive] = fisher.first_eigenvector(matrix[np.ix_(alive, alive)])
    return [importance[sum(machine.n_units) :].reshape(mask.shape)]


def weight(machine, states, seed):
    """|w_ij|"""
    return [np.abs(w).astype(np.float64) for w in machine.weights]


def random(machine, states, seed):
    """Random numbers in (0, 1]."""
    seed = derive(seed, "random importance")
    return [(bits(seed, k, w.size).reshape(w.shape) + 1.0) * 2.0**-32 for k, w in enumerate(machine.weights)]


def anti_fi(machine, states, seed):
    """1 - Var(v_i h_j): the most informative synapses go first."""
    return [1.0 - f for f in variance_fi(machine, states, seed)]


def online_fi(machine, states, seed):
    """p (1 - p) from running averages of one network, which dreams on from the first of the samples (see `online`)."""
    states, n_sweeps = [x[0] for x in _check_states(machine, states)], online.N_SWEEPS
    _, averages = online.dream(machine, states, n_sweeps, n_sweeps, seed)
    return online.importance(averages, n_sweeps)


CRITERIA = {
    f.__name__: f for f in (variance_fi, variance_fi_w2, heuristic_fi, eigenvector, weight, random, anti_fi, online_fi)
}


def criterion(name):
    """The criterion of that name. Raises ValueError with the known names for an unknown one."""
    if name not in CRITERIA:
        raise ValueError(f"criterion: found {name!r}, expected one of {', '.join(CRITERIA)}")
    return CRITERIA[name]


def prune(machine, importance, fraction):
    """Remove round(fraction S_l) of the S_l synapses of each layer, the least important first; then stranded units.

    Synapses of importance exactly 0 all go when they are more than that. Ties are broken by position: the synapse
    that stands first in the weight matrix, row by row, goes first. At least one synapse goes, however small the
    fraction. A hidden unit needs a synapse from below and, unless in the last layer, one to above; units without are
    removed with their remaining synapses, which may strand others, until all are connected: to the layers next to
    theirs, not all to one another, so parts without a synapse between them stay or go each for itself. Visible units
    stay, connected or not. A layer that would lose its last unit is an error, and the machine stays as it was.

    Parameters
    ----------
    importance : one array (n_l, n_l+1) a layer, finite; where there is no synapse it is ignored
    fraction : of the synapses a layer, in (0, 1)

    Returns
    -------
    Pruned(machine, kept, causes)

    Raises
    ------
    ValueError : a fraction outside (0, 1), importance of another shape or not finite, no unit left in a layer
    """
    if not isinstance(fraction, (int, float, np.number)) or not 0.0 < fraction < 1.0:
        raise ValueError(f"fraction: found {fraction!r}, expected a number between 0 and 1, both excluded")
    _check_importance(machine, importance)
    masks = []
    for mask, values in zip(machine.masks, importance):
        n_pruned = max(1, int(np.floor(fraction * mask.sum() + 0.5)), int((np.asarray(values)[mask] == 0).sum()))
        masks.append(_without_least_important(mask, values, n_pruned))
    return remove_stranded(machine, masks)


def prune_to(machine, importance, n_synapses):
    """The machine that keeps the n_synapses[l] most important synapses of layer l, ties broken as in `prune`.

    Where that strands units, these go and the choice is made anew among the synapses of the others, until none is
    stranded. So as many synapses are left as asked, or, where the others have fewer, all of theirs.
    n_synapses : one count a layer. Raises ValueError as `prune`, and for a count that is not from 1 to the layer's.
    """
    _check_importance(machine, importance)
    for layer, (n, existing) in enumerate(zip(n_synapses, machine.n_synapses, strict=True)):
        if not 1 <= n <= existing:
            raise ValueError(f"n_synapses[{layer}]: found {n}, expected 1 to {existing}, those that the machine has")
    while True:
        n_pruned = [max(0, before - int(n)) for before, n in zip(machine.n_synapses, n_synapses)]
        masks = [_without_least_important(*layer) for layer in zip(machine.masks, importance, n_pruned)]
        smaller = remove_stranded(machine, masks)
        if smaller.machine.n_units == machine.n_units:
            return smaller.machine
        pairs = list(zip(smaller.kept, smaller.kept[1:]))
        importance = [x[np.ix_(*pair)] for x, pair in zip(importance, pairs)]
        machine = remove_units(machine, smaller.kept)


def remove_stranded(machine, masks):
    """The machine under smaller masks without its stranded units, as Pruned; ValueError where nothing would be left."""
    masks = _check_masks(machine, masks)
    causes = [np.zeros(n, dtype=np.int8) for n in machine.n_units]
    n_layers = len(machine.n_units)
    while True:
        new = []
        for layer in range(1, n_layers):
            no_input = ~masks[layer - 1].any(axis=0)
            no_output = ~masks[layer].any(axis=1) if layer < n_layers - 1 else np.zeros_like(no_input)
            cause = no_input * LOST_INPUTS + no_output * LOST_OUTPUTS
            new.append(np.where(causes[layer] == KEPT, cause, KEPT).astype(np.int8))
        if not any(cause.any() for cause in new):
            break
        for layer, cause in enumerate(new, start=1):
            causes[layer] += cause
            masks[layer - 1][:, cause != KEPT] = False
            if layer < n_layers - 1:
                masks[layer][cause != KEPT] = False
    kept = tuple(np.flatnonzero(cause == KEPT) for cause in causes)
    for layer, units in enumerate(kept):
        if len(units) == 0:
            raise ValueError(f"pruning: found no unit left in layer {layer}, expected one at least; lower the fraction")
    smaller = remove_units(BoltzmannMachine(machine.biases, machine.weights, masks), kept)
    return Pruned(smaller, kept, tuple(causes))


def remove_units(machine, kept):
    """The machine with the units of these indices alone, one array a layer, and all the synapses between them."""
    pairs = list(zip(kept, kept[1:]))
    return BoltzmannMachine(
        tuple(b[k] for b, k in zip(machine.biases, kept)),
        tuple(w[np.ix_(*pair)] for w, pair in zip(machine.weights, pairs)),
        tuple(m[np.ix_(*pair)] for m, pair in zip(machine.masks, pairs)),
    )


def _without_least_important(mask, importance, n_pruned):
    """The mask without so many synapses."""
    synapses = np.flatnonzero(mask)
    values = np.asarray(importance, dtype=np.float64).ravel()[synapses]
    kept = mask.copy()
    kept.ravel()[synapses[np.argsort(values, kind="stable")[:n_pruned]]] = False
    return kept


def _check_importance(machine, importance):
    _check_one_a_layer("importance", importance, machine.weights)
    for layer, (x, mask) in enumerate(zip(importance, machine.masks)):
        x = check_numbers(f"importance[{layer}]", x)
        if x.shape != mask.shape:
            raise ValueError(f"importance[{layer}]: found shape {x.shape}, expected {mask.shape}")
        if not np.isfinite(x[mask]).all():
            raise ValueError(f"importance[{layer}]: found values that are not finite, expected a number a synapse")


def _check_masks(machine, masks):
    """The masks as new arrays; ValueError unless they hold synapses of the machine alone."""
    _check_one_a_layer("masks", masks, machine.masks)
    masks = [np.array(m) for m in masks]
    for layer, (mask, old) in enumerate(zip(masks, machine.masks)):
        if mask.shape != old.shape or mask.dtype != bool:
            raise ValueError(f"masks[{layer}]: found {mask.dtype} {mask.shape}, expected bool {old.shape}")
        if (mask & ~old).any():
            raise ValueError(f"masks[{layer}]: found synapses that the machine has not, expected some of its own")
    return masks


def _check_states(machine, states):
    _check_one_a_layer("states", states, machine.biases)
    return [check_binary(f"states[{k}]", x, n) for k, (x, n) in enumerate(zip(states, machine.n_units))]


def _check_one_a_layer(name, arrays, expected):
    if len(arrays) != len(expected):
        raise ValueError(f"{name}: found {len(arrays)} arrays, expected {len(expected)}, one a layer")
