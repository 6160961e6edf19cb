"""The protocol as a picture, drawn from machines and what they dream, and the data that the experiments learn."""

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis import data
from analysis.figures.pictures import in_a_row, tiled
from analysis.figures.style import PAGE
from analysis.files.palette import BLACK, BLUE, GREY, VERMILION
from analysis.machine.model import BoltzmannMachine
from analysis.pruning import Pruned

WHITE = -0.15  # of the images: 0 is grey, beside what is no pixel


def schematic(
    large: BoltzmannMachine,
    dream: np.ndarray,
    information: np.ndarray,
    pruned: Pruned,
    retrained: BoltzmannMachine,
    parts: dict[str, xr.Dataset],
) -> Figure:
    """One round of the protocol, step by step, above images that each experiment learns.

    dream : (n, n_0) visible states of the large machine, which are squares. information : (n_0, n_1), of its synapses.
    """
    steps = ["1. born large,\nit learns", "2. it dreams", "3. Fisher information\nof each synapse"]
    steps += ["4. the least\ninformative half goes", "5. it learns again"]
    layout: list = [steps, *([name] * len(steps) for name in parts)]
    size = (PAGE, 1.7 + 0.6 * len(parts))
    figure, axes = plt.subplot_mosaic(layout, figsize=size, height_ratios=[2.2, *([1] * len(parts))])
    learn, sleep, score, prune, again = (axes[step] for step in steps)
    places = pruned.kept[1] / (large.n_units[1] - 1)  # where the large machine has the units that are kept
    network(large, learn)
    squares(dream[:12], 4, sleep)
    network(large, score, widths=information)
    network(pruned.machine, prune, places=places)
    network(retrained, again, places=places)
    for step in steps:
        axes[step].set_title(step)
    for ax in (learn, sleep, score, prune):
        ax.annotate("", (1.16, 0.5), (1.0, 0.5), "axes fraction", arrowprops={"arrowstyle": "-|>", "color": BLACK})
    for name, part in parts.items():
        dataset = data.load(part.attrs["dataset"])
        n_images = 26 if dataset.attrs["columns"] < 10 else 13
        in_a_row(dataset["train"].values[:n_images].astype(float), part, name, axes[name], vmin=WHITE)
    return figure


def network(
    machine: BoltzmannMachine, ax: Axes, widths: np.ndarray | None = None, places: np.ndarray | None = None
) -> Axes:
    """An RBM: hidden units (n_1) above visible ones (n_0), a line a synapse, vermilion for positive weights, else blue.

    widths : (n_0, n_1), of the lines, in black; left out: |w|. places : (n_1,), of the hidden units, in [0, 1].
    """
    n_visible, n_hidden = machine.n_units
    visible, hidden = np.linspace(0, 1, n_visible), np.linspace(0, 1, n_hidden) if places is None else places
    pre, post = np.nonzero(machine.masks[0])
    weights = machine.weights[0][pre, post]
    thickness = np.abs(weights) if widths is None else widths[pre, post]
    colours = [BLACK if widths is not None else VERMILION if w > 0 else BLUE for w in weights]
    ends = np.stack([np.column_stack([visible[pre], 0 * pre]), np.column_stack([hidden[post], 0 * post + 1])], axis=1)
    thickness = 2.5 * thickness / thickness.max()  # points
    ax.add_collection(LineCollection(list(ends), colors=colours, linewidths=thickness, alpha=0.8))
    ax.plot(visible, np.zeros(n_visible), "s", color=GREY, mec=BLACK, ms=8, mew=0.7)
    ax.plot(hidden, np.ones(n_hidden), "o", color="white", mec=BLACK, ms=8, mew=0.7)
    ax.set(xlim=(-0.12, 1.12), ylim=(-0.2, 1.2))
    ax.set_axis_off()
    return ax


def squares(patterns: np.ndarray, n_columns: int, ax: Axes) -> Axes:
    """Binary square images, (n_images, rows * columns), side by side: black is 1, grey 0."""
    side = int(np.sqrt(patterns.shape[1]))
    canvas = tiled([*patterns.reshape(-1, side, side).astype(float)], n_columns)
    ax.imshow(canvas, cmap="gray_r", vmin=WHITE, vmax=1)
    ax.set(xticks=[], yticks=[], frame_on=False, xlim=(-2, canvas.shape[1] + 1))
    return ax
