"""Images of one's own as a data set, by the rule in the config.

    x_i = [grey_i > threshold],  grey = sum, mean or one of the channels,  threshold = mean, median or a number

An example stands in docs/data.md.
"""

import hashlib
import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr
from pydantic import Field, model_validator

from analysis.data import arrayfiles, images, patterns
from analysis.files.checkout import ROOT
from analysis.files.typed import LEFT_OUT, Count, Model, Natural, Number, Share, check, described, fault
from analysis.machine.arguments import check_memory
from analysis.machine.randomness import choice, derive, permutation


class Patch(Model):
    """Circular patches: how large (pixels), and how many positions are drawn from all images."""

    radius: Annotated[float, Field(ge=1, le=1000)]
    n_train: Count
    n_test: Count


class Split(Model):
    """What tests, drawn by the seed: a share of whole images; with `patch` its n_test positions."""

    seed: Natural
    test_fraction: Share = LEFT_OUT


class OwnImages(Model):
    """Images of one's own: where they lie, and the rule that makes binary patterns of them."""

    path: Annotated[str, Field(min_length=1)]  # .npy, .npz, .nc or a folder of pictures; relative to the repository
    variable: str = LEFT_OUT  # of the images in .npz and .nc: (images, rows, columns) or (..., channels)
    labels: str = LEFT_OUT  # variable of the classes; "folders" where a folder's pictures lie in one folder a class
    crop: Annotated[list[Natural], Field(min_length=4, max_length=4)] = LEFT_OUT  # [y0, y1, x0, x1], ends left out
    grey: Annotated[
        Literal["sum", "mean"] | Natural,
        described("sum or mean of the channels, or the number of one from 0 on"),
    ] = LEFT_OUT
    binarise: Annotated[  # 1 above it
        Literal["mean", "median", "image_median", "none"] | Number,
        described("mean, median, image_median, none, or a number, the level"),
    ]
    patch: Patch = LEFT_OUT
    split: Split

    @model_validator(mode="after")
    def _contradictions(self):
        if self.patch and self.labels is not None:
            raise fault("labels", self.labels, "none with patch, for a patch has no class")
        if (self.patch is None) == (self.split.test_fraction is None):
            found = self.split.model_dump(exclude_none=True)
            raise fault("split", found, "test_fraction and seed for whole images, seed alone with patch")
        return self


def load(rule: dict) -> xr.Dataset:
    """The Dataset that `data.load` describes, of the images at rule["path"].

    Images are cropped, made grey and binary by one threshold for all images, or by each image's own median. They train,
    but for a random share of test_fraction; or else, with `patch`, positions of circular patches are drawn from all
    images without replacement, and the first n_train train: neighbours share pixels, so those to test are new
    positions, not new images. Every order is a function of split's seed. Raises ValueError for a rule that the images
    don't fit, and for a damaged file; OSError for files that this user can't read.
    """
    check(OwnImages, rule, "dataset")
    levels, labels, how_read = _read(rule)
    name, n_images = Path(rule["path"]).name, len(levels)
    if "crop" in rule:
        (rows, columns), (y0, y1, x0, x1) = levels.shape[1:3], rule["crop"]
        if not (y0 < y1 <= rows and x0 < x1 <= columns):
            expected = f"[y0, y1, x0, x1] with y0 < y1 <= {rows} and x0 < x1 <= {columns}"
            raise ValueError(f"dataset/crop: found {rule['crop']}, expected {expected}; mend it")
        levels = levels[:, y0:y1, x0:x1]
    binary, text = _binarise(_grey(levels, rule.get("grey"), name), rule["binarise"], name)
    split = _patches if "patch" in rule else _images
    train, test, layout, labels, how = split(binary, labels, rule)
    what = "images" if "patch" not in rule else f"circular {len(layout[0])}-pixel patches of {n_images:,} images"
    return patterns.dataset(
        train,
        test,
        layout,
        labels=labels,
        title=f"{what} in {name}, binary",
        source=name,
        licence="not stated",
        sha256=signature(rule),
        sha256_of="the file, or the names and contents of the folder's pictures",
        binarised=text + how_read,
        split=how,
    )


def files(rule: dict | str) -> list[Path]:
    """Every file that a `dataset:` reads where it lies: the pictures of a folder, or one file; none of named sets."""
    return images.files(ROOT / rule["path"], "labels" in rule) if isinstance(rule, dict) and "path" in rule else []


def signature(rule: Any) -> str:
    """SHA-256 of the names and contents of `files(rule)`: another where one changed, came or went; of none, ""."""
    digest, names = hashlib.sha256(), files(rule)
    for file in names:
        if (folder := ROOT / rule["path"]).is_dir():
            digest.update(os.fsencode(file.relative_to(folder).as_posix()) + b"\0")
        with images.reading(file, "pictures alone; move it away"):
            digest.update(file.read_bytes())
    return digest.hexdigest() if names else ""


def _read(rule):
    """Levels (n, rows, columns[, channels]); classes (n,) and their names, or None; how they were read."""
    path, labels, named, how = ROOT / rule["path"], rule.get("labels"), None, ""
    if path.is_dir():
        if labels not in (None, "folders"):
            raise ValueError(f"dataset/labels: found {labels!r}, expected folders, for a folder of pictures")
        if (variable := rule.get("variable")) is not None:
            raise ValueError(f"dataset/variable: found {variable!r}, expected none for a folder of pictures; remove it")
        levels, how = images.pictures(path, labels is not None), f", of {images.AS_SEEN}"
        if labels:
            named = np.array([file.parent.name for file in files(rule)])
    else:
        levels, named = arrayfiles.arrays(path, rule.get("variable"), labels)
    levels = arrayfiles.check_images(levels, path.name)
    return levels, None if named is None else arrayfiles.classes(named, len(levels), path.name), how


def _grey(images, rule, name):
    """(n_images, rows, columns): the channels' sum, mean, or one of them; images without channels as they are."""
    n_channels, found, expected = images.shape[3] if images.ndim == 4 else 0, repr(rule), ""
    if not n_channels:
        if rule is None:
            return images
        expected = f"no rule for the grey images of {name}; remove it"
    elif rule is None or (isinstance(rule, int) and rule >= n_channels):
        expected = f"sum, mean or 0 to {n_channels - 1} for {name}; mend it"
    elif isinstance(rule, int):
        return images[..., rule]
    elif n_channels in (2, 4):
        found = f"the {rule} of {n_channels} channels of {name}, the last of which may be transparency"
        expected = "the number of one; or compose the images on a ground"
    if expected:
        raise ValueError(f"dataset/grey: found {found}, expected {expected}")
    total = images.sum(axis=3, dtype=np.float64 if images.dtype.kind == "f" else np.int64)
    return total / n_channels if rule == "mean" else total


def _binarise(images, rule, name):
    """Booleans of the same shape, and the rule in words."""
    if rule == "none":
        binary, text = images == 1, "not: values are 0 and 1"
        if not (binary | (images == 0)).all():
            raise ValueError(f"dataset/binarise: found values other than 0 and 1 in {name}, expected another than none")
    elif rule == "image_median":
        binary = images > np.median(images, axis=(1, 2), keepdims=True)
        text = "1 where a pixel is above the median of its image"
        constant = np.flatnonzero(~binary.any(axis=(1, 2)))
        if len(constant):
            found = f"{len(constant)} images without a pixel above their median, the first number {constant[0]}"
            raise ValueError(f"{name}: found {found}, expected images that vary; remove them, or mend binarise")
    else:
        threshold = rule
        if rule == "median":
            threshold = float(np.median(images))
        elif rule == "mean":  # fsum: correctly rounded, on every machine
            total = math.fsum(images.ravel()) if images.dtype.kind == "f" else int(images.sum(dtype=np.int64))
            threshold = total / images.size
        binary = images > threshold
        text = f"1 where a pixel is above {threshold:.6g}" + (f", the {rule} over all images" * isinstance(rule, str))
    if binary.all() or not binary.any():
        found = f"only {int(binary.any())} in the binary images of {name}"
        raise ValueError(f"dataset/binarise: found {found}, expected pixels of both kinds; choose another threshold")
    return binary, text


def _images(binary, classes, rule):
    """Whole images: some to train, a random share to test, each in the order of the file."""
    n, (rows, columns), split = len(binary), binary.shape[1:], rule["split"]
    n_test = round(split["test_fraction"] * n)
    if not 0 < n_test < n:
        raise ValueError(f"dataset/split: found {n:,} images of which {n_test:,} test, expected some of each; mend it")
    order = permutation(derive(split["seed"], "split"), n)
    chosen = np.sort(order[n_test:]), np.sort(order[:n_test])
    train, test = (binary[k].reshape(len(k), -1) for k in chosen)
    labels = () if classes is None else tuple(classes[0][k] for k in chosen)
    if labels:
        patterns.check_classes(labels[0], labels[1], classes[1])
    how = f"{n_test:,} of {n:,} images drawn to test (seed {split['seed']}), the others train, in the source's order"
    return train, test, patterns.grid(rows, columns), labels, how


def _patches(binary, _, rule):
    """Circular patches at positions drawn without replacement."""
    patch, n_train, seed = rule["patch"], rule["patch"]["n_train"], rule["split"]["seed"]
    y, x = patterns.disc(patch["radius"])
    n, n_positions, width = n_train + patch["n_test"], patterns.n_positions(binary, y, x), int(y.max()) + 1
    if n > n_positions:
        found = f"{n_positions:,} positions of {width} x {width} pixels in images {binary.shape}"
        raise ValueError(f"dataset/patch: found {found}, expected {n:,}; lower n_train, n_test or radius")
    check_memory("dataset/patch", n_positions, 48 * n_positions)
    drawn = choice(derive(seed, "patches"), n_positions, n)
    train, test = (patterns.patches_at(k, binary, y, x) for k in (drawn[:n_train], drawn[n_train:]))
    how = f"{n:,} of {n_positions:,} positions drawn without replacement (seed {seed}), the first {n_train:,} train"
    return train, test, (y, x), (), how
