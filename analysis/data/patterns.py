"""From images to binary patterns and their layout: what all data sets share.

    x_i = 1 if pixel_i > threshold else 0

Whole numbers are compared with whole numbers, so the patterns are the same bits on every machine. Images are (n_images,
rows, columns), a layout y, x is the row and the column of each pixel of a pattern, (n_pixels,) each.
"""

import hashlib

import numpy as np
import xarray as xr

# Governs one thing: which positions of images become patches of the named sets, and in which order.
PATCHES_SEED = 20211018
PATCH_RADIUS = 2.1  # pixels: 13 of them


def dataset(train, test, layout, labels=(), **attrs):
    """The Dataset that `data.load` describes.

    train, test : (n_patterns, n_pixels), values in {0, 1}; labels : (n_patterns,) of each, or nothing
    attrs : where the patterns come from
    """
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
    """x_i = [pixel_i > mean over the cropped images]: protocol B's rule, without `margin` pixels on each side.

    images, more : whole numbers; the mean is that of the first. Returns the patterns of each, (n_images, n_pixels)
    booleans, and the mean.
    """
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
    inside = dx * dx + dy * dy <= radius * radius
    return dy[inside] + reach, dx[inside] + reach


def n_positions(images, y, x):
    """How many patches with the layout lie inside the images."""
    return len(images) * max(images.shape[1] - int(y.max()), 0) * max(images.shape[2] - int(x.max()), 0)


def patches_at(positions, images, y, x):
    """The patches (n_patches, n_pixels) with the layout at the positions, counted image by image, row by row."""
    row, column = np.divmod(np.arange(images[0].size), images.shape[2])
    corners = np.flatnonzero((row < images.shape[1] - y.max()) & (column < images.shape[2] - x.max()))
    image, corner = np.divmod(positions, len(corners))
    first = image * images[0].size + corners[corner]
    return images.ravel()[first[:, None] + (y * images.shape[2] + x)]


def check_classes(train, test, names=None):
    """Raise ValueError unless the labels (n,) to train are of two classes or more, and those to test of no others.

    names : of the classes, where they are not called by their numbers.
    """
    missing = np.setdiff1d(test, train)
    if len(missing) or len(np.unique(train)) < 2:
        names = {k: name for k, name in enumerate(names)} if names is not None else {}
        absent, only = (names.get(k[0], k[0]) for k in ([*missing, ""], [*train, ""]))
        found = f"no class {absent}" if len(missing) else f"one class alone, {only}"
        found += f" among the {len(train):,} patterns to train"
        raise ValueError(f"labels: found {found}, expected every class, and two or more; take more, or another split")


def sha256(what, arrays, expected=None):
    """SHA-256 of the bytes of arrays of any shape, one after the other; ValueError where it is not the expected one."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    found = digest.hexdigest()
    if expected not in (None, found):
        raise ValueError(f"{what}: found content of SHA-256 {found}, expected {expected}; install the locked version")
    return found
