"""Pictures of single machines: part of a claim dataset (claims.part) in, of its first seed; Axes out."""

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


def receptive_fields(part: xr.Dataset, criterion: str, ax: Axes) -> Axes:
    """Weights of every hidden unit left, as the patch that it sees: red +, blue −, grey without a synapse."""
    weight = part["weight_1"].sel(compared=criterion).values
    exists = part["mask_1"].sel(compared=criterion).values.astype(bool)
    left = exists.any(axis=0)
    fields, largest = np.where(exists, weight, np.nan).T[left], float(np.abs(weight).max()) or 1.0
    show(np.full_like(fields, 0.15), part, 16, ax, cmap="gray_r", vmin=0, vmax=1)
    show(fields, part, 16, ax, cmap="RdBu_r", vmin=-largest, vmax=largest)
    ax.set_axis_off()
    ax.set_title(f"{words(criterion)}: {exists.sum()} synapses on {left.sum()} units", loc="left")
    return ax


def dreams(part: xr.Dataset, n_images: int = 10) -> Figure:
    """A row each: images of the data, the over-produced machine, and each criterion after the last session, retrained.

    On the right: mean quality, and effective number of classes, exp H of their shares, over seeds.
    """
    dataset, names = data.load(part.attrs["dataset"]), part["criterion"].values
    first = np.unique(dataset["test_label"], return_index=True)[1]
    rows = [("data", dataset["test"].values[first], f"quality {part['digit_quality_test'].item():.2f}")]
    shown = [("over-produced", part.attrs["reference"], "first"), *((words(name), name, "last") for name in names)]
    for label, name, place in shown:
        machine = part[["example", "digit_quality", "class_share"]].sel(criterion=name, stage="retrained")
        then = machine.isel(session=0 if place == "first" else -1).dropna("seed")
        classes = np.exp(entropy(then["class_share"].transpose("digit", "seed").values)).mean()
        text = f"quality {float(then['digit_quality'].mean()):.2f}, {classes:.1f} classes"
        rows.append((label, machine["example"].sel(shown=place).values, text))
    figure, axes = plt.subplots(len(rows), figsize=(PAGE, 0.5 * len(rows)), layout="none")
    figure.subplots_adjust(left=0.17, right=0.8, top=0.98, bottom=0.02, hspace=0.1)
    for ax, (label, images, text) in zip(axes, rows):
        in_a_row(images[:n_images], part, label, ax, vmin=0)
        ax.text(1.02, 0.5, text, transform=ax.transAxes, va="center")
    return figure


def in_a_row(images: np.ndarray, part: xr.Dataset, label: str, ax: Axes, vmin: float) -> None:
    """Binary images (n_images, n_pixels) in one row, with a label on the left: 1 is black, vmin white."""
    show(images, part, len(images), ax, cmap="gray_r", vmin=vmin, vmax=1)
    ax.set(frame_on=False)
    ax.set_ylabel(label, rotation=0, ha="right", va="center")


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
    ax.set_title(title)
    return ax


def show(images: Iterable[np.ndarray], part: xr.Dataset, n_columns: int, ax: Axes, **options: Any) -> AxesImage:
    """Values of the pixels (n_pixels,) of each image, side by side; options as of Axes.imshow."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    return ax.imshow(tiled([layout(image, part) for image in images], n_columns), interpolation="nearest", **options)


def layout(values: np.ndarray, part: xr.Dataset) -> np.ndarray:
    """Values of the pixels of the part's data set (n_pixels,) as an image (rows, columns), NaN where there is none."""
    dataset = data.load(part.attrs["dataset"])  # which holds the places of its pixels
    image = np.full((dataset.attrs["rows"], dataset.attrs["columns"]), np.nan)
    image[dataset["pixel_y"], dataset["pixel_x"]] = values
    return image


def tiled(images: Sequence[np.ndarray], n_columns: int) -> np.ndarray:
    """Images (n_images, rows, columns) as one, row by row, n_columns a row, a pixel of NaN between them."""
    framed = [np.pad(image, (0, 1), constant_values=np.nan) for image in images]
    framed += [np.full_like(framed[0], np.nan)] * (-len(framed) % n_columns)
    return np.vstack([np.hstack(framed[k : k + n_columns]) for k in range(0, len(framed), n_columns)])[:-1, :-1]
