"""Curves of what pruning leaves: part of a claim dataset (claims.part) in, Axes out."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.experiment.controls import WITH_EQUAL_WORK
from analysis.figures.style import against_size, look, tidy
from analysis.verdicts import effects
from analysis.verdicts.datasets import loss
from analysis.verdicts.intervals import interval
from analysis.verdicts.names import words

QUANTITIES = {
    "kl": "KL(data || model) (nats)",
    "encoding_error": "encoding error (fraction)",
    "digit_quality": "digit quality (probability)",
    "activity": "mean activity (probability)",
    "fisher": "Fisher information",
    "input_information": "I(unit; input) (nats)",
    "digit_information": "I(unit; digit) (nats)",
    "sparseness": "lifetime sparseness",
    "input_weight": "sum of input weights (nats)",
    "pixel_tuning": "largest |corr.| with a pixel",
}
_REFERENCES = {
    "encoding_error": [("raw_pixel_error", "raw pixels", "--")],
    "digit_quality": [("digit_quality_test", "test digits", "--"), ("digit_quality_random", "random patterns", ":")],
}


def loss_of_controls(part: xr.Dataset, measure: str, size: str, ax: Axes) -> Axes:
    """KL or encoding error of the pruned machines and the controls against their own size: synapses or hidden units."""
    against_size(part[measure], part, ax, size, title=part.attrs["experiment"], ylabel=QUANTITIES[measure])
    return _reference_lines(part, measure, ax)


def against_pruned(part: xr.Dataset) -> list[tuple[str, str]]:
    """What `differences` compares: each control with the pruned machine, then random with the pruned wiring."""
    names = part["condition"].values.tolist()
    order = sorted(names[1:], key=lambda name: (names.index(name.removesuffix(WITH_EQUAL_WORK)), name))
    wirings = [("rewired", "reinitialised")] if {"rewired", "reinitialised"} <= {*names} else []
    return [*((name, names[0]) for name in order), *wirings]


def differences(
    part: xr.Dataset, pairs: Sequence[tuple[str, str]], margin: float, ax: Axes, confidence: float = 0.95
) -> Axes:
    """loss(worse) - loss(better) of each pair, last session: seeds as dots, mean and interval; the margin as a band."""
    measure = loss(part)
    for y, (worse, better) in enumerate(pairs):
        prediction = {"effect": "loss", "worse": worse, "better": better, "measure": measure}
        values, units = effects.of(part, prediction)
        mean, low, high = interval(values, confidence)
        colour, marker, _ = look(worse)
        seeds = values.reshape(len(values), -1).mean(axis=1)  # of errors: over the test images
        ax.plot(seeds, y + 0.28 * np.ones(len(seeds)), "o", color=colour, ms=3, mew=0, alpha=0.5)
        ax.hlines(y, low, high, color=colour, lw=2)
        ax.plot(mean, y, marker=marker, color=colour, ms=6)
    ax.axvspan(-margin, margin, color="0.9", lw=0, zorder=0)
    ax.axvline(0, color="black", lw=0.7)
    ax.set(yticks=range(len(pairs)), yticklabels=[_compared(*pair) for pair in pairs], ylim=(len(pairs) - 0.4, -0.6))
    ax.set(xlabel=f"difference ({units})\n← works better      works worse →")
    ax.set_title(f"{part.attrs['experiment']}: {words(measure)}")
    return tidy(ax)


def _compared(worse, better):
    return fill(words(worse) if better == "pruned" else f"{words(worse)} − {words(better)}", 26)


def _reference_lines(part, measure, ax):
    for name, label, dashes in _REFERENCES.get(measure, []):
        ax.axhline(float(part[name]), color="black", lw=0.8, linestyle=dashes, label=label)
    return ax
