"""Hidden units that criteria leave: part of a claim dataset (claims.part) in, Axes out."""

from collections.abc import Mapping

import xarray as xr
from matplotlib.axes import Axes

from analysis.figures.rows import rows
from analysis.figures.style import curve, label, look
from analysis.files.palette import BLACK
from analysis.verdicts import effects
from analysis.verdicts.comparisons import hidden_units, units_at_equal_function
from analysis.verdicts.names import words


def more_by_weight(part: xr.Dataset, margin: float, ax: Axes) -> Axes:
    """Hidden units under |w| less those under each other criterion, at equal synapses, last session; grey: margin."""
    names = [name for name in part["criterion"].values if name != "weight"]
    pairs = {name: {"more": "weight", "fewer": name, "layer": "all"} for name in names}
    found = {f"|w| − {words(name)}": (effects.units(part, pair), _look(part, name)) for name, pair in pairs.items()}
    ax.set(xlabel="hidden units, difference", title=part.attrs["experiment"])
    return rows(found, ax, margin)


def more_for_function(part: xr.Dataset, prediction: dict, margin: float, ax: Axes) -> Axes:
    """Hidden units that |w| needs less those that another criterion needs for the same loss, by a `prediction`."""
    fewer, values = prediction["fewer"], effects.units_at_equal_function(part, prediction)
    ax.set(xlabel="hidden units, difference")
    return rows({f"|w| − {words(fewer)}": (values, _look(part, fewer))}, ax, margin)


def units_left(part: xr.Dataset, ax: Axes, authors: Mapping[str, float] | None = None) -> Axes:
    """Hidden units left after the last session by each criterion, every seed; stars: those of the authors' run."""
    names, left = part["criterion"].values.tolist(), hidden_units(part, "all").isel(session=-1)
    rows({words(name): (left.sel(criterion=name).values, _look(part, name)) for name in names}, ax)
    stars = [(n, names.index(name) - 0.12) for name, n in (authors or {}).items() if name in names]
    if stars:
        ax.plot(*zip(*stars), "*", color=BLACK, ms=9, mfc="white", label="the authors' run")
    ax.set(xlabel="hidden units left", xlim=(0, None), title=part.attrs["experiment"])
    return ax


def loss_against_units(part: xr.Dataset, measure: str, tolerance: float, ax: Axes) -> Axes:
    """Retrained loss less that of the over-produced machine, against hidden units left, by criterion; mean over seeds.

    Dots: where the seeds of |w| and of the reference cross the tolerance, and the mean of these units.
    """
    loss, n_units = part[measure].sel(stage="retrained"), hidden_units(part, "all")
    excess = (loss - loss.isel(session=0)).transpose("criterion", "seed", "session")
    means = {name: curve(n_units.sel(criterion=name), excess.sel(criterion=name)) for name in part["criterion"].values}
    compared = [name for name in means if name in ("weight", part.attrs["reference"])]
    for name in compared:
        colour, marker, _ = look(name)
        x, values = means[name]
        ax.plot(x, values.mean(axis=0), color=colour, marker=marker, ms=4, label=words(name), zorder=2)
        crossed = units_at_equal_function(part, name, measure, tolerance).dropna("seed").values
        ax.plot(crossed, 0 * crossed + tolerance, "|", color=colour, ms=8, alpha=0.5, zorder=3)
        ax.plot(crossed.mean(), tolerance, marker, color=colour, ms=8, mec=BLACK, zorder=4)
    ax.axhline(tolerance, color=BLACK, lw=0.7, ls="--", label="tolerance")
    ax.autoscale(False)
    for name, (x, values) in means.items():
        if name not in compared:
            ax.plot(x, values.mean(axis=0), color="0.6", lw=0.8, zorder=1)
    ax.set(xlabel="hidden units left", title=part.attrs["experiment"])
    label(ax.yaxis, part, measure, "{}\nmore than at the start")
    ax.invert_xaxis()
    return ax


def _look(part, name):
    """What is compared, |w| and the reference criterion, has its colour; the other criteria are grey."""
    return look(name)[:2] if name in ("weight", part.attrs["reference"]) else ("0.6", "o")
