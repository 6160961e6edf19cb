"""Pictures of single machines: Dataset in, Axes out.

Datasets are the parts of a claim dataset (claims.part), of its first seed; positions of pixels come from the data set
(data.load), which holds pixel_x and pixel_y.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.image import AxesImage

from analysis import data
from analysis.verdicts.names import words


def information_matrix(part: xr.Dataset, ax: Axes) -> Axes:
    """The exact Fisher information matrix as an image, on a symmetric logarithmic scale; lines between its blocks."""
    matrix = part["information_matrix"]
    norm = SymLogNorm(linthresh=1e-4, vmin=-0.25, vmax=0.25, base=10)
    image = ax.imshow(matrix.values, norm=norm, cmap="RdBu_r", interpolation="nearest")
    n_visible, n_biases = matrix.attrs["n_visible"], matrix.attrs["n_visible"] + matrix.attrs["n_hidden"]
    for place in (n_visible, n_biases):
        ax.axhline(place - 0.5, color="black", lw=0.5)
        ax.axvline(place - 0.5, color="black", lw=0.5)
    middles = [n_visible / 2, (n_visible + n_biases) / 2, (n_biases + len(matrix)) / 2]
    ax.set_xticks(middles, ["visible", "hidden", "synapses"], rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(middles, ["visible", "hidden", "synapses"])
    ax.tick_params(length=0)
    bar = ax.figure.colorbar(image, ax=ax, label="covariance", ticks=[-0.1, -0.01, -0.001, 0, 0.001, 0.01, 0.1])
    bar.ax.set_yticklabels(["−10⁻¹", "−10⁻²", "−10⁻³", "0", "10⁻³", "10⁻²", "10⁻¹"])
    return ax


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


def examples(
    part: xr.Dataset, criterion: str, shown: str, stage: str, ax: Axes, label: str, n_images: int = 10
) -> Axes:
    """Images that a machine generated, side by side, with a label on the left."""
    images = part["example"].sel(criterion=criterion, shown=shown, stage=stage).values[:n_images]
    show(images, part, n_images, ax, cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], frame_on=False)
    ax.set_ylabel(label, rotation=0, ha="right", va="center")
    return ax


def lost_pixels(part: xr.Dataset, ax: Axes) -> Axes:
    """Share of seeds in which each pixel has lost every synapse after the last session."""
    share = 1 - part["connected_0"].isel(pruning=-1).mean("seed").values
    return _pixels(share, part, ax, "disconnected pixels", "share of seeds", vmax=1)


def pixel_entropy(part: xr.Dataset, ax: Axes) -> Axes:
    """Entropy of each pixel in the data, in nats."""
    return _pixels(part["unit_entropy_0"].values, part, ax, "what pixels tell", "entropy (nats)")


def _pixels(values, part, ax, title, label, vmax=None):
    image = show([values], part, 1, ax, cmap="cividis", vmin=0, vmax=vmax)
    ax.figure.colorbar(image, ax=ax, label=label)
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
