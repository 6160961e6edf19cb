"""Panels of units and their fates: Dataset in, Axes out.

Datasets are parts of the claim dataset on the loss of neurons (claims.part). "Survives" and "is lost" have one colour
and one marker in all of them.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.figures.rows import rows
from analysis.figures.style import FATES, band, look, quantity, tidy, titled
from analysis.files.palette import BLACK
from analysis.verdicts import effects
from analysis.verdicts.names import words


def survivors_above_lost(part: xr.Dataset, measure: str, margin: float, ax: Axes) -> Axes:
    """P(survivor > lost unit of its session) - 1/2 of each seed, by criterion; below, the reference less |w|.

    Rows: of the reference, variance FI, |w| and random whole units those that were run; grey: margin.
    """
    reference, prediction = part.attrs["reference"], {"measure": measure, "layer": "all"}
    names = dict.fromkeys((reference, "variance_fi", "weight", "random_units"))
    shown = [name for name in names if name in part["criterion"].values]
    found = {words(name): (effects.survivors(part.assign_attrs(reference=name), prediction), name) for name in shown}
    if "weight" in shown[1:]:
        difference = effects.survivors(part, prediction | {"than": "weight"})
        found[f"{words(reference)} less {words('weight')}"] = difference, reference
        ax.axhline(len(shown) - 0.5, color=BLACK, lw=0.5)
    rows({label: (values, look(name)) for label, (values, name) in found.items()}, ax, margin)
    ax.set(xlabel="P(survivor > lost unit) − ½", title=f"{part.attrs['experiment']}, {words(measure)}")
    widest = np.nanmax([0.5, *(np.abs(values).max() for values, _ in found.values())])
    ax.set_xlim(-1.08 * widest, 1.08 * widest)
    return ax


def what_units_tell(part: xr.Dataset, x: str, y: str, layer: int, ax: Axes) -> Axes:
    """Each unit before each session of the first seed: two measures, coloured by what the session does to it."""
    cause = part[f"loss_cause_{layer}"].isel(seed=0).values
    values = [part[f"unit_{name}_{layer}"].isel(seed=0).values for name in (x, y)]
    for (fate, colour), chosen, marker in zip(FATES.items(), (cause == 0, cause > 0), ("o", "x")):
        dots = ax.scatter(values[0][chosen], values[1][chosen], 7, color=colour, marker=marker, lw=0.7, alpha=0.5)
        dots.set(rasterized=True, label=fate)
    ax.margins(0.06)
    ax.set(xlabel=quantity(part, x, f"unit_{x}_{layer}"), ylabel=quantity(part, y, f"unit_{y}_{layer}"))
    return titled(ax, part, layer)


def losses_through_axons(part: xr.Dataset, layer: int, ax: Axes) -> Axes:
    """Units lost in all sessions by each criterion, mean over seeds: through their outputs alone, and others, grey."""
    of_layer = part[["n_lost", "n_axonal"]].sel(hidden_layer=layer).mean("seed")
    labels = [words(name) for name in part["criterion"].values]
    ax.barh(labels, of_layer["n_lost"], 0.7, color="0.8", label="its inputs went, or both")
    ax.barh(labels, of_layer["n_axonal"], 0.7, color=FATES["is lost"], label="its outputs alone went")
    for y, (lost, axonal) in enumerate(zip(of_layer["n_lost"].values, of_layer["n_axonal"].values)):
        ax.text(lost, y, f" {axonal:.3g} of {lost:.3g}", va="center")
    ax.set(xlabel="units lost", ylim=(len(labels) - 0.4, -0.6))
    ax.margins(x=0.15)
    ax.tick_params(axis="y", length=0)
    return titled(ax, part, layer)


def disconnected_by_entropy(part: xr.Dataset, ax: Axes, n_bins: int = 8) -> Axes:
    """Share of pixels without a synapse after the last session, by their entropy in the data, nats; equal parts."""
    entropy = part["unit_entropy_0"].values
    lost = 1.0 - part["connected_0"].isel(pruning=-1).transpose("seed", "unit_0").values
    bins = np.array_split(np.argsort(entropy, kind="stable"), n_bins)
    x, share = [entropy[b].mean() for b in bins], np.stack([lost[:, b].mean(axis=1) for b in bins], axis=1)
    band(x, share, ax, color=FATES["is lost"], marker="o", mew=0)
    ax.set(xlabel="entropy of the pixel (nats)", ylabel="share disconnected", ylim=(-0.03, 1.03))
    return tidy(ax)
