"""Panels of units and their fates: Dataset in, Axes out.

Datasets are parts of the claim dataset on the loss of neurons (claims.part). "Survives" and "is lost" have one colour
and one line in all of them.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.figures.curves import QUANTITIES
from analysis.figures.style import CAUSES, FATES, band, look, tidy, titled
from analysis.verdicts import effects
from analysis.verdicts.intervals import interval
from analysis.verdicts.names import words


def survivors_above_lost(part: xr.Dataset, measure: str, margin: float, ax: Axes) -> Axes:
    """P(survivor > lost unit of its session) - 1/2 of each seed, by criterion; below, the reference less |w|.

    Dots are seeds, lines intervals of their mean; the grey band is what does not matter of a difference. Rows: of the
    reference, variance FI, |w| and random whole units those that were run.
    """
    reference, prediction = part.attrs["reference"], {"measure": measure, "layer": "all"}
    names = dict.fromkeys((reference, "variance_fi", "weight", "random_units"))
    shown = [name for name in names if name in part["criterion"].values]
    rows = {words(name): (effects.survivors(part.assign_attrs(reference=name), prediction), name) for name in shown}
    if "weight" in shown[1:]:
        difference = effects.survivors(part, prediction | {"than": "weight"})
        rows[f"{words(reference)} less {words('weight')}"] = difference, reference
        y = len(rows) - 1
        ax.barh(y, 2 * margin, 0.9, left=-margin, color="0.88", lw=0)
        ax.axhline(y - 0.5, color="black", lw=0.5)
    for y, (values, name) in enumerate(rows.values()):
        colour, marker, _ = look(name)
        told = values[np.isfinite(values)]
        ax.plot(told, y + np.linspace(-0.2, 0.2, len(told)), ".", color=colour, ms=3, alpha=0.5, mew=0)
        mean, low, high = interval(values)
        ax.hlines(y, low, high, color=colour, lw=2)
        ax.plot(mean, y, marker, color=colour, ms=6)
    ax.axvline(0, color="black", lw=0.7)
    widest = np.nanmax([0.68, *(np.abs(values).max() for values, _ in rows.values())]) * 1.05
    ax.set(yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5), xlim=(-widest, widest))
    ax.set(xlabel="P(survivor > lost unit) − ½", title=f"{part.attrs['experiment']}, {words(measure)}")
    ax.tick_params(axis="y", length=0)
    return tidy(ax)


def what_units_tell(part: xr.Dataset, x: str, y: str, layer: int, ax: Axes) -> Axes:
    """Each unit before each session of the first seed: two measures, coloured by what the session does to it."""
    cause = part[f"loss_cause_{layer}"].isel(seed=0).values
    values = [part[f"unit_{name}_{layer}"].isel(seed=0).values for name in (x, y)]
    for (fate, colour), chosen, marker in zip(FATES.items(), (cause == 0, cause > 0), ("o", "x")):
        dots = ax.scatter(values[0][chosen], values[1][chosen], 7, color=colour, marker=marker, lw=0.7, alpha=0.5)
        dots.set(rasterized=True, label=fate)
    ax.margins(0.06)
    ax.set(xlabel=QUANTITIES[x], ylabel=QUANTITIES[y])
    return titled(ax, part, layer)


def causes_of_loss(part: xr.Dataset, layer: int, ax: Axes) -> Axes:
    """Units lost in each session, by what they lost, mean over seeds; the title counts them over all seeds."""
    cause, bottom = part[f"loss_cause_{layer}"], np.zeros(part.sizes["pruning"])
    for code, (label, colour) in CAUSES.items():
        counts = (cause == code).sum(f"unit_{layer}").mean("seed").values
        ax.bar(part["pruning"].values, counts, bottom=bottom, color=colour, label=label, width=0.8, lw=0.4, ec="black")
        bottom = bottom + counts
    ax.set(xlabel="session", ylabel="units lost", xlim=(0.3, part.sizes["pruning"] + 0.7))
    ax.set_ylim(0, 1.1 * max(bottom.max(), 1))
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    ax.set_title(f"{part.attrs['experiment']}, layer {layer}: {int((cause > 0).sum()):,} lost")
    return tidy(ax)


def disconnected_by_entropy(part: xr.Dataset, ax: Axes, n_bins: int = 8) -> Axes:
    """Share of pixels without a synapse after the last session, by their entropy in the data, nats; equal parts."""
    entropy = part["unit_entropy_0"].values
    lost = 1.0 - part["connected_0"].isel(pruning=-1).transpose("seed", "unit_0").values
    bins = np.array_split(np.argsort(entropy, kind="stable"), n_bins)
    x, share = [entropy[b].mean() for b in bins], np.stack([lost[:, b].mean(axis=1) for b in bins], axis=1)
    band(x, share, ax, color=FATES["is lost"], marker="o", mew=0)
    ax.set(xlabel="entropy of the pixel (nats)", ylabel="share disconnected", ylim=(-0.03, 1.03))
    return tidy(ax)
