"""Curves of what pruning leaves: part of a claim dataset (claims.part) in, Axes out."""

import xarray as xr
from matplotlib.axes import Axes

from analysis.figures.style import against_size

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


def loss_of_controls(part: xr.Dataset, measure: str, size: str, ax: Axes) -> Axes:
    """KL or encoding error of the pruned machines and the controls against their own size: synapses or hidden units."""
    against_size(part[measure], part, ax, size, title=part.attrs["experiment"], ylabel=QUANTITIES[measure])
    return _reference_lines(part, measure, ax)


def activity(part: xr.Dataset, layer: int, ax: Axes) -> Axes:
    """Mean spontaneous activity of a layer against synapses left, retrained, by criterion."""
    title = f"{part.attrs['experiment']}, layer {layer}{' (visible)' if layer == 0 else ''}"
    rate = part["activity"].sel(stage="retrained", layer=layer)
    return against_size(rate, part, ax, title=title, ylabel=QUANTITIES["activity"])


def _reference_lines(part, measure, ax):
    for name, label, dashes in _REFERENCES.get(measure, []):
        ax.axhline(float(part[name]), color="black", lw=0.8, linestyle=dashes, label=label)
    return ax
