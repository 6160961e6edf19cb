"""The machine without its least important synapses, and without the units that this strands.

Source: Scholl, Rule & Hennig (2021), doi:10.1371/journal.pcbi.1009458, "Pruning" of the methods.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.machine.arguments import check_numbers, is_number
from analysis.machine.model import BoltzmannMachine

Layers = Sequence[np.ndarray]
KEPT, LOST_INPUTS, LOST_OUTPUTS, LOST_BOTH = 0, 1, 2, 3
CAUSES = {KEPT: "kept", LOST_INPUTS: "lost_inputs", LOST_OUTPUTS: "lost_outputs", LOST_BOTH: "lost_both"}


class Pruned(NamedTuple):
    """The smaller machine, the indices of the units it kept (one array a layer), and why each unit of the larger
    machine went (one int8 array a layer: 0 kept, 1 lost its inputs, 2 its outputs, 3 both)."""

    machine: BoltzmannMachine
    kept: tuple[np.ndarray, ...]
    causes: tuple[np.ndarray, ...]


def prune(
    machine: BoltzmannMachine, importance: Layers, fraction: float | Sequence[float], name: str = "importance"
) -> Pruned:
    """Remove the `least_important` synapses of each layer; then the units that this strands.

    A hidden unit needs a synapse from below and, unless in the last layer, one to above; units without go with their
    remaining synapses, which may strand others, until each is connected to the layers next to its own. Visible units
    stay.
    importance : one array (n_l, n_l+1) a layer, finite; where there is no synapse it is ignored
    fraction : of the synapses a layer, in (0, 1); one, or one a layer of synapses
    name : of the importance in errors
    Raises ValueError for another fraction, importance that does not fit or is 0 everywhere, and where no unit is left.
    """
    fractions = fraction if isinstance(fraction, Sequence) else [fraction] * len(machine.masks)
    if len(fractions) != len(machine.masks) or not all(is_number(x) and 0.0 < x < 1.0 for x in fractions):
        expected = "a number between 0 and 1, both excluded, or one a layer of synapses"
        raise ValueError(f"fraction: found {fraction!r}, expected {expected}")
    masks = []
    arrays = check_importance(machine, importance, name)
    for layer, (mask, values, share) in enumerate(zip(machine.masks, arrays, fractions)):
        if mask.any() and not values[mask].any():
            raise ValueError(
                f"{name}[{layer}]: found 0 for all {mask.sum()} synapses of the layer, which would all go, "
                "expected some above 0; take more samples, or another criterion"
            )
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
    """The machine under smaller masks without its stranded units, as Pruned; ValueError where nothing would be left."""
    masks = [mask.copy() for mask in masks]
    for layer, (mask, old) in enumerate(zip(masks, machine.masks, strict=True)):
        if mask.dtype != bool or mask.shape != old.shape or (mask & ~old).any():
            raise ValueError(f"masks[{layer}]: found synapses that the machine has not, expected some of its own, bool")
    causes = [np.zeros(n, dtype=np.int8) for n in machine.n_units]
    while any(map(np.any, lost := _stranded(masks, causes))):
        for layer, cause in enumerate(lost):
            causes[layer] += cause
            if layer > 0:
                masks[layer - 1][:, cause != KEPT] = False
            if layer < len(masks):
                masks[layer][cause != KEPT] = False
    kept = tuple(np.flatnonzero(cause == KEPT) for cause in causes)
    for layer, units in enumerate(kept):
        if len(units) == 0:
            raise ValueError(f"pruning: found no unit left in layer {layer}, expected one at least; lower the fraction")
    pairs = [np.ix_(*pair) for pair in zip(kept, kept[1:])]
    smaller = BoltzmannMachine(
        [bias[units] for bias, units in zip(machine.biases, kept)],
        [weight[pair] for weight, pair in zip(machine.weights, pairs)],
        [mask[pair] for mask, pair in zip(masks, pairs)],
    )
    return Pruned(smaller, kept, tuple(causes))


def _stranded(masks: Layers, causes: Layers) -> list[np.ndarray]:
    """Why a unit that is not gone yet has to go now, one int8 array a layer; visible units stay."""
    lost = [np.zeros_like(causes[0])]
    for layer in range(1, len(causes)):
        no_input = ~masks[layer - 1].any(axis=0)
        no_output = ~masks[layer].any(axis=1) if layer < len(masks) else np.zeros_like(no_input)
        cause = no_input * LOST_INPUTS + no_output * LOST_OUTPUTS
        lost.append(np.where(causes[layer] == KEPT, cause, KEPT).astype(np.int8))
    return lost


def check_importance(machine: BoltzmannMachine, importance: Any, name: str = "importance") -> list[np.ndarray]:
    """The importance as arrays; ValueError unless it is one finite number a synapse."""
    listed, shapes = isinstance(importance, (list, tuple)), [mask.shape for mask in machine.masks]
    if not listed or len(importance) != len(shapes):
        found = f"{len(importance)} arrays" if listed else type(importance).__name__
        expected = f"a list of arrays, one a layer of synapses, of shapes {', '.join(map(str, shapes))}"
        raise ValueError(f"{name}: found {found}, expected {expected}")
    arrays = [check_numbers(f"{name}[{layer}]", *pair) for layer, pair in enumerate(zip(importance, shapes))]
    for layer, (x, mask) in enumerate(zip(arrays, machine.masks)):
        if not np.isfinite(x[mask]).all():
            raise ValueError(f"{name}[{layer}]: found values that are not finite, expected a number a synapse")
    return arrays
