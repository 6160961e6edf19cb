"""Rows of seeds: a row a comparison, with every seed below the mean over seeds and its interval."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from analysis.files.palette import BLACK
from analysis.verdicts.intervals import interval, those_that_tell


def rows(
    found: Mapping[str, tuple[ArrayLike, Sequence]],
    ax: Axes,
    margin: float | None = None,
    confidence: Mapping[str, float] | None = None,
) -> Axes:
    """found : {label: (values, look)}, top to bottom; values (n_seeds, ...), a seed with NaN is left out; look as of
    style.look. With a margin, values are differences: a line at 0, and a grey band over what does not matter.
    confidence : of the interval by label, where it is not 95 %.
    """
    for y, (label, (values, (colour, marker, *_))) in enumerate(found.items()):
        told = those_that_tell(values)
        mean, low, high = interval(told, (confidence or {}).get(label, 0.95))
        seeds = np.sort(told.mean(axis=tuple(range(1, told.ndim))))  # of errors: over the test images
        below = y + 0.12 + 0.11 * (np.arange(len(seeds)) % 3)  # side by side where seeds are equal
        ax.plot(seeds, below, "o", color=colour, ms=2.5, mew=0, alpha=0.5)
        ax.hlines(y - 0.12, low, high, color=colour, lw=2)
        ax.plot(mean, y - 0.12, marker, color=colour, ms=6, mec="white", mew=0.5)
    if margin is not None:
        ax.axvspan(-margin, margin, color="0.9", lw=0, zorder=0)
        ax.axvline(0, color=BLACK, lw=0.7, zorder=0)
    ax.set(yticks=range(len(found)), yticklabels=found, ylim=(len(found) - 0.4, -0.5))
    ax.tick_params(axis="y", length=0)
    return ax
