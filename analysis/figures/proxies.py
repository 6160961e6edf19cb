"""What a synapse can know of its importance, and what heeding it gains: part of a claim dataset in, Axes out."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from analysis.experiment.local_estimates import LOCAL
from analysis.experiment.measures import spearman
from analysis.figures.style import line, look, rows, shrinking, tidy, titled
from analysis.verdicts import datasets, effects
from analysis.verdicts.comparisons import at_session, of_synapses
from analysis.verdicts.names import words


def against_exact(part: xr.Dataset, proxy: str, target: str, ax: Axes) -> Axes:
    """Each synapse of the first seed's over-produced machine: local estimate against exact value; line of identity.

    Title: Spearman's rho, mean over seeds. For estimates in the unit of the target; smaller than 1e-5 is drawn there.
    """
    x, y = (np.maximum(part[name].isel(session=0, seed=0).values.ravel(), 1e-5) for name in (target, proxy))
    ax.plot([1e-9, 1], [1e-9, 1], color="0.6", lw=0.8, zorder=0)
    ax.plot(x, y, ".", color=look(proxy)[0], ms=4, alpha=0.4, mew=0, rasterized=True)
    rho = float(of_synapses(spearman, part, proxy, target).isel(session=0).mean())
    ax.set(xlabel=words(target), ylabel="local estimate", title=f"{words(proxy)}, ρ = {rho:.2f}")
    ax.set(xscale="log", yscale="log", xlim=(8e-6, 0.5), ylim=(8e-6, 0.5))
    return tidy(ax)


def rank_correlations(part: xr.Dataset, target: str, session: str, margin: float, ax: Axes) -> Axes:
    """Spearman's rho of each local estimate with an exact target over the synapses of a session: first or last."""
    rho = {name: at_session(of_synapses(spearman, part, name, target), session) for name in LOCAL}
    rows(rho, margin, ax)
    ax.set(xlabel="rank correlation", xlim=(-1.05, 1.05), title=f"{words(target)}\n{words(session)}")
    return ax


def excess_loss(part: xr.Dataset, margin: float, ax: Axes) -> Axes:
    """loss(criterion) - loss(reference) at equal synapses, retrained, mean over sessions, by criterion."""
    measure = datasets.loss(part)
    pair = {"better": "pruned", "measure": measure, "session": "mean"}
    names = [name for name in part["criterion"].values if name != part.attrs["reference"]]
    excess = {name: effects.loss(part, pair | {"worse": name}) for name in names}
    rows(excess, margin, ax)
    largest = max(np.nanmax(np.abs(values.reshape(len(values), -1).mean(axis=1))) for values in excess.values())
    if largest > 50 * margin:  # one bad machine, and no difference of the others could be seen
        ax.set_xscale("symlog", linthresh=2 * margin, linscale=0.6)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter("{x:g}")
    unit = part[measure].attrs.get("units", "1")
    ax.set(xlabel=f"{words(measure)} ({unit})\nmore than by {words(part.attrs['reference'])}")
    return titled(ax, part)


def loss_against_synapses(part: xr.Dataset, coloured: Sequence[str], ax: Axes) -> Axes:
    """Retrained loss against synapses left: some criteria in their look with intervals, the others grey, without."""
    measure = datasets.loss(part)
    for name in sorted(part["criterion"].values, key=lambda name: name in coloured):
        run = part.sel(criterion=name)
        size = run["n_synapses"].sum("synapse_layer").mean("seed").values
        loss = run[measure].sel(stage="retrained").transpose("seed", "session").values
        if name in coloured:
            line(size, loss, name, ax)
        else:
            ax.plot(size, loss.mean(axis=0), color="0.75", lw=1, label="other criteria", zorder=0)
    ax.set(ylabel=f"{words(measure)} ({part[measure].attrs.get('units', '1')})", title=part.attrs["experiment"])
    if measure == "kl":
        ax.set_yscale("log")
        ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}", minor_formatter=NullFormatter())
    return shrinking(ax, "synapses left")
