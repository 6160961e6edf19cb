"""Curves of what pruning leaves: part of a claim dataset (claims.part) in, Axes out."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes

from analysis.experiment.controls import WITH_EQUAL_WORK
from analysis.figures.style import against_size, band, look, shrinking, tidy, titled
from analysis.verdicts import effects
from analysis.verdicts.comparisons import at_equal_function, hidden_units
from analysis.verdicts.datasets import loss
from analysis.verdicts.intervals import interval, pointwise
from analysis.verdicts.names import STAGES, words

QUANTITIES = {
    "kl": "KL(data || model) (nats)",
    "encoding_error": "encoding error (fraction)",
    "digit_quality": "digit quality (probability)",
    "activity": "mean activity (probability)",
    "fisher": "Fisher information",
    "input_information": "I(unit; input) (nats)",
    "digit_information": "I(unit; digit) (nats)",
    "sparseness": "lifetime sparseness",
    "input_weight": "sum of input weights (nats)",
    "pixel_tuning": "largest |corr.| with a pixel",
}
_REFERENCES = {
    "encoding_error": [("raw_pixel_error", "raw pixels", "--")],
    "digit_quality": [("digit_quality_test", "test digits", "--"), ("digit_quality_random", "random patterns", ":")],
}


def loss_of_criteria(part: xr.Dataset, measure: str, stage: str, ax: Axes) -> Axes:
    """KL, encoding error or digit quality against synapses left, by criterion, before or after retraining."""
    title = f"{part.attrs['experiment']}, {STAGES[stage]}"
    against_size(part[measure].sel(stage=stage), part, ax, title=title, ylabel=QUANTITIES[measure])
    if measure == "kl":
        ax.set_yscale("log")
    return _reference_lines(part, measure, ax)


def loss_of_controls(part: xr.Dataset, measure: str, size: str, ax: Axes) -> Axes:
    """KL or encoding error of the pruned machines and the controls against their own size: synapses or hidden units."""
    against_size(part[measure], part, ax, size, title=part.attrs["experiment"], ylabel=QUANTITIES[measure])
    return _reference_lines(part, measure, ax)


def against_pruned(part: xr.Dataset) -> list[tuple[str, str]]:
    """What `differences` compares: each control with the pruned machine, then random with the pruned wiring."""
    names = part["condition"].values.tolist()
    order = sorted(names[1:], key=lambda name: (names.index(name.removesuffix(WITH_EQUAL_WORK)), name))
    wirings = [("rewired", "reinitialised")] if {"rewired", "reinitialised"} <= {*names} else []
    return [*((name, names[0]) for name in order), *wirings]


def differences(
    part: xr.Dataset, pairs: Sequence[tuple[str, str]], margin: float, ax: Axes, confidence: float = 0.95
) -> Axes:
    """loss(worse) - loss(better) of each pair, last session: seeds as dots, mean and interval; the margin as a band."""
    measure = loss(part)
    for y, (worse, better) in enumerate(pairs):
        prediction = {"effect": "loss", "worse": worse, "better": better, "measure": measure}
        values, units = effects.of(part, prediction)
        mean, low, high = interval(values, confidence)
        colour, marker, _ = look(worse)
        seeds = values.reshape(len(values), -1).mean(axis=1)  # of errors: over the test images
        ax.plot(seeds, y + 0.28 * np.ones(len(seeds)), "o", color=colour, ms=3, mew=0, alpha=0.5)
        ax.hlines(y, low, high, color=colour, lw=2)
        ax.plot(mean, y, marker=marker, color=colour, ms=6)
    ax.axvspan(-margin, margin, color="0.9", lw=0, zorder=0)
    ax.axvline(0, color="black", lw=0.7)
    ax.set(yticks=range(len(pairs)), yticklabels=[_compared(*pair) for pair in pairs], ylim=(len(pairs) - 0.4, -0.6))
    ax.set(xlabel=f"difference ({units})\n← works better      works worse →")
    ax.set_title(f"{part.attrs['experiment']}: {words(measure)}")
    return tidy(ax)


def _compared(worse, better):
    return fill(words(worse) if better == "pruned" else f"{words(worse)} − {words(better)}", 26)


def units_left(part: xr.Dataset, layer: int | str, ax: Axes) -> Axes:
    """Units left in a layer against synapses left, by criterion."""
    title = f"{part.attrs['experiment']}, layer {layer}"
    return against_size(hidden_units(part, layer), part, ax, title=title, ylabel="units left", ylim=(0, None))


def diversity(part: xr.Dataset, stage: str, ax: Axes) -> Axes:
    """Entropy of the classes among generated images, as an effective number of digits, exp H, by criterion."""
    share = part["class_share"].sel(stage=stage)
    number, most = xr.ufuncs.exp(-(share * np.log(share.where(share > 0))).sum("digit")), share.sizes["digit"]
    against_size(number, part, ax, title=STAGES[stage], ylabel="effective number of digits", ylim=(0, 1.05 * most))
    ax.axhline(most, color="black", lw=0.8, linestyle="--")
    return ax


def class_shares(part: xr.Dataset, criterion: str, stage: str, ax: Axes) -> Axes:
    """Share of each digit among the generated images, session by session; dashed: equal shares."""
    shares = part["class_share"].sel(criterion=criterion, stage=stage).mean("seed").transpose("digit", "session")
    edges = np.vstack([np.zeros(shares.sizes["session"]), shares.cumsum("digit").values])
    last = part["session"].values[-1]
    for digit, colour in enumerate(sns.color_palette("cividis", shares.sizes["digit"])):
        ax.fill_between(part["session"], edges[digit], edges[digit + 1], color=colour, lw=0.4, ec="white")
        if edges[digit + 1, -1] - edges[digit, -1] > 0.04:
            ax.text(last, edges[digit : digit + 2, -1].mean(), f" {digit}", va="center")
    ax.set(xlabel="session", ylabel="share of images", ylim=(0, 1), xlim=(part["session"].values[0], last))
    ax.set_title(words(criterion))
    return tidy(ax)


def cost_at_equal_function(part: xr.Dataset, measure: str, margin: float, ax: Axes) -> Axes:
    """Synapses and hidden units that each criterion needs for the over-produced machine's loss plus a margin."""
    sizes = part["n_synapses"].sum("synapse_layer"), hidden_units(part, "all")
    costs = [at_equal_function(part, n, measure, margin) for n in sizes]
    for name in part["criterion"].values:
        cost = [n.sel(criterion=name).values for n in costs]
        (x, y), (x_error, y_error) = zip(*[(n.mean(), np.abs(pointwise(n) - n.mean())[:, None]) for n in cost])
        colour, marker, _ = look(name)
        ax.errorbar(x, y, y_error, x_error, color=colour, marker=marker, ms=5, lw=1, ls="none", label=words(name))
    start = [float(n.isel(session=0).mean()) for n in sizes]
    ax.plot(*start, color="black", marker="*", mfc="white", ms=9, ls="none", label="over-produced", zorder=0)
    ax.set(ylabel="hidden units needed", ylim=(0, 1.05 * start[1]), title=part.attrs["experiment"])
    return shrinking(ax, "synapses needed")


def synapses_a_unit(part: xr.Dataset, layer: int, ax: Axes) -> Axes:
    """Share of the units left that have at least so many synapses, by |w| and the reference; all seeds."""
    for name in part["compared"].values:
        degree = part[f"unit_degree_{layer}"].sel(compared=name).values
        degree = np.sort(degree[degree > 0])[::-1]
        colour, _, dashes = look(name)
        share = np.arange(1, len(degree) + 1) / len(degree)
        ax.step(degree, share, where="pre", color=colour, linestyle=dashes, label=words(name))
    return titled(ax, part, layer, xlabel="synapses of a unit, k", ylabel="share of units with ≥ k", ylim=(0, 1.02))


def rank_frequency(part: xr.Dataset, stage: str, ax: Axes) -> Axes:
    """Probability of the visible pattern of each rank, after the last session, by criterion, with the data's."""
    rank, data = part["rank"].values, part["data_rank_probability"].values
    last = part["rank_probability"].sel(shown="last", stage=stage).transpose("criterion", "seed", "rank")
    for name, values in zip(part["criterion"].values, last.values):
        colour, _, dashes = look(name)
        band(rank, values, ax, color=colour, linestyle=dashes, label=words(name))
    ax.plot(rank[data > 0], data[data > 0], color="black", lw=2.4, alpha=0.45, label="data", zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="rank of the pattern", ylabel="probability")
    ax.set_ylim(max(data[data > 0].min() / 10, 1e-8), 1.5)
    ax.set_title(f"last session, {STAGES[stage]}")
    return tidy(ax)


def _reference_lines(part, measure, ax):
    for name, label, dashes in _REFERENCES.get(measure, []):
        ax.axhline(float(part[name]), color="black", lw=0.8, linestyle=dashes, label=label)
    return ax
