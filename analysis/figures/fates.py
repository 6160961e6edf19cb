"""Panels of units and their fates: Dataset in, Axes out.

Datasets are parts of the claim dataset on the loss of neurons (claims.part). "Survives" and "is lost" have one colour
and one line in all of them.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator
from scipy.stats import rankdata

from analysis.figures.curves import QUANTITIES
from analysis.figures.style import CAUSES, FATES, band, line, tidy, titled
from analysis.verdicts.survival import residual, survivors


def trajectories(part: xr.Dataset, measure: str, layer: int, ax: Axes) -> Axes:
    """A measure of every unit of the first seed, session by session until its loss; bold: mean over all units, seeds.

    Units that survive every session against those that any session removes. Bands: 95 % over the seeds' means.
    """
    value = part[f"unit_{measure}_{layer}"].transpose("seed", f"unit_{layer}", "pruning").values
    survives = (part[f"loss_cause_{layer}"] == 0).all("pruning").values
    x = part["pruning"].values - 1  # measured before pruning k is what session k - 1 left
    for (fate, colour), chosen, dashes in zip(FATES.items(), (survives, ~survives), ("-", "--")):
        paths = [np.column_stack([x, y])[np.isfinite(y)] for y in value[0][chosen[0]]]
        ax.add_collection(LineCollection(paths, colors=colour, lw=0.4, alpha=0.15, rasterized=True))
        of_fate = np.where(chosen[..., None], value, np.nan)
        known = np.isfinite(of_fate).any(axis=1).all(axis=0)
        means = np.nanmean(of_fate[..., known], axis=1)
        band(x[known], means, ax, alpha=0.3, color=colour, linestyle=dashes, lw=1.8, label=fate)
    ax.set(xlabel="after session", ylabel=QUANTITIES[measure], xticks=x, ylim=(0, np.nanquantile(value, 0.995)))
    return titled(ax, part, layer)


def survivors_and_lost(part: xr.Dataset, measure: str, layer: int, ax: Axes) -> Axes:
    """Distribution of a measure over survivors and lost units, before the loss; all sessions and seeds."""
    cause, value = part[f"loss_cause_{layer}"].values, part[f"unit_{measure}_{layer}"].values
    groups = {"survives": value[cause == 0], "is lost": value[cause > 0]}
    for (fate, colour), dashes in zip(FATES.items(), ("-", "--")):
        x = np.sort(groups[fate])
        ax.step(x, np.arange(1, len(x) + 1) / max(len(x), 1), where="post", color=colour, linestyle=dashes, label=fate)
    ax.set(xlabel=QUANTITIES[measure], ylabel="share of units ≤ x", ylim=(0, 1.02))
    return titled(ax, part, layer)


def what_units_tell(part: xr.Dataset, x: str, y: str, layer: int, ax: Axes) -> Axes:
    """Each unit before each session of the first seed: two measures, coloured by what the session does to it."""
    cause = part[f"loss_cause_{layer}"].isel(seed=0).values
    values = [part[f"unit_{name}_{layer}"].isel(seed=0).values for name in (x, y)]
    for (fate, colour), chosen, marker in zip(FATES.items(), (cause == 0, cause > 0), ("o", "x")):
        ax.scatter(values[0][chosen], values[1][chosen], 6, color=colour, marker=marker, lw=0.7, alpha=0.6, label=fate)
    ax.set(xlabel=QUANTITIES[x], ylabel=QUANTITIES[y])
    return titled(ax, part, layer)


def causes_of_loss(part: xr.Dataset, layer: int, ax: Axes) -> Axes:
    """Units lost in each session, by what they lost; mean over seeds."""
    cause, bottom = part[f"loss_cause_{layer}"], np.zeros(part.sizes["pruning"])
    for code, (label, colour) in CAUSES.items():
        counts = (cause == code).sum(f"unit_{layer}").mean("seed").values
        ax.bar(part["pruning"].values, counts, bottom=bottom, color=colour, label=label, width=0.8, lw=0.4, ec="black")
        bottom = bottom + counts
    ax.set(xlabel="session", ylabel="units lost")
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    return titled(ax, part, layer)


def neighbours(part: xr.Dataset, layer: int, ax: Axes, n_bins: int = 5) -> Axes:
    """Change of the survivors' activity right after a pruning, by how many of their competitors it removed.

    Equal parts of the survivors of each session; what a unit's own lost synapses explain, a line, is taken out.
    """
    means = np.full((part.sizes["seed"], n_bins), np.nan)
    for of_seed, seed in zip(means, range(part.sizes["seed"])):
        found = [(y, lost, drive) for y, lost, drive in survivors(part.isel(seed=seed), layer) if np.ptp(lost) > 0]
        changes = [residual(y, drive) for y, _, drive in found]
        bins = [((rankdata(lost) - 0.5) / len(lost) * n_bins).astype(int) for _, lost, _ in found]
        for k in np.unique(np.concatenate(bins)) if found else []:
            of_seed[k] = np.concatenate(changes)[np.concatenate(bins) == k].mean()
    known, middle = np.isfinite(means).all(axis=0), (np.arange(n_bins) + 0.5) / n_bins
    line(middle[known], means[:, known], part.attrs["reference"], ax)
    ax.axhline(0, color="black", lw=0.5)
    ax.set(xlabel="rank by share of competitors lost", ylabel="change of activity", xlim=(0, 1))
    return titled(ax, part, layer)


def disconnected_by_entropy(part: xr.Dataset, ax: Axes, n_bins: int = 8) -> Axes:
    """Share of pixels without a synapse after the last session, by their entropy in the data, nats; equal parts."""
    entropy = part["unit_entropy_0"].values
    lost = 1.0 - part["connected_0"].isel(pruning=-1).transpose("seed", "unit_0").values
    bins = np.array_split(np.argsort(entropy, kind="stable"), n_bins)
    x, share = [entropy[b].mean() for b in bins], np.stack([lost[:, b].mean(axis=1) for b in bins], axis=1)
    line(x, share, part.attrs["reference"], ax)
    ax.set(xlabel="entropy of the pixel (nats)", ylabel="share disconnected", ylim=(0, 1.02))
    return tidy(ax)
