"""Curves of what pruning leaves: part of a claim dataset (claims.part) in, Axes out."""

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes

from analysis.figures.style import against_size, band, look, tidy
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


def activity(part: xr.Dataset, layer: int, ax: Axes) -> Axes:
    """Mean spontaneous activity of a layer against synapses left, retrained, by criterion."""
    title = f"{part.attrs['experiment']}, layer {layer}{' (visible)' if layer == 0 else ''}"
    rate = part["activity"].sel(stage="retrained", layer=layer)
    return against_size(rate, part, ax, title=title, ylabel=QUANTITIES["activity"])


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
