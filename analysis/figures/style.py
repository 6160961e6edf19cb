"""The look of the figures.

A criterion or control has one colour, marker and line in all of them: colours of Okabe & Ito (2008), which colour-blind
readers tell apart, markers and lines for print in grey. Lines are means over seeds, bands their 95 % intervals.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from analysis.experiment.controls import CONTROLS, WITH_EQUAL_WORK
from analysis.files import whole
from analysis.files.palette import BLUE, GREY, ORANGE, VERMILION, YELLOW, Line, spare_look
from analysis.pruning import CRITERIA
from analysis.verdicts.comparisons import hidden_units
from analysis.verdicts.intervals import interval, pointwise, those_that_tell
from analysis.verdicts.names import words

COLUMN, PAGE = 3.5, 7.2  # widths of a column and of a page, inches
_LOOKS: dict[str, tuple[str, str, Line]] = {
    "pruned": (BLUE, "o", "-"),
}
VERDICTS = {
    "reproduced": (BLUE, "o"),
    "contradicted": (VERMILION, "X"),
    "no difference that matters": (ORANGE, "s"),
    "open": (GREY, "D"),
}
FATES = {"survives": BLUE, "is lost": VERMILION}
CAUSES = {1: ("lost its inputs", YELLOW), 2: ("lost its outputs", ORANGE), 3: ("lost both", VERMILION)}


def look(name: str) -> tuple[str, str, Line]:
    """Colour, marker and line of a criterion, control or estimate; a spare look for a criterion of the user's own."""
    if (control := CONTROLS.get(name.removesuffix(WITH_EQUAL_WORK))) and control.name != name:
        return control.colour, control.marker, (0, (1, 3))  # with as much work
    record = CRITERIA.get(name) or CONTROLS.get(name)
    return (record.colour, record.marker, record.line) if record else _LOOKS.get(name) or spare_look(name)


def theme() -> None:
    """The look of every figure, whatever matplotlibrc says: seaborn's ticks, 8 point text, thin lines, the same SVG."""
    small = {"font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "xtick.labelsize": 8, "ytick.labelsize": 8}
    lines = {"lines.linewidth": 1.2, "lines.markersize": 4, "axes.linewidth": 0.7, "grid.linewidth": 0.4}
    more = {"legend.fontsize": 8, "legend.frameon": False, "svg.hashsalt": "developmental-pruning", "figure.dpi": 80}
    more |= {"savefig.dpi": 200, "figure.constrained_layout.use": True, "font.family": ["DejaVu Sans"]}
    more["text.hinting"] = "none"  # else text is wider at 80 dots an inch, where the layout is found, than at 200
    mpl.rcdefaults()
    sns.set_theme(context="paper", style="ticks", rc=small | lines | more)


def save(figure: Figure, path: Path | str) -> Figure:
    """Write path.svg and path.png, the same bytes for the same figure; `path` has no suffix. Returns the figure."""
    path = Path(path)
    with whole.whole(path.with_name(f"{path.name}.svg")) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
    with whole.whole(path.with_name(f"{path.name}.png")) as temporary:
        figure.savefig(temporary, format="png", dpi=200, metadata={"Software": None})
    return figure


def keeper(folder: Path | None) -> Callable[[Figure, str], None]:
    """A function (figure, name) that saves the figure into the folder, where that is not None.

    It returns nothing, so that a notebook whose cell ends with it shows the figure once. The layout is found once, and
    then stays: or else it would move with every drawing, and what a notebook shows depend on whether it saves.
    The folder is there even if no figure comes: the workflow expects it.
    """
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)

    def keep(figure, name):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        if folder is not None:
            save(figure, Path(folder) / name)

    return keep


def against_size(values: xr.DataArray, part: xr.Dataset, ax: Axes, size: str = "synapses", **labels: Any) -> Axes:
    """values (criterion or condition, seed, session) against synapses or hidden units left: a line each.

    Sizes fall from left to right, on a logarithmic axis; labels as of Axes.set.
    """
    dim = "condition" if "condition" in values.dims else "criterion"
    sizes = part["n_synapses"].sum("synapse_layer") if size == "synapses" else hidden_units(part, "all")
    for name in values[dim].values:
        y, x = (v.sel({dim: name}).transpose("seed", "session").values for v in (values, sizes))
        known = np.isfinite(y).all(axis=0)
        line(x[:, known].mean(axis=0), y[:, known], name, ax)
    ax.set(**labels)
    return shrinking(ax, f"{size} left")


def line(x: ArrayLike, values: np.ndarray, name: str, ax: Axes, label: str | None = None) -> Axes:
    """Mean of values (seed, x) with its interval over seeds, in the look of `name`."""
    colour, marker, dashes = look(name)
    return band(x, values, ax, color=colour, marker=marker, linestyle=dashes, label=label or words(name), mew=0)


def band(x: ArrayLike, values: np.ndarray, ax: Axes, alpha: float = 0.18, **options: Any) -> Axes:
    """Mean of values (seed, x), a line with the options of Axes.plot, and its interval over seeds."""
    ax.plot(x, values.mean(axis=0), **options)
    if np.size(x) > 1:
        ax.fill_between(x, *pointwise(values), color=options["color"], alpha=alpha, lw=0)
    else:
        ax.vlines(x, *pointwise(values), color=options["color"], lw=1.2)
    return ax


def rows(values: Mapping[str, np.ndarray], margin: float, ax: Axes) -> Axes:
    """A row a name: effects of its seeds (n_seeds, ...) as dots, their mean and interval; grey: does not matter."""
    for y, (name, of_seeds) in enumerate(values.items()):
        colour, marker, _ = look(name)
        mean, low, high = interval(of_seeds)
        told = those_that_tell(of_seeds)
        dots = told.reshape(len(told), -1).mean(axis=1)
        ax.plot(dots, np.full(len(dots), y), "o", color=colour, alpha=0.3, ms=3, mew=0)
        ax.hlines(y, low, high, color=colour, lw=1.6)
        ax.plot(mean, y, marker, color=colour, ms=5)
    ax.axvspan(-margin, margin, color="0.9", lw=0, zorder=0, label="does not matter")
    ax.axvline(0, color="black", lw=0.7, zorder=0.5)
    ax.tick_params(axis="y", length=0)
    ax.set(yticks=range(len(values)), yticklabels=map(words, values), ylim=(len(values) - 0.5, -0.5))
    return tidy(ax)


def titled(ax: Axes, part: xr.Dataset, layer: int | None = None, **labels) -> Axes:
    """Labels as of Axes.set, and the experiment, and layer, as title; without the upper and right spines."""
    ax.set(title=part.attrs["experiment"] + ("" if layer is None else f", layer {layer}"), **labels)
    return tidy(ax)


def legend(figure: Figure, ncols: int = 4) -> Figure:
    """One legend for the whole figure, below the panels, with every label once."""
    found: dict = {}
    for ax in figure.axes:
        for handle, label in zip(*ax.get_legend_handles_labels()):
            found.setdefault(label, handle)
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=ncols)
    return figure


def shrinking(ax: Axes, label: str) -> Axes:
    """A logarithmic axis of sizes that fall from left to right."""
    ax.set(xscale="log", xlabel=label)
    low, high = sorted(ax.get_xlim())
    widest = {5: (1, 2, 3, 5, 7), 20: (1, 2, 5), np.inf: (1, 3)}
    subs = next(subs for ratio, subs in widest.items() if high < ratio * low)
    ax.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=subs))
    ax.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda x, _: f"{x:g}" if x < 1000 else f"{x / 1000:g}k"))
    ax.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    if not ax.xaxis_inverted():
        ax.invert_xaxis()
    return tidy(ax)


def tidy(ax: Axes) -> Axes:
    """Without the upper and right spines."""
    sns.despine(ax=ax)
    return ax
