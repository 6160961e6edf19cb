"""The look of the figures.

A criterion or control has one colour, marker and line in all of them: colours of Okabe & Ito (2008), which colour-blind
readers tell apart, markers and lines for print in grey. Lines are means over seeds, bands their 95 % intervals.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from analysis.experiment.controls import CONTROLS, WITH_EQUAL_WORK
from analysis.files import whole
from analysis.files.palette import BLACK, BLUE, GREY, ORANGE, PURPLE, VERMILION, Line, spare_look
from analysis.pruning import CRITERIA
from analysis.verdicts.intervals import pointwise, those_that_tell
from analysis.verdicts.names import words
from analysis.verdicts.tables import readable

COLUMN, PAGE = 3.5, 7.2  # widths of a column and of a page, inches
SHOWN_DPI = 100  # CSS pixels an inch: a page fills a notebook's cell, and 8 point text is a little over 8 there
VERDICTS = {
    "reproduced": (BLUE, "o"),
    "not reproduced": (PURPLE, "v"),
    "contradicted": (VERMILION, "X"),
    "no difference that matters": (ORANGE, "s"),
    "open": (GREY, "D"),
}
FATES = {"survives": "0.65", "is lost": BLACK}


def look(name: str) -> tuple[str, str, Line]:
    """Colour, marker and line of a criterion, control or estimate; a spare look for a criterion of the user's own."""
    if name == "pruned":
        return BLUE, "o", "-"
    if (control := CONTROLS.get(name.removesuffix(WITH_EQUAL_WORK))) and control.name != name:
        return control.look.colour, control.look.marker, (0, (1, 3))  # with as much work
    record = CRITERIA.get(name) or CONTROLS.get(name)
    return (record.look if record else spare_look(name))[1:]


def theme() -> None:
    """The look of every figure, whatever matplotlibrc says: seaborn's ticks, 8 point text, thin lines, the same SVG."""
    small = {"font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "xtick.labelsize": 8, "ytick.labelsize": 8}
    lines = {"lines.linewidth": 1.2, "lines.markersize": 4, "axes.linewidth": 0.7, "grid.linewidth": 0.4}
    more = {"legend.fontsize": 8, "legend.frameon": False, "svg.hashsalt": "developmental-pruning"}
    more |= {"figure.dpi": SHOWN_DPI, "figure.constrained_layout.use": True, "font.family": ["DejaVu Sans"]}
    more |= {"axes.spines.top": False, "axes.spines.right": False}
    more["text.hinting"] = "none"  # else text is wider at 100 dots an inch, where the layout is found, than at 200
    mpl.rcdefaults()
    sns.set_theme(context="paper", style="ticks", rc=small | lines | more)


def save(figure: Figure, path: Path | str, alt: str = "") -> bytes:
    """Write path.svg, titled by `alt` or its name, and path.png, the same bytes for the same figure; return the PNG."""
    about = {"Date": None, "Creator": None, "Title": alt or Path(path).name}
    with whole.whole(f"{path}.svg") as temporary:
        _draw(figure, temporary, format="svg", metadata=about)
    picture = png(figure)
    with whole.whole(f"{path}.png") as temporary:
        temporary.write_bytes(picture)
    return picture


def png(figure: Figure) -> bytes:
    """The figure, twice as fine as it is shown, in 256 colours, which take a third of the bytes."""
    drawn, content = BytesIO(), BytesIO()
    _draw(figure, drawn, format="png", dpi=2 * SHOWN_DPI)
    picture = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def _draw(figure, file, **options):
    """Without the context savefig gives a figure that has no layout engine a constrained one, for later drawings."""
    with mpl.rc_context({"figure.constrained_layout.use": False}):
        figure.savefig(file, **options)


def keeper(folder: Path | None) -> Callable[[Figure, str, str], None]:
    """A function (figure, name, alt) that shows the figure, and saves it into the folder, where that is not None.

    alt : what is drawn, in a sentence, for those who can't see it.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)  # the workflow expects it even if no figure comes

    def keep(figure, name, alt):
        from IPython.display import display  # of the extra `workflow`: all else here does without

        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # or else the layout would move with every drawing
        picture = png(figure) if folder is None else save(figure, folder / name, alt)
        about = {"width": round(figure.get_figwidth() * SHOWN_DPI), "alt": alt}
        display({"image/png": picture, "text/plain": alt}, metadata={"image/png": about}, raw=True)
        plt.close(figure)  # or else the notebook would show it once more

    return keep


def curve(sizes: xr.DataArray, values: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """(mean sizes (point,), values (seed, point)) of (seed, session): seeds that were run, sessions with a value."""
    y, x = (array.transpose("seed", "session").values for array in (values, sizes))
    ran = np.isfinite(y).any(axis=1)
    known = np.isfinite(y[ran]).all(axis=0)
    return x[ran][:, known].mean(axis=0), y[ran][:, known]


def line(sizes: xr.DataArray, values: xr.DataArray, name: str, ax: Axes) -> Axes:
    """Mean of values with its interval over seeds against mean sizes, both (seed, session), in the look of `name`."""
    colour, marker, dashes = look(name)
    return band(*curve(sizes, values), ax, color=colour, marker=marker, linestyle=dashes, label=words(name), mew=0)


def band(x: ArrayLike, values: np.ndarray, ax: Axes, **options: Any) -> Axes:
    """Mean of values (seed, x), a line with the options of Axes.plot, and its interval over seeds."""
    told = those_that_tell(values)
    if np.size(x) > 1:
        ax.plot(x, told.mean(axis=0), **options)
        ax.fill_between(x, *pointwise(told), color=options["color"], alpha=0.18, lw=0)
    else:
        ax.plot(x, told.mean(axis=0), **options | {"linestyle": "none"})
        ax.vlines(x, *pointwise(told), color=options["color"], lw=1.2)
    return ax


def quantity(part: xr.Dataset, measure: str, variable: str = "") -> str:
    """What an axis shows: the measure in words, and its unit, which is that of a variable of the part."""
    return f"{words(measure)} ({readable(part[variable or measure].attrs.get('units', '1'))[1]})"


def label(axis: Axis, part: xr.Dataset, measure: str, text: str = "{}") -> None:
    """Label an axis by the measure, in the text's place; fractions are shown as percentages."""
    axis.set_label_text(text.format(quantity(part, measure)))
    factor, _ = readable(part[measure].attrs.get("units", "1"))
    if factor != 1:
        axis.set_major_formatter(lambda x, _: f"{factor * x:g}".replace("-", "−"))


def titled(ax: Axes, part: xr.Dataset, more: str = "") -> Axes:
    """The experiment, and more, as title."""
    ax.set_title(part.attrs["experiment"] + more)
    return ax


def legend(figure: Figure, ncols: int = 4) -> Figure:
    """One legend for the whole figure, below the panels, with every label once."""
    found = {label: handle for ax in figure.axes for handle, label in zip(*ax.get_legend_handles_labels())}
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=ncols)
    return figure


def against_synapses(part: xr.Dataset, measure: str, ax: Axes) -> Axes:
    """Labels, and a logarithmic axis of synapses that fall from left to right."""
    label(ax.yaxis, part, measure)
    ax.set(xscale="log", xlabel="synapses left (pruning →)")
    low, high = ax.get_xlim()
    widest = {5: (1, 2, 3, 5, 7), 20: (1, 2, 5), np.inf: (1, 3)}
    subs = next(subs for ratio, subs in widest.items() if high < ratio * low)
    ax.xaxis.set(major_locator=mpl.ticker.LogLocator(subs=subs), minor_formatter=mpl.ticker.NullFormatter())
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}" if x < 1000 else f"{x / 1000:g}k")
    ax.invert_xaxis()
    return titled(ax, part)
