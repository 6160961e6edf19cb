"""Pictures of single machines: Dataset in, Axes out.

Datasets are the parts of a claim dataset (claims.part), of its first seed; positions of pixels come from the data set
(data.load), which holds pixel_x and pixel_y.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from scipy.stats import entropy

from analysis import data
from analysis.figures.style import FATES, PAGE
from analysis.verdicts.names import words


def receptive_fields(part: xr.Dataset, criterion: str, ax: Axes, n_columns: int = 16) -> Axes:
    """Weights of every hidden unit left, as the patch that it sees: red +, blue −, grey without a synapse."""
    weight = part["weight_1"].sel(compared=criterion).values
    exists = part["mask_1"].sel(compared=criterion).values.astype(bool)
    units = np.flatnonzero(exists.any(axis=0))
    fields = [np.where(exists[:, u], weight[:, u], np.nan) for u in units]
    empty = [np.full(len(weight), np.nan)] * (-len(units) % n_columns)  # so that few units are no larger than many
    largest = float(np.abs(weight).max()) or 1.0
    show([np.full(len(weight), 0.15)] * len(units) + empty, part, n_columns, ax, cmap="gray_r", vmin=0, vmax=1)
    show(fields + empty, part, n_columns, ax, cmap="RdBu_r", vmin=-largest, vmax=largest)
    ax.set_axis_off()
    ax.set_title(f"{words(criterion)}: {exists.sum()} synapses on {len(units)} units", loc="left")
    return ax


def dreams(part: xr.Dataset, n_images: int = 10) -> Figure:
    """A row each: images of the data, the over-produced machine, and each criterion after the last session, retrained.

    On the right: mean quality, and effective number of classes, exp H of their shares, over seeds.
    """
    dataset, names = data.load(part.attrs["dataset"]), part["criterion"].values
    first = np.unique(dataset["test_label"], return_index=True)[1]
    shown = [("over-produced", part.attrs["reference"], "first"), *((words(name), name, "last") for name in names)]
    figure, axes = plt.subplots(len(shown) + 1, figsize=(PAGE, 0.5 * (len(shown) + 1)), layout="none")
    figure.subplots_adjust(left=0.17, right=0.8, top=0.98, bottom=0.02, hspace=0.1)
    text = f"quality {part['digit_quality_test'].item():.2f}"
    _dreamt(dataset["test"].values[first], part, axes[0], "data", n_images, text)
    for ax, (label, name, place) in zip(axes[1:], shown):
        machine = part[["example", "digit_quality", "class_share"]].sel(criterion=name, stage="retrained")
        then = machine.isel(session=0 if place == "first" else -1).dropna("seed")
        classes = np.exp(entropy(then["class_share"].transpose("digit", "seed").values)).mean()
        text = f"quality {float(then['digit_quality'].mean()):.2f}, {classes:.1f} classes"
        _dreamt(machine["example"].sel(shown=place).values, part, ax, label, n_images, text)
    return figure


def _dreamt(images, part, ax, label, n_images, text):
    show(images[:n_images], part, n_images, ax, cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], frame_on=False)
    ax.set_ylabel(label, rotation=0, ha="right", va="center")
    ax.text(1.02, 0.5, text, transform=ax.transAxes, va="center")


def lost_pixels(part: xr.Dataset, ax: Axes) -> Axes:
    """Share of seeds in which each pixel has lost every synapse after the last session, white to the colour of loss."""
    share = 1 - part["connected_0"].isel(pruning=-1).mean("seed").values
    colours = LinearSegmentedColormap.from_list("loss", ["white", FATES["is lost"]])
    return _pixels(share, part, ax, "disconnected pixels", "share of seeds", cmap=colours, vmax=1)


def pixel_entropy(part: xr.Dataset, ax: Axes) -> Axes:
    """Entropy of each pixel in the data, in nats, white to black."""
    return _pixels(part["unit_entropy_0"].values, part, ax, "what pixels tell", "entropy (nats)", cmap="gray_r")


def _pixels(values, part, ax, title, label, **options):
    image = show([values], part, 1, ax, vmin=0, **options)
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.85)
    ax.set(xticks=[], yticks=[], title=title)
    return ax


def show(images: Iterable[np.ndarray], part: xr.Dataset, n_columns: int, ax: Axes, **options: Any) -> AxesImage:
    """Values of the pixels (n_pixels,) of each image, side by side; options as of Axes.imshow."""
    canvas = tiled([layout(image, part) for image in images], n_columns)
    return ax.imshow(canvas, interpolation="nearest", **options)


def layout(values: np.ndarray, part: xr.Dataset) -> np.ndarray:
    """Values of the pixels of the part's data set (n_pixels,) as an image (rows, columns), NaN where there is none."""
    dataset = data.load(part.attrs["dataset"])
    image = np.full((dataset.attrs["rows"], dataset.attrs["columns"]), np.nan)
    image[dataset["pixel_y"], dataset["pixel_x"]] = values
    return image


def tiled(images: Sequence[np.ndarray], n_columns: int) -> np.ndarray:
    """Images (n_images, rows, columns) as one, row by row, n_columns a row, a pixel of NaN between them."""
    rows, columns = images[0].shape
    n_rows = -(-len(images) // n_columns)
    canvas = np.full((n_rows * (rows + 1) - 1, n_columns * (columns + 1) - 1), np.nan)
    for k, image in enumerate(images):
        y, x = divmod(k, n_columns)
        canvas[y * (rows + 1) : y * (rows + 1) + rows, x * (columns + 1) : x * (columns + 1) + columns] = image
    return canvas
