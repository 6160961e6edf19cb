"""The figures of the benchmark, drawn from its dataset: points are medians over rounds, bands and bars quartiles."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from analysis.figures.style import COLUMN, PAGE, legend, save, theme
from analysis.files.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from benchmarks import peers
from benchmarks.table import contest, ratio
from benchmarks.work import FLOOR, OURS

LOOK = {  # colour, marker, line
    OURS: (BLUE, "o", "-"),
    peers.NUMPY: (ORANGE, "s", "--"),
    peers.SHARED: (VERMILION, "D", "-."),
    peers.SPARSE: (GREEN, "^", (0, (3, 1, 1, 1))),
    peers.TORCH: (PURPLE, "v", ":"),
    peers.THRML: ("#8C510A", "p", (0, (5, 1))),
    "scikit-learn": (SKY, "P", "--"),
    "scikit-learn, 1 thread": (GREY, "X", "--"),
    "learnergy": (BLACK, "*", "--"),
    "rbms": ("#F0E442", "h", "--"),
}


def draw(dataset, folder):
    """Draw all figures into the folder, as svg and png."""
    theme()
    for figure in (speed_against_peers, cost_against_synapses, cost_against_units, thread_scaling):
        save(figure(dataset), Path(folder) / figure.__name__)
    plt.close("all")


def speed_against_peers(dataset):
    """How many times as fast as each peer we are, by work; the line at 1 is as fast as we are."""
    last = dataset["machine"].values[-2]
    works = {
        "block Gibbs,\nall synapses": ("gibbs", "100 %"),
        "block Gibbs,\n10 % of the synapses": ("gibbs", "10 %"),
        f"block Gibbs, units\ngone too, {last}": ("gibbs", last),
        "PCD update,\nall synapses": ("pcd", "100 %"),
        "PCD update,\n10 % of the synapses": ("pcd", "10 %"),
        "online CD-1,\n13-70": ("online",),
        "RBM epoch,\n400-676": ("epoch",),
        "variance estimate": ("variance",),
        "Fisher information\nmatrix, 993 x 993": ("information",),
    }
    figure, ax = plt.subplots(figsize=(PAGE, 5.6))
    y, ticks = 0.0, []
    for arguments in works.values():
        seconds, top = contest(dataset, *arguments), y
        rivals = [name for name in seconds["contender"].values if name != OURS]
        for name in rivals:
            value = ratio(seconds, name)
            ax.barh(y, value - 1, left=1, height=0.85, color=LOOK[name][0], label=name)
            text, place = f"{value:#.3g}".rstrip("."), (max(value, 1), y)
            ax.annotate(text, place, (5, 0), textcoords="offset points", va="center", fontsize=7)
            y += 1
        ticks.append((top + y - 1) / 2)
        if arguments == ("gibbs", "100 %"):
            _mark_ceiling(dataset, seconds, rivals, top, ax)
        y += 0.7
    ax.axvline(1, color="black", lw=0.8)
    ax.set(xscale="log", yticks=ticks, yticklabels=list(works), ylim=(y - 0.2, -0.8))
    ax.set_xlabel("our speed in units of the peer's")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlim(right=2.0 * ax.get_xlim()[1])
    ax.tick_params(axis="y", length=0)
    return legend(figure, ncols=4)


def _mark_ceiling(dataset, seconds, rivals, top, ax):
    """Where the bars would end if a sweep were nothing but additions of rows from the second-level cache."""
    limit = dataset["n_additions"].sel(machine="100 %") / dataset["addition_rate"]
    for k, name in enumerate(rivals):
        value = float((seconds.sel(contender=name) / limit).median())
        label = "ceiling: additions from the L2 cache" if k == 0 else None
        ax.plot([value, value], [top + k - 0.45, top + k + 0.45], color="black", lw=1.6, label=label)


def cost_against_synapses(dataset):
    """Time of a chain-sweep against the synapses that are left, down to what a unit costs without any."""
    figure, ax = plt.subplots(figsize=(PAGE, 4.0))
    seconds = dataset["gibbs"] * 1e6
    is_pruned = np.array([str(name).startswith("pruned") for name in dataset["machine"].values])
    is_random = ~is_pruned & (dataset["machine"].values != FLOOR)
    share = 100 * dataset["share"].values
    for name, (colour, marker, dashes) in LOOK.items():
        if name not in seconds["contender"]:
            continue
        found = seconds.sel(contender=name)
        known = np.isfinite(found).all("round").values
        if not known.any():
            continue
        chosen = is_random & known
        if chosen.sum() == 1:  # dense products do not notice what is missing
            level = float(found[chosen].median())
            ax.axhline(level, color=colour, linestyle=dashes, label=name)
        else:
            _line(share[chosen], found[chosen], name, ax)
        middle = found[is_pruned & known].median("round")
        ax.plot(share[is_pruned & known], middle, color=colour, marker=marker, mfc="white", ls="none", ms=5)
    ax.plot([], [], color="black", marker="o", mfc="white", ls="none", ms=5, label="pruned, units gone too")
    floor = float(seconds.sel(machine=FLOOR, contender=OURS).median())
    ax.axhline(floor, color="black", lw=0.9, linestyle=":", label="ours without synapses")
    limit = 1e6 * dataset["n_additions"] / dataset["addition_rate"].median()
    ax.plot(share[is_random], limit[is_random], color="black", lw=0.9, label="least time: additions from the L2 cache")
    ax.set(xscale="log", yscale="log", xlabel="synapses left (%)", ylabel="time of a sweep of one chain (µs)")
    ax.set_xticks(ticks := [100, 50, 30, 10, 3], [f"{x}" for x in ticks])
    ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    ax.set_ylim(bottom=float(min(floor, limit[is_random].min())) / 1.3)
    ax.invert_xaxis()
    return legend(figure, ncols=3)


def cost_against_units(dataset):
    """Time of a chain-sweep of a dense RBM against its units a layer."""
    figure, ax = plt.subplots(figsize=(PAGE / 2, 3.2))
    for name in LOOK:
        if name in dataset["contender"]:
            found = dataset["wide"].sel(contender=name) * 1e6
            if np.isfinite(found).all():
                _line(dataset["width"].values, found, name, ax)
    ax.set(xscale="log", yscale="log", xlabel="units a layer", ylabel="time of a sweep of one chain (µs)")
    ax.set_xticks(dataset["width"].values, [str(n) for n in dataset["width"].values])
    ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    return legend(figure, ncols=2)


def thread_scaling(dataset):
    """Our speed on n threads in units of that on one."""
    figure, ax = plt.subplots(figsize=(COLUMN, 3.2))
    n_threads = dataset["n_threads"].values
    gain = dataset["scaling"].sel(n_threads=1) / dataset["scaling"]
    looks = [(marker, dashes) for dashes in ("-", "--") for marker in ("o", "s")]  # all ours, so in our colour
    for k, ((marker, dashes), name) in enumerate(zip(looks, dataset["scaled"].values)):
        low, middle, high = gain.sel(scaled=name).quantile([0.25, 0.5, 0.75], "round").transpose("quantile", ...).values
        x = n_threads + 0.02 * (k - 1.5)
        ax.errorbar(
            x,
            middle,
            [middle - low, high - middle],
            color=BLUE,
            marker=marker,
            linestyle=dashes,
            label=name,
            mfc="white" if dashes == "--" else BLUE,
        )
    # A level a count, not a line through them: points stand beside one another.
    ax.hlines(n_threads, n_threads - 0.06, n_threads + 0.06, color="black", lw=0.8, linestyle=":", label="ideal")
    ax.set(xlabel="threads", ylabel="speed in units of one thread", xticks=n_threads, ylim=(0, None))
    return legend(figure, ncols=2)


def _line(x, values, name, ax):
    """Median of values (x, round) with its quartiles."""
    colour, marker, dashes = LOOK[name]
    low, middle, high = values.quantile([0.25, 0.5, 0.75], "round").transpose("quantile", ...).values
    ax.plot(x, middle, color=colour, marker=marker, linestyle=dashes, label=name, mew=0)
    ax.fill_between(x, low, high, color=colour, alpha=0.18, lw=0)
