"""From images to binary patterns and their layout: what all data sets share.

Whole numbers are compared with whole numbers, so the patterns are the same bits on every machine. Images are (n_images,
rows, columns), a layout y, x is the row and the column of each pixel of a pattern, (n_pixels,) each.
"""

import hashlib

import numpy as np
import xarray as xr

from analysis.machine.arguments import check_memory
from analysis.machine.randomness import choice

# Governs one thing: which positions of images become patches of the named sets, and in which order.
PATCHES_SEED = 20211018
PATCH_RADIUS = 2.1  # pixels: 13 of them
N_PATCHES = 90_000, 10_000  # to train, to test


def dataset(train, test, layout, labels=(), **attrs):
    """The Dataset that `data.load` describes. labels : those to train and to test, or nothing."""
    variables = {}
    for name, dim, patterns in (("train", "pattern", train), ("test", "test_pattern", test)):
        named = {"long_name": f"{name} patterns, 1 where bright", "units": "1"}
        variables[name] = ((dim, "pixel"), np.ascontiguousarray(patterns, dtype=np.uint8), named)
    for name, dim, values in zip(("train", "test"), ("pattern", "test_pattern"), labels):
        named = {"long_name": f"class of the {name} pattern", "units": "1"}
        variables[f"{name}_label"] = (dim, np.asarray(values, dtype=np.int64), named)
    row, column = (np.asarray(k, dtype=np.int64) for k in layout)
    coords = {
        "pixel_x": ("pixel", column, {"long_name": "column of the pixel", "units": "pixel"}),
        "pixel_y": ("pixel", row, {"long_name": "row of the pixel, downwards", "units": "pixel"}),
    }
    return xr.Dataset(variables, coords, attrs | {"rows": int(row.max()) + 1, "columns": int(column.max()) + 1})


def threshold_at_mean(images, *more, margin):
    """x_i = [pixel_i > mean of `images`] for all, (n_images, n_pixels), less `margin` pixels a side; and the mean."""
    cropped = [k[:, margin : k.shape[1] - margin, margin : k.shape[2] - margin] for k in (images, *more)]
    total, n = int(cropped[0].sum(dtype=np.int64)), cropped[0].size
    # whole pixels are above the mean where they are above its whole part
    return [(k > total // n).reshape(len(k), -1) for k in cropped], total / n


def grid(rows, columns):
    """The layout of the pixels of an image, row by row."""
    return np.divmod(np.arange(rows * columns), columns)


def disc(radius):
    """The layout of the pixels with dx^2 + dy^2 <= radius^2, from 0, row by row."""
    reach = int(radius)
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.nonzero(dx * dx + dy * dy <= radius * radius)


def draw_patches(images, layout, counts, seed, key, corners=slice(None)):
    """Patches (n_patches, n_pixels) to train and to test, as many as counts says, and in words how they were drawn.

    Positions are counted image by image, row by row. corners : first rows and columns that patches may have; key : the
    seed that draws them, derived of `seed`, which the words name.
    """
    (y, x), (rows, columns) = layout, images.shape[1:]
    row, column = np.arange(rows - y.max())[corners], np.arange(columns - x.max())[corners]
    firsts = (row[:, None] * columns + column).ravel()  # pixels of an image
    n_train, n, n_positions = counts[0], sum(counts), len(images) * len(firsts)
    if n > n_positions:
        found = f"{n_positions:,} positions of {y.max() + 1} x {x.max() + 1} pixels in images {images.shape}"
        raise ValueError(f"dataset/patch: found {found}, expected {n:,}; lower n_train, n_test or radius")
    check_memory("dataset/patch", n_positions, 48 * n_positions)
    image, corner = np.divmod(choice(key, n_positions, n), len(firsts))
    first = image * rows * columns + firsts[corner]
    patches = images.ravel()[first[:, None] + (y * columns + x)]
    how = f"{n:,} of {n_positions:,} positions drawn without replacement (seed {seed}), the first {n_train:,} train"
    return patches[:n_train], patches[n_train:], how


def sha256(arrays):
    """SHA-256 of the bytes of arrays of any shape, one after the other."""
    return hashlib.sha256(b"".join(np.asarray(array).tobytes() for array in arrays)).hexdigest()
