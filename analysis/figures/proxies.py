"""What a synapse can know of its importance, and what heeding it gains: part of a claim dataset in, Axes out."""

from collections.abc import Sequence
from math import nan

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from analysis.experiment.local_estimates import LOCAL
from analysis.figures.rows import rows
from analysis.figures.style import curve, label, line, look, shrinking, tidy, titled
from analysis.verdicts import datasets, effects
from analysis.verdicts.names import words
from analysis.verdicts.tables import quote


def against_exact(part: xr.Dataset, proxy: str, target: str, ax: Axes) -> Axes:
    """Each synapse of the first seed's over-produced machine: local estimate against exact value; line of identity.

    Title: Spearman's rho, mean over seeds. For estimates in the unit of the target; smaller than 1e-5 is drawn there.
    """
    x, y = (np.maximum(part[name].isel(session=0).values.ravel(), 1e-5) for name in (target, proxy))
    ax.plot([1e-9, 1], [1e-9, 1], color="0.6", lw=0.8, zorder=0)
    ax.plot(x, y, ".", color=look(proxy)[0], ms=4, alpha=0.4, mew=0, rasterized=True)
    rho = effects.rank(part, {"proxy": proxy, "target": target, "session": "first"}).mean()
    ax.set(xlabel=words(target), ylabel="local estimate", title=f"{words(proxy)}, ρ = {rho:.2f}")
    ax.set(xscale="log", yscale="log", xlim=(8e-6, 0.5), ylim=(8e-6, 0.5))
    return tidy(ax)


def rank_correlations(
    part: xr.Dataset, target: str, session: str, margin: float, ax: Axes, estimates: Sequence[str] = LOCAL
) -> Axes:
    """Spearman's rho of each local estimate with an exact target over the synapses of a session: first or last."""
    rho = {name: effects.rank(part, {"proxy": name, "target": target, "session": session}) for name in estimates}
    rows({words(name): (values, look(name)) for name, values in rho.items()}, ax, margin)
    ax.set(xlabel="rank correlation", xlim=(-1.05, 1.05), title=f"{words(target)}\n{words(session)}")
    return ax


def excess_loss(part: xr.Dataset, margin: float, ax: Axes) -> Axes:
    """loss(criterion) - loss(reference) at equal synapses, retrained, mean over sessions, by criterion."""
    measure, reference = datasets.loss(part), part.attrs["reference"]
    pair = {"better": "pruned", "measure": measure, "session": "mean"}
    excess = {
        name: effects.loss(part, pair | {"worse": name}) for name in part["criterion"].values if name != reference
    }
    rows({words(name): (values, look(name)) for name, values in excess.items()}, ax, margin)
    if max(abs(bound) for bound in ax.dataLim.intervalx) > 50 * margin:  # one bad machine would hide the others
        ax.set_xscale("symlog", linthresh=2 * margin, linscale=0.6)
        ax.xaxis.set(minor_locator=NullLocator(), major_formatter="{x:g}")
    label(ax.xaxis, part, measure, f"{{}}\nmore than by {words(reference)}")
    return titled(ax, part)


def loss_against_synapses(part: xr.Dataset, coloured: Sequence[str], ax: Axes) -> Axes:
    """Retrained loss against synapses left: some criteria in their look with intervals, the others grey, without.

    The panel shows the former whole. Grey lines that end above it are named, with the loss that they end at.
    """
    measure = datasets.loss(part)
    sizes, loss = part["n_synapses"].sum("synapse_layer", skipna=False), part[measure].sel(stage="retrained")
    runs = {name: (sizes.sel(criterion=name), loss.sel(criterion=name)) for name in part["criterion"].values}
    for name in coloured:
        line(*runs[name], name, ax)
    ax.autoscale(False, axis="y")
    beyond = []
    for name in (name for name in runs if name not in coloured):
        x, values = curve(*runs[name])
        ax.plot(x, values.mean(axis=0), color="0.75", lw=1, label="other criteria", zorder=0)
        if (end := values.mean(axis=0)[-1]) > ax.get_ylim()[1]:
            beyond.append(f"{words(name)}: ends at {quote(end, nan, nan, loss.attrs.get('units', '1'))}")
    white = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    ax.text(0.02, 0.98, "\n".join(beyond), transform=ax.transAxes, va="top", color="0.4", bbox=white)
    ax.set_title(part.attrs["experiment"])
    label(ax.yaxis, part, measure)
    return shrinking(ax, "synapses left")
