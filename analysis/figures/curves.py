"""Curves of what pruning leaves: part of a claim dataset (claims.part) in, Axes out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from analysis.figures.style import against_size, look, shrinking, titled
from analysis.verdicts.comparisons import at_equal_function, hidden_units
from analysis.verdicts.intervals import pointwise
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


def units_left(part: xr.Dataset, layer: int | str, ax: Axes) -> Axes:
    """Units left in a layer against synapses left, by criterion."""
    title = f"{part.attrs['experiment']}, layer {layer}"
    return against_size(hidden_units(part, layer), part, ax, title=title, ylabel="units left", ylim=(0, None))


def activity(part: xr.Dataset, layer: int, ax: Axes) -> Axes:
    """Mean spontaneous activity of a layer against synapses left, retrained, by criterion."""
    title = f"{part.attrs['experiment']}, layer {layer}{' (visible)' if layer == 0 else ''}"
    rate = part["activity"].sel(stage="retrained", layer=layer)
    return against_size(rate, part, ax, title=title, ylabel=QUANTITIES["activity"])


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


def _reference_lines(part, measure, ax):
    for name, label, dashes in _REFERENCES.get(measure, []):
        ax.axhline(float(part[name]), color="black", lw=0.8, linestyle=dashes, label=label)
    return ax
