"""Predictions as a forest of intervals, in their own units: table of claims.evaluate in, Figure out."""

from textwrap import fill
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import PAGE, VERDICTS, theme, tidy
from analysis.verdicts.datasets import NOTEBOOKS

MOST_ROWS = 10  # a claim
_WIDTH, _LINE, _PANEL = 62, 0.13, 0.42  # letters a line of text; inches a line, and around a panel
_MARGIN: dict[str, Any] = {"color": "0.88", "lw": 0, "label": "does not matter"}


def forest(table: pd.DataFrame) -> Figure:
    """The first MOST_ROWS rows of each claim, a panel a unit and margin; the grey band is what does not matter."""
    theme()
    if table.empty:
        return plt.figure(figsize=(PAGE, 0.5))
    panels = list(table.groupby("claim", sort=False).head(MOST_ROWS).groupby(["claim", "units", "margin"], sort=False))
    heights = [_PANEL + _LINE * sum(_n_lines(text) + 1 for text in rows["prediction"]) for _, rows in panels]
    size = (PAGE, sum(heights) + 0.5)
    figure, axes = plt.subplots(len(panels), figsize=size, height_ratios=heights, squeeze=False)
    titled = set[str]()
    for ((claim, *_), rows), ax in zip(panels, axes.ravel()):
        panel(rows, ax)
        if claim not in titled and table["claim"].nunique() > 1:
            ax.set_title(fill(f"{int(claim[:2])}. {NOTEBOOKS[claim]}", 90), fontweight="bold", loc="right")
        titled.add(claim)
    looks = {word: look for word, look in VERDICTS.items() if word in set(table["verdict"])}
    marks: list = [mpl.lines.Line2D([], [], color=c, marker=m, label=word) for word, (c, m) in looks.items()]
    figure.legend(handles=[*marks, mpl.patches.Patch(**_MARGIN)], loc="outside lower center", ncols=len(marks) + 1)
    return figure


def panel(rows: pd.DataFrame, ax: Axes) -> Axes:
    """Effects with their intervals, coloured by verdict; right of 0 the sentence holds."""
    for y, row in enumerate(rows.itertuples()):
        colour, marker = VERDICTS[row.verdict]
        ax.barh(y, 2 * row.margin, left=-row.margin, height=0.8, **_MARGIN)
        ax.hlines(y, row.low, row.high, color=colour, lw=1.6)
        ax.plot(row.mean, y, color=colour, marker=marker, ms=5)
    ax.axvline(0, color="black", lw=0.7)
    ax.use_sticky_edges = False  # room around the band
    ax.tick_params(axis="y", labelsize=6.5, length=0)  # small, to leave room for the intervals
    texts = [fill(text, _WIDTH) for text in rows["prediction"]]
    ax.set(yticks=range(len(rows)), yticklabels=texts, ylim=(len(rows) - 0.4, -0.6), xlabel=rows["units"].iloc[0])
    return tidy(ax)


def _n_lines(text):
    return fill(text, _WIDTH).count("\n") + 1
