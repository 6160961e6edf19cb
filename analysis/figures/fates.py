"""Panels of units and their fates: part of the claim dataset on the loss of neurons (claims.part) in, Axes out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.figures.rows import rows
from analysis.figures.style import FATES, band, look, quantity, titled
from analysis.files.palette import BLACK
from analysis.verdicts import effects
from analysis.verdicts.names import words


def survivors_above_lost(part: xr.Dataset, measure: str, margin: float, ax: Axes) -> Axes:
    """P(survivor > lost unit of its session) - 1/2 of each seed, by criterion; below, the reference less |w|."""
    reference, prediction, found = part.attrs["reference"], {"measure": measure, "layer": "all"}, {}
    for name in dict.fromkeys((reference, "variance_fi", "weight", "random_units")):
        if name in part["criterion"].values:
            found[words(name)] = effects.survivors(part.assign_attrs(reference=name), prediction), look(name)
    if words("weight") in [*found][1:]:
        ax.axhline(len(found) - 0.5, color=BLACK, lw=0.5)
        difference = effects.survivors(part, prediction | {"than": "weight"})
        found[f"{words(reference)} less {words('weight')}"] = difference, look(reference)
    rows(found, ax, margin)
    widest = np.nanmax([0.5, *(np.nanmax(np.abs(values)) for values, _ in found.values())])
    ax.set(xlabel="P(survivor > lost unit) − ½", xlim=(-1.08 * widest, 1.08 * widest))
    return titled(ax, part, f", {words(measure)}")


def what_units_tell(part: xr.Dataset, x: str, y: str, layer: int, ax: Axes) -> Axes:
    """Each unit before each session of the first seed: two measures, coloured by what the session does to it."""
    names = [f"loss_cause_{layer}", f"unit_{x}_{layer}", f"unit_{y}_{layer}"]
    cause, *values = (part[name].isel(seed=0).values for name in names)
    for (fate, colour), chosen, marker in zip(FATES.items(), (cause == 0, cause > 0), ("o", "x")):
        dots = ax.scatter(values[0][chosen], values[1][chosen], 7, color=colour, marker=marker, lw=0.7, alpha=0.5)
        dots.set(rasterized=True, label=fate)
    ax.margins(0.06)
    ax.set(xlabel=quantity(part, x, names[1]), ylabel=quantity(part, y, names[2]))
    return titled(ax, part, f", layer {layer}")


def losses_through_axons(part: xr.Dataset, layer: int, ax: Axes) -> Axes:
    """Units lost in all sessions by each criterion, mean over seeds: through their outputs alone, and others, grey."""
    of_layer = part[["n_lost", "n_axonal"]].sel(hidden_layer=layer).mean("seed")
    labels = [words(name) for name in part["criterion"].values]
    ax.barh(labels, of_layer["n_lost"], 0.7, color="0.8", label="its inputs went, or both")
    ax.barh(labels, of_layer["n_axonal"], 0.7, color=FATES["is lost"], label="its outputs alone went")
    for y, (lost, axonal) in enumerate(zip(of_layer["n_lost"].values, of_layer["n_axonal"].values)):
        ax.text(lost, y, f" {axonal:.3g} of {lost:.3g}", va="center")
    ax.set(xlabel="units lost (mean of seeds)", ylim=(len(labels) - 0.4, -0.6))
    ax.margins(x=0.15)
    ax.tick_params(axis="y", length=0)
    return titled(ax, part, f", layer {layer}")


def disconnected_by_entropy(part: xr.Dataset, ax: Axes, n_bins: int = 8) -> Axes:
    """Share of pixels without a synapse after the last session, by their entropy in the data, nats; equal parts."""
    entropy = part["unit_entropy_0"].values
    lost = 1.0 - part["connected_0"].isel(pruning=-1).transpose("seed", "unit_0").values
    bins = np.array_split(np.argsort(entropy, kind="stable"), n_bins)
    x, share = [entropy[b].mean() for b in bins], np.stack([lost[:, b].mean(axis=1) for b in bins], axis=1)
    band(x, share, ax, color=FATES["is lost"], marker="o", mew=0)
    ax.set(xlabel="entropy of the pixel (nats)", ylabel="share disconnected", ylim=(-0.03, 1.03))
    return ax
