"""Predictions as a forest of intervals, a panel a claim: table of claims.evaluate in, Figure out."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import VERDICTS, theme
from analysis.files.palette import BLACK
from analysis.verdicts.datasets import NOTEBOOKS
from analysis.verdicts.tables import quote

MOST_ROWS = 6  # predictions a claim
WIDTH, LINE, TITLE, FOOT = 8.8, 0.13, 0.35, 0.45  # inches; 8.8 are a page of GitHub's, where 8 point text is that large
LEFT, RIGHT = 0.405, 0.69  # shares of the width, between which the intervals are
LINEAR = 2  # margins, from which on the axis is logarithmic
LETTERS = 58  # a line of text


def forest(table: pd.DataFrame) -> Figure:
    """Effects as multiples of their margins, and beside them in their own units; grey: what does not matter."""
    theme()
    if table.empty:
        return plt.figure(figsize=(WIDTH, 0.5))
    place = table.groupby("claim")["id"].transform(lambda ids: pd.factorize(ids)[0])
    panels = dict(list(table[place < MOST_ROWS].groupby("claim", sort=False)))
    heights = [LINE * _lines(rows).sum() for rows in panels.values()]
    height = sum(heights) + TITLE * len(panels) + FOOT
    figure, axes = plt.subplots(
        len(panels), figsize=(WIDTH, height), height_ratios=heights, sharex=True, squeeze=False, layout="none"
    )
    figure.subplots_adjust(LEFT, FOOT / height, RIGHT, 1 - TITLE / height, hspace=TITLE / np.mean(heights))
    for (claim, rows), ax in zip(panels.items(), axes.ravel()):
        panel(rows, ax)
        title = f"{int(claim[:2])}. {NOTEBOOKS[claim]}"
        ax.set_title(title, loc="left", x=0.01 - LEFT / (RIGHT - LEFT), fontweight="bold")
    ax.set_xlabel("effect, in multiples of the largest that does not matter (grey)")
    return figure


def panel(rows: pd.DataFrame, ax: Axes) -> Axes:
    """A row a prediction, coloured by its verdict; right of the grey band the sentence holds."""
    lines = _lines(rows)
    ys = lines.cumsum() - lines / 2
    for y, row in zip(ys, rows.itertuples()):
        colour, marker = VERDICTS[row.verdict]
        ax.hlines(y, row.low / row.margin, row.high / row.margin, color=colour, lw=2)
        ax.plot(row.mean / row.margin, y, color=colour, marker=marker, ms=6, mec="white", mew=0.5)
        text = f"{quote(row.mean, row.low, row.high, row.units)}\n{row.verdict}"
        ax.text(1.03, y, text, transform=ax.get_yaxis_transform(), va="center")
    ax.axvspan(-1, 1, color="0.88", lw=0, zorder=0)
    ax.axvline(0, color=BLACK, lw=0.7)
    ax.set_xscale("symlog", linthresh=LINEAR)
    ax.xaxis.set(major_formatter="{x:g}", major_locator=plt.FixedLocator([-20, -5, -2, -1, 0, 1, 2, 5, 20]))
    ax.tick_params(axis="y", length=0)
    ax.set(yticks=ys, yticklabels=[fill(text, LETTERS) for text in rows["prediction"]], ylim=(lines.sum(), 0))
    return ax


def _lines(rows):
    """Lines of text that each row takes, and one between rows."""
    return np.array([max(2, fill(text, LETTERS).count("\n") + 1) + 1 for text in rows["prediction"]])
