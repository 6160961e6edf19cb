"""What each synapse can know, beside the exact Fisher information and |w|: part of a claim dataset in, Axes out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.experiment.local_estimates import LOCAL
from analysis.experiment.measures import spearman
from analysis.figures.style import band, line, look, tidy
from analysis.verdicts.comparisons import of_synapses
from analysis.verdicts.names import words


def spectrum(part: xr.Dataset, shown: str, ax: Axes) -> Axes:
    """Eigenvalues of the exact Fisher information matrix in falling order."""
    values = part["spectrum_exact"].sel(shown=shown).transpose("seed", "parameter").values
    n_known = int(np.isfinite(values).all(axis=0).sum())
    order = np.unique(np.geomspace(1, n_known, 120).astype(int))
    band(order, values[:, order - 1], ax, color="black")
    ax.set(xscale="log", yscale="log", xlabel="order", ylabel="eigenvalue", ylim=(1e-6, None), title=words(shown))
    return tidy(ax)


def proxy_against_exact(part: xr.Dataset, proxy: str, target: str, ax: Axes) -> Axes:
    """Each synapse of the over-produced machines of all seeds: local estimate against the exact value."""
    x, y = (part[name].isel(session=0).values.ravel() for name in (proxy, target))
    exists = np.isfinite(x) & np.isfinite(y)
    ax.hexbin(x[exists], y[exists], gridsize=30, bins="log", mincnt=1, cmap="cividis", linewidths=0.1)
    rho = of_synapses(spearman, part, proxy, target).isel(session=0)
    ax.set(xlabel=words(proxy), ylabel=words(target), title=f"ρ = {float(rho.mean()):.2f}")
    return tidy(ax)


def rank_correlations(part: xr.Dataset, target: str, ax: Axes) -> Axes:
    """Spearman's rho of the local estimates with an exact target, session by session."""
    for proxy in LOCAL:
        rho = of_synapses(spearman, part, proxy, target).transpose("seed", "session")
        line(part["session"].values, rho.values, proxy, ax)
    ax.set(xlabel="session", ylabel="rank correlation", xticks=part["session"].values, ylim=(-1.02, 1.02))
    ax.axhline(0, color="black", lw=0.5)
    ax.set_title(f"with the {words(target)}")
    return tidy(ax)


def samples_needed(part: xr.Dataset, measure: str, ax: Axes) -> Axes:
    """Error of estimates of the exact diagonal against the number of samples; hollow: sizes that few seeds have."""
    n = part["n_samples"].values
    for name in part["estimate"].values:
        values = part[measure].sel(estimate=name).transpose("seed", "n_samples").values
        known, (colour, marker, _) = np.isfinite(values).all(axis=0), look(name)
        line(n[known], values[:, known], name, ax)
        if not known.all():
            ax.plot(n[~known], np.nanmean(values[:, ~known], axis=0), marker, color=colour, mfc="white")
    ax.set(xscale="log", xlabel="samples (online: sweeps)", ylabel=words(measure))
    if measure == "relative_error":
        ax.set_yscale("log")
    return tidy(ax)
