"""When starting large pays: one map of the dataset of maps (claims.part) in, Axes out."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from analysis.experiment.maps import BUDGETS, PRUNED
from analysis.verdicts.intervals import pointwise
from analysis.verdicts.maps import AXES, gain
from analysis.verdicts.names import words

_LABELS = {"final": "final size (dense units)", "sessions": "sessions", "epochs": "epochs, multiple"}


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
    image = ax.imshow(table["mean"], cmap="RdBu", norm=TwoSlopeNorm(0, -limit, limit), origin="lower", aspect="auto")
    ax.figure.colorbar(image, ax=ax, label=f"gain ({part['loss'].attrs['units']})")
    for (row, column), value in np.ndenumerate(table["mean"]):
        if np.isfinite(value):
            text = f"{'● ' if table['sure'].iat[row, column] else ''}{value:.2g}"
            ax.text(column, row, text, ha="center", va="center", color="white" if abs(value) > 0.6 * limit else "black")
    xs, ys = table["mean"].columns, table.index
    ax.set_xticks(range(len(xs)), [f"{x:g}×" for x in xs])
    ax.set_yticks(range(len(ys)), [f"{y:g}" for y in ys])
    ax.set(xlabel="start size / final size", ylabel=_LABELS[rows])
    ax.set_title(f"{part.attrs['experiment']}, {words(budget)}")
    return ax
