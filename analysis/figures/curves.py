"""What starting large and pruning gain, beside controls: part of a claim dataset (claims.part) in, Axes out."""

from collections.abc import Sequence
from textwrap import fill

import xarray as xr
from matplotlib.axes import Axes

from analysis.experiment.controls import WITH_EQUAL_WORK
from analysis.figures.rows import rows
from analysis.figures.style import line, look, quantity, shrinking
from analysis.verdicts import effects
from analysis.verdicts.datasets import loss
from analysis.verdicts.names import words

_REFERENCES = {
    "encoding_error": [("raw_pixel_error", "raw pixels", "--")],
    "digit_quality": [("digit_quality_test", "test digits", "--"), ("digit_quality_random", "random patterns", ":")],
}


def loss_of_controls(part: xr.Dataset, measure: str, ax: Axes) -> Axes:
    """KL, encoding error or quality of the pruned machines and the controls against their own number of synapses."""
    synapses = part["n_synapses"].sum("synapse_layer", skipna=False)
    for name in part["condition"].values:
        line(synapses.sel(condition=name), part[measure].sel(condition=name), name, ax)
    for name, label, dashes in _REFERENCES.get(measure, []):
        ax.axhline(float(part[name]), color="black", lw=0.8, linestyle=dashes, label=label)
    ax.set(title=part.attrs["experiment"], ylabel=quantity(part, measure))
    return shrinking(ax, "synapses left")


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
    measure, found = loss(part), {}
    for worse, better in pairs:
        values = effects.loss(part, {"worse": worse, "better": better, "measure": measure})
        label = words(worse) if better == "pruned" else f"{words(worse)} − {words(better)}"
        found[fill(label, 27, break_on_hyphens=False)] = values, look(worse)
    ax.set(xlabel=f"difference ({part[measure].attrs.get('units', '1')})\n← works better      works worse →")
    ax.set_title(f"{part.attrs['experiment']}: {words(measure)}")
    return rows(found, ax, margin, confidence)
