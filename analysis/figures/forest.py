"""Predictions as a forest of intervals, in their own units: table of claims.evaluate in, Figure out."""

from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import PAGE, VERDICTS, theme, tidy
from analysis.files.palette import BLACK
from analysis.verdicts.datasets import NOTEBOOKS

MOST_ROWS = 10  # a claim
_WIDTH, _LINE, _PANEL = 50, 0.13, 0.45  # letters a line of text; inches a line, and around a panel
_MARGIN: dict[str, Any] = {"color": "0.88", "lw": 0, "label": "does not matter"}


def forest(table: pd.DataFrame) -> Figure:
    """The first MOST_ROWS rows of each claim, a panel a unit and margin; the grey band is what does not matter."""
    theme()
    if table.empty:
        return plt.figure(figsize=(PAGE, 0.5))
    table = table.groupby("claim", sort=False).head(MOST_ROWS)
    panels = list(table.groupby(["claim", "units", "margin"], sort=False))
    heights = [_PANEL + _LINE * _heights(rows).sum() for _, rows in panels]
    size = (PAGE, sum(heights) + 0.5)
    figure, axes = plt.subplots(len(panels), figsize=size, height_ratios=heights, squeeze=False)
    first = table.drop_duplicates("claim").index if table["claim"].nunique() > 1 else []
    for ((claim, *_), rows), ax in zip(panels, axes.ravel()):
        panel(rows, ax)
        if rows.index[0] in first:
            ax.set_title(fill(f"{int(claim[:2])}. {NOTEBOOKS[claim]}", 90), fontweight="bold", loc="right")
    looks = {word: look for word, look in VERDICTS.items() if word in set(table["verdict"])}
    marks: list = [Line2D([], [], color=colour, marker=m, label=word) for word, (colour, m) in looks.items()]
    figure.legend(handles=[*marks, Patch(**_MARGIN)], loc="outside lower center", ncols=3)
    return figure


def panel(rows: pd.DataFrame, ax: Axes) -> Axes:
    """Effects with their intervals, coloured by verdict; right of 0 the sentence holds."""
    heights = _heights(rows)
    ys = heights.cumsum() - heights / 2
    for y, row in zip(ys, rows.itertuples()):
        colour, marker = VERDICTS[row.verdict]
        ax.hlines(y, row.low, row.high, color=colour, lw=2)
        ax.plot(row.mean, y, color=colour, marker=marker, ms=6, mec="white", mew=0.5)
    ax.axvspan(-rows["margin"].iloc[0], rows["margin"].iloc[0], zorder=0, **_MARGIN)
    ax.axvline(0, color=BLACK, lw=0.7)
    ax.use_sticky_edges = False  # room around the band
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set(yticks=ys, yticklabels=map(_wrapped, rows["prediction"]), ylim=(heights.sum(), 0))
    ax.set_xlabel(rows["units"].iloc[0])
    return tidy(ax)


def _wrapped(text):
    return fill(text, _WIDTH)


def _heights(rows):
    """Lines of text that each row takes, and one between rows."""
    return np.array([_wrapped(text).count("\n") + 2 for text in rows["prediction"]])
