"""What each unit does in a session, and why it went, in the indices of the over-produced machine; NaN: it is gone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis import pruning
from analysis.experiment import measures
from analysis.experiment.measures import variable
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import fisher

LOST_EARLIER = -1
Layers = Sequence[np.ndarray]
Measured = dict[tuple[str, int], tuple[np.ndarray, str, str]]  # {(name, layer): values of its units, long_name, units}


def activity(machine: BoltzmannMachine, pruned_states: Layers, states: Layers) -> Measured:
    """Of the retrained machine: mean activity, Fisher information and number of synapses of each unit.

    And mean activity right after the pruning, before any retraining: what the loss of the others does to it.
    """
    found: Measured = {}
    information, degree = ([np.zeros(n) for n in machine.n_units] for _ in range(2))
    for k, mask in enumerate(machine.masks):
        f = np.where(mask, fisher.variance_estimate(states[k], states[k + 1]), 0.0)
        for layer, axis in ((k, 1), (k + 1, 0)):
            information[layer] += f.sum(axis=axis)
            degree[layer] += mask.sum(axis=axis)
    for k, (pruned, retrained) in enumerate(zip(pruned_states, states)):
        text = "mean spontaneous activity"
        found["activity", k] = retrained.mean(axis=0), text, "probability"
        found["activity_pruned", k] = pruned.mean(axis=0), f"{text} right after the pruning", "probability"
        found["fisher", k] = information[k], "Fisher information of the unit's synapses, sum", "1"
        found["degree", k] = degree[k], "synapses of the unit", "counts"
    return found


def selectivity(views: Layers, patterns: np.ndarray, labels: np.ndarray | None) -> Measured:
    """What hidden units tell of patterns (n, n_0) and of their labels, if any; views : P(x_l | pattern) a layer."""
    found: Measured = {}
    for k, p in enumerate(views[1:], 1):
        found["input_information", k] = measures.input_information(p), "what the unit tells of its input", "nats"
        found["sparseness", k] = measures.lifetime_sparseness(p), "lifetime sparseness over test patterns", "1"
        found["pixel_tuning", k] = measures.pixel_tuning(p, patterns), "largest |correlation| with a pixel", "1"
        if labels is not None:
            found["digit_information", k] = measures.label_information(p, labels), "what it tells of the digit", "nats"
    return found


def in_place(measured: Measured, kept: Layers, n_units: Sequence[int]) -> dict[str, Any]:
    """Variables unit_<name>_<layer>, each value at the place that its unit had among n_units."""
    return {
        f"unit_{name}_{k}": variable(f"unit_{k}", embed(values, kept[k], n_units[k]), text, unit)
        for (name, k), (values, text, unit) in measured.items()
    }


def embed(values: np.ndarray, kept: np.ndarray, n: int, empty: float = np.nan) -> np.ndarray:
    """values at the places `kept` of n, float32."""
    whole = np.full(n, empty, dtype=np.float32)
    whole[kept] = values
    return whole


def later_causes(before: Layers, new: Layers | None) -> list[np.ndarray]:
    """Loss of each unit in a session: 0 kept, 1-3 why, -1 lost earlier. new : of the units that were left."""
    if new is None:
        return list(before)
    after = [np.where(cause == pruning.KEPT, cause, LOST_EARLIER).astype(np.int8) for cause in before]
    for now, old, cause in zip(after, before, new):
        now[old == pruning.KEPT] = cause
    return after


def fates(causes: Layers) -> dict[str, Any]:
    """Variables loss_cause_<layer>."""
    codes = {LOST_EARLIER: "lost_earlier"} | pruning.CAUSES
    flags = {"flag_values": np.array(list(codes), dtype=np.int8), "flag_meanings": " ".join(codes.values())}
    text = "why the unit went in this session"
    return {f"loss_cause_{k}": variable(f"unit_{k}", x, text, "1", **flags) for k, x in enumerate(causes)}
