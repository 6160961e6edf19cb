"""Hidden units that criteria leave: part of a claim dataset (claims.part) in, Axes out.

What is compared, |w| and the reference criterion, has its colour; the other criteria are grey.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.figures.style import look, tidy
from analysis.files.palette import BLACK
from analysis.verdicts import effects
from analysis.verdicts.comparisons import hidden_units, units_at_equal_function
from analysis.verdicts.intervals import interval
from analysis.verdicts.names import words

_GREY = "0.6"


def more_by_weight(part: xr.Dataset, margin: float, ax: Axes) -> Axes:
    """Hidden units under |w| less those under each other criterion, at equal synapses, last session; grey: margin."""
    names = [name for name in part["criterion"].values if name != "weight"]
    for y, name in enumerate(names):
        pair = {"more": "weight", "fewer": name, "layer": "all"}
        _row(effects.units(part, pair), y, _colour(part, name), ax)
    ax.set_title(part.attrs["experiment"])
    return _differences(names, margin, ax)


def more_for_function(part: xr.Dataset, prediction: dict, margin: float, ax: Axes) -> Axes:
    """Hidden units that |w| needs less those that another criterion needs for the same loss, by a `prediction`."""
    fewer = prediction["fewer"]
    _row(effects.units_at_equal_function(part, prediction), 0, _colour(part, fewer), ax)
    return _differences([fewer], margin, ax)


def units_left(part: xr.Dataset, ax: Axes, others: Mapping[str, float] | None = None) -> Axes:
    """Hidden units left after the last session by each criterion, every seed; stars: others, by criterion."""
    names, left = part["criterion"].values.tolist(), hidden_units(part, "all").isel(session=-1)
    for y, name in enumerate(names):
        _row(left.sel(criterion=name).values, y, _colour(part, name), ax)
    stars = [(n, names.index(name)) for name, n in (others or {}).items() if name in names]
    if stars:
        ax.plot(*zip(*stars), "*", color=BLACK, ms=9, mfc="white", label="the authors' run", ls="none")
    ax.set(xlabel="hidden units left", xlim=(0, None), title=part.attrs["experiment"])
    return _named([words(name) for name in names], ax)


def loss_against_units(part: xr.Dataset, measure: str, tolerance: float, ax: Axes) -> Axes:
    """Retrained loss less that of the over-produced machine, against hidden units left, by criterion; mean over seeds.

    Dots: where the seeds of |w| and of the reference cross the tolerance, and the mean of these units.
    """
    loss, n_units = part[measure].sel(stage="retrained"), hidden_units(part, "all")
    excess = (loss - loss.isel(session=0)).mean("seed")
    for name in part["criterion"].values:
        colour, marker = _colour(part, name)
        x, y = n_units.sel(criterion=name).mean("seed"), excess.sel(criterion=name)
        if colour == _GREY:
            ax.plot(x, y, color=_GREY, lw=0.8, zorder=1)
            continue
        ax.plot(x, y, color=colour, marker=marker, ms=4, label=words(name), zorder=2)
        crossed = units_at_equal_function(part, name, measure, tolerance).values
        ax.plot(crossed, np.full(len(crossed), tolerance), "|", color=colour, ms=8, alpha=0.5, zorder=3)
        ax.plot(crossed.mean(), tolerance, marker, color=colour, ms=8, mec=BLACK, zorder=4)
    ax.axhline(tolerance, color=BLACK, lw=0.7, ls="--", label="tolerance")
    ax.set_yscale("symlog", linthresh=2 * tolerance, linscale=0.8)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set(xlabel="hidden units left", title=part.attrs["experiment"])
    ax.set_ylabel(f"{words(measure)}, more than at the start\n({part[measure].attrs.get('units', '1')})")
    ax.invert_xaxis()
    return tidy(ax)


def _colour(part, name):
    """(colour, marker): the look of |w| and of the reference, grey for others."""
    colour, marker, _ = look(name)
    return (colour, marker) if name in ("weight", part.attrs["reference"]) else (_GREY, "o")


def _row(values, y, colour_marker, ax):
    """Seeds as dots, side by side where they are equal; above them their mean and its interval."""
    (colour, marker), (mean, low, high) = colour_marker, interval(values)
    told = np.sort(values[np.isfinite(values)])
    ax.plot(told, y + 0.28 * np.resize([-1, 0, 1, 0.5, -0.5], len(told)), ".", color=colour, ms=4, mew=0, alpha=0.6)
    ax.hlines(y, low, high, color=colour, lw=2)
    ax.plot(mean, y, marker, color=colour, ms=6, mec="white", mew=0.5)


def _differences(names, margin, ax):
    ax.axvspan(-margin, margin, color="0.9", lw=0, zorder=0)
    ax.axvline(0, color=BLACK, lw=0.7, zorder=0)
    ax.set_xlabel("hidden units, difference")
    return _named([f"|w| − {words(name)}" for name in names], ax)


def _named(names, ax):
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    return tidy(ax)
