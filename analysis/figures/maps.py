"""When starting large pays: one map of the dataset of maps (claims.part) in, Axes out."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from analysis.experiment.maps import BUDGETS, PRUNED
from analysis.figures.style import line, tidy
from analysis.verdicts.intervals import pointwise
from analysis.verdicts.maps import AXES, gain
from analysis.verdicts.names import words

_LABELS = {
    "final": "final size (dense units)",
    "growth": "start size / final size",
    "sessions": "sessions",
    "epochs": "epochs, multiple",
}


def gain_map(part: xr.Dataset, control: str, budget: str, ax: Axes, rows: str = "final") -> Axes:
    """loss(control) - loss(pruned) over growth and another axis, in colours; a dot where the interval excludes 0.

    The other two axes are at their values in the map's first cell. A number is the mean over seeds. Blue: starting
    large is better. The colours end at the largest mean gain of either budget.
    """
    base = np.logical_and.reduce([part[axis] == part[axis][0] for axis in {*AXES} - {rows, "growth"}])
    both = {name: gain(part.isel(cell=base), control, PRUNED, name).dropna("cell") for name in BUDGETS}
    gains, limit = both[budget], max(float(abs(known.mean("seed")).max()) for known in both.values() if known.size)
    low, high = pointwise(gains.T)
    cells = {"x": gains["growth"], "y": gains[rows], "mean": gains.mean("seed"), "sure": (low > 0) | (high < 0)}
    table = pd.DataFrame(cells).pivot(index="y", columns="x")
    ax.imshow(table["mean"], cmap="RdBu", norm=TwoSlopeNorm(0, -limit, limit), origin="lower", aspect="auto")
    for (row, column), value in np.ndenumerate(table["mean"]):
        if np.isfinite(value):
            text = f"{'● ' if table['sure'].iat[row, column] else ''}{value:.2g}"
            ax.text(column, row, text, ha="center", va="center", color="white" if abs(value) > 0.6 * limit else "black")
    xs, ys = table["mean"].columns, table.index
    ax.set_xticks(range(len(xs)), [f"{x:g}×" for x in xs])
    ax.set_yticks(range(len(ys)), [f"{y:g}" for y in ys])
    ax.set(xlabel=_LABELS["growth"], ylabel=_LABELS[rows])
    ax.set_title(f"{part.attrs['experiment']}, {words(budget)}")
    return ax


def loss_against_work(part: xr.Dataset, ax: Axes) -> Axes:
    """Loss against synapse-updates along the map's epochs, by condition, with as many updates as the pruned machine."""
    values, budget = along(part, "epochs"), BUDGETS[0]
    for name in values["condition"].values:
        one = values[["loss", "synapse_updates"]].sel(condition=name, budget=budget).transpose("seed", "cell")
        one = one.dropna("cell", subset=["loss"]).sortby("epochs")
        if one.sizes["cell"] > 1:
            line(one["synapse_updates"].mean("seed"), one["loss"].values, str(name), ax)
    first = values.isel(cell=0)  # all have the same start and final size
    ax.set(xscale="log", yscale="log", xlabel="synapse-updates", ylabel=f"loss ({part['loss'].attrs['units']})")
    ax.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(mpl.ticker.NullFormatter())
    ax.set_title(f"{part.attrs['experiment']}, {float(first['start']):g} → {float(first['final']):g} units")
    return tidy(ax)


def gain_along(part: xr.Dataset, axis: str, control: str, ax: Axes) -> Axes:
    """loss(control) - loss(pruned) along sessions or epochs, by budget; the other axes where most of its cells are."""
    values = along(part, axis)
    for budget in BUDGETS:
        gains = gain(values, control, PRUNED, budget).dropna("cell").sortby(axis)
        if gains.sizes["cell"] > 1:
            line(gains[axis], gains.values.T, budget, ax)
    ax.axhline(0, color="black", lw=0.5)
    ax.set(xlabel=_LABELS[axis], ylabel=f"gain ({part['loss'].attrs['units']})")
    ax.set_title(f"{part.attrs['experiment']}: {words(control)}")
    return tidy(ax)


def along(part: xr.Dataset, axis: str) -> xr.Dataset:
    """The cells on the longest line along an axis, of those that tie the first."""
    others = [other for other in AXES if other != axis]
    places = list(zip(*(part[other].values.tolist() for other in others)))
    longest = max(places, key=places.count)
    return part.isel(cell=[place == longest for place in places])
