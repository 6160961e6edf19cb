"""When starting large pays: one map of the dataset of maps (claims.part) in, Axes out."""

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from analysis.experiment.maps import BUDGETS, PRUNED
from analysis.figures.style import line, tidy
from analysis.verdicts.intervals import interval
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
    values = at_base(part, rows, "growth")
    gains = gain(values, control, PRUNED, budget)
    known = np.isfinite(gains.values).all(axis=1)
    xs, ys = (np.unique(values[axis].values[known]) for axis in ("growth", rows))
    table, sure = np.full((len(ys), len(xs)), np.nan), np.zeros((len(ys), len(xs)), dtype=bool)
    for x, y, by_seed in zip(values["growth"].values[known], values[rows].values[known], gains.values[known]):
        place = int(np.searchsorted(ys, y)), int(np.searchsorted(xs, x))
        low, high = interval(by_seed)
        table[place], sure[place] = by_seed.mean(), low > 0 or high < 0
    both = [gain(values, control, PRUNED, name).mean("seed", skipna=False) for name in BUDGETS]
    limit = max(float(abs(mean).max()) for mean in both if mean.notnull().any())
    ax.imshow(table, cmap="RdBu", norm=TwoSlopeNorm(0, -limit, limit), origin="lower", aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            text = f"{'● ' if sure[row, column] else ''}{value:.2g}"
            ax.text(column, row, text, ha="center", va="center", color="white" if abs(value) > 0.6 * limit else "black")
    ax.set_xticks(range(len(xs)), [f"{x:g}×" for x in xs])
    ax.set_yticks(range(len(ys)), [f"{y:g}" for y in ys])
    ax.set(xlabel=_LABELS["growth"], ylabel=_LABELS[rows])
    ax.set_title(f"{part.attrs['experiment']}, {words(budget)}")
    return ax


def loss_against_work(part: xr.Dataset, ax: Axes) -> Axes:
    """Loss against synapse-updates along the map's epochs, by condition, with as many updates as the pruned machine."""
    values, budget = along(part, "epochs"), BUDGETS[0]
    for name in values["condition"].values:
        one = values.sel(condition=name, budget=budget).transpose("cell", "seed")
        one = one.isel(cell=np.isfinite(one["loss"].values).all(axis=1)).sortby("epochs")
        if one.sizes["cell"] > 1:
            line(one["synapse_updates"].mean("seed").values, one["loss"].values.T, str(name), ax)
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
        gains = gain(values, control, PRUNED, budget)
        gains = gains.isel(cell=np.isfinite(gains.values).all(axis=1)).sortby(axis)
        if gains.sizes["cell"] > 1:
            line(gains[axis].values, gains.values.T, budget, ax)
    ax.axhline(0, color="black", lw=0.5)
    ax.set(xlabel=_LABELS[axis], ylabel=f"gain ({part['loss'].attrs['units']})")
    ax.set_title(f"{part.attrs['experiment']}: {words(control)}")
    return tidy(ax)


def at_base(part: xr.Dataset, *free: str) -> xr.Dataset:
    """The cells whose axes, but for the free ones, have the values of the first cell."""
    chosen = np.ones(part.sizes["cell"], dtype=bool)
    for axis in set(AXES) - set(free):
        chosen &= part[axis].values == part[axis].values[0]
    return part.isel(cell=chosen)


def along(part: xr.Dataset, axis: str) -> xr.Dataset:
    """The cells on the longest line along an axis, of those that tie the first."""
    others = [other for other in AXES if other != axis]
    places = list(zip(*(part[other].values.tolist() for other in others)))
    longest = max(places, key=places.count)
    return part.isel(cell=[place == longest for place in places])
