"""The machine without its least important synapses, and without the units that this strands.

Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, "Pruning" of the methods.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.machine.arguments import check_numbers, is_number
from analysis.machine.model import BoltzmannMachine

Layers = Sequence[np.ndarray]  # one array a layer, of units or of synapses
KEPT, LOST_INPUTS, LOST_OUTPUTS, LOST_BOTH = 0, 1, 2, 3
CAUSES = {KEPT: "kept", LOST_INPUTS: "lost_inputs", LOST_OUTPUTS: "lost_outputs", LOST_BOTH: "lost_both"}


class Pruned(NamedTuple):
    """The smaller machine, the indices of the units it kept, an array a layer, and why others went: CAUSES, int8."""

    machine: BoltzmannMachine
    kept: tuple[np.ndarray, ...]
    causes: tuple[np.ndarray, ...]


def prune(
    machine: BoltzmannMachine, importance: Layers, fraction: float | Sequence[float], name: str = "importance"
) -> Pruned:
    """Remove the `least_important` synapses of each layer; then the units that this strands.

    importance : one array (n_l, n_l+1) a layer, finite; where there is no synapse it is ignored
    fraction : of the synapses a layer, in (0, 1); one, or one a layer of synapses
    Raises ValueError for another fraction, importance that does not fit or is 0 everywhere, and where no unit is left.
    """
    fractions = fraction if isinstance(fraction, Sequence) else [fraction] * len(machine.masks)
    if len(fractions) != len(machine.masks) or not all(is_number(x) and 0.0 < x < 1.0 for x in fractions):
        raise ValueError(f"fraction: found {fraction!r}, expected a number above 0 and below 1, or one a layer")
    masks = []
    arrays = check_importance(machine, importance, name)
    for layer, (mask, values, share) in enumerate(zip(machine.masks, arrays, fractions)):
        if mask.any() and not values[mask].any():
            expected = "some above 0, or all would go; take more samples, or another criterion"
            raise ValueError(f"{name}[{layer}]: found 0 for all {mask.sum()} synapses, expected {expected}")
        kept = mask.copy()
        kept[mask] = ~least_important(values[mask], share)
        masks.append(kept)
    return remove_stranded(machine, masks)


def least_important(importance: np.ndarray, fraction: float) -> np.ndarray:
    """Which synapses of a layer a session prunes by their importance, (n,), n at least 1: (n,) bool.

    The round(fraction n) lowest, halves up, at least one and as many as have importance exactly 0; ties by position.
    """
    n_pruned = max(1, int(np.floor(fraction * len(importance) + 0.5)), int((importance == 0).sum()))
    lowest = np.zeros(len(importance), dtype=bool)
    lowest[np.argsort(importance, kind="stable")[:n_pruned]] = True
    return lowest


def remove_stranded(machine: BoltzmannMachine, masks: Layers) -> Pruned:
    """The machine under smaller masks, bool, without stranded units; ValueError where a layer would have none.

    A hidden unit needs a synapse from below and, unless in the last layer, one to above; units without go with their
    other synapses, which may strand more. Visible units stay.
    """
    causes = [np.zeros(n, dtype=np.int8) for n in machine.n_units]
    while any(map(np.any, lost := _stranded(masks, causes))):
        causes = [cause + now for cause, now in zip(causes, lost)]
        masks = [mask & np.outer(pre == KEPT, post == KEPT) for mask, pre, post in zip(masks, causes, causes[1:])]
    kept = tuple(np.flatnonzero(cause == KEPT) for cause in causes)
    if empty := [layer for layer, units in enumerate(kept) if len(units) == 0]:
        raise ValueError(f"pruning: found no unit left in layer {empty[0]}, expected one at least; lower the fraction")
    pairs = [np.ix_(*pair) for pair in zip(kept, kept[1:])]
    biases = [bias[units] for bias, units in zip(machine.biases, kept)]
    weights, masks = ([x[pair] for x, pair in zip(layers, pairs)] for layers in (machine.weights, masks))
    return Pruned(BoltzmannMachine(biases, weights, masks), kept, tuple(causes))


def _stranded(masks: Layers, causes: Layers) -> list[np.ndarray]:
    """Why a unit that is not gone yet has to go now, one int8 array a layer."""
    lost = [np.zeros_like(causes[0])]
    for layer in range(1, len(causes)):
        no_input = ~masks[layer - 1].any(axis=0)
        no_output = ~masks[layer].any(axis=1) if layer < len(masks) else np.zeros_like(no_input)
        cause = no_input * LOST_INPUTS + no_output * LOST_OUTPUTS
        lost.append(np.where(causes[layer] == KEPT, cause, KEPT).astype(np.int8))
    return lost


def check_importance(machine: BoltzmannMachine, importance: Any, name: str = "importance") -> list[np.ndarray]:
    """The importance as arrays; ValueError unless it is one finite number a synapse."""
    listed = isinstance(importance, (list, tuple))
    if not listed or len(importance) != len(machine.masks):
        found = f"{len(importance)} arrays" if listed else type(importance).__name__
        shapes = ", ".join(str(mask.shape) for mask in machine.masks)
        raise ValueError(f"{name}: found {found}, expected a list of arrays, one a layer, of shapes {shapes}")
    arrays = []
    for layer, (values, mask) in enumerate(zip(importance, machine.masks)):
        arrays.append(check_numbers(f"{name}[{layer}]", values, mask.shape))
        if not np.isfinite(arrays[layer][mask]).all():
            raise ValueError(f"{name}[{layer}]: found values that are not finite, expected a number a synapse")
    return arrays
