"""Predictions as a forest of intervals: table of claims.evaluate in, Axes or Figure out."""

import matplotlib as mpl
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import PAGE, VERDICTS, theme, tidy


def forest(table: pd.DataFrame, ax: Axes) -> Axes:
    """Effects of a table of predictions, each less its threshold and in units of its largest bound; right: holds."""
    bounds = table[["effect", "low", "high"]].sub(table["threshold"], axis=0)
    scaled = bounds.div(bounds.abs().max(axis=1).replace(0, 1), axis=0)
    for y, (row, effect, low, high) in enumerate(zip(table["verdict"], *scaled.to_numpy().T)):
        colour, marker = VERDICTS[row]
        ax.plot([low, high], [y, y], color=colour, lw=1.6)
        ax.plot(effect, y, color=colour, marker=marker, ms=5)
    ax.axvline(0, color="black", lw=0.7)
    ax.tick_params(axis="y", labelsize=6.5)  # small, to leave room for the intervals
    ax.set(yticks=range(len(table)), yticklabels=table["prediction"], ylim=(len(table) - 0.4, -0.6), xlim=(-1.08, 1.08))
    ax.set(xticks=[-1, 0, 1], xticklabels=["against", "0", "for"])
    return tidy(ax)


def claims_figure(table: pd.DataFrame) -> Figure:
    """Every prediction of every claim, one panel a claim."""
    theme()
    groups = list(table.groupby("claim", sort=True))
    heights = [len(rows) + 2 for _, rows in groups]
    figure, axes = plt.subplots(len(groups), figsize=(PAGE, 0.17 * sum(heights)), height_ratios=heights, squeeze=False)
    for (claim, rows), ax in zip(groups, axes.ravel()):
        forest(rows, ax).set_title(f"{int(claim[:2])}. {claim[3:].replace('_', ' ')}", loc="left", fontweight="bold")
    marks = [mpl.lines.Line2D([], [], color=c, marker=m, label=word) for word, (c, m) in VERDICTS.items()]
    figure.legend(handles=marks, loc="outside lower right", ncols=3)
    return figure
